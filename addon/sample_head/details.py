"""Ears and brows (islands of the face), hair and collar; millimetres."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from . import surface
from .template import Cage

Array = NDArray[np.float64]

EAR_RINGS = ((0.5, -9.0), (0.72, -3.0), (0.95, 0.5), (1.02, 4.5), (0.95, 7.5), (0.8, 7.2), (0.64, 3.2), (0.4, 1.2), (0.2, 0.8))
"""Radius (share of the ear's outline) and distance from the head along the ear's axis."""


def add_ears(cage: Cage, slot: int) -> None:
    """Simple cupped ears, mirrored."""
    turn = 2 * np.pi * np.arange(16) / 16
    for side in (1.0, -1.0):
        centre = np.array([79.0, 8.0, 166.0])
        axis = np.array([0.82, -0.5, 0.05])
        axis /= np.linalg.norm(axis)
        up = np.array([0.1, 0.18, 1.0])
        up -= axis * (up @ axis)
        up /= np.linalg.norm(up)
        back = np.cross(up, axis)
        loops = []
        for share, out in EAR_RINGS:
            width = share * (15.0 + 2.5 * np.sin(turn))
            points = (
                centre + axis * out - back * 3.0
                + np.cos(turn)[:, None] * width[:, None] * -back
                + np.sin(turn)[:, None] * share * 23.0 * up
            )  # fmt: skip
            points = points * [side, 1.0, 1.0]
            loop = cage.add(points)
            loops.append(loop if side > 0 else loop[::-1])
        for outer, inner in zip(loops[:-1], loops[1:], strict=True):
            cage.bridge(outer, inner, slot)
        cage.fill(loops[-1], 4, 4, slot)


def add_brows(cage: Cage, slot: int) -> None:
    """Tapered brows that lie on the skin above the eyes."""
    share = np.linspace(0.0, 1.0, 8)
    x = 13.0 + 46.0 * share
    z = 215.0 + 7.5 * np.sin(np.pi * share**0.8) - 4.5 * share
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
    """A solid cap of hair with soft locks, swept to the character's left."""
    cage = Cage()
    columns = 48
    turn = 2 * np.pi * np.arange(columns) / columns
    pole = np.array([0.0, 18.0, 200.0])
    reach = np.radians(_hairline(np.degrees(np.where(turn > np.pi, turn - 2 * np.pi, turn))))
    loops = []
    for share, thick in HAIR_RINGS:
        tilt = share * reach
        direction = np.stack([np.sin(tilt) * np.sin(turn), -np.sin(tilt) * np.cos(turn), np.cos(tilt)], -1)
        skin = surface.cast(np.broadcast_to(pole, direction.shape), direction)
        locks = 1.0 + 0.22 * np.sin(9 * turn + 3.2 * share) * min(share * 1.6, 1.0)
        volume = 1.0 + 0.5 * np.exp(-(((turn - 0.35) / 0.6) ** 2)) * share
        loops.append(cage.add(skin + direction * (thick * locks * volume)[:, None]))
    for outer, inner in zip(loops[:-1], loops[1:], strict=True):
        cage.bridge(outer, inner, 0)
    cage.fill(loops[-1], 12, 12, 0)
    return cage


HAIR_RINGS = ((0.97, -3.0), (1.0, 2.0), (1.01, 7.0), (0.97, 10.5), (0.88, 11.5), (0.76, 11.0), (0.62, 10.5), (0.46, 10.0), (0.3, 10.0), (0.15, 10.0))
"""Share of the way from the crown to the hairline, millimetres above the skin."""


def _hairline(azimuth: Array) -> Array:
    """Degrees from the crown at which the hair ends, by degrees from the front."""
    spread = np.abs(azimuth)
    return np.interp(spread, [0, 25, 48, 62, 75, 95, 120, 180], [55, 56, 64, 84, 96, 97, 116, 124])


def build_collar() -> Cage:
    """A rolled collar round the neck's base."""
    cage = Cage()
    turn = 2 * np.pi * np.arange(24) / 24
    section = np.radians(np.arange(0, 360, 45))
    loops = []
    for a in turn:
        out = np.array([np.sin(a), -np.cos(a), 0.0])
        points = [0, 20, 8] + out * (47.0 + 9.0 * np.cos(section)[:, None]) + np.sin(section)[:, None] * np.array([0, 0, 13.0])
        loops.append(cage.add(points))
    for k in range(len(loops)):
        cage.bridge(loops[k], loops[(k + 1) % len(loops)], 0)
    return cage
