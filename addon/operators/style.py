"""The dials as a style of one's own."""

from __future__ import annotations

from dataclasses import replace

import bpy
from bpy.props import StringProperty

from ...model_runtime.acting.styles import save_style
from .. import styles
from ..properties import forget_styles
from ..request import DIALS, style_from
from .telling import tells_errors


class LABIAL_OT_save_style(bpy.types.Operator):
    """Save the style with its dials as a new one, which every scene can use"""

    bl_idname = "labial.save_style"
    bl_label = "Save Style"
    bl_options = {"REGISTER"}

    name: StringProperty(name="Name", default="My Style")  # type: ignore[valid-type]

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        """Asks for the name."""
        return set(context.window_manager.invoke_props_dialog(self))

    @tells_errors
    def execute(self, context: bpy.types.Context) -> None:
        """Writes it, chooses it and sets the dials back, so that it looks as before."""
        settings = context.scene.labial
        style = replace(style_from(settings, settings.style), name=self.name.strip())
        path = save_style(style, styles.own_folder())
        forget_styles()
        settings.style = style.name
        for name in (*DIALS, "offset_ms"):
            settings.property_unset(name)
        self.report({"INFO"}, f"Saved as {path}")
