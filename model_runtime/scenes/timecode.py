"""Times as sheets write them, as seconds."""

from __future__ import annotations

import re


def seconds(text: str, fps: float = 24.0) -> float:
    """A time as seconds. Raises ValueError.

    12.5, 12,5, 12.5s, 500ms, 120f (frames), mm:ss.mmm, hh:mm:ss.mmm, SMPTE hh:mm:ss:ff, and hh:mm:ss;ff, which drops
    frame numbers as SMPTE ST 12-1 does at 29.97 and 59.94.
    """
    given = text.strip().lower().replace(",", ".")
    if match := re.fullmatch(r"(\d+):(\d+):(\d+)([:;])(\d+)", given):
        hours, minutes, whole, frame = (int(match[k]) for k in (1, 2, 3, 5))
        return _smpte(hours, minutes, whole, frame, fps, dropping=match[4] == ";")
    if match := re.fullmatch(r"(?:(\d+):)?(\d+):(\d+(?:\.\d*)?)", given):
        hours, minutes, rest = int(match[1] or 0), int(match[2]), float(match[3])
        if rest >= 60 or (match[1] and minutes >= 60):
            raise ValueError("minutes and seconds end at 59")
        return hours * 3600 + minutes * 60 + rest
    if match := re.fullmatch(r"(\d+(?:\.\d*)?|\.\d+)\s*(s|sec|ms|f|)", given):
        return float(match[1]) / {"ms": 1000.0, "f": fps}.get(match[2], 1.0)
    raise ValueError("it is not written as a time")


def _smpte(hours: int, minutes: int, whole: int, frame: int, fps: float, *, dropping: bool) -> float:
    nominal = round(fps)
    if minutes >= 60 or whole >= 60 or frame >= nominal:
        raise ValueError(f"at {fps:g} frames a second, frames end at {nominal - 1}, minutes and seconds at 59")
    frames = ((hours * 60 + minutes) * 60 + whole) * nominal + frame
    if dropping and nominal % 30 == 0:
        past = hours * 60 + minutes
        frames -= nominal // 15 * (past - past // 10)
    return frames / fps
