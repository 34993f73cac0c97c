"""The square around the mouth that follows the head: everything new is made in it, and goes back from it.

Points of the square are pixels, 0, 0 its upper left corner, pixel k covering k to k + 1.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..contracts import Float32
from . import face_points
from .head import Head
from .picture_square import Picture, Square, sample

SIDE = 1.5
"""Side of the square in distances of the eyes: wider than the jaw."""
BELOW = 0.12
"""How far its middle lies below that of the lips, in distances of the eyes: the chin falls."""
SIZES = (128, 256, 512)
"""Pixels across that are used."""
SHARP = -0.5
"""Of the cubic convolution: Catmull and Rom's, which keeps edges (Keys 1981)."""


@dataclass(frozen=True)
class Crop:
    """The square of every frame: centre a point in head coordinates, side `size` pixels.

    lower float32 [t, len(LOWER), 2] and nose [t, len(NOSE), 2] are the plate's own points in pixels of the square.
    """

    head: Head
    centre: complex
    size: int
    lower: Float32
    nose: Float32

    @classmethod
    def around(cls, landmarks: Float32, size: int | None = None) -> Crop:
        """Around the mouth of landmarks [t, 478, 3] in pixels; without a size, the least that loses no pixel."""
        head = Head.of(landmarks)
        lower, nose = (head.to_head(landmarks[:, list(at)]) for at in (face_points.LOWER, face_points.NOSE))
        x, y = np.nanmedian(lower[:, : len(face_points.OUTER_LIPS)].mean(1), axis=0)
        side = SIDE * float(np.nanmedian(np.abs(head.turn)))
        size = size or next((size for size in SIZES if size >= side), SIZES[-1])
        found = cls(head, complex(x, y + BELOW), size, lower, nose)
        return cls(head, found.centre, size, found.from_head(lower), found.from_head(nose))

    def from_head(self, points: Float32) -> Float32:
        """Points [..., 2] in head coordinates in pixels of the square."""
        middle = np.array([self.centre.real, self.centre.imag], np.float32)
        return ((points - middle) / np.float32(SIDE) + np.float32(0.5)) * np.float32(self.size)

    def square(self, frame: int) -> Square:
        """Where it lies in the plate."""
        turn = self.head.turn[frame]
        middle = self.head.place[frame] + turn * self.centre
        return Square(middle.real, middle.imag, SIDE * abs(turn), float(np.angle(turn)))

    def cut(self, picture: Picture, frame: int) -> Float32:
        """The square of a frame, float32 [size, size, 3], 0-255."""
        square = self.square(frame)
        if square.side > self.size:
            return sample(picture, square, self.size)
        along = (np.arange(self.size, dtype=np.float32) + np.float32(0.5)) / np.float32(self.size)
        at = square.to_picture(np.stack(np.meshgrid(along, along), axis=-1))
        return cubic(picture, at[..., 0], at[..., 1])

    def paste(self, picture: Picture, frame: int, new: Float32, mask: Float32) -> tuple[Picture, npt.NDArray[np.uint8]]:
        """The frame with new [size, size, 3] in it where mask [size, size] is, 0-1; and its matte [h, w], 0-255.

        What is outside of the matte is not touched.
        """
        square, (height, width) = self.square(frame), picture.shape[:2]
        corners = square.to_picture(np.array([[0, 0], [0, 1], [1, 0], [1, 1]], np.float32))
        left, top = np.clip(np.floor(corners.min(0)).astype(int), 0, [width, height])
        right, bottom = np.clip(np.ceil(corners.max(0)).astype(int) + 1, 0, [width, height])
        rows, columns = np.mgrid[top:bottom, left:right].astype(np.float32) + np.float32(0.5)
        flat = (columns - square.x + 1j * (rows - square.y)) * np.exp(-1j * square.angle) / square.side
        x, y = ((part + 0.5).astype(np.float32) * self.size for part in (flat.real, flat.imag))
        inside = (x > 0) & (x < self.size) & (y > 0) & (y < self.size)
        share = np.where(inside, linear(mask[..., None], x, y)[..., 0], 0)
        matte = np.zeros((height, width), np.uint8)
        matte[top:bottom, left:right] = np.rint(share * 255)
        at = np.nonzero(matte[top:bottom, left:right])
        result = picture.copy()
        part = result[top:bottom, left:right]
        weight = (matte[top:bottom, left:right][at] / np.float32(255))[:, None]
        mixed = part[at] + weight * (cubic(new, x[at], y[at]) - part[at])
        part[at] = np.clip(np.rint(mixed), 0, 255)
        return result, matte


def cubic(picture: npt.NDArray[np.generic], x: Float32, y: Float32) -> Float32:
    """picture [h, w, c] at points x, y [...] by cubic convolution (Keys 1981), float32 [..., c]; its edge goes on."""
    (column, across), (row, down) = _taps(x, picture.shape[1]), _taps(y, picture.shape[0])
    padded = np.pad(picture, ((1, 2), (1, 2), (0, 0)), mode="edge")  # each of the 16 pixels: a step from the first one
    width = padded.shape[1]
    first = row * width + column
    result = np.empty((*x.shape, picture.shape[2]), np.float32)
    for channel in range(picture.shape[2]):
        plane = padded[..., channel].astype(np.float32).ravel()
        result[..., channel] = sum(
            sum(plane[width * k + j :].take(first) * share for j, share in enumerate(across)) * line
            for k, line in enumerate(down)
        )
    return result


def _taps(at: Float32, end: int) -> tuple[npt.NDArray[np.intp], tuple[Float32, ...]]:
    """The last pixel along an axis before each point, and the weights of four: from the one before that on."""
    at = np.clip(at - np.float32(0.5), 0, end - 1)
    first = np.minimum(at.astype(np.intp), max(0, end - 2))
    t, a = (at - first).astype(np.float32), np.float32(SHARP)
    outer, inner = 1 + t, 1 - t
    weights = (
        ((a * outer - 5 * a) * outer + 8 * a) * outer - 4 * a,
        ((a + 2) * t - (a + 3)) * t * t + 1,
        ((a + 2) * inner - (a + 3)) * inner * inner + 1,
        ((a * (inner + 1) - 5 * a) * (inner + 1) + 8 * a) * (inner + 1) - 4 * a,
    )
    return first, weights


def linear(picture: npt.NDArray[np.generic], x: Float32, y: Float32) -> Float32:
    """picture [h, w, c] at points x, y [...], bilinear, float32 [..., c]; its edge goes on."""
    height, width = picture.shape[:2]
    x, y = np.clip(x - np.float32(0.5), 0, width - 1), np.clip(y - np.float32(0.5), 0, height - 1)
    left, top = (np.minimum(at.astype(np.intp), max(0, end - 2)) for at, end in ((x, width), (y, height)))
    across, down = (x - left)[..., None], (y - top)[..., None]
    right, below = np.minimum(left + 1, width - 1), np.minimum(top + 1, height - 1)
    upper = picture[top, left] + (picture[top, right] - picture[top, left]) * across
    lower = picture[below, left] + (picture[below, right] - picture[below, left]) * across
    mixed: Float32 = (upper + (lower - upper) * down).astype(np.float32)
    return mixed
