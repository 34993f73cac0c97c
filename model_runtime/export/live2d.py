"""Live2D motion (.motion3.json): the mouth's parameters of Cubism as straight lines between keys.

From the five vowels of VRM: ParamA to ParamO for models that have them, ParamMouthOpenY (0-1) and ParamMouthForm (-1
round to 1 wide) for all others.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from math import ceil, floor

import numpy as np

from ..phones import VISEME_OF
from .motion import Motion

VOWELS = {"aa": "ParamA", "ih": "ParamI", "ou": "ParamU", "ee": "ParamE", "oh": "ParamO"}
"""Expression of VRM -> parameter of Cubism."""
_OPEN = {"aa": 1.0, "ih": 0.3, "ou": 0.25, "ee": 0.5, "oh": 0.7}
"""How far each vowel opens the mouth, and how wide (1) or round (-1) it makes it: ours, as Cubism states none."""
_FORM = {"aa": 0.0, "ih": 0.7, "ou": -1.0, "ee": 1.0, "oh": -0.7}


def encode(motion: Motion) -> bytes:
    """All seven curves, each with the keys that it needs."""
    values = motion.values.astype(np.float64)
    opening = _mix(motion, _OPEN, 0.0)
    for phone in motion.speech.phones:
        if VISEME_OF[phone.symbol] == "PP":  # VRM has no closed lips: a round vowel stays round
            first, last = ceil(phone.start * motion.fps), floor(phone.end * motion.fps)
            middle = round(0.5 * (phone.start + phone.end) * motion.fps)
            opening[min(first, middle) : max(last, middle) + 1] = 0.0
    mixed = {"ParamMouthOpenY": opening, "ParamMouthForm": _mix(motion, _FORM, -1.0)}
    columns = {**mixed, **{VOWELS[name]: values[:, i] for i, name in enumerate(motion.names) if name in VOWELS}}
    curves = [{"Target": "Parameter", "Id": name, "Segments": _segments(motion, row)} for name, row in columns.items()]
    keys = [(len(curve["Segments"]) + 1) // 3 for curve in curves]
    meta = {
        "Duration": round(motion.duration, 6), "Fps": motion.fps, "Loop": False, "AreBeziersRestricted": True,
        "CurveCount": len(curves), "TotalSegmentCount": sum(keys) - len(keys), "TotalPointCount": sum(keys),
        "UserDataCount": 0, "TotalUserDataSize": 0,
    }  # fmt: skip
    return json.dumps({"Version": 3, "Meta": meta, "Curves": curves}, indent=1).encode()


def _mix(motion: Motion, shares: Mapping[str, float], lowest: float) -> np.ndarray:
    weights = np.array([shares.get(name, 0.0) for name in motion.names])
    return np.asarray(np.clip(motion.values.astype(np.float64) @ weights, lowest, 1.0))


def _segments(motion: Motion, row: np.ndarray) -> list[float]:
    """The first point, then 0 (a straight line), time and value of each other."""
    differs = np.diff(row) != 0.0
    frames = np.flatnonzero(np.concatenate([[True], differs]) | np.concatenate([differs, [True]]))
    points = [(round(float(motion.times[k]), 6), round(float(row[k]), 6)) for k in frames]
    return [*points[0], *(part for point in points[1:] for part in (0, *point))]
