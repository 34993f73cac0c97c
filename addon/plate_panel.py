"""The part of the tab that gives a consenting performer's film a new line."""

from __future__ import annotations

import bpy

from .operators import plate
from .panels import SubPanel, wrapped


class LABIAL_PT_plate(SubPanel, bpy.types.Panel):  # type: ignore[misc]
    """Plate, line, consent, and what became of it."""

    bl_label = "Video Plate"

    def draw(self, context: bpy.types.Context) -> None:
        """The settings, the buttons, the notes of the last film."""
        layout, asked = self.layout, context.scene.labial_plate
        layout.use_property_split = True
        layout.use_property_decorate = False
        for name in ("plate", "sound", "consent", "text", "language"):
            layout.prop(asked, name)
        layout.column().prop(asked, "media")
        for name in ("territories", "folder", "kind", "start"):
            layout.prop(asked, name)
        column = layout.column(heading="Also")
        column.prop(asked, "lips_only")
        column.prop(asked, "plain")
        row = layout.row(align=True)
        row.prop(asked, "refiner")
        row.operator("labial.fit_plate", text="", icon="MOD_LATTICE")
        if plate.running is not None:
            layout.progress(factor=plate.running.fraction, text=plate.running.doing)
        layout.operator("labial.redub_plate", icon="FILE_MOVIE")
        for line in asked.told.splitlines():
            for i, part in enumerate(wrapped(line)):
                layout.label(text=part, icon="BLANK1" if i else "INFO")
