"""What a character's voice usually is: one level over all of its lines, so that a whisper opens less than a shout."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from statistics import median
from typing import TYPE_CHECKING

import bpy

from ..model_runtime import pipeline
from ..model_runtime.acting.voice import level
from ..model_runtime.errors import LipSyncError
from .character import Character, find_character
from .line_list import WAITING
from .request import LipSyncRequest, decode, sound_of_file

if TYPE_CHECKING:
    from .properties import LabialLine


def usual_level(character: Character) -> float:
    """dBFS of the character's vowels over all lines that it was learned from; 0 if nobody learned it."""
    return float(_holder(character).labial_level)


def fitted_to(request: LipSyncRequest, character: Character) -> LipSyncRequest:
    """The request for one character: acted against what its voice usually is."""
    return replace(request, style=replace(request.style, usual_level=usual_level(character)))


def learn(context: bpy.types.Context, lines: Sequence[LabialLine]) -> dict[str, float]:
    """Listens to the lines of each character and keeps their median level with it. Returns the levels by character.

    Lines whose sound or character cannot be used are left out. Those of a character whose level changed wait to be made
    again.
    """
    heard: dict[str, tuple[Character, list[float]]] = {}
    spoken: dict[str, list[LabialLine]] = {}
    for line in lines:
        obj: bpy.types.Object | None = bpy.data.objects.get(line.character)
        if obj is None:
            continue
        try:
            character = find_character(obj, context.view_layer)
            found = level(pipeline.listen(decode(sound_of_file(line.sound))))
        except LipSyncError:
            continue
        heard.setdefault(character.name, (character, []))[1].append(found)
        spoken.setdefault(character.name, []).append(line)
    levels = {}
    for name, (character, found_levels) in heard.items():
        levels[name], before = median(found_levels), usual_level(character)
        _holder(character).labial_level = levels[name]
        if usual_level(character) != before:
            for line in spoken[name]:
                line.status, line.note = WAITING, "its character's voice was learned anew"
    return levels


def _holder(character: Character) -> bpy.types.Object:
    return bpy.data.objects[character.armature or character.meshes[0]]
