"""Formats of drawn mouths, one shape at a time: Moho and Papagayo switch data, Spine's attachments, Rhubarb's table."""

from __future__ import annotations

import json
from math import ceil, floor

from .cues import cues
from .motion import Motion

_CONTACTS = ("MBP", "FV")
"""Shapes that a drawing tool must show, however short they are."""


def encode_moho(motion: Motion) -> bytes:
    """MohoSwitch1: a 1-based frame and a Preston Blair shape a line."""
    lines = [f"{1 + frame} {shape}" for frame, shape in _drawn(motion)]
    return ("\n".join(["MohoSwitch1", *lines]) + "\n").encode()


def encode_spine(motion: Motion) -> bytes:
    """Skeleton JSON of Spine with one animation: attachments of the slot `mouth`, named as Preston Blair's shapes."""
    rows = [{"time": round(frame / motion.fps, 4), "name": shape} for frame, shape in _drawn(motion)]
    data = {
        "skeleton": {"spine": "4.2.0"},
        "bones": [{"name": "root"}],
        "slots": [{"name": "mouth", "bone": "root"}],
        "animations": {motion.title: {"slots": {"mouth": {"attachment": rows}}}},
    }
    return json.dumps(data, ensure_ascii=False, indent=1).encode()


def _drawn(motion: Motion) -> list[tuple[int, str]]:
    """(frame from 0, Preston Blair shape) of every change.

    Of two shapes that begin in one frame the later is shown; but after a contact, on the next frame.
    """
    rows: dict[int, str] = {}
    for cue in cues(motion.speech, "preston_blair"):
        frame = floor(cue.start * motion.fps + 1e-6)
        while rows.get(frame) in _CONTACTS and rows[frame] != cue.viseme:
            frame += 1
        rows[frame] = cue.viseme
    rows.setdefault(ceil(motion.speech.duration * motion.fps - 1e-6), "rest")
    changes: list[tuple[int, str]] = []
    for frame, shape in sorted(rows.items()):
        if not changes or shape != changes[-1][1]:
            changes.append((frame, shape))
    return changes


def encode_rhubarb(motion: Motion) -> bytes:
    """The second at which each shape A-H or X begins; the last line ends the last one."""
    found = cues(motion.speech, "rhubarb")
    lines = [f"{cue.start:.2f}\t{cue.viseme}" for cue in found] + [f"{motion.speech.duration:.2f}\tX"]
    return ("\n".join(lines) + "\n").encode()
