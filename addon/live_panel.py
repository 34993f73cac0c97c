"""The part of the tab that shows a voice on a character while it speaks."""

from __future__ import annotations

import bpy

from .operators import live


class LABIAL_PT_live(bpy.types.Panel):
    """Live, closed at first."""

    bl_label = "Live"
    bl_parent_id = "LABIAL_PT_main"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Labial"
    bl_options = {"DEFAULT_CLOSED"}

    def draw(self, _context: bpy.types.Context) -> None:
        """What can be followed, or the way to end it."""
        row = self.layout.row(align=True)
        if live.running is not None:
            row.operator("labial.stop_live", icon="SNAP_FACE")
        else:
            row.operator("labial.live", text="Sound", icon="PLAY")
            row.operator("labial.live", text="Microphone", icon="REC").microphone = True
