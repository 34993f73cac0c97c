"""The mouth track as a file (*.mouth.json): where other tools, exporters and the plate pass start."""

from __future__ import annotations

import json
import os
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from .contracts import CHANNELS, FRAME_RATE, Contact, MouthTrack, Style, VisemeEvent, frozen_array
from .errors import TrackFileError

SCHEMA = "labial-mouth/1"


def write(track: MouthTrack, path: str | Path) -> None:
    """Writes a track; the file is there whole or not at all. Raises TrackFileError if it cannot be written."""
    path = Path(path)
    content = json.dumps(as_data(track), ensure_ascii=False, separators=(",", ":"))
    try:
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            part = Path(folder) / path.name
            part.write_text(content, encoding="utf-8")
            os.replace(part, path)
    except OSError as error:
        raise TrackFileError(
            f"The track {path} cannot be written: {error}. Free some space or choose another folder."
        ) from error


def read(path: str | Path) -> MouthTrack:
    """Reads a track. Raises TrackFileError naming the file and what is wrong with it."""
    path = Path(path)
    try:
        return from_data(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TrackFileError(
            f"The mouth track {path.name} cannot be read: {error}. Make it again from the sound."
        ) from error


def as_data(track: MouthTrack) -> dict[str, Any]:
    """The track as plain values, weights rounded to 1/10000 and times to 1/10 ms."""
    return {
        "schema": SCHEMA,
        "frame_rate": FRAME_RATE,
        "duration": round(track.duration, 4),
        "style": asdict(track.style),
        "channels": list(CHANNELS),
        "values": np.round(track.values.astype(np.float64), 4).tolist(),
        "events": [_rounded(asdict(event)) for event in track.events],
        "contacts": [_rounded(asdict(contact)) for contact in track.contacts],
    }


def from_data(data: dict[str, Any]) -> MouthTrack:
    """The reverse of `as_data`. Raises ValueError, KeyError or TypeError on anything else."""
    if data["schema"] != SCHEMA:
        raise ValueError(f"its schema is {data['schema']}, this version reads {SCHEMA}")
    if data["channels"] != list(CHANNELS) or data["frame_rate"] != FRAME_RATE:
        raise ValueError("its channels or frame rate are not those of a mouth track")
    values = frozen_array(data["values"])
    if values.ndim != 2 or values.shape[1] != len(CHANNELS) or not np.isfinite(values).all():
        raise ValueError("its values are not numbers in one row a frame")
    return MouthTrack(
        values=values,
        events=tuple(VisemeEvent(**event) for event in data["events"]),
        contacts=tuple(Contact(**contact) for contact in data["contacts"]),
        duration=float(data["duration"]),
        style=Style(**data["style"]),
    )


def _rounded(values: dict[str, Any]) -> dict[str, Any]:
    return {name: round(v, 4) if isinstance(v, float) else v for name, v in values.items()}
