"""Live Link Face CSV: a row a frame, a timecode, and the 61 columns of Apple's face capture, 0-1."""

from __future__ import annotations

import csv
import io

from .motion import Motion, plain

_SIDES = ("Left", "Right")
_EYE = ("EyeBlink", "EyeLookDown", "EyeLookIn", "EyeLookOut", "EyeLookUp", "EyeSquint", "EyeWide")
_PAIRS = ("MouthSmile", "MouthFrown", "MouthDimple", "MouthStretch")
_LATER_PAIRS = ("MouthPress", "MouthLowerDown", "MouthUpperUp", "BrowDown")
_TURNS = ("Yaw", "Pitch", "Roll")


def _both(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(name + side for name in names for side in _SIDES)


COLUMNS: tuple[str, ...] = (
    *(name + side for side in _SIDES for name in _EYE),
    "JawForward", "JawLeft", "JawRight", "JawOpen", "MouthClose", "MouthFunnel", "MouthPucker", "MouthLeft",
    "MouthRight", *_both(_PAIRS), "MouthRollLower", "MouthRollUpper", "MouthShrugLower", "MouthShrugUpper",
    *_both(_LATER_PAIRS), "BrowInnerUp", "BrowOuterUpLeft", "BrowOuterUpRight", "CheekPuff", "CheekSquintLeft",
    "CheekSquintRight", "NoseSneerLeft", "NoseSneerRight", "TongueOut",
    *(part + turn for part in ("Head", "LeftEye", "RightEye") for turn in _TURNS),
)  # fmt: skip
"""52 shapes and the turns of head and eyes, which stay 0."""


def encode(motion: Motion) -> bytes:
    """All columns of every frame."""
    column = {name: i for i, name in enumerate(motion.names)}
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("Timecode", "BlendShapeCount", *COLUMNS))
    for frame, row in enumerate(motion.values):
        cells = (plain(row[column[name]]) if name in column else "0" for name in COLUMNS)
        writer.writerow((timecode(frame, round(motion.fps)), len(COLUMNS), *cells))
    return out.getvalue().encode()


def timecode(frame: int, rate: int) -> str:
    """HH:MM:SS:FF.sub, counted without dropped numbers."""
    seconds, part = divmod(frame, rate)
    return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}:{part:02}.000"
