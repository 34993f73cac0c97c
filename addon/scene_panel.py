"""The part of the tab about many lines: the list, its batch, languages, dubs."""

from __future__ import annotations

from typing import Any

import bpy

from .operators import queue
from .panels import SubPanel, wrapped

_ICONS: dict[str, Any] = {"DONE": "CHECKMARK", "UNCHANGED": "CHECKMARK", "FAILED": "ERROR"}


class LABIAL_UL_lines(bpy.types.UIList):
    """One line of dialogue a row."""

    def draw_item(
        self, _context: bpy.types.Context, layout: bpy.types.UILayout, _data: Any, item: Any, _icon: int,
        _active_data: Any, _active_property: str,
    ) -> None:  # fmt: skip
        """A row."""
        row = layout.row(align=True)
        row.label(text=item.name, icon=_ICONS.get(item.status, "BLANK1"))
        row.label(text=item.character or "nobody")
        row.label(text=item.language)


class LABIAL_PT_dialogue(SubPanel, bpy.types.Panel):  # type: ignore[misc]
    """All lines of the scene."""

    bl_label = "Dialogue"

    def draw(self, context: bpy.types.Context) -> None:
        """The list, its active line, and what can be done with all."""
        layout, settings = self.layout, context.scene.labial
        row = layout.row(align=True)
        row.operator("labial.lines_from_sheet", text="From Sheet", icon="FILE_TEXT")
        row.operator("labial.lines_from_strips", text="From Strips", icon="SEQUENCE")
        row.operator("labial.clear_lines", text="", icon="X")
        layout.template_list("LABIAL_UL_lines", "", settings, "lines", settings, "line_index", rows=5)
        if 0 <= settings.line_index < len(settings.lines):
            _draw_line(layout.column(), context, settings.lines[settings.line_index])
        _draw_batch(layout, settings)
        layout.operator("labial.learn_levels", icon="SPEAKER")
        row = layout.row(align=True)
        row.operator("labial.add_sounds", icon="SOUND")
        row.operator("labial.sync_lines", text="Follow", icon="UV_SYNC_SELECT")
        if settings.lines:
            column = layout.column()
            column.use_property_split = True
            column.use_property_decorate = False
            column.prop(settings, "spoken")
            column.prop(settings, "placement")
            row = layout.row(align=True)
            row.operator("labial.check_dubs", icon="TIME")
            row.operator("labial.fit_dub", icon="FULLSCREEN_EXIT")
            layout.operator("labial.report_lines", icon="FILE_TEXT")


def _draw_line(column: bpy.types.UILayout, context: bpy.types.Context, line: Any) -> None:
    column.use_property_split = True
    column.use_property_decorate = False
    column.prop_search(line, "character", context.scene, "objects")
    for name in ("sound", "start", "transcript", "language", "style"):
        column.prop(line, name)
    for part in wrapped(line.note):
        column.label(text=part)


def _draw_batch(layout: bpy.types.UILayout, settings: Any) -> None:
    """The button, or how far its batch is."""
    batch = queue.running
    if batch is not None:
        layout.progress(factor=batch.fraction, text=batch.doing)
        row = layout.row(align=True)
        if batch.paused:
            row.operator("labial.pause_lines", text="Go On", icon="PLAY")
        else:
            row.operator("labial.pause_lines", icon="PAUSE")
        row.operator("labial.stop_lines", icon="CANCEL")
        return
    layout.operator("labial.generate_lines", icon="PLAY_SOUND").failed = False
    failed = sum(line.status == "FAILED" for line in settings.lines)
    if failed:
        layout.operator("labial.generate_lines", text=f"Retry {failed} Failed", icon="FILE_REFRESH").failed = True
