"""Formats of drawn mouths, one shape at a time: Moho and Papagayo switch data, Rhubarb's table."""

from __future__ import annotations

from math import ceil, floor

from .cues import cues
from .motion import Motion

_CONTACTS = ("MBP", "FV")
"""Shapes that a drawing tool must show, however short they are."""


def encode_moho(motion: Motion) -> bytes:
    """MohoSwitch1: a 1-based frame and a Preston Blair shape a line.

    Of two shapes that begin in one frame the later is shown; but after a contact, on the next frame.
    """
    rows: dict[int, str] = {}
    for cue in cues(motion.speech, "preston_blair"):
        frame = 1 + floor(cue.start * motion.fps + 1e-6)
        while rows.get(frame) in _CONTACTS and rows[frame] != cue.viseme:
            frame += 1
        rows[frame] = cue.viseme
    rows.setdefault(1 + ceil(motion.speech.duration * motion.fps - 1e-6), "rest")
    lines, shown = ["MohoSwitch1"], ""
    for frame, shape in sorted(rows.items()):
        if shape != shown:
            lines.append(f"{frame} {shape}")
        shown = shape
    return ("\n".join(lines) + "\n").encode()


def encode_rhubarb(motion: Motion) -> bytes:
    """The second at which each shape A-H or X begins; the last line ends the last one."""
    found = cues(motion.speech, "rhubarb")
    lines = [f"{cue.start:.2f}\t{cue.viseme}" for cue in found] + [f"{motion.speech.duration:.2f}\tX"]
    return ("\n".join(lines) + "\n").encode()
