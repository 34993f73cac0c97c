"""Makes a Rigify face and saves it: run by test_rigify.py in a process of its own.

Blender 4.5 as a Python module does not find its end once Rigify has generated a rig, so this ends without its leave.
"""

from __future__ import annotations

import os
import sys

import bpy


def main(path: str, upgraded: bool) -> None:
    """The head of Rigify's human, generated as `rig`: faces.super_face, or upgraded to face.skin."""
    bpy.ops.preferences.addon_enable(module="rigify")
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    bpy.ops.object.armature_human_metarig_add()
    meta = bpy.context.object
    bpy.ops.object.mode_set(mode="EDIT")
    bones = meta.data.edit_bones
    face = {"face", "spine", *(bone.name for bone in bones["face"].children_recursive)}
    for bone in [b for b in bones if b.name not in face and not b.name.startswith("spine")]:
        bones.remove(bone)  # arms and legs would take twenty seconds
    bpy.ops.object.mode_set(mode="POSE")
    if upgraded:
        bpy.ops.pose.rigify_upgrade_face()
    bpy.ops.pose.rigify_generate()
    bpy.ops.object.mode_set(mode="OBJECT")
    bpy.data.objects.remove(meta)
    bpy.ops.wm.save_as_mainfile(filepath=path)


if __name__ == "__main__":
    status = 1
    try:
        main(sys.argv[1], sys.argv[2] == "skin")
        status = 0
    finally:
        os._exit(status)
