"""The part of the tab that takes lines out of Blender."""

from __future__ import annotations

import bpy

from .panels import SubPanel, wrapped


class LABIAL_PT_export(SubPanel, bpy.types.Panel):  # type: ignore[misc]
    """Target, folder, names, and what became of it."""

    bl_label = "Export"

    def draw(self, context: bpy.types.Context) -> None:
        """The settings, the buttons, the last files."""
        layout, asked = self.layout, context.scene.labial_export
        layout.use_property_split = True
        layout.use_property_decorate = False
        for name in ("target", "folder", "fps", "convention", "table", "pattern", "language"):
            layout.prop(asked, name)
        column = layout.column(heading="Also")
        for name in ("deform_only", "sparse", "sounds"):
            column.prop(asked, name)
        row = layout.row(align=True)
        row.operator("labial.export", text="Export", icon="EXPORT").everyone = False
        row.operator("labial.export", text="All Characters").everyone = True
        layout.operator("labial.bake", icon="ACTION")
        for line in asked.told.splitlines():
            for i, part in enumerate(wrapped(line)):
                layout.label(text=part, icon="BLANK1" if i else "FILE_TICK")
