"""Imports a VRM file with the VRM add-on, lets it speak and writes what came of it: run by test_vrm.py.

In a process of its own, because Blender 4.5 as a Python module does not find its end once that add-on was used.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
from pathlib import Path

import bpy

MODULE = "bl_ext.user_default.labial"


def main(source: str, sound: str, out: Path) -> None:
    """The character as `out`.blend before it speaks, and what was seen as `out`.json."""
    bpy.ops.preferences.addon_enable(module=MODULE)
    bpy.ops.preferences.addon_enable(module="io_scene_vrm")
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    bpy.ops.import_scene.vrm(filepath=source)
    face = bpy.data.objects["Face"]
    bpy.context.view_layer.objects.active = face
    bpy.context.view_layer.update()
    bpy.ops.wm.save_as_mainfile(filepath=str(out.with_suffix(".blend")), copy=True)
    measured, rig_map, _ = importlib.import_module(f"{MODULE}.addon.generate").mapped(
        importlib.import_module(f"{MODULE}.addon.character").find_character(face, bpy.context.view_layer),
        bpy.context.view_layer,
    )
    settings = bpy.context.scene.labial
    settings.source, settings.filepath, settings.life = "FILE", sound, True
    bpy.ops.labial.generate()
    report = settings.report
    seen = {
        "addon": hasattr(face.parent.data, "vrm_addon_extension"),
        "preset": rig_map.preset,
        "coverage": rig_map.coverage,
        "kinds": [target.kind for target in rig_map.targets],
        "contacts": [report.closures, report.proven, report.touches, report.touched],
        "keyed": sorted(c.data_path for c in _curves(face.data.shape_keys)),
        "gaps": [measured.lips.gap(points) for points in _frames(measured.mesh)],
    }
    out.with_suffix(".json").write_text(json.dumps(seen))


def _curves(shapes: bpy.types.Key) -> list[bpy.types.FCurve]:
    data = shapes.animation_data
    return list(data.action.layers[0].strips[0].channelbag(data.action_slot).fcurves)


def _frames(mesh: str) -> list[object]:
    points_of = importlib.import_module(f"{MODULE}.addon.posing").points_of
    found = []
    for frame in range(1, 180, 2):
        bpy.context.scene.frame_set(frame)
        found.append(points_of(bpy.data.objects[mesh], bpy.context.view_layer))
    return found


if __name__ == "__main__":
    status = 1
    try:
        main(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
        status = 0
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
