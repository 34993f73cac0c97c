"""A turned square of a picture, sampled to the size that a network wants."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..contracts import Float32

SAMPLES = 4
"""Pixels across that are averaged at most, evenly spread over what becomes one."""

Picture = npt.NDArray[np.uint8]


@dataclass(frozen=True)
class Square:
    """Centre x, y and side in pixels, the picture's corner being 0, 0; angle in radians, clockwise as one sees it."""

    x: float
    y: float
    side: float
    angle: float = 0.0

    def to_picture(self, points: Float32) -> Float32:
        """Points [..., 2] in shares of the square, 0, 0 its upper left corner, to pixels of the picture."""
        cosine, sine = math.cos(self.angle), math.sin(self.angle)
        turn = np.array([[cosine, sine], [-sine, cosine]], np.float32) * np.float32(self.side)
        return (points - np.float32(0.5)) @ turn + np.array([self.x, self.y], np.float32)

    def scaled(self, factor: float) -> Square:
        """The square around the same centre with another side."""
        return Square(self.x, self.y, self.side * factor, self.angle)


def sample(picture: Picture, square: Square, size: int, black: bool = False) -> Float32:
    """The square as float32 [size, size, 3], 0-255, bilinear; pixels are averaged first where it shrinks twofold.

    picture: uint8 [h, w, 3]. black: what lies outside of the picture is black, otherwise its edge goes on.
    """
    x, y = _grid(square, size)
    height, width = picture.shape[:2]
    pool = max(1, int(square.side / size))
    low = np.clip([int(x.min()) - pool - 1, int(y.min()) - pool - 1], 0, [width - 1, height - 1])
    high = np.clip([int(x.max()) + pool + 2, int(y.max()) + pool + 2], low + 1, [width, height])
    pool = min(pool, *(high - low))
    skip, pool = max(1, pool // SAMPLES), min(pool, SAMPLES)
    high = low + (high - low) // (skip * pool) * (skip * pool)
    first = low + skip // 2
    part: npt.NDArray[np.generic] = picture[first[1] : high[1] : skip, first[0] : high[0] : skip]
    if pool > 1:
        rows = np.add.reduceat(part, np.arange(0, len(part), pool), axis=0, dtype=np.float32)
        part = np.add.reduceat(rows, np.arange(0, rows.shape[1], pool), axis=1) / np.float32(pool**2)
    half = np.float32(0.5)
    left, top = low.astype(np.float32)
    sampled = _bilinear(part, (x - left) / (skip * pool) - half, (y - top) / (skip * pool) - half)
    if black:
        sampled *= ((x >= 0) & (x <= width) & (y >= 0) & (y <= height))[..., None]
    return sampled


def _grid(square: Square, size: int) -> tuple[Float32, Float32]:
    """Where the centres of the sampled pixels lie in the picture: x [size, size], y [size, size]."""
    along = ((np.arange(size) + 0.5) / size - 0.5) * square.side
    cosine, sine = ((along * turn).astype(np.float32) for turn in (math.cos(square.angle), math.sin(square.angle)))
    x, y = np.float32(square.x), np.float32(square.y)
    return cosine[None, :] - sine[:, None] + x, sine[None, :] + cosine[:, None] + y


def _bilinear(part: npt.NDArray[np.generic], x: Float32, y: Float32) -> Float32:
    """part [h, w, 3] at x, y [n, n]; whole numbers are centres of pixels; the edge goes on outside."""
    height, width = part.shape[:2]
    x, y = np.clip(x, 0, width - 1), np.clip(y, 0, height - 1)
    left, top = (np.minimum(at.astype(np.intp), max(0, end - 2)) for at, end in ((x, width), (y, height)))
    across, down = x - left, y - top
    first, right, below = top * width + left, min(1, width - 1), width * min(1, height - 1)
    corners = (first, first + right, first + below, first + below + right)
    sampled = np.empty((*x.shape, 3), np.float32)
    for colour in range(3):  # plane by plane: three times as fast as with the colours in the last axis
        plane = part[..., colour].astype(np.float32).ravel()
        a, b, c, d = (plane.take(corner) for corner in corners)
        upper, lower = a + (b - a) * across, c + (d - c) * across
        sampled[..., colour] = upper + (lower - upper) * down
    return sampled
