"""The sidebar tab: choose a sound, click, see what became of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy

from ..model_runtime.errors import LipSyncError
from ..model_runtime.hearing import transcript
from ..model_runtime.rigs.presets import usable_presets
from . import mappings
from .character import find_character
from .linked import LinkedError
from .operators import line
from .properties import LabialSettings
from .request import DIALS, LIFE_DIALS


class LABIAL_PT_main(bpy.types.Panel):
    """Labial in the sidebar of the 3D viewport."""

    bl_label = "Labial"
    bl_idname = "LABIAL_PT_main"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Labial"

    def draw(self, context: bpy.types.Context) -> None:
        """Character, sound, button, progress, report."""
        layout, settings = self.layout, context.scene.labial
        layout.use_property_split = True
        layout.use_property_decorate = False
        _draw_character(layout.box(), context)
        column = layout.column()
        row = column.row()
        row.prop(settings, "source", expand=True)
        if settings.source == "FILE":
            column.prop(settings, "filepath", text="Sound")
            column.prop(settings, "start_frame")
        else:
            column.prop(settings, "strip")
        column.prop(settings, "transcript", placeholder=_found(settings))
        if settings.transcript or _found(settings):
            column.prop(settings, "language")
        row = column.row(align=True)
        row.prop(settings, "style")
        row.operator("labial.save_style", text="", icon="ADD")
        layout.separator(factor=0.5)
        _draw_button(layout, context)
        _draw_report(layout, context)


class SubPanel:
    """A part of the tab, closed at first."""

    bl_parent_id = "LABIAL_PT_main"
    bl_space_type = "VIEW_3D"
    bl_region_type = "UI"
    bl_category = "Labial"
    bl_options = {"DEFAULT_CLOSED"}


class LABIAL_PT_acting(SubPanel, bpy.types.Panel):  # type: ignore[misc]
    """The dials."""

    bl_label = "Acting"

    def draw(self, context: bpy.types.Context) -> None:
        """How much of everything, and how exact the keys are."""
        layout, settings = self.layout, context.scene.labial
        layout.use_property_split = True
        layout.use_property_decorate = False
        for name in (*DIALS, "offset_ms", "tolerance", "add_sound", "show_speech"):
            layout.prop(settings, name)


class LABIAL_PT_life(SubPanel, bpy.types.Panel):  # type: ignore[misc]
    """What moves beside the mouth."""

    bl_label = "Life"

    def draw_header(self, context: bpy.types.Context) -> None:
        """On or off."""
        self.layout.prop(context.scene.labial, "life", text="")

    def draw(self, context: bpy.types.Context) -> None:
        """How much of each."""
        layout, settings = self.layout, context.scene.labial
        layout.use_property_split = True
        layout.use_property_decorate = False
        layout.active = settings.life
        for name in LIFE_DIALS:
            layout.prop(settings, name)


class LABIAL_UL_phones(bpy.types.UIList):
    """One phone a row: what, when, how strongly."""

    def draw_item(
        self, _context: bpy.types.Context, layout: bpy.types.UILayout, _data: Any, item: Any, _icon: int,
        _active_data: Any, _active_property: str,
    ) -> None:  # fmt: skip
        """A row."""
        row = layout.row(align=True)
        row.prop(item, "symbol", text="")
        row.prop(item, "start", text="", emboss=False)
        row.prop(item, "strength", text="", slider=True)


class LABIAL_PT_words(SubPanel, bpy.types.Panel):  # type: ignore[misc]
    """The line at the playhead as a list."""

    bl_label = "Edit in Words"

    def draw(self, context: bpy.types.Context) -> None:
        """Words, phones and what is protected."""
        layout, words = self.layout, context.scene.labial.words
        layout.operator("labial.list_words", icon="TEXT")
        if words.action in bpy.data.actions and words.phones:
            row = layout.row(align=True)
            row.prop(words, "transcript", text="")
            row.operator("labial.align_words", text="", icon="FILE_REFRESH")
            layout.template_list("LABIAL_UL_phones", "", words, "phones", words, "index", rows=8)
        layout.operator("labial.protect", icon="LOCKED")


class LABIAL_UL_weights(bpy.types.UIList):
    """One target a row, and its value when the channel is 1."""

    def draw_item(
        self, _context: bpy.types.Context, layout: bpy.types.UILayout, _data: Any, item: Any, _icon: int,
        _active_data: Any, _active_property: str,
    ) -> None:  # fmt: skip
        """A row."""
        row = layout.row(align=True)
        row.label(text=item.name)
        row.prop(item, "weight", text="", slider=True)


class LABIAL_PT_mapping(SubPanel, bpy.types.Panel):  # type: ignore[misc]
    """Which targets of the character show each channel of the mouth track."""

    bl_label = "Mapping"

    def draw(self, context: bpy.types.Context) -> None:
        """A channel with its targets, and what can be done with the whole."""
        layout, mapping = self.layout, context.scene.labial.mapping
        layout.operator("labial.edit_mapping", icon="SHAPEKEY_DATA")
        if mapping.message:
            _draw_error(layout, mapping.message)
        try:
            listed = find_character(context.active_object, context.view_layer).name == mapping.character
        except LipSyncError:
            listed = False
        if listed:
            row = layout.row(align=True)
            row.prop(mapping, "channel", text="")
            row.prop(mapping, "preview", text="", icon="HIDE_OFF" if mapping.preview else "HIDE_ON")
            row = layout.row()
            row.template_list("LABIAL_UL_weights", "", mapping, "weights", mapping, "index", rows=5)
            column = row.column(align=True)
            column.operator("labial.add_target", text="", icon="ADD")
            column.operator("labial.remove_target", text="", icon="REMOVE")
            row = layout.row(align=True)
            row.operator("labial.mirror_mapping", text="Left to Right").to = "RIGHT"
            row.operator("labial.mirror_mapping", text="Right to Left").to = "LEFT"
        row = layout.row(align=True)
        row.operator("labial.import_mapping", text="Import", icon="IMPORT")
        if listed:
            row.operator("labial.export_mapping", text="Export", icon="EXPORT")
        row = layout.row(align=True)
        row.operator("labial.save_rig", icon="ADD")
        row.operator("labial.reset_mapping", text="Reset", icon="LOOP_BACK")
        layout.operator("labial.read_vrm", icon="IMPORT")
        layout.operator("labial.build_visemes", icon="MOD_DATA_TRANSFER")


class LABIAL_PT_cutout(SubPanel, bpy.types.Panel):  # type: ignore[misc]
    """A mouth of drawings."""

    bl_label = "Drawn Mouth"

    def draw(self, context: bpy.types.Context) -> None:
        """Which number of which object, and which drawings."""
        layout, settings = self.layout, context.scene.labial
        layout.use_property_split = True
        layout.use_property_decorate = False
        for name in ("cutout_property", "cutout_set", "cutout_first"):
            layout.prop(settings, name)
        layout.operator("labial.cutout", icon="IMAGE_DATA")


def _draw_error(layout: bpy.types.UILayout, text: str) -> None:
    for i, part in enumerate(wrapped(text)):
        layout.label(text=part, icon="BLANK1" if i else "ERROR")


def _draw_character(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    if context.active_object is None:
        layout.label(text="Select a character", icon="INFO")
        layout.operator("labial.add_head", text="Add Sample Head", icon="USER")
        return
    try:
        character = find_character(context.active_object, context.view_layer)
        found = mappings.standard(character, mappings.stored(character))
    except LipSyncError as error:
        _draw_error(layout, str(error))
        if isinstance(error, LinkedError):
            layout.operator("labial.make_override", icon="LIBRARY_DATA_OVERRIDE")
        return
    layout.label(text=character.name, icon="ARMATURE_DATA" if character.armature else "MESH_DATA")
    reason = found.reason if found else "No known standard: mapped by what its keys and bones do"
    layout.label(text=reason, icon="CHECKMARK" if found else "INFO")
    for fault in usable_presets(mappings.own_folder())[1]:
        _draw_error(layout, fault)


def _found(settings: LabialSettings) -> str:
    """The name of the text file that is used when no transcript is typed."""
    sound = bpy.path.abspath(settings.filepath) if settings.source == "FILE" else ""
    path = transcript.beside(Path(sound)) if sound else None
    return path.name if path else ""


def _draw_button(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    job = line.running
    if job is not None:
        layout.progress(factor=job.fraction, text=f"{job.doing} – Esc cancels")
        return
    column = layout.column()
    column.scale_y = 1.8
    column.operator("labial.generate", icon="PLAY_SOUND")
    layout.operator("labial.clear", icon="X")


def _draw_report(layout: bpy.types.UILayout, context: bpy.types.Context) -> None:
    report = context.scene.labial.report
    if not report.line:
        return
    box = layout.box()
    box.label(text=report.line, icon="SOUND")
    box.label(text=f"{report.phones} phones, {report.keys} keys")
    box.label(text=f"Heard by {report.executor}")
    if report.words:
        box.label(text=report.words)
    for what, proven, count in (
        ("closures (p b m)", report.proven, report.closures),
        ("lip to teeth (f v)", report.touched, report.touches),
    ):
        if count:
            text = f"{proven} of {count} {what} proven"
            box.label(text=text, icon="CHECKMARK" if proven == count else "ERROR")
    for note in report.notes.splitlines():
        for part in wrapped(note):
            box.label(text=part)


def wrapped(text: str, width: int = 42) -> list[str]:
    """A text as lines that the tab has room for."""
    lines = [""]
    for word in text.split():
        if len(lines[-1]) + len(word) >= width:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return lines
