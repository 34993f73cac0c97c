"""One line a file in the formats that hold curves or drawings alone: a character's baked keys, or its mouth track."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from ..model_runtime import delivery, track_file
from ..model_runtime.acting.articulate import articulate
from ..model_runtime.contracts import MouthTrack, Style, frozen_array
from ..model_runtime.errors import first_of
from ..model_runtime.export.clip import Clip
from ..model_runtime.export.compare import Comparison
from ..model_runtime.export.formats import FORMATS, Engine
from ..model_runtime.export.motion import Motion
from ..model_runtime.export.reread import READ_BY, compare_file
from ..model_runtime.speech_data import from_text
from . import keyframes
from .export_check import check_vrma
from .export_scene import ExportError

_STANDARD = ("livelink", "ovr", "vrma", "live2d")
"""Formats whose readers know the names of one standard alone."""
_MOST = 0.5
"""Share of the moving keys that must be of a standard, or the line's mouth track is written instead."""


def write_curves(
    clip: Clip, action: Any, names: Mapping[str, str], engine: Engine, path: Path, tolerance: float
) -> tuple[str, Comparison, tuple[str, ...]]:
    """Writes a line; returns who read it again, what came of it, and what is worth knowing. Raises LipSyncError."""
    if engine.id == "mouth":
        track_file.write(mouth_track(action), path)
        return "Labial's own reader", Comparison(clip.name, duration=track_file.read(path).duration, fps=100.0), ()
    motion, notes = _motion(clip, action, names, engine)
    motion = replace(motion, tolerance=tolerance * engine.scale)
    delivery.write_whole(FORMATS[engine.id](motion), path)
    if engine.id == "vrma":
        return "Blender's glTF importer", check_vrma(path, motion), notes
    return READ_BY[engine.id], compare_file(path.read_bytes(), engine.id, motion), notes


def mouth_track(action: Any) -> MouthTrack:
    """The motion of a line's mouth, of no character."""
    mark = action[keyframes.MARK]
    return articulate(from_text(mark["speech"]), Style(**json.loads(mark["acting"])))


def _motion(clip: Clip, action: Any, names: Mapping[str, str], engine: Engine) -> tuple[Motion, tuple[str, ...]]:
    """What the format's encoder takes, and notes: keys of this character where the format can say them."""
    track = mouth_track(action)
    if not engine.rig:
        return delivery.motion(track, engine, clip.name, clip.fps), ()
    moving = {
        name: values for weights in clip.weights.values()
        for name, values in zip(weights.names, weights.values.T, strict=True) if np.ptp(values) > 0.0
    }  # fmt: skip
    notes = _bones_left(clip, engine)
    if engine.id in _STANDARD:
        known = {name: own for name in moving if (own := delivery.as_in(engine.rig, name))}
        if len(known) < _MOST * len(moving) or not moving:
            note = f"{engine.title} was made from the line's mouth track: the character's keys are not of {engine.rig}."
            return delivery.motion(track, engine, clip.name, clip.fps), (note,)
        names = {name: engine.spelled(own) for name, own in known.items()}
        moving = {name: moving[name] for name in known}
    if not moving:
        raise ExportError(
            f"The line “{clip.line}” moves bones alone, and {engine.title} holds shape keys. Export glTF or FBX."
        )
    columns = np.round(np.stack(list(moving.values()), axis=1).astype(np.float64), 6) * engine.scale
    spelled = tuple(names.get(name, name) for name in moving)
    carried = {
        mesh: frozenset(names.get(name, name) for name in weights.names)
        for mesh, weights in clip.weights.items() if weights.moves
    }  # fmt: skip
    paths = tuple(carried) if engine.path else ("",)
    speech = delivery.speech(track)
    return Motion(clip.name, spelled, frozen_array(columns), clip.fps, speech, paths, carried), notes


def _bones_left(clip: Clip, engine: Engine) -> tuple[str, ...]:
    if not clip.bones:
        return ()
    return (
        f"{engine.title} holds shape keys alone: the bones {first_of(list(clip.bones))} are not in it. "
        "glTF and FBX have them.",
    )
