"""A turned square of a picture, sampled to the size that a network wants."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..contracts import Float32

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
    grid = (np.arange(size, dtype=np.float32) + np.float32(0.5)) / size
    points = square.to_picture(np.stack(np.meshgrid(grid, grid), -1))
    height, width = picture.shape[:2]
    low = np.clip(np.floor(points.min((0, 1))).astype(int) - 2, 0, [width - 1, height - 1])
    high = np.clip(np.ceil(points.max((0, 1))).astype(int) + 2, low + 1, [width, height])
    pool = max(1, min(int(square.side / size), *(high - low)))
    high = low + (high - low) // pool * pool
    part = picture[low[1] : high[1], low[0] : high[0]]
    if pool > 1:
        rows = np.add.reduceat(part, np.arange(0, len(part), pool), axis=0, dtype=np.float32)
        part = np.add.reduceat(rows, np.arange(0, rows.shape[1], pool), axis=1) / np.float32(pool * pool)
    sampled = _bilinear(part, (points - low.astype(np.float32)) / np.float32(pool) - np.float32(0.5))
    if black:
        inside = np.all((points >= 0) & (points <= np.array([width, height], np.float32)), axis=-1)
        sampled *= inside[..., None]
    return sampled


def _bilinear(part: npt.NDArray[np.generic], points: Float32) -> Float32:
    """part [h, w, 3] at points [..., 2] (x, y, whole numbers are centres of pixels); the edge goes on outside."""
    height, width = part.shape[:2]
    x, y = (np.clip(points[..., axis], 0, end - 1) for axis, end in ((0, width), (1, height)))
    left, top = (np.minimum(at.astype(np.int32), max(0, end - 2)) for at, end in ((x, width), (y, height)))
    across, down = (x - left)[..., None], (y - top)[..., None]
    flat, first = part.reshape(-1, 3), top * width + left
    right, below = min(1, width - 1), width * min(1, height - 1)
    upper = flat[first] * (1 - across) + flat[first + right] * across
    lower = flat[first + below] * (1 - across) + flat[first + below + right] * across
    sampled: Float32 = (upper * (1 - down) + lower * down).astype(np.float32)
    return sampled
