"""What Blender gets to know, and that it forgets all of it again."""

from __future__ import annotations

import bpy

from . import overlay
from .operators.line import LABIAL_OT_add_head, LABIAL_OT_clear, LABIAL_OT_generate, draw_add_menu
from .panels import LABIAL_PT_acting, LABIAL_PT_main
from .properties import LabialReport, LabialSettings

CLASSES = (
    LabialReport,
    LabialSettings,
    LABIAL_OT_generate,
    LABIAL_OT_clear,
    LABIAL_OT_add_head,
    LABIAL_PT_main,
    LABIAL_PT_acting,
)


def register() -> None:
    """Classes, the scene's settings, one menu entry and the drawing in the timeline."""
    for cls in CLASSES:
        bpy.utils.register_class(cls)
    bpy.types.Scene.labial = bpy.props.PointerProperty(type=LabialSettings)
    bpy.types.VIEW3D_MT_mesh_add.append(draw_add_menu)
    overlay.register()


def unregister() -> None:
    """The reverse."""
    overlay.unregister()
    bpy.types.VIEW3D_MT_mesh_add.remove(draw_add_menu)
    del bpy.types.Scene.labial
    for cls in reversed(CLASSES):
        bpy.utils.unregister_class(cls)
