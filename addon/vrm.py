"""The expressions of a VRM character: as the VRM add-on keeps them, or as they were read from the character's file.

Those of a file are text in the property `labial_expressions` of the armature: {expression: [[mesh, key, weight]]}.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import bpy

from ..model_runtime.contracts import Target
from ..model_runtime.rigs.vrm_file import Bind
from . import compat

_PRESETS_0 = ("unknown", "neutral", "a", "i", "u", "e", "o", "blink", "joy", "angry", "sorrow", "fun", "lookup",
              "lookdown", "lookleft", "lookright", "blink_l", "blink_r")  # fmt: skip
"""VRM 0's presets as the add-on numbers them."""
_ADDON = "vrm_addon_extension"
_COPY = re.compile(r"\.\d{3}$")

Declared = dict[str, list[tuple[str, str, float]]]
"""Expression -> (mesh object, shape key, weight)."""


def expression_groups(
    armature: bpy.types.Object | None, keys: Sequence[Target]
) -> tuple[tuple[Target, ...], tuple[Target, ...]]:
    """Every expression that moves some of the character's keys, as a group of them; `keys` are those to be keyed.

    Those that can be relied on, and those that the add-on left behind: while it is off, nobody keeps them up to date.
    """
    if armature is None:
        return (), ()
    of_file, of_addon = _groups(_of_file(armature), keys), _groups(_of_addon(armature), keys)
    if hasattr(armature.data, _ADDON):
        return of_file or of_addon, ()
    return of_file, () if of_file else of_addon


def keep(armature: bpy.types.Object, expressions: Mapping[str, Sequence[Bind]], meshes: Sequence[Any]) -> Declared:
    """Remembers with the armature what a file declares, as far as its keys are on the meshes; returns that."""
    found = {name: [place for bind in binds if (place := _place(bind, meshes))] for name, binds in expressions.items()}
    found = {name: binds for name, binds in found.items() if binds}
    if found:
        armature.labial_expressions = json.dumps(found)
    return found


def _groups(declared: Declared, keys: Sequence[Target]) -> tuple[Target, ...]:
    by_name = {key.name: key for key in keys}
    groups = [_group(name, binds, by_name) for name, binds in declared.items()]
    return tuple(group for group in groups if group.parts)


def _group(name: str, binds: Sequence[tuple[str, str, float]], keys: Mapping[str, Target]) -> Target:
    meshes: dict[tuple[str, float], list[str]] = {}
    for mesh, key, weight in binds:
        if weight and key in keys and mesh in keys[key].objects:
            meshes.setdefault((key, weight), []).append(mesh)
    parts = tuple((_on(keys[key], on), weight) for (key, weight), on in meshes.items())
    objects = tuple(dict.fromkeys(name for part, _ in parts for name in part.objects))
    return Target("group", name, objects, parts=parts)


def _on(key: Target, meshes: Sequence[str]) -> Target:
    """The key, on those of its meshes that are meant."""
    objects = tuple(name for name in key.objects if name in meshes)
    return Target("shape_key", key.name, objects, key.minimum, key.maximum)


def _of_addon(armature: bpy.types.Object) -> Declared:
    """What the VRM add-on keeps on the armature's data; it may be off or missing."""
    data = compat.addon_data(armature.data, _ADDON)
    if not data:
        return {}
    if data.get("spec_version", 1) == 0:
        groups = _plain(data, "vrm0", "blend_shape_master").get("blend_shape_groups", ())
        return {_name_0(group): list(_named(group.get("binds", ()), "mesh")) for group in groups}
    expressions = _plain(data, "vrm1", "expressions")
    custom = {row.get("custom_name", ""): row for row in expressions.get("custom", ())}
    rows = {**custom, **expressions.get("preset", {})}
    return {name: list(_named(row.get("morph_target_binds", ()), "node")) for name, row in rows.items()}


def _plain(data: Any, *path: str) -> dict[str, Any]:
    """A branch of the add-on's data; it leaves out what was never set."""
    for step in path:
        data = data.get(step) or {}
    return data.to_dict() if data else {}


def _name_0(group: Mapping[str, Any]) -> str:
    preset = _PRESETS_0[group.get("preset_name", 0)]
    return str(group.get("name", "")) if preset == "unknown" else preset


def _named(binds: Sequence[Mapping[str, Any]], place: str) -> Iterator[tuple[str, str, float]]:
    for bind in binds:
        mesh = bind.get(place, {}).get("bpy_object")
        if mesh is not None and bind.get("index"):
            yield mesh.name, bind["index"], float(bind.get("weight", 0.0))


def _of_file(armature: bpy.types.Object) -> Declared:
    rows = json.loads(armature.labial_expressions or "{}")
    return {name: [(mesh, key, weight) for mesh, key, weight in binds] for name, binds in rows.items()}


def _place(bind: Bind, meshes: Sequence[bpy.types.Object]) -> tuple[str, str, float] | None:
    """Where a bind of a file is in Blender: on the mesh of its name, or else the only one with so many keys."""
    keyed = [mesh for mesh in meshes if mesh.data.shape_keys]
    named = [mesh for mesh in keyed if {_COPY.sub("", n) for n in (mesh.name, mesh.data.name)} & set(bind.places)]
    alike = [mesh for mesh in keyed if len(mesh.data.shape_keys.key_blocks) == bind.count + 1]
    for mesh in named or (alike if len(alike) == 1 else ()):
        blocks = mesh.data.shape_keys.key_blocks
        for name in (bind.name, f"target_{bind.index}"):
            if name and name in blocks:
                return mesh.name, name, bind.weight
        if len(blocks) == bind.count + 1:
            return mesh.name, blocks[bind.index + 1].name, bind.weight
    return None
