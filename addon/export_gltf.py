"""A character with its lines as GLB: Blender writes mesh and skin at rest, the animations are ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import bpy

from ..model_runtime.export.clip import Clip
from ..model_runtime.export.gltf import with_animations
from .bake import rest_weights, with_parents
from .character import Character
from .export_scene import require_object_mode, run, scratch, temporary_file

_REST: Mapping[str, Any] = {
    "export_format": "GLB", "use_active_scene": True, "use_selection": True, "export_animations": False,
    "export_rest_position_armature": True, "export_apply": False, "export_yup": True, "export_skins": True,
    "export_morph": True, "export_morph_tangent": False, "export_extras": False, "export_cameras": False,
    "export_lights": False, "export_armature_object_remove": False, "export_hierarchy_flatten_bones": False,
}  # fmt: skip
"""What the animations rely on."""


def glb(
    character: Character, clips: Sequence[Clip], names: Mapping[str, str], options: Mapping[str, Any], *,
    deform_only: bool = False, tolerance: float = 0.0,
) -> bytes:  # fmt: skip
    """The file: mesh and skin once, an animation for each clip. options: of Blender's exporter. tolerance: 0 for a key
    at every frame, else how far values may lie from that. Raises ExportError."""
    objects = with_parents(character)
    require_object_mode(objects)
    with temporary_file(".glb") as path, scratch("Labial glTF", 24.0, objects) as scene:
        for obj in objects:
            obj.select_set(True, view_layer=scene.view_layers[0])
        given = {**options, **_REST, "export_def_bones": deform_only}
        run(bpy.ops.export_scene.gltf, "glTF exporter", filepath=str(path), **given)
        bare = path.read_bytes()
    return with_animations(bare, clips, names, rest_weights(character), tolerance)
