"""The part of the tab that shows a voice on a character while it speaks."""

from __future__ import annotations

import bpy

from .operators import live
from .panels import SubPanel


class LABIAL_PT_live(SubPanel, bpy.types.Panel):  # type: ignore[misc]
    """What follows a voice."""

    bl_label = "Live"

    def draw(self, _context: bpy.types.Context) -> None:
        """What can be followed, or the way to end it."""
        row = self.layout.row(align=True)
        if live.running is not None:
            row.operator("labial.stop_live", icon="SNAP_FACE")
        else:
            row.operator("labial.live", text="Sound", icon="PLAY")
            row.operator("labial.live", text="Microphone", icon="REC").microphone = True
