"""What the tests see of a scene."""

from __future__ import annotations

import bpy


def actions() -> list[bpy.types.Action]:
    """The Actions that Labial made."""
    return [action for action in bpy.data.actions if "labial" in action]


def curves(action: bpy.types.Action) -> dict[str, dict[str, bpy.types.FCurve]]:
    """F-curves by slot and data path (with the array index where it is not 0)."""
    strip = action.layers[0].strips[0]
    return {
        slot.identifier: {
            c.data_path + (f"[{c.array_index}]" if c.array_index else ""): c for c in strip.channelbag(slot).fcurves
        }
        for slot in action.slots
    }


def values(obj: bpy.types.Object) -> dict[str, float]:
    """Every key's value at the scene's frame."""
    return {key.name: key.value for key in obj.data.shape_keys.key_blocks[1:]}


def snapshot() -> dict[str, object]:
    """What a mistake must leave as it was."""
    return {
        "actions": sorted(a.name for a in bpy.data.actions),
        "keys": {o.name: values(o) for o in bpy.data.objects if o.type == "MESH" and o.data.shape_keys},
        "objects": sorted(o.name for o in bpy.data.objects),
        "sounds": sorted(s.name for s in bpy.data.sounds),
        "strips": len(getattr(bpy.context.scene.sequence_editor, "strips_all", ())),
        "frame": bpy.context.scene.frame_current,
        "bones": {
            (o.name, b.name): (tuple(b.rotation_quaternion), tuple(b.rotation_euler))
            for o in bpy.data.objects if o.type == "ARMATURE" for b in o.pose.bones
        },
    }  # fmt: skip
