"""The fine grain of film and codec: how much there is, and putting back what painting took away."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..contracts import Float32
from .coarse import Coarse

GREY = np.array([0.299, 0.587, 0.114], np.float32)
MOST = 6.0
"""Levels of grain that are put back at most."""
MEDIAN_TO_DEVIATION = 1.4826
"""Of a normal distribution."""


def _fine(picture: Float32) -> Float32:
    """What of a picture [n, n, 3] is finer than its neighbours' mean [n - 2, n - 2], grey (Immerkær 1996)."""
    grey = picture @ GREY
    rows = grey[:-2] - 2 * grey[1:-1] + grey[2:]
    fine: Float32 = (rows[:, :-2] - 2 * rows[:, 1:-1] + rows[:, 2:]) / 6
    return fine


def detail(picture: Float32, where: npt.NDArray[np.bool_]) -> float:
    """Deviation of the fine structure in an area [n, n], levels."""
    return float(np.sqrt(np.mean(_fine(picture)[where[1:-1, 1:-1]] ** 2)))


def _noise(picture: Float32, where: npt.NDArray[np.bool_]) -> float:
    """Deviation of the grain in an area, levels: the median, so that edges do not count."""
    return MEDIAN_TO_DEVIATION * float(np.median(np.abs(_fine(picture)[where[1:-1, 1:-1]])))


def restored(new: Float32, plate: Float32, painted: Coarse, frame: int) -> Float32:
    """new [n, n, 3] with as much grain on its skin as the plate's has; levels. frame: each has other grain."""
    skin = (painted.face > 0.9) & (painted.outer == 0)
    if skin[1:-1, 1:-1].sum() < 64:
        return new
    wanted, found = _noise(plate, skin), _noise(new, skin)
    missing = min(MOST, float(np.sqrt(max(0.0, wanted**2 - found**2))))
    noise = np.random.default_rng(frame).standard_normal(new.shape[:2], np.float32) * np.float32(missing)
    result: Float32 = np.clip(new + (painted.face * noise)[..., None], 0, 255)
    return result
