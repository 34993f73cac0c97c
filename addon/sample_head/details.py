"""Ears and brows (islands of the face), hair and collar; millimetres."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from . import surface
from .template import Cage

Array = NDArray[np.float64]

EAR_RINGS = (
    (0.5, -15.0), (0.7, -4.0), (0.95, 0.5), (1.02, 4.5), (0.95, 7.5), (0.8, 7.2), (0.64, 3.2), (0.4, 1.2), (0.2, 0.8),
)  # fmt: skip
"""Radius (share of the ear's outline) and distance from the head along the ear's axis."""


def add_ears(cage: Cage, slot: int) -> None:
    """Simple cupped ears, mirrored."""
    turn = 2 * np.pi * np.arange(16) / 16
    for side in (1.0, -1.0):
        centre = np.array([82.0, 10.0, 164.0])
        axis = np.array([0.70, -0.70, 0.05])
        axis /= np.linalg.norm(axis)
        up = np.array([0.1, 0.18, 1.0])
        up -= axis * (up @ axis)
        up /= np.linalg.norm(up)
        back = np.cross(up, axis)
        loops = []
        for share, out in EAR_RINGS:
            width = share * (17.0 + 3.0 * np.sin(turn))
            points = (
                centre + axis * out + back * 8.0
                + np.cos(turn)[:, None] * width[:, None] * -back
                + np.sin(turn)[:, None] * share * 27.0 * up
            )  # fmt: skip
            points = points * [side, 1.0, 1.0]
            loop = cage.add(points)
            loops.append(loop if side > 0 else [loop[0], *loop[:0:-1]])
        for outer, inner in pairwise(loops):
            cage.bridge(outer, inner, slot)
        cage.fill(loops[-1], 4, 4, slot)


def add_brows(cage: Cage, slot: int) -> None:
    """Tapered brows that lie on the skin above the eyes."""
    share = np.linspace(0.0, 1.0, 8)
    x = 13.0 + 46.0 * share
    z = 212.5 + 9.0 * np.sin(np.pi * (0.10 + 0.80 * share**1.1)) - 1.0 * share
    path = surface.front(x, z)
    normal = surface.normals(path)
    path = path + 0.9 * normal
    along = np.gradient(path, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    size = np.interp(share, [0.0, 0.12, 0.35, 0.8, 1.0], [0.55, 0.95, 1.0, 0.62, 0.2])[:, None]
    across = np.cross(normal, along)
    for side in (1.0, -1.0):
        flip = np.array([side, 1.0, 1.0])
        if side > 0:
            cage.tube(path, across * 4.3 * size, -normal * 2.6 * size, slot)
        else:
            cage.tube(path * flip, across * 4.3 * size * flip, normal * 2.6 * size * flip, slot)


def build_hair() -> Cage:
    """A solid cap of hair in soft locks, swept from a parting on the character's right."""
    cage = Cage()
    columns = 64
    turn = 2 * np.pi * np.arange(columns) / columns
    wrapped = np.where(turn > np.pi, turn - 2 * np.pi, turn)
    pole = np.array([0.0, 18.0, 200.0])
    reach = np.radians(_hairline(np.degrees(wrapped)))
    loops = []
    for share, thick in HAIR_RINGS:
        swirl = turn + 0.55 * (1.0 - share)
        tilt = share * reach
        direction = np.stack([np.sin(tilt) * np.sin(swirl), -np.sin(tilt) * np.cos(swirl), np.cos(tilt)], -1)
        skin = surface.cast(np.broadcast_to(pole, direction.shape), direction)
        fade = min(share * 1.5, 1.0)
        locks = 1.0 + 0.55 * fade * (np.abs(np.sin(4.5 * turn + 0.6)) ** 0.7 - 0.6)
        sweep = np.exp(-(((wrapped - 0.15) / 0.75) ** 2)) * share**2
        out = thick * locks * (1.0 + 0.75 * sweep)
        loops.append(cage.add(skin + direction * out[:, None]))
    for outer, inner in pairwise(loops):
        cage.bridge(outer, inner, 0)
    cage.fill(loops[-1], 16, 16, 0)
    return cage


HAIR_RINGS = (
    (0.95, -4.0), (1.0, 1.5), (1.03, 8.0), (0.98, 12.5), (0.88, 14.0), (0.76, 14.0), (0.62, 13.5), (0.46, 13.0),
    (0.3, 13.0), (0.15, 13.0),
)  # fmt: skip
"""Share of the way from the crown to the hairline, millimetres above the skin."""


def _hairline(azimuth: Array) -> Array:
    """Degrees from the crown at which the hair ends, by degrees from the front (positive: character's left)."""
    left = np.interp(azimuth, [0, 20, 42, 60, 72, 92, 120, 180], [66, 69, 73, 86, 100, 97, 116, 124])
    right = np.interp(-azimuth, [0, 14, 26, 45, 60, 72, 92, 120, 180], [66, 60, 55, 63, 82, 100, 97, 116, 124])
    return np.where(azimuth >= 0, left, right)


COLLAR = (
    (35, 34), (42, 42), (47, 45), (53, 44), (56, 37), (53, 30), (51, 27), (57, 23), (68, 14), (78, 4), (82, -6),
    (78, -12), (60, -14),
)  # fmt: skip
"""Radius and height of the sweater's outline, from the neck to the base."""


def build_collar() -> Cage:
    """The neck and shoulder piece of a sweater, on which the head stands."""
    cage = Cage()
    turn = 2 * np.pi * np.arange(32) / 32
    loops = []
    for radius, height in COLLAR:
        wide = 1.0 + 0.0045 * max(radius - 53.0, 0.0)
        x, y = radius * wide * np.sin(turn), 19.0 - radius * np.cos(turn) / wide
        lean = 0.1 * np.clip(height / 30.0, 0.0, 1.0)  # the collar is lower in front, the base is level
        loops.append(cage.add(np.stack([x, y, height - 3.0 - lean * (19.0 - y)], -1)))
    for inner, outer in pairwise(loops):
        cage.bridge(outer, inner, 0)
    cage.fill(loops[-1][::-1], 8, 8, 0)
    return cage
