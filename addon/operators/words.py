"""A line as the list of its phones, in step with the timeline: change one, and the mouth around it follows."""

from __future__ import annotations

import zlib
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import bpy
from bpy.app.handlers import persistent

from ...model_runtime.contracts import FrameClock, Phone, Speech
from ...model_runtime.errors import CharacterError
from ...model_runtime.phones import PHONES
from ...model_runtime.speech_data import from_text
from .. import generate, keyframes, touched
from ..character import find_character
from ..keyframes import MARK
from .telling import tells_errors

SHORTEST = 0.01
"""Seconds that a phone keeps when its neighbour grows."""
_LOST = 5e-4
"""What the list's single precision may take from a time in a line of hours."""

_filling = False
"""Whether the list is being filled or follows the playhead: then nobody edits."""


def symbols(_self: Any, _context: Any) -> list[tuple[str, str, str]]:
    """Every phone that can be spoken."""
    return _SYMBOLS


_SYMBOLS = [(symbol, symbol, "") for symbol in PHONES]


def line_at_playhead(context: bpy.types.Context) -> Any:
    """The line that the selected character speaks at the current frame, else its nearest. Raises LipSyncError."""
    character = find_character(context.active_object, context.view_layer)
    actions = keyframes.actions_of(character)
    if not actions:
        raise CharacterError(f"“{character.name}” has no line of Labial yet. Generate one first.")
    frame = context.scene.frame_current

    def away(action: Any) -> float:
        first, last = action.curve_frame_range
        return float(max(first - frame, frame - last, 0.0))

    return min(actions, key=away)


def listed(words: Any) -> Any:
    """The line of the list. Raises CharacterError if it is gone."""
    action: Any = bpy.data.actions.get(words.action)
    if action is None or MARK not in action:
        raise CharacterError("The line of this list is not there any more. Click Edit Line again.")
    return action


def _heard(action: Any) -> str:
    """Tells what was heard in a line from what was heard in it before."""
    return str(zlib.crc32(action[MARK]["speech"].encode()))


@contextmanager
def _quietly() -> Iterator[None]:
    """Rows are set without being taken for edits."""
    global _filling
    _filling = True
    try:
        yield
    finally:
        _filling = False


def edited(speech: Speech, phones: Sequence[Phone]) -> Speech:
    """The line with other phones, without gaps: each lasts until the next begins, none shorter than `SHORTEST`."""
    starts = [0.0]
    for phone in phones[1:]:
        starts.append(max(phone.start, starts[-1] + SHORTEST))
    last = speech.duration - SHORTEST * len(phones)
    starts = [min(start, last + SHORTEST * i) for i, start in enumerate(starts)]
    ends = [*starts[1:], speech.duration]
    made = tuple(replace(p, start=a, end=b) for p, a, b in zip(phones, starts, ends, strict=True))
    return replace(speech, phones=made)


def _edited_phone(phone: Phone, row: Any) -> Phone:
    """What a row says now; a number that only lost digits in the list stays what it was."""
    start = phone.start if abs(row.start - phone.start) < _LOST else row.start
    strength = phone.strength if abs(row.strength - phone.strength) < _LOST else row.strength
    return replace(phone, symbol=row.symbol, start=start, strength=strength)


def fill(context: bpy.types.Context, action: bpy.types.Action) -> None:
    """Shows a line in the list."""
    words = context.scene.labial.words
    speech = from_text(action[MARK]["speech"])
    with _quietly():
        words.action, words.transcript, words.heard = action.name, action[MARK]["transcript"], _heard(action)
        words.phones.clear()
        for phone in speech.phones:
            row = words.phones.add()
            row.symbol, row.start, row.strength = phone.symbol, phone.start, phone.strength
    follow_playhead(context.scene)


def _show_starts(words: Any, speech: Speech) -> None:
    """The rows as the line has them: a start that was moved may have pushed others."""
    with _quietly():
        for row, phone in zip(words.phones, speech.phones, strict=True):
            row.start = phone.start


def phone_changed(_self: Any, context: bpy.types.Context) -> None:
    """A row was edited: the line is acted again and written; keys that do not change stay as they are."""
    if not _filling:
        bpy.ops.labial.apply_words()


def row_chosen(words: Any, context: bpy.types.Context) -> None:
    """A row was clicked: the playhead goes there."""
    if _filling or not 0 <= words.index < len(words.phones):
        return
    frame = _clock(context.scene, words).frame(words.phones[words.index].start)
    context.scene.frame_set(int(frame), subframe=frame % 1.0)


@persistent  # type: ignore[untyped-decorator]
def follow_playhead(scene: bpy.types.Scene, _graph: Any = None) -> None:
    """The row under the playhead is the active one."""
    words = getattr(scene, "labial", None) and scene.labial.words
    if not words or not words.phones or words.action not in bpy.data.actions or _filling:
        return
    seconds = _clock(scene, words).seconds(scene.frame_current_final)
    index = bisect_right([row.start for row in words.phones], seconds + 1e-4) - 1
    if index >= 0 and index != words.index:
        with _quietly():
            words.index = index


def _clock(scene: bpy.types.Scene, words: Any) -> FrameClock:
    start = float(bpy.data.actions[words.action][MARK]["start"])
    return FrameClock(scene.render.fps, scene.render.fps_base, start)


class LABIAL_OT_list_words(bpy.types.Operator):
    """Show the line that the selected character speaks at the playhead as a list of its phones"""

    bl_idname = "labial.list_words"
    bl_label = "Edit Line"
    bl_options = {"REGISTER", "UNDO"}

    @tells_errors
    def execute(self, context: bpy.types.Context) -> None:
        """Fills the list."""
        fill(context, line_at_playhead(context))


class LABIAL_OT_apply_words(bpy.types.Operator):
    """Write the edited phones: the mouth moves anew around what changed"""

    bl_idname = "labial.apply_words"
    bl_label = "Apply"
    bl_options = {"REGISTER", "UNDO", "INTERNAL"}

    @tells_errors
    def execute(self, context: bpy.types.Context) -> None:
        """Acts the line again from its list."""
        words = context.scene.labial.words
        action = listed(words)
        if words.heard != _heard(action):
            fill(context, action)
            raise CharacterError("The line was made anew, and the list shows it now: change it again.")
        speech = from_text(action[MARK]["speech"])
        rows = [_edited_phone(phone, row) for row, phone in zip(words.phones, speech.phones, strict=True)]
        result = generate.again(context, action, edited(speech, rows))
        words.action, words.heard = result.action, _heard(bpy.data.actions[result.action])
        _show_starts(words, result.performance.speech)
        context.scene.labial.report.show(result.report)


class LABIAL_OT_align_words(bpy.types.Operator):
    """Hear the line again with the corrected words: its phones are found anew"""

    bl_idname = "labial.align_words"
    bl_label = "Align Words"
    bl_options = {"REGISTER", "UNDO"}

    @tells_errors
    def execute(self, context: bpy.types.Context) -> None:
        """Generates the line from its own sound with the list's words."""
        words = context.scene.labial.words
        asked = replace(generate.request_of(listed(words), context), transcript=words.transcript.strip())
        result = generate.generate(context, asked)
        context.scene.labial.report.show(result.report)
        fill(context, bpy.data.actions[result.action])


class LABIAL_OT_protect(bpy.types.Operator):
    """Keep all keys of the line between the preview range's ends as they are when it is generated again"""

    bl_idname = "labial.protect"
    bl_label = "Protect Preview Range"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Needs a preview range."""
        if not context.scene.use_preview_range:
            cls.poll_message_set("Set a preview range in the timeline first (P)")
        return context.active_object is not None and context.scene.use_preview_range

    @tells_errors
    def execute(self, context: bpy.types.Context) -> None:
        """Remembers the range with the line."""
        action, scene = line_at_playhead(context), context.scene
        touched.protect(action, MARK, scene.frame_preview_start, scene.frame_preview_end)
        self.report({"INFO"}, f"Frames {scene.frame_preview_start}-{scene.frame_preview_end} are protected")
