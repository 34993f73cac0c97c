"""Eyelids of the face, as loops that hug the eyeball, and the eyeballs themselves; millimetres."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .surface import EYE_CENTRE, EYE_RADIUS, distance, project
from .template import Cage, Loop

Array = NDArray[np.float64]

LID_LOOPS = (
    ("fold", 0.0, 1.02), ("hood", 0.28, 1.065), ("lid", 0.6, 1.085), ("margin", 1.0, 1.085), ("rim", 1.06, 1.005),
    ("inside", 0.8, 0.96),
)  # fmt: skip
"""Name, share of the way from fold (0) to opening (1), distance from the eyeball's centre in radii."""
SKIN_LOOPS = 2


def lid_angles(turn: Array, closed: float = 0.0) -> tuple[Array, Array]:
    """Azimuth and elevation (radians from the gaze) of the left eye's opening at loop angle `turn`; closed 0 or 1."""
    rise = np.sin(turn)
    azimuth = np.radians(51.0 * np.cos(turn) + 1.5)
    opened = np.where(rise > 0, np.radians(28.5), np.radians(33.5)) * np.sign(rise) * np.abs(rise) ** 0.9
    shut = np.radians(-14.0) * np.cos(0.5 * np.pi * np.cos(turn)) + np.radians(0.6) * np.sign(rise)
    return azimuth, opened + closed * (shut - opened)


def on_ball(azimuth: Array, elevation: Array, radius: float | Array) -> Array:
    """Offsets [n, 3] from the eye's centre; azimuth turns to +X, elevation rises, (0, 0) is the gaze."""
    flat = np.cos(elevation)
    unit = np.stack([np.sin(azimuth) * flat, -np.cos(azimuth) * flat, np.sin(elevation)], -1)
    return unit * np.asarray(radius)[..., None] if np.ndim(radius) else unit * radius


def loop_turns(count: int, side: float) -> Array:
    """Loop angle of each column, from the outer corner over the upper lid; loops run anticlockwise from +X."""
    turn = 2 * np.pi * np.arange(count) / count
    return turn if side > 0 else np.pi - turn


def lid_points(turn: Array, share: float, radii: float, closed: float = 0.0) -> Array:
    """Offsets from the left eye's centre of the lid at `share` of the way from the fold to the opening."""
    fold = np.radians(61.0 + 4.0 * np.cos(turn) + 4.0 * np.sin(turn))
    fold_azimuth, fold_elevation = fold * np.cos(turn), fold * np.sin(turn)
    azimuth, elevation = lid_angles(turn, closed)
    return on_ball(
        fold_azimuth + share * (azimuth - fold_azimuth),
        fold_elevation + share * (elevation - fold_elevation),
        radii * EYE_RADIUS,
    )


def add_eyelids(cage: Cage, rim: Loop, side: float, skin: int) -> dict[str, Loop]:
    """Fill the opened block `rim` with an eye's lids; `side` is 1 for the character's left. Loops by name."""
    centre = EYE_CENTRE * [side, 1.0, 1.0]
    flip = np.array([side, 1.0, 1.0])
    turn = loop_turns(len(rim), side)
    outer = np.asarray([cage.points[k] for k in rim])
    loops: dict[str, Loop] = {}
    previous = rim
    first = centre + flip * lid_points(turn, LID_LOOPS[0][1], LID_LOOPS[0][2])
    for n in range(SKIN_LOOPS):
        points = outer + (n + 1) / (SKIN_LOOPS + 1) * (first - outer)
        loops[f"skin{n}"] = cage.add(project(points))
        cage.bridge(previous, loops[f"skin{n}"], skin)
        previous = loops[f"skin{n}"]
    for name, share, radii in LID_LOOPS:
        points = centre + flip * lid_points(turn, share, radii)
        if name in ("fold", "hood"):  # below the eye the cheek may bury the lid's root: let it lie flush
            buried = (distance(points) < 0.0) * np.clip(0.5 - 1.8 * np.sin(turn), 0.0, 1.0)
            points = points + buried[:, None] * (project(points) - points)
        loops[name] = cage.add(points)
        cage.bridge(previous, loops[name], skin)
        previous = loops[name]
    return loops


SCLERA, LIMBUS, IRIS, PUPIL, GLINT = range(5)
"""Material slots of the eyes."""
IRIS_ANGLE, PUPIL_ANGLE = 34.0, 17.0
DIVERGENCE = 3.5
"""Degrees by which each eye looks outwards: wide-set round eyes seem to squint without it."""


def build_eyes() -> tuple[Cage, dict[str, Array]]:
    """Both eyeballs with iris, pupil and catch-light, and the gaze keys as displacements [n, 3]."""
    cage = Cage()
    ends = [0]
    for side in (1.0, -1.0):
        centre = EYE_CENTRE * [side, 1.0, 1.0]
        start = len(cage.points)
        _add_eyeball(cage, centre)
        cage.points[start:] = [*(_turned(np.asarray(cage.points[start:]) - centre, side * DIVERGENCE, 0.0) + centre)]
        ends.append(len(cage.points))
    points = np.asarray(cage.points)
    keys = {}
    for index, (name, side) in enumerate((("Left", 1.0), ("Right", -1.0))):
        part = slice(ends[index], ends[index + 1])
        centre = EYE_CENTRE * [side, 1.0, 1.0]
        for direction, (yaw, pitch) in GAZES.items():
            moved = np.zeros_like(points)
            moved[part] = _turned(points[part] - centre, side * yaw, pitch) + centre - points[part]
            keys[f"eyeLook{direction}{name}"] = moved
    return cage, keys


GAZES = {"Up": (0.0, 18.0), "Down": (0.0, -20.0), "In": (-24.0, 0.0), "Out": (24.0, 0.0)}
"""Yaw towards the character's left (for the left eye) and pitch upwards, degrees."""


def _turned(offsets: Array, yaw: float, pitch: float) -> Array:
    a, b = np.radians(yaw), np.radians(pitch)
    about_z = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
    about_x = np.array([[1, 0, 0], [0, np.cos(b), np.sin(b)], [0, -np.sin(b), np.cos(b)]])
    return offsets @ (about_z @ about_x).T


def _add_eyeball(cage: Cage, centre: Array) -> None:
    """A sphere of rings round the gaze; the iris is a shallow dish, the catch-light a disc that floats above it."""
    turn = 2 * np.pi * np.arange(24) / 24
    previous: Loop = []
    rings = (
        (176.0, SCLERA, 1.0), (150, SCLERA, 1.0), (120, SCLERA, 1.0), (92, SCLERA, 1.0), (70, SCLERA, 1.0),
        (54, SCLERA, 1.0), (42, SCLERA, 1.0), (IRIS_ANGLE + 1, SCLERA, 1.0), (IRIS_ANGLE, LIMBUS, 0.997),
        (IRIS_ANGLE - 3.5, LIMBUS, 0.99), (IRIS_ANGLE - 7, IRIS, 0.975), (PUPIL_ANGLE + 1, IRIS, 0.965),
        (PUPIL_ANGLE, PUPIL, 0.965), (PUPIL_ANGLE / 2, PUPIL, 0.97),
    )  # fmt: skip
    for degrees, slot, radii in rings:
        loop = cage.add(centre + _ring(turn, degrees, radii))
        if previous:
            cage.bridge(previous, loop, slot)
        previous = loop
    cage.fill(previous, 8, 4, PUPIL)
    for azimuth, pitch, size in ((-11.0, 13.0, 6.0), (12.0, -12.0, 2.6)):
        spot = _turned(_ring(turn[::2], size, 0.996), azimuth, pitch)
        loop = cage.add(centre + spot)
        cage.fill(loop, 4, 2, GLINT)


def _ring(turn: Array, degrees: float, radii: float) -> Array:
    angle = np.radians(degrees)
    unit = np.stack(
        [np.sin(angle) * np.cos(turn), np.full_like(turn, -np.cos(angle)), np.sin(angle) * np.sin(turn)], -1
    )
    return unit * radii * EYE_RADIUS
