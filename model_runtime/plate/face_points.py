"""Which of the 478 landmarks lie where on the face, and what is measured on them.

"Left" and "right" are the person's own. Landmarks are float32 [..., 478, 3]: x and y in pixels, z in the same scale,
smaller towards the camera.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..contracts import Float32
from .picture_square import Square

RIGHT_EYE, LEFT_EYE = 33, 263
"""Outer corners of the eyes."""
UPPER_LIP, LOWER_LIP, RIGHT_CORNER, LEFT_CORNER = 13, 14, 78, 308
"""Middles of the inner rims of the lips, and the inner corners of the mouth."""
FOREHEAD, CHIN = 10, 152
STEADY = (8, 9, 151, 168, 6, 197, 195, 33, 133, 362, 263, 127, 356, 10)
"""Points that speech hardly moves: forehead, bridge of the nose, corners of the eyes, temples."""
OUTER_LIPS = (
    61, 185, 40, 39, 37, 0, 267, 269, 270, 409, 291, 375, 321, 405, 314, 17, 84, 181, 91, 146,
)  # fmt: skip
INNER_LIPS = (
    78, 191, 80, 81, 82, 13, 312, 311, 310, 415, 308, 324, 318, 402, 317, 14, 87, 178, 88, 95,
)  # fmt: skip
AROUND_MOUTH = (
    18, 83, 313, 200, 199, 175, 171, 396, 201, 421, 194, 418, 204, 424, 202, 422, 211, 431, 210, 430, 212, 432, 214,
    434, 216, 436, 207, 427, 206, 426, 205, 425, 92, 322, 165, 391, 167, 393, 164,
)  # fmt: skip
"""Skin of chin, cheeks and upper lip: what a hand before the mouth hides."""
JAW = (
    177, 215, 132, 58, 172, 136, 150, 149, 176, 148, 152, 377, 400, 378, 379, 365, 397, 288, 361, 401, 435,
)  # fmt: skip
"""The edge of the jaw from the person's right ear to the left one, by way of the chin."""
LOWER = (*OUTER_LIPS, *INNER_LIPS, *JAW, *AROUND_MOUTH)
"""The lower face: what a new line moves."""
NOSE = (1, 2, 94, 98, 327, 48, 278, 129, 358, 50, 280, 101, 330)
"""Nose and cheekbones beside it: what lies within the square around the mouth and is not moved."""
MASKED = (*OUTER_LIPS, *AROUND_MOUTH, 172, 136, 150, 149, 176, 148, 152, 377, 400, 378, 379, 365, 397)
"""What a new mouth covers: mouth, chin, jaw and lower cheeks, up to the base of the nose."""
ABOVE_MOUTH = (9, 151, 6, 197, 195, 5)
"""Skin of forehead and nose: what it does not hide."""


class Angles(NamedTuple):
    """How a head is held, in degrees; all 0: it looks into the camera.

    yaw: positive towards the picture's right; pitch: positive downwards; roll: clockwise as one sees it.
    """

    yaw: float
    pitch: float
    roll: float


def eye_distance(points: Float32) -> Float32:
    """Pixels between the outer corners of the eyes [...], in depth as well, so that turning does not shorten it."""
    distance: Float32 = np.linalg.norm(points[..., LEFT_EYE, :] - points[..., RIGHT_EYE, :], axis=-1)
    return distance


def opening(points: Float32) -> Float32:
    """Distance of the inner rims of the lips [...] over that of the eyes."""
    gap: Float32 = np.linalg.norm(points[..., UPPER_LIP, :2] - points[..., LOWER_LIP, :2], axis=-1)
    return gap / eye_distance(points)


def mouth_width(points: Float32) -> Float32:
    """Pixels between the corners of the mouth [...]."""
    width: Float32 = np.linalg.norm(points[..., 291, :2] - points[..., 61, :2], axis=-1)
    return width


def angles(points: Float32) -> Angles:
    """How the head of [478, 3] is held, from the plane through the eyes, the forehead and the chin."""
    across, down = points[LEFT_EYE] - points[RIGHT_EYE], points[CHIN] - points[FOREHEAD]
    right = across / max(1e-6, float(np.linalg.norm(across)))
    towards = np.cross(across, down)  # away from the camera where the face looks into it
    away = towards / max(1e-6, float(np.linalg.norm(towards)))
    yaw = np.degrees(np.arctan2(-away[0], np.hypot(away[1], away[2])))
    pitch = np.degrees(np.arctan2(-away[1], away[2]))
    return Angles(float(yaw), float(pitch), float(np.degrees(np.arctan2(right[1], right[0]))))


def square_of(points: Float32, margin: float) -> Square:
    """The square around a face [478, 3], upright along its eyes; side: that of all points times `margin`."""
    low, high = points[:, :2].min(0), points[:, :2].max(0)
    across = points[LEFT_EYE, :2] - points[RIGHT_EYE, :2]
    (x, y), side = (low + high) / 2, float((high - low).max()) * margin
    return Square(float(x), float(y), side, float(np.arctan2(across[1], across[0])))
