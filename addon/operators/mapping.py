"""How the character's targets show each channel of the mouth track: listed and changed."""

from __future__ import annotations

from typing import Any

import bpy
from bpy.props import EnumProperty

from ...model_runtime.errors import CharacterError, LipSyncError
from ...model_runtime.rigs.mapping import label, mirrored, short
from .. import mappings
from ..character import find_character
from ..mapping_list import change, fill, rows_of, shown
from .of_character import OfCharacter
from .telling import tells_errors

_items: list[tuple[str, str, str]] = []
"""Blender keeps no reference to the strings of a dynamic enum: they must live here."""


class LABIAL_OT_edit_mapping(OfCharacter):
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


class LABIAL_OT_add_target(OfCharacter):
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
        row = {**rows_of(context, character)[settings.channel], self.target: short(weight)}
        change(context, character, {settings.channel: row})
        settings.index = len(settings.weights) - 1


class LABIAL_OT_remove_target(OfCharacter):
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
        row = rows_of(context, character)[settings.channel]
        change(context, character, {settings.channel: {n: w for n, w in row.items() if n != name}})


class LABIAL_OT_mirror_mapping(OfCharacter):
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
        row = rows_of(context, character)[channel]
        names = {*map(label, character.targets), *row}
        change(context, character, {channel: mirrored(row, names, self.to == "RIGHT")})


class LABIAL_OT_reset_mapping(OfCharacter):
    """Forget what was edited: the mapping is again what the names and the shapes of the character tell"""

    bl_idname = "labial.reset_mapping"
    bl_label = "Reset"
    bl_options = {"REGISTER", "UNDO"}

    @tells_errors
    def execute(self, context: bpy.types.Context) -> None:
        """Forgets, and lists what is detected."""
        mappings.store(find_character(context.active_object, context.view_layer), None)
        fill(context)
