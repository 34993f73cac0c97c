"""Mouths that are drawn: one drawing at a time, held for whole frames, chosen by a number."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np

from ..contracts import FRAME_RATE, VISEMES, FrameClock, KeyTrack, KeyTracks, MouthTrack, Target, frozen_array
from ..errors import TrackFileError
from .keys import contact_frames

SCHEMA = "labial-cutout/1"
CUTOUTS = Path(__file__).parents[2] / "presets" / "cutouts"
SHORTEST = 2
"""Frames that a drawing is seen at least; contacts may be shorter."""


@dataclass(frozen=True)
class Drawings:
    """A set of drawings in their order, and which of them shows a viseme: `of` viseme -> number from 0."""

    title: str
    names: tuple[str, ...]
    of: Mapping[str, int]


def load_drawings(folder: Path = CUTOUTS) -> dict[str, Drawings]:
    """All sets by title. Raises TrackFileError naming a damaged file."""
    return {drawings.title: drawings for drawings in map(_read, sorted(folder.glob("*.json")))}


def drawn(track: MouthTrack, clock: FrameClock, drawings: Drawings, target: Target, first: int = 0) -> KeyTracks:
    """Stepped keys of the number of the drawing, one wherever it changes. first: the number of the first drawing.

    Each frame shows the viseme that leads in its middle, contacts their own; what would flash for fewer than
    `SHORTEST` frames is left out.
    """
    begin = int(np.floor(clock.frame(0.0)))
    last = int(np.ceil(clock.frame((len(track.values) - 1) / FRAME_RATE)))
    frames = np.arange(begin, last + 1)
    samples = np.clip((frames + 0.5 - clock.start) / clock.rate * FRAME_RATE, 0, len(track.values) - 1).astype(int)
    shown = [drawings.of[VISEMES[i]] for i in track.values[samples, : len(VISEMES)].argmax(axis=1)]
    held = contact_frames(track.contacts, clock, begin, last)
    fixed = {frame - begin: drawings.of["PP" if contact.kind == "closure" else "FF"] for frame, contact in held}
    for i, number in fixed.items():
        shown[i] = number
    at = 0
    for _, run in groupby(list(shown)):
        length = len(list(run))
        flashes = length < SHORTEST and not any(i in fixed for i in range(at, at + length))
        if flashes and at:
            shown[at : at + length] = [shown[at - 1]] * length
        at += length
    changes = [0, *(i for i in range(1, len(shown)) if shown[i] != shown[i - 1])]
    co = np.array([[frames[i], first + shown[i]] for i in changes], dtype=np.float32)
    handles = np.column_stack([co[:, 0] - 1.0, co[:, 1], co[:, 0] + 1.0, co[:, 1]])
    return KeyTracks((KeyTrack(target, frozen_array(co), frozen_array(handles)),), held, clock, 0.0, stepped=True)


def _read(path: Path) -> Drawings:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if data["schema"] != SCHEMA:
            raise ValueError(f"its schema is {data['schema']}, not {SCHEMA}")
        names = tuple(data["drawings"])
        return Drawings(data["title"], names, {v: names.index(data["visemes"][v]) for v in VISEMES})
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TrackFileError(f"The drawings of {path.name} cannot be used: {error}. Delete or repair it.") from error
