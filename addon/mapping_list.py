"""The mapping in the panel: a list of what moves the chosen channel, a view of what is kept with the character."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import bpy

from ..model_runtime.contracts import CHANNELS
from ..model_runtime.errors import CharacterError, LipSyncError
from ..model_runtime.rigs.calibrate import calibrate
from ..model_runtime.rigs.mapping import RigMapping, as_text, from_text, label, pose, short
from . import mappings, preview
from .character import Character, find_character

_filling = False
"""Whether the list is being filled: then nobody edits."""
_seen: tuple[Any, mappings.Detected] | None = None
"""The character that was measured last, so that a slider can be dragged with the preview on."""
CHANNEL_ITEMS = [(channel, channel, "") for channel in CHANNELS]


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
    preset = kept.preset or as_detected(context).preset
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
        for name, weight in rows_of(context, character)[settings.channel].items():
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


def rows_of(context: bpy.types.Context, character: Character) -> dict[str, Mapping[str, float]]:
    """All channels as the character uses them now."""
    return {**as_detected(context).rows, **mappings.stored(character).rows}


def as_detected(context: bpy.types.Context) -> RigMapping:
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
