"""Sounds and subtitles of dialogue in the sequencer: added for lines, and followed by mouths."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aud
import bpy

from . import compat, keyframes, placement
from .dialogue import actions_of_line
from .line_list import title

if TYPE_CHECKING:
    from .properties import LabialLine


def add_sounds(scene: bpy.types.Scene) -> int:
    """A sound strip for every line that has none yet, and a text strip where its words are known. Returns how many."""
    there = {strip.name for strip in compat.sound_strips(scene)}
    rate, added = scene.render.fps / scene.render.fps_base, 0
    for line in scene.labial.lines:
        path = bpy.path.abspath(line.sound)
        if title(line) in there or not Path(path).is_file() or line.frames:
            continue
        frames = max(1, round(_seconds(path) * rate))
        compat.add_sound_strip(scene, title(line), path, round(line.start), frames)
        if line.transcript:
            name = compat.subtitle_name(title(line))
            compat.add_text_strip(scene, name, line.transcript, round(line.start), frames)
        added += 1
    return added


def _seconds(path: str) -> float:
    """Length of a sound; 0 if it cannot be read."""
    try:
        sound = aud.Sound(path)
        return float(sound.length / sound.specs[0])
    except (aud.error, ZeroDivisionError):
        return 0.0


def follow_sounds(scene: bpy.types.Scene) -> int:
    """Moves the mouths and subtitles of lines whose sound strip was moved, by whole frames. Returns how many lines."""
    moved = 0
    with placement.lifted(scene):
        for line in scene.labial.lines:
            shift = moved_by(scene, line)
            if not shift:
                continue
            for action in actions_of_line(line):
                for strip in placement.strips_of(action):
                    strip.frame_end, strip.frame_start = strip.frame_end + shift, strip.frame_start + shift
            for strip in compat.strips_named(scene, title(line)):
                if strip.type == "TEXT":
                    compat.move_strip(strip, shift)
            line.start += shift
            moved += 1
    return moved


def moved_by(scene: bpy.types.Scene, line: LabialLine) -> int:
    """Frames by which a line's sound strip begins later than the line itself; 0 if it has none."""
    strips = [s for s in compat.sound_strips(scene) if s.name in (title(line), line.name)]
    return round(compat.strip_start(strips[0]) - line.start) if strips else 0


def frames_of(line: LabialLine, rate: float) -> float:
    """Length of a line's sound in frames, as it was heard; 0 if the line was not made."""
    made: list[Any] = actions_of_line(line)
    return float(json.loads(made[0][keyframes.MARK]["speech"])["duration"]) * rate if made else 0.0
