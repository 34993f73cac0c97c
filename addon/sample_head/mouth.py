"""The mouth of the face: concentric loops from the skin over the lips and their contact band into the mouth bag.

The upper and the lower lip share the positions of three loops, the contact band. Subdivision moves a vertex of the
middle loop by its neighbours only, which are shared too, so that the closed lips touch exactly at every level.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from . import surface
from .template import Cage, Loop

Array = NDArray[np.float64]

HALF_WIDTH = 28.0
"""Half of the distance between the mouth's corners."""
LINE_HEIGHT = 118.0
LINE_CURVE = 5.2
"""How far the corners lie above the middle of the mouth line at rest."""
UPPER_HEIGHT, LOWER_HEIGHT = 8.5, 10.5
UPPER_FULLNESS, LOWER_FULLNESS = 5.0, 6.0
RISE_POWER = 1.2
"""Spreads the columns: the distance from the corner grows as rise ** RISE_POWER."""
SKIN_LOOPS = 3
LIP_LOOPS = ("edge", "border", "slope", "belly", "crest", "front", "contact", "back")
BAG_LOOPS = ("vestibule", "cheek", "palate", "throat")
VERMILION = ("slope", "belly", "crest", "front", "contact", "back")
"""Loops whose outer ring of faces is lip-coloured."""


@dataclass(frozen=True)
class Columns:
    """The columns of the mouth's loops, anticlockwise from the character's left corner.

    across [k]: -1..1 along the mouth line; side [k]: 1 upper lip, -1 lower lip, 0 corner;
    rise [k]: 0 at a corner, 1 in the middle of a lip.
    """

    across: Array
    side: Array
    rise: Array

    @classmethod
    def of(cls, count: int) -> Columns:
        """`count` must be a multiple of 4."""
        k = np.arange(count)
        half = count // 2
        rise = 1.0 - np.abs(1.0 - (k % half) / (half / 2))
        across = (1.0 - rise**RISE_POWER) * np.where((k < count // 4) | (k > 3 * count // 4), 1.0, -1.0)
        side = np.where(k % half == 0, 0.0, np.where(k < half, 1.0, -1.0))
        return cls(across, side, rise)


def mouth_line(across: Array) -> Array:
    """Points [n, 3] where the closed lips meet, seen from the front; `across` is -1..1."""
    height = LINE_HEIGHT + LINE_CURVE * np.square(across) - 1.0 * np.exp(-((across / 0.3) ** 2))
    skin = surface.front(HALF_WIDTH * across, height)
    skin[:, 1] += 1.0 + 2.4 * np.abs(across) ** 3
    return skin


@cache
def lips_front() -> float:
    """Depth (y) at which the lips meet in the face's middle; teeth and tongue are placed from it."""
    return float(mouth_line(np.zeros(1))[0, 1])


def add_mouth(cage: Cage, rim: Loop, skin: int, lips: int, lining: int) -> tuple[Columns, dict[str, Loop]]:
    """Fill the opened block `rim` with the mouth; returns the columns and the loops by name."""
    columns = Columns.of(len(rim))
    lip = _lip_points(columns)
    outer = np.asarray([cage.points[k] for k in rim])
    loops: dict[str, Loop] = {}
    previous = rim
    for n in range(SKIN_LOOPS):
        fraction = (n + 1) / (SKIN_LOOPS + 1)
        points = outer + fraction * (lip["edge"] - outer)
        loops[f"skin{n}"] = cage.add(surface.project(points))
        cage.bridge(previous, loops[f"skin{n}"], skin)
        previous = loops[f"skin{n}"]
    for name in LIP_LOOPS + BAG_LOOPS:
        loops[name] = cage.add(lip[name] if name in lip else _bag_points(name, columns))
        slot = lips if name in VERMILION else lining if name in BAG_LOOPS else skin
        cage.bridge(previous, loops[name], slot)
        previous = loops[name]
    loops["end"] = cage.fill(previous, 12, 8, lining)
    return columns, loops


def _lip_frames(columns: Columns) -> tuple[Array, Array, Array]:
    """Line points, forward directions and in-surface directions away from the line, each [columns, 3]."""
    line = mouth_line(columns.across)
    forward = surface.normals(surface.project(line))
    forward[:, 2] = 0.0
    forward /= np.linalg.norm(forward, axis=1, keepdims=True)
    sideways = np.cross([0.0, 0.0, 1.0], forward) * np.sign(columns.across)[:, None]
    turn = 0.5 * np.pi * (1.0 - columns.rise) ** 5
    sign = np.where(columns.side == 0.0, 1.0, columns.side)
    up = np.array([0.0, 0.0, 1.0])
    away = np.cos(turn)[:, None] * sign[:, None] * up + np.sin(turn)[:, None] * sideways
    return line, forward, away


def _lip_points(columns: Columns) -> dict[str, Array]:
    """The lip loops' points: a rolled profile whose height and fullness taper to the corners."""
    line, forward, away = _lip_frames(columns)
    s = np.abs(columns.across)
    upper = columns.side > 0
    taper = np.clip(1.0 - s**2.4, 0.0, 1.0)
    bow = 1.0 + 0.16 * np.exp(-(((s - 0.24) / 0.16) ** 2)) - 0.06 * np.exp(-((s / 0.12) ** 2))
    height = np.where(upper, UPPER_HEIGHT * bow, LOWER_HEIGHT) * taper**0.8 + 1.2
    full = np.where(upper, UPPER_FULLNESS, LOWER_FULLNESS) * taper + 0.4
    meeting = 3.0 * taper + 0.2
    profile = {
        "edge": (1.0 * height + 1.5, None),
        "border": (1.0 * height, 0.05 * full),
        "slope": (0.72 * height, 0.62 * full),
        "belly": (0.34 * height, 0.92 * full),
        "crest": (0.09 * height, 0.5 * (0.92 * full + meeting)),
        "front": (0.0 * height, meeting),
        "contact": (0.0 * height, meeting - 2.2),
        "back": (0.0 * height, meeting - 4.6),
    }
    points: dict[str, Array] = {}
    for name, (distance, out) in profile.items():
        base = line + distance[:, None] * away
        if out is None:
            points[name] = surface.project(base)
        elif name in ("border", "slope", "belly", "crest"):
            on_skin = surface.project(base)
            share = np.clip(distance / np.maximum(height, 1e-9), 0.0, 1.0)[:, None]
            points[name] = base + share * (on_skin - base) + out[:, None] * forward
        else:
            points[name] = line + out[:, None] * forward
    return points


def _bag_points(name: str, columns: Columns) -> Array:
    """A loop of the mouth bag: a rounded section of the given half width, rise and fall, at a depth."""
    line = mouth_line(columns.across)
    half, rise, fall, depth, follow = {
        "vestibule": (28.0, 8.0, 8.0, 2.8, 1.0),
        "cheek": (34.0, 19.0, 19.0, 9.0, 0.85),
        "palate": (31.0, 20.0, 22.0, 42.0, 0.3),
        "throat": (20.0, 15.0, 20.0, 64.0, 0.0),
    }[name]
    angle = 0.5 * np.pi * columns.rise
    along, up = np.cos(angle) ** 0.8, np.sin(angle) ** 0.7
    points = np.empty((len(line), 3))
    points[:, 0] = half * along * np.sign(columns.across)
    points[:, 1] = lips_front() + depth + follow * (line[:, 1] - lips_front())
    points[:, 2] = LINE_HEIGHT + up * np.where(columns.side > 0, rise, -fall)
    return points
