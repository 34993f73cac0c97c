"""Fine detail: how sharp an area is, how grainy, and bringing back what bending and painting take away."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from ..contracts import Float32

GREY = np.array([0.299, 0.587, 0.114], np.float32)
MOST_SHARPENED = 0.6
"""How much of what is finer than its neighbours' mean is added at most."""
MOST_GRAIN = 6.0
"""Levels of grain that are put back at most."""
MEDIAN_TO_DEVIATION = 1.4826
"""Of a normal distribution."""
LEAST_PIXELS = 64


def sharpness(picture: Float32, area: Float32) -> float:
    """Deviation of the grey Laplacian (four neighbours) of a picture [n, n, 3] over an area [n, n], levels."""
    return _deviation(laplacian(picture @ GREY), area)


def laplacian(grey: Float32) -> Float32:
    """Of a picture [n, n]: [n - 2, n - 2]."""
    found: Float32 = grey[1:-1, 2:] + grey[1:-1, :-2] + grey[2:, 1:-1] + grey[:-2, 1:-1] - 4 * grey[1:-1, 1:-1]
    return found


def _deviation(values: Float32, area: Float32) -> float:
    inside = area[1:-1, 1:-1] > 0.5
    return float(values[inside].std()) if inside.any() else 0.0


def sharpened(picture: Float32, area: Float32, wanted: float) -> Float32:
    """picture [n, n, 3] as sharp in an area [n, n] as `wanted`, if it is softer: an unsharp mask of 3 x 3 pixels."""
    rows, columns = np.flatnonzero(area.any(1)), np.flatnonzero(area.any(0))
    if not len(rows):
        return picture
    near = tuple(slice(max(0, along[0] - 2), along[-1] + 3) for along in (rows, columns))
    part, share = picture[near], area[near]
    missing = wanted - sharpness(part, share)
    if missing <= 0:
        return picture
    fine = part - _blurred(part)
    gain = sharpness(fine, share)
    amount = np.float32(min(MOST_SHARPENED, missing / max(gain, 1e-3)))
    result = picture.copy()
    result[near] = np.clip(part + amount * share[..., None] * fine, 0, 255)
    return result


def _blurred(picture: Float32) -> Float32:
    """The mean of 3 x 3 pixels with binomial weights; the edge goes on."""
    for axis in (0, 1):
        padded = np.concatenate([picture.take([0], axis), picture, picture.take([-1], axis)], axis)
        count = picture.shape[axis]
        left, middle, right = (padded.take(range(k, k + count), axis) for k in range(3))
        picture = (left + 2 * middle + right) / np.float32(4)
    return picture


def grain(picture: Float32, where: npt.NDArray[np.bool_]) -> float:
    """Deviation of the grain in an area [n, n], levels: of what is finer than all neighbours (Immerkær 1996), by its
    median, so that edges do not count."""
    grey = picture @ GREY
    rows = grey[:-2] - 2 * grey[1:-1] + grey[2:]
    fine = (rows[:, :-2] - 2 * rows[:, 1:-1] + rows[:, 2:]) / 6
    return MEDIAN_TO_DEVIATION * float(np.median(np.abs(fine[where[1:-1, 1:-1]])))


def grained(new: Float32, plate: Float32, face: Float32, lips: Float32, frame: int) -> Float32:
    """new [n, n, 3] with as much grain on its skin as the plate's has; levels. frame: each has other grain.

    face, lips [n, n], 0-1: what is new, and of that, what is not skin.
    """
    skin = (face > 0.9) & (lips == 0)
    if skin[1:-1, 1:-1].sum() < LEAST_PIXELS:
        return new
    missing = min(MOST_GRAIN, float(np.sqrt(max(0.0, grain(plate, skin) ** 2 - grain(new, skin) ** 2))))
    noise = np.random.default_rng(frame).standard_normal(new.shape[:2], np.float32) * np.float32(missing)
    result: Float32 = np.clip(new + (face * noise)[..., None], 0, 255)
    return result
