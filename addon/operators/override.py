"""A character of another file becomes one that can be animated here."""

from __future__ import annotations

import bpy

from ..linked import make_override
from .telling import tells_errors


class LABIAL_OT_make_override(bpy.types.Operator):
    """Make a library override of the linked character with its shape keys: its animation is then saved in this file"""

    bl_idname = "labial.make_override"
    bl_label = "Make Override"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Needs a character."""
        if context.active_object is None:
            cls.poll_message_set("Select a linked character, or the empty that shows it")
        return context.active_object is not None

    @tells_errors
    def execute(self, context: bpy.types.Context) -> None:
        """Overrides, and selects what can be animated."""
        found = make_override(context.active_object, context.scene, context.view_layer)
        for obj in context.selected_objects:
            obj.select_set(False)
        found.select_set(True)
        context.view_layer.objects.active = found
        self.report({"INFO"}, f"“{found.name}” can be animated in this file")
