"""A character with its lines as GLB: Blender writes mesh and skin at rest, the animations are ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import bpy

from ..model_runtime.export.clip import Clip
from ..model_runtime.export.gltf import with_animations
from .character import Character
from .export_scene import run, temporary_file
from .export_stand_in import stand_ins

_REST: Mapping[str, Any] = {
    "export_format": "GLB", "use_active_scene": True, "use_selection": False, "export_animations": False,
    "export_rest_position_armature": True, "export_apply": False, "export_yup": True, "export_skins": True,
    "export_morph": True, "export_morph_tangent": False, "export_extras": False, "export_cameras": False,
    "export_lights": False, "export_def_bones": False, "export_armature_object_remove": False,
    "export_hierarchy_flatten_bones": False,
}  # fmt: skip
"""What the animations rely on."""


def glb(
    character: Character, clips: Sequence[Clip], names: Mapping[str, str], options: Mapping[str, Any], *,
    deform_only: bool = False, tolerance: float = 0.0,
) -> bytes:  # fmt: skip
    """The file: mesh and skin once, an animation for each clip. options: of Blender's exporter. tolerance: 0 for a key
    at every frame, else how far values may lie from that. Raises ExportError."""
    with (
        temporary_file(".glb") as path,
        stand_ins(character, "Labial glTF", clips[0].fps, names, deform_only=deform_only),
    ):
        run(bpy.ops.export_scene.gltf, "glTF exporter", filepath=str(path), **{**options, **_REST})
        bare = path.read_bytes()
    return with_animations(bare, [clip.spelled(names) for clip in clips], tolerance)
