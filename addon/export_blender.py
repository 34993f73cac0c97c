"""One line a file through Blender's own exporters of FBX, USD and Alembic, from copies that play the baked clip."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from functools import partial
from pathlib import Path

import bpy
import numpy as np

from ..model_runtime.contracts import Float32
from ..model_runtime.errors import first_of
from ..model_runtime.export.clip import Clip
from ..model_runtime.export.compare import Comparison
from ..model_runtime.export.formats import Engine
from .character import Character
from .export_check import Points, check_alembic, check_fbx, check_usd
from .export_scene import part_of, run
from .export_stand_in import stand_ins
from .posing import points_of

_BODY = re.compile("head|neck|chest|spine|breast", re.IGNORECASE)
"""Bones that a Humanoid rig has places for."""
_SEEN = 12
"""So many frames of an Alembic file are compared."""


def write_skinned(
    exporter: str, character: Character, clip: Clip, names: Mapping[str, str], engine: Engine, path: Path,
    deform_only: bool,
) -> Points | None:  # fmt: skip
    """Mesh and skeleton with their shapes and one take, as FBX or USD. Raises ExportError."""
    operator = {"FBX": bpy.ops.export_scene.fbx, "USD": bpy.ops.wm.usd_export}[exporter]
    with _playing(character, clip, names, deform_only), part_of(path) as part:
        run(operator, f"{exporter} exporter", filepath=str(part), **engine.options)
    return None


def write_alembic(
    character: Character, clip: Clip, names: Mapping[str, str], engine: Engine, path: Path, deform_only: bool
) -> Points | None:
    """The points of every mesh at every frame; returns some of them as they should be. Raises ExportError."""
    with _playing(character, clip, names, deform_only) as scene, part_of(path) as part:
        run(
            bpy.ops.wm.alembic_export, "Alembic exporter", filepath=str(part), start=0, end=clip.frames - 1,
            as_background_job=False, **engine.options,
        )  # fmt: skip
        return _seen(scene, clip)


def _playing(
    character: Character, clip: Clip, names: Mapping[str, str], deform_only: bool
) -> AbstractContextManager[bpy.types.Scene]:
    return stand_ins(character, clip.name, clip.fps, names, deform_only=deform_only, clip=clip)


WRITERS: Mapping[str, Callable[[Character, Clip, Mapping[str, str], Engine, Path, bool], Points | None]] = {
    "fbx_unity": partial(write_skinned, "FBX"),
    "fbx_unreal": partial(write_skinned, "FBX"),
    "usd": partial(write_skinned, "USD"),
    "alembic": write_alembic,
}


def _seen(scene: bpy.types.Scene, clip: Clip) -> Points:
    """Frame -> mesh -> its points in the world, at some frames from the first to the last."""
    meshes = [obj for obj in scene.objects if obj.type == "MESH"]
    for modifier in (m for mesh in meshes for m in mesh.modifiers if m.type == "SUBSURF"):
        modifier.show_viewport = False  # files hold the cage
    found: dict[int, dict[str, Float32]] = {}
    for frame in np.unique(np.linspace(0, clip.frames - 1, _SEEN).astype(int)).tolist():
        scene.frame_set(frame)
        found[frame] = {mesh.name: points_of(mesh, scene.view_layers[0]).astype(np.float32) for mesh in meshes}
    return found


def check(target: str, path: Path, clip: Clip, seen: Points | None) -> tuple[str, Comparison]:
    """Who read a file again, and what came of it."""
    if target == "usd":
        return "Blender's USD importer", check_usd(path, clip)
    if target == "alembic":
        return "Blender's Alembic importer", check_alembic(path, clip, seen or {})
    return "Blender's FBX importer", check_fbx(path, clip)


def limits(target: str, clip: Clip) -> tuple[str, ...]:
    """What an engine makes of a clip that is worth knowing, a sentence each."""
    face = [name for name in clip.bones if not _BODY.search(name)]
    if target == "fbx_unity" and len(face) > 1:
        return (
            f"The line moves {first_of(face, 'more bones')}: a Humanoid rig of Unity keeps one jaw bone of these. "
            "Import the file as Generic.",
        )
    if target == "alembic" and clip.weights:
        return ("Alembic holds points alone: no shape keys, no bones.",)
    return ()
