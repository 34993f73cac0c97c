"""Shape keys that a character lacks, made of those that it has: each is the mix that the mapping shows for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

from ..model_runtime.acting.gestures import JAW
from ..model_runtime.contracts import VISEMES, Calibration, Float32, RigMap, Target
from ..model_runtime.errors import CharacterError
from ..model_runtime.rigs.channels import parts
from ..model_runtime.rigs.mapping import label, pose
from .character import Character, objects_of

STANDARDS: dict[str, dict[str, str]] = {
    "OCULUS": {f"viseme_{viseme}": viseme for viseme in VISEMES},
    "VOWELS": {"A": "aa", "I": "I", "U": "U", "E": "E", "O": "O"},
    "PP": {"viseme_PP": "PP"},
}
"""What can be built: names of keys and the channels that they show."""
_SPOKEN = {"TH": "θ", "DD": "d", "kk": "k", "CH": "tʃ", "SS": "s", "nn": "n", "RR": "ɹ",
           "aa": "a", "E": "ɛ", "I": "i", "O": "o", "U": "u"}  # fmt: skip
"""The phone whose jaw a viseme has; PP and FF have that of their calibration."""


@dataclass(frozen=True)
class Built:
    """Names of keys: made; there already, left as they were; not shown by this character; and the bones left out."""

    made: tuple[str, ...]
    kept: tuple[str, ...]
    unknown: tuple[str, ...]
    bones: tuple[str, ...]


def lacking(character: Character, wanted: Mapping[str, str]) -> dict[str, str]:
    """Of the wanted keys those that no mesh of the character has."""
    there = {key.name for mesh in objects_of(character) for key in _blocks(mesh)}
    return {name: channel for name, channel in wanted.items() if name not in there}


def build(character: Character, rig_map: RigMap, calibration: Calibration, wanted: Mapping[str, str]) -> Built:
    """New shape keys at value 0 on every mesh that takes part. Raises CharacterError before anything is made."""
    meshes = list({mesh.data.name: mesh for mesh in objects_of(character) if len(_blocks(mesh)) > 1}.values())
    _require_free(meshes)
    missing = lacking(character, wanted)
    poses = {n: pose(rig_map, calibration, c, JAW.get(_SPOKEN.get(c, ""), 0.0)) for n, c in missing.items()}
    unknown = [n for n, c in missing.items() if c != "sil" and not _keys(rig_map.targets, poses[n])]
    made = {name: values for name, values in poses.items() if name not in unknown}
    if not any(values.any() for values in made.values()):
        return Built((), _others(wanted, missing), tuple(unknown), ())
    for mesh in meshes:
        _build_on(mesh, rig_map.targets, made)
    bones = {label(t) for v in made.values() for t, _ in _parts(rig_map.targets, v) if not _names(t)}
    return Built(tuple(made), _others(wanted, missing), tuple(unknown), tuple(sorted(bones)))


def _others(wanted: Mapping[str, str], missing: Mapping[str, str]) -> tuple[str, ...]:
    return tuple(name for name in wanted if name not in missing)


def _require_free(meshes: Sequence[bpy.types.Object]) -> None:
    for mesh in meshes:
        if mesh.data.library is not None or mesh.data.override_library is not None:
            raise CharacterError(
                f"“{mesh.name}” is linked from another file, and keys cannot be added to it. Make its mesh local first."
            )
        if mesh.mode not in ("OBJECT", "POSE"):
            raise CharacterError(f"“{mesh.name}” is being edited. Leave that mode first (Tab).")


def _build_on(mesh: bpy.types.Object, targets: Sequence[Target], made: Mapping[str, Float32]) -> None:
    """The mixes of one mesh, as far as its keys take part in any."""
    taking_part = {name: [(k, w) for k, w in _keys(targets, values) if k in _blocks(mesh)]
                   for name, values in made.items()}  # fmt: skip
    if not any(taking_part.values()):
        return
    shapes, active = mesh.data.shape_keys, mesh.active_shape_key_index
    basis = _points(shapes.reference_key)
    used = dict.fromkeys(key for mix in taking_part.values() for key, _ in mix)
    moves = {key: _displacement(mesh, shapes.key_blocks[key]) for key in used}
    for name, mix in taking_part.items():
        if not mix and made[name].any():
            continue  # other meshes show it; "sil" is nowhere more than a name
        key = mesh.shape_key_add(name=name, from_mix=False)
        mixed = basis + sum((weight * moves[part] for part, weight in mix), np.zeros_like(basis))
        key.data.foreach_set("co", mixed.astype(np.float32).ravel())
        key.value = 0.0
    mesh.active_shape_key_index = active
    mesh.data.update()


def _keys(targets: Sequence[Target], values: Float32) -> list[tuple[str, float]]:
    """The keys that a pose moves, by themselves or through what drives them, and how far."""
    return [(name, weight) for target, weight in _parts(targets, values) for name in _names(target)]


def _parts(targets: Sequence[Target], values: Float32) -> list[tuple[Target, float]]:
    """What is keyed for a pose, and how far."""
    weights = zip(targets, values.tolist(), strict=True)
    return [(part, share * weight) for target, weight in weights if weight for part, share in parts(target)]


def _names(target: Target) -> tuple[str, ...]:
    return (target.name,) if target.kind == "shape_key" else target.aliases


def _blocks(mesh: bpy.types.Object) -> Any:
    return mesh.data.shape_keys.key_blocks if mesh.data.shape_keys else ()


def _displacement(mesh: bpy.types.Object, key: bpy.types.ShapeKey) -> NDArray[np.float64]:
    """How far a key at 1.0 moves every point, as Blender does: from its own relative key, masked by its group."""
    moved = _points(key) - _points(key.relative_key)
    group = mesh.vertex_groups.get(key.vertex_group) if key.vertex_group else None
    if group is None:
        return moved
    mask = [next((g.weight for g in v.groups if g.group == group.index), 0.0) for v in mesh.data.vertices]
    return moved * np.array(mask)[:, None]


def _points(key: bpy.types.ShapeKey) -> NDArray[np.float64]:
    flat = np.empty(3 * len(key.data), dtype=np.float32)
    key.data.foreach_get("co", flat)
    return flat.reshape(-1, 3).astype(np.float64)
