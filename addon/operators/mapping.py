"""How the character's targets show each channel of the mouth track: listed, tried, changed, kept, exchanged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import bpy
from bpy.props import EnumProperty, StringProperty
from bpy_extras.io_utils import ExportHelper, ImportHelper

from ...model_runtime.contracts import CHANNELS
from ...model_runtime.errors import CharacterError, LipSyncError
from ...model_runtime.rigs.calibrate import calibrate
from ...model_runtime.rigs.mapping import (
    RigMapping,
    as_preset,
    as_text,
    from_text,
    label,
    mirrored,
    missing,
    pose,
    read,
    save_preset,
    short,
    write,
)
from .. import mappings, preview, visemes
from ..character import Character, find_character
from .telling import tells_errors

_filling = False
"""Whether the list is being filled: then nobody edits."""
_seen: tuple[Any, mappings.Detected] | None = None
"""The character that was measured last, so that a slider can be dragged with the preview on."""
_items: list[tuple[str, str, str]] = []
"""Blender keeps no reference to the strings of a dynamic enum: they must live here."""

CHANNEL_ITEMS = [(channel, channel, "") for channel in CHANNELS]
_STANDARDS = [
    ("OCULUS", "Oculus 15", "viseme_sil, viseme_PP, viseme_FF … viseme_U"),
    ("VOWELS", "A I U E O", "The five vowels of VRM and MikuMikuDance"),
    ("PP", "Closed Lips", "viseme_PP alone: the pose that was measured to close these lips"),
]


def fill(context: bpy.types.Context) -> Character:
    """Measures the selected character and shows its mapping. Raises LipSyncError."""
    global _seen
    stop_preview(context)
    _seen = None
    character = find_character(context.active_object, context.view_layer)
    detected = _look(context, character, mappings.stored(character))
    settings = context.scene.labial.mapping
    settings.character, settings.detected = character.name, as_text(detected.rows())
    settings.message = ""
    _show_rows(context, character)
    return character


def shown(context: bpy.types.Context) -> Character:
    """The character whose mapping is in the list. Raises CharacterError if another one is selected."""
    character = find_character(context.active_object, context.view_layer)
    if context.scene.labial.mapping.character != character.name:
        raise CharacterError(f"The mapping of “{character.name}” is not in the list. Click Edit Mapping first.")
    return character


def change(context: bpy.types.Context, character: Character, rows: Mapping[str, Mapping[str, float]]) -> None:
    """Keeps new rows of some channels with the character and shows them."""
    _keep(context, character, rows)
    _show_rows(context, character)
    _show_pose(context, character)


def _keep(context: bpy.types.Context, character: Character, rows: Mapping[str, Mapping[str, float]]) -> None:
    kept = mappings.stored(character)
    preset = kept.preset or _as_detected(context).preset
    mappings.store(character, RigMapping({**kept.rows, **rows}, preset))


def channel_chosen(_self: Any, context: bpy.types.Context) -> None:
    """Another channel: its targets are listed, and posed if the preview is on."""
    _told(context, lambda character: (_show_rows(context, character), _show_pose(context, character)))


def weight_changed(_self: Any, context: bpy.types.Context) -> None:
    """A weight was changed: the channel is kept as the list says. The rows stay, for one of them is being dragged."""
    global _filling
    settings = context.scene.labial.mapping

    def keep(character: Character) -> None:
        row = {item.name: _within(character, item.name, short(item.weight)) for item in settings.weights}
        for item in settings.weights:
            if short(item.weight) != row[item.name]:
                item.weight = row[item.name]
        _keep(context, character, {settings.channel: row})
        _show_pose(context, character)

    if _filling:
        return
    _filling = True
    try:
        _told(context, keep)
    finally:
        _filling = False


def preview_changed(settings: Any, context: bpy.types.Context) -> None:
    """On: the channel is posed. Off: what was there is put back."""
    if settings.preview:
        _told(context, lambda character: _show_pose(context, character))
    else:
        stop_preview(context)


def stop_preview(context: bpy.types.Context) -> None:
    """Puts back what was there before the preview."""
    settings = context.scene.labial.mapping
    if settings.before:
        preview.put_back(settings.before)
        settings.before = ""
        context.view_layer.update()
    if settings.preview:
        settings.preview = False


def _told(context: bpy.types.Context, work: Any) -> None:
    """Runs what a setting starts; what went wrong is told in the panel, for a setting cannot report."""
    settings = context.scene.labial.mapping
    settings.message = ""
    try:
        work(shown(context))
    except LipSyncError as error:
        stop_preview(context)
        settings.message = str(error)


def _show_rows(context: bpy.types.Context, character: Character) -> None:
    global _filling
    settings = context.scene.labial.mapping
    _filling = True
    try:
        settings.weights.clear()
        for name, weight in _rows(context, character)[settings.channel].items():
            item = settings.weights.add()
            item.name, item.weight = name, weight
        settings.index = min(settings.index, max(0, len(settings.weights) - 1))
    finally:
        _filling = False


def _show_pose(context: bpy.types.Context, character: Character) -> None:
    """Poses the channel over what was there before the preview, if it is on."""
    settings = context.scene.labial.mapping
    if not settings.preview:
        return
    if settings.before:
        preview.put_back(settings.before)
    mapping = mappings.stored(character)
    detected = _look(context, character, mapping)
    rig_map = detected.edited(mapping)
    values = pose(rig_map, calibrate(detected.measured.probe, rig_map), settings.channel)
    settings.before = preview.remembered(rig_map.targets)
    preview.show(rig_map.targets, values)
    context.view_layer.update()


def _rows(context: bpy.types.Context, character: Character) -> dict[str, Mapping[str, float]]:
    """All channels as the character uses them now."""
    return {**_as_detected(context).rows, **mappings.stored(character).rows}


def _as_detected(context: bpy.types.Context) -> RigMapping:
    return from_text(context.scene.labial.mapping.detected, "in the list", "Click Edit Mapping again.")


def _look(context: bpy.types.Context, character: Character, mapping: RigMapping) -> mappings.Detected:
    """The measured character; measured anew when it, or which targets its mapping names, has changed."""
    global _seen
    names = {name for row in mapping.rows.values() for name in row}
    named = frozenset(label(target) for target in character.targets if label(target) in names)
    key = (bpy.data.filepath, character)
    known = _seen is not None and _seen[0] == key and mapping.preset in ("", _seen[1].standard)
    if not known or named - set(map(label, _seen[1].rig_map.targets)):
        _seen = (key, mappings.detect(character, mapping, context.view_layer))
    return _seen[1]


def _within(character: Character, name: str, weight: float) -> float:
    """A weight inside the range of the shape that it is for."""
    target = next((t for t in character.targets if label(t) == name and t.is_shape), None)
    return min(max(weight, target.minimum), target.maximum) if target else weight


class _OfMapping(bpy.types.Operator):
    """What the operators of the panel share: they need a character."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Needs a character."""
        if context.active_object is None:
            cls.poll_message_set("Select a character: its face or its rig")
        return context.active_object is not None


class LABIAL_OT_edit_mapping(_OfMapping):
    """List which targets of the selected character show each channel of the mouth, and how strongly"""

    bl_idname = "labial.edit_mapping"
    bl_label = "Edit Mapping"
    bl_options = {"REGISTER", "UNDO"}

    @tells_errors
    def execute(self, context: bpy.types.Context) -> None:
        """Measures the character and fills the list."""
        fill(context)


def _addable(_self: Any, context: bpy.types.Context) -> list[tuple[str, str, str]]:
    """What the character has and the channel does not move yet."""
    if context is None or context.active_object is None:
        return []
    try:
        character = find_character(context.active_object, context.view_layer)
    except LipSyncError:
        return []
    listed = {item.name for item in context.scene.labial.mapping.weights}
    _items[:] = [(n, n, "") for n in map(label, character.targets) if n not in listed]
    return _items


class LABIAL_OT_add_target(_OfMapping):
    """Let the channel move one more shape key or bone"""

    bl_idname = "labial.add_target"
    bl_label = "Add Target"
    bl_options = {"REGISTER", "UNDO"}
    bl_property = "target"

    target: EnumProperty(name="Target", items=_addable)  # type: ignore[valid-type]

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        """Asks which."""
        context.window_manager.invoke_search_popup(self)
        return {"RUNNING_MODAL"}

    @tells_errors
    def execute(self, context: bpy.types.Context) -> None:
        """Adds it with its whole shape, or as a bone halfway to where it may go."""
        character, settings = shown(context), context.scene.labial.mapping
        target = next((t for t in character.targets if label(t) == self.target), None)
        if target is None:
            raise CharacterError(f"“{character.name}” has no target {self.target}. Choose another one.")
        weight = target.maximum if target.is_shape else 0.5 * target.maximum
        row = {**_rows(context, character)[settings.channel], self.target: short(weight)}
        change(context, character, {settings.channel: row})
        settings.index = len(settings.weights) - 1


class LABIAL_OT_remove_target(_OfMapping):
    """Let the channel leave the chosen shape key or bone alone"""

    bl_idname = "labial.remove_target"
    bl_label = "Remove Target"
    bl_options = {"REGISTER", "UNDO"}

    @tells_errors
    def execute(self, context: bpy.types.Context) -> None:
        """Removes the row."""
        character, settings = shown(context), context.scene.labial.mapping
        if not 0 <= settings.index < len(settings.weights):
            raise CharacterError("No target is chosen in the list. Click one first.")
        name = settings.weights[settings.index].name
        row = _rows(context, character)[settings.channel]
        change(context, character, {settings.channel: {n: w for n, w in row.items() if n != name}})


class LABIAL_OT_mirror_mapping(_OfMapping):
    """Copy the channel's weights of one side to the targets of the same name on the other side"""

    bl_idname = "labial.mirror_mapping"
    bl_label = "Mirror"
    bl_options = {"REGISTER", "UNDO"}

    to: EnumProperty(  # type: ignore[valid-type]
        name="To", items=[("RIGHT", "Left to Right", "Copy left to right"), ("LEFT", "Right to Left", "And back")]
    )

    @tells_errors
    def execute(self, context: bpy.types.Context) -> None:
        """Mirrors the row."""
        character, channel = shown(context), context.scene.labial.mapping.channel
        row = _rows(context, character)[channel]
        names = {*map(label, character.targets), *row}
        change(context, character, {channel: mirrored(row, names, self.to == "RIGHT")})


class LABIAL_OT_reset_mapping(_OfMapping):
    """Forget what was edited: the mapping is again what the names and the shapes of the character tell"""

    bl_idname = "labial.reset_mapping"
    bl_label = "Reset"
    bl_options = {"REGISTER", "UNDO"}

    @tells_errors
    def execute(self, context: bpy.types.Context) -> None:
        """Forgets, and lists what is detected."""
        mappings.store(find_character(context.active_object, context.view_layer), None)
        fill(context)


class LABIAL_OT_save_rig(_OfMapping):
    """Save the mapping as a preset: other characters that have all of its names are known by it"""

    bl_idname = "labial.save_rig"
    bl_label = "Save as Preset"
    bl_options = {"REGISTER"}

    name: StringProperty(name="Name", default="My Rig")  # type: ignore[valid-type]

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        """Asks for the name."""
        return set(context.window_manager.invoke_props_dialog(self))

    @tells_errors
    def execute(self, context: bpy.types.Context) -> None:
        """Writes it into the user's folder."""
        character = find_character(context.active_object, context.view_layer)
        mapping = mappings.stored(character)
        detected = mappings.detect(character, mapping, context.view_layer)
        rig_map = detected.edited(mapping)
        data = as_preset(
            self.name.strip(), rig_map, detected.preset, character.targets, detected.found_anew(rig_map)
        )  # fmt: skip
        self.report({"INFO"}, f"Saved as {save_preset(data, mappings.own_folder())}")


class LABIAL_OT_export_mapping(_OfMapping, ExportHelper):  # type: ignore[misc]
    """Write the mapping of all channels to a file"""

    bl_idname = "labial.export_mapping"
    bl_label = "Export Mapping"
    bl_options = {"REGISTER"}

    filename_ext = ".json"
    filter_glob: StringProperty(default="*.json", options={"HIDDEN"})  # type: ignore[valid-type]

    @tells_errors
    def execute(self, context: bpy.types.Context) -> None:
        """Writes detected and edited rows alike."""
        character = shown(context)
        rows = _rows(context, character)
        write(Path(bpy.path.abspath(self.filepath)), RigMapping(rows, _as_detected(context).preset))
        self.report({"INFO"}, f"Exported {self.filepath}")


class LABIAL_OT_import_mapping(_OfMapping, ImportHelper):  # type: ignore[misc]
    """Use the mapping in a file, or that of a rig preset, for the selected character"""

    bl_idname = "labial.import_mapping"
    bl_label = "Import Mapping"
    bl_options = {"REGISTER", "UNDO"}

    filename_ext = ".json"
    filter_glob: StringProperty(default="*.json", options={"HIDDEN"})  # type: ignore[valid-type]

    @tells_errors
    def execute(self, context: bpy.types.Context) -> None:
        """Keeps it with the character; names that it does not have are told."""
        character = find_character(context.active_object, context.view_layer)
        path = Path(bpy.path.abspath(self.filepath))
        mapping = read(path)
        detected = mappings.detect(character, mapping, context.view_layer)
        absent = missing(mapping, detected.rig_map.targets)
        if absent and len(absent) == len({name for row in mapping.rows.values() for name in row}):
            raise CharacterError(
                f"“{character.name}” has none of the names in {path.name} ({', '.join(absent[:3])} …). "
                "Choose the file of a character like it."
            )
        stop_preview(context)
        mappings.store(character, mapping)
        fill(context)
        remarks = mappings.remarks(mapping, detected.rig_map)
        self.report({"WARNING"} if absent else {"INFO"}, " ".join([f"Imported {path.name}.", *remarks]))


class LABIAL_OT_build_visemes(_OfMapping):
    """Make shape keys that the character lacks of those that it has; keys that are there stay as they are"""

    bl_idname = "labial.build_visemes"
    bl_label = "Build Visemes"
    bl_options = {"REGISTER", "UNDO"}

    standard: EnumProperty(name="Keys", items=_STANDARDS)  # type: ignore[valid-type]

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        """Says what would be made, and asks."""
        return set(context.window_manager.invoke_props_dialog(self))

    def draw(self, context: bpy.types.Context) -> None:
        """The standard, and the keys that are lacking."""
        layout = self.layout
        layout.prop(self, "standard")
        try:
            character = find_character(context.active_object, context.view_layer)
        except LipSyncError as error:
            layout.label(text=str(error), icon="ERROR")
            return
        names = list(visemes.lacking(character, visemes.STANDARDS[self.standard]))
        layout.label(text=f"{len(names)} new keys" if names else "It lacks none of these", icon="SHAPEKEY_DATA")
        for first in range(0, len(names), 5):
            layout.label(text=", ".join(names[first : first + 5]))

    @tells_errors
    def execute(self, context: bpy.types.Context) -> None:
        """Measures, mixes and says what was made and what was not."""
        stop_preview(context)
        character = find_character(context.active_object, context.view_layer)
        mapping = mappings.stored(character)
        detected = mappings.detect(character, mapping, context.view_layer)
        if detected.preset is None:
            raise CharacterError(
                f"“{character.name}” follows no known mouth standard, so nothing tells which keys make a viseme. "
                "Save its mapping as a preset first."
            )
        rig_map = detected.edited(mapping)
        calibration = calibrate(detected.measured.probe, rig_map)
        built = visemes.build(character, rig_map, calibration, visemes.STANDARDS[self.standard])
        self._keep_standard(context, mapping, detected.preset.id)
        self.report({"INFO"} if built.made else {"WARNING"}, _told_of(built))

    def _keep_standard(self, context: bpy.types.Context, mapping: RigMapping, preset: str) -> None:
        """New names must not change how the character is mapped."""
        character = find_character(context.active_object, context.view_layer)
        now = mappings.standard(character, mapping)
        if now is None or now.preset.id != preset:
            mappings.store(character, replace(mapping, preset=preset))


def _told_of(built: visemes.Built) -> str:
    parts = [f"Built {len(built.made)} keys: {', '.join(built.made)}." if built.made else "No key was built."]
    if built.kept:
        parts.append(f"There already, left as they are: {', '.join(built.kept)}.")
    if built.unknown:
        parts.append(f"Not shown by any key of this character: {', '.join(built.unknown)}.")
    if built.bones:
        parts.append(f"A key cannot hold what bones do: {', '.join(built.bones)}.")
    return " ".join(parts)
