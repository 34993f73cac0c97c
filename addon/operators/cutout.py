"""A drawn mouth: the number of the drawing as stepped keys on a custom property, or on what shows them itself."""

from __future__ import annotations

from typing import Any

import bpy

from ...model_runtime import pipeline
from ...model_runtime.acting.articulate import articulate
from ...model_runtime.contracts import Target
from ...model_runtime.errors import CharacterError
from ...model_runtime.rigs.cutout import drawn, load_drawings
from .. import generate, keyframes
from ..character import Character
from ..request import decode, request_from
from .telling import tells_errors


def drawing_sets(_self: Any, _context: Any) -> list[tuple[str, str, str]]:
    """The sets of drawings that ship."""
    if not _sets:
        _sets.extend(
            (title, title, f"Drawings in this order: {', '.join(d.names)}") for title, d in load_drawings().items()
        )
    return _sets


_MOST = 1000.0
"""No set of drawings is larger."""
_sets: list[tuple[str, str, str]] = []
"""Blender keeps no reference to the strings of a dynamic enum: they must live here."""


def target_of(obj: bpy.types.Object, name: str) -> Target:
    """The custom property of an object; or the frame that its Time Offset modifier holds, or an image empty's offset.

    Raises CharacterError if it has no whole number that chooses a drawing.
    """
    if isinstance(obj.get(name), int):
        return Target("property", name, (obj.name,), 0.0, _MOST)
    if path := _shown_frame(obj):
        return Target("number", path, (obj.name,), 0.0, _MOST)
    if obj.type == "GREASEPENCIL":
        raise CharacterError(
            f"“{obj.name}” has no Time Offset modifier in the mode Fixed Frame, which would show one drawing. Add one, "
            f"or a custom property “{name}” that is a whole number."
        )
    if not name:
        raise CharacterError("Name the custom property that holds the number of the drawing.")
    raise CharacterError(
        f"“{obj.name}” has no custom property “{name}” that is a whole number. Add one (Object Properties > Custom "
        "Properties), and let it drive the frame of your drawings."
    )


def _shown_frame(obj: bpy.types.Object) -> str:
    """The path of the number of the drawing that an object shows, "" if it shows none by a number."""
    for modifier in obj.modifiers:
        if modifier.type == "GREASE_PENCIL_TIME" and modifier.mode == "FIX":
            return f'modifiers["{bpy.utils.escape_identifier(modifier.name)}"].offset'
    image = obj.data if obj.type == "EMPTY" else None
    return "image_user.frame_offset" if image is not None and image.source in ("SEQUENCE", "MOVIE") else ""


class LABIAL_OT_cutout(bpy.types.Operator):
    """Key the number of the mouth drawing on the selected object, held from drawing to drawing"""

    bl_idname = "labial.cutout"
    bl_label = "Generate Drawn Mouth"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Needs an object."""
        if context.active_object is None:
            cls.poll_message_set("Select the object that carries the number of the drawing")
        return context.active_object is not None

    @tells_errors
    def execute(self, context: bpy.types.Context) -> None:
        """Hears the chosen sound and writes the line."""
        settings, obj = context.scene.labial, context.active_object
        request = request_from(context)
        target = target_of(obj, settings.cutout_property)
        speech = pipeline.listen(decode(request.sound), request.transcript or None, request.language)
        drawings = load_drawings()[settings.cutout_set]
        keys = drawn(articulate(speech, request.style), request.clock, drawings, target, settings.cutout_first)
        character = Character(obj.name, (), obj.name, (target,))
        made_from = generate.made_from(request, "cutout", speech)
        written = keyframes.write(character, keys, request.sound.name, made_from)
        keyframes.finish(written.action, written.kept, keys)
        notes = " ".join(written.warnings)
        self.report({"INFO"}, f"{keys.key_count} drawings on {target.name} of “{obj.name}”. {notes}".strip())
