"""What Blender gets to know, and that it forgets all of it again."""

from __future__ import annotations

from typing import Any

import bpy

from . import command_line, overlay
from .export_panel import LABIAL_PT_export
from .export_settings import LabialExport
from .live_panel import LABIAL_PT_live
from .operators.build_visemes import LABIAL_OT_build_visemes
from .operators.cutout import LABIAL_OT_cutout
from .operators.export import CLASSES as EXPORT_OPERATORS
from .operators.line import LABIAL_OT_add_head, LABIAL_OT_clear, LABIAL_OT_generate, draw_add_menu
from .operators.live import LABIAL_OT_live, LABIAL_OT_stop_live
from .operators.mapping import (
    LABIAL_OT_add_target,
    LABIAL_OT_edit_mapping,
    LABIAL_OT_mirror_mapping,
    LABIAL_OT_remove_target,
    LABIAL_OT_reset_mapping,
)
from .operators.mapping_files import LABIAL_OT_export_mapping, LABIAL_OT_import_mapping, LABIAL_OT_save_rig
from .operators.override import LABIAL_OT_make_override
from .operators.plate import LABIAL_OT_fit_plate, LABIAL_OT_redub_plate
from .operators.scene import CLASSES as SCENE_OPERATORS
from .operators.style import LABIAL_OT_save_style
from .operators.vrm import LABIAL_OT_read_vrm
from .operators.words import (
    LABIAL_OT_align_words,
    LABIAL_OT_apply_words,
    LABIAL_OT_list_words,
    LABIAL_OT_protect,
    follow_playhead,
)
from .panels import (
    LABIAL_PT_acting,
    LABIAL_PT_cutout,
    LABIAL_PT_life,
    LABIAL_PT_main,
    LABIAL_PT_mapping,
    LABIAL_PT_words,
    LABIAL_UL_phones,
    LABIAL_UL_weights,
)
from .plate_panel import LABIAL_PT_plate
from .plate_settings import LabialPlate
from .preferences import LabialPreferences
from .properties import LabialLine, LabialMapping, LabialPhone, LabialReport, LabialSettings, LabialWeight, LabialWords
from .scene_panel import LABIAL_PT_dialogue, LABIAL_UL_lines

CLASSES = (
    LabialPreferences,
    LabialReport,
    LabialPhone,
    LabialWords,
    LabialWeight,
    LabialMapping,
    LabialLine,
    LabialSettings,
    LabialExport,
    *SCENE_OPERATORS,
    *EXPORT_OPERATORS,
    LABIAL_OT_generate,
    LABIAL_OT_clear,
    LABIAL_OT_add_head,
    LABIAL_OT_cutout,
    LABIAL_OT_list_words,
    LABIAL_OT_apply_words,
    LABIAL_OT_align_words,
    LABIAL_OT_protect,
    LABIAL_OT_save_style,
    LABIAL_OT_make_override,
    LABIAL_OT_live,
    LABIAL_OT_stop_live,
    LABIAL_OT_edit_mapping,
    LABIAL_OT_add_target,
    LABIAL_OT_remove_target,
    LABIAL_OT_mirror_mapping,
    LABIAL_OT_reset_mapping,
    LABIAL_OT_save_rig,
    LABIAL_OT_export_mapping,
    LABIAL_OT_import_mapping,
    LABIAL_OT_read_vrm,
    LABIAL_OT_build_visemes,
    LabialPlate,
    LABIAL_OT_redub_plate,
    LABIAL_OT_fit_plate,
    LABIAL_UL_lines,
    LABIAL_UL_phones,
    LABIAL_UL_weights,
    LABIAL_PT_main,
    LABIAL_PT_acting,
    LABIAL_PT_life,
    LABIAL_PT_words,
    LABIAL_PT_dialogue,
    LABIAL_PT_export,
    LABIAL_PT_cutout,
    LABIAL_PT_live,
    LABIAL_PT_plate,
    LABIAL_PT_mapping,
)

_commands: list[Any] = []
"""What Blender gave for the command, to take it back."""


def register() -> None:
    """Classes, the scene's settings, an object's mapping, one menu entry and the drawing in the timeline."""
    for cls in CLASSES:
        bpy.utils.register_class(cls)
    bpy.types.Scene.labial = bpy.props.PointerProperty(type=LabialSettings)
    bpy.types.Scene.labial_export = bpy.props.PointerProperty(type=LabialExport)
    bpy.types.Scene.labial_plate = bpy.props.PointerProperty(type=LabialPlate)
    bpy.types.Object.labial_mapping = bpy.props.StringProperty(options={"HIDDEN"}, override={"LIBRARY_OVERRIDABLE"})
    bpy.types.Object.labial_expressions = bpy.props.StringProperty(options={"HIDDEN"}, override={"LIBRARY_OVERRIDABLE"})
    bpy.types.Object.labial_level = bpy.props.FloatProperty(options={"HIDDEN"}, override={"LIBRARY_OVERRIDABLE"})
    bpy.types.VIEW3D_MT_mesh_add.append(draw_add_menu)
    bpy.app.handlers.frame_change_post.append(follow_playhead)
    overlay.register()
    _commands.append(bpy.utils.register_cli_command("labial", command_line.main))


def unregister() -> None:
    """The reverse."""
    bpy.utils.unregister_cli_command(_commands.pop())
    overlay.unregister()
    bpy.app.handlers.frame_change_post.remove(follow_playhead)
    bpy.types.VIEW3D_MT_mesh_add.remove(draw_add_menu)
    del bpy.types.Object.labial_mapping
    del bpy.types.Object.labial_expressions
    del bpy.types.Object.labial_level
    del bpy.types.Scene.labial_plate
    del bpy.types.Scene.labial_export
    del bpy.types.Scene.labial
    for cls in reversed(CLASSES):
        bpy.utils.unregister_class(cls)
