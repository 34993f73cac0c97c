"""Teeth and tongue of the sample head; millimetres, built round the mouth line."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from .mouth import LINE_HEIGHT, lips_front
from .template import Cage

Array = NDArray[np.float64]
ENAMEL, GUM = 0, 1
"""Material slots of the teeth."""
TOOTH_WIDTHS = (8.6, 7.2, 7.4, 7.2, 7.6)
ARCH_BEND, ARCH_TURN = 0.009, 1.6e-5
"""Depth of the dental arch: y = bend * x^2 + turn * x^4; flat behind the lips, then round."""


def build_teeth(upper: bool) -> Cage:
    """One row of teeth in its gum."""
    cage = Cage()
    scale, front = (1.0, 4.4) if upper else (0.9, 6.8)
    edge, root = (LINE_HEIGHT - 2.2, LINE_HEIGHT + 8.5) if upper else (LINE_HEIGHT - 1.6, LINE_HEIGHT - 11.0)
    start = lips_front() + front
    x = 0.0
    for width in TOOTH_WIDTHS:
        width *= scale
        x_centre = _arch_step(x, 0.5 * width)
        for side in (1.0, -1.0):
            _add_tooth(cage, side * x_centre, start, 0.5 * width, edge, root)
        x = _arch_step(x, width)
    span = np.linspace(-x, x, 19)
    path = np.stack([span, start + (3.6 if upper else 4.6) + _arch(span), np.full_like(span, root)], -1)
    path[[0, -1], 1] += 1.0
    along = np.gradient(path, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    up = np.broadcast_to([0.0, 0.0, 1.0], path.shape)
    taper = np.where(np.abs(span) >= x, 0.4, 1.0)[:, None]
    cage.tube(path, np.cross(up, along) * 4.1 * taper, up * 4.6 * taper, GUM)
    return cage


def _arch(x: Array | float) -> Array:
    return np.asarray(ARCH_BEND * np.square(x) + ARCH_TURN * np.square(np.square(x)))


def _slope(x: float) -> float:
    return 2 * ARCH_BEND * x + 4 * ARCH_TURN * x**3


def _arch_step(x: float, length: float) -> float:
    """The x that lies `length` further along the arch."""
    return x + length / float(np.hypot(1.0, _slope(x + 0.4 * length)))


def _add_tooth(cage: Cage, x: float, start: float, half: float, edge: float, root: float) -> None:
    """A rounded block (superellipsoid), wider at the biting edge, turned along the arch."""
    slope = _slope(x)
    along = np.array([1.0, slope, 0.0]) / np.hypot(1.0, slope)
    inwards = np.array([-along[1], along[0], 0.0])
    centre = np.array([x, start + float(_arch(x)), 0.5 * (edge + root)]) + 3.4 * inwards
    reach = 0.5 * (root - edge)
    turn = np.arange(12) * np.pi / 6
    loops = []
    for tilt in np.radians([-72, -45, -15, 15, 45, 72]):
        flat = np.sign(np.cos(tilt)) * np.abs(np.cos(tilt)) ** 0.35
        u = flat * np.sign(np.cos(turn)) * np.abs(np.cos(turn)) ** 0.55
        v = flat * np.sign(np.sin(turn)) * np.abs(np.sin(turn)) ** 0.75
        w = np.sign(tilt) * np.abs(np.sin(tilt)) ** 0.6
        wide, thick = half * (1.0 - 0.05 * w), 3.3 + 0.8 * w
        ring = centre + u[:, None] * wide * along + v[:, None] * thick * inwards
        ring[:, 2] += w * reach
        loops.append(cage.add(ring))
    ordered = loops if root > edge else [loop[::-1] for loop in loops]
    for outer, inner in pairwise(ordered):
        cage.bridge(outer, inner, ENAMEL)
    cage.fill(ordered[-1], 4, 2, ENAMEL)
    cage.fill(ordered[0][::-1], 4, 2, ENAMEL)


def build_tongue() -> tuple[Cage, dict[str, Array]]:
    """The tongue at rest and its shape keys as displacements [n, 3]."""
    rest = _tongue({})
    return rest, {
        name: np.asarray(_tongue(pose).points) - np.asarray(rest.points) for name, pose in TONGUE_POSES.items()
    }


TONGUE_POSES: Mapping[str, Mapping[str, float]] = {
    "tongueOut": {"out": 36.0, "tip": 4.0, "droop": 8.0, "blade": 5.0},
    "viseme_TH": {"out": 27.0, "tip": 11.0, "blade": 5.0, "thin": 0.45},
    "viseme_DD": {"out": 3.0, "tip": 13.0, "blade": 5.0, "thin": 0.2},
    "viseme_nn": {"out": 2.5, "tip": 13.0, "blade": 6.0, "thin": 0.2},
    "viseme_kk": {"out": -5.0, "back": 12.0, "tip": -1.0},
    "viseme_SS": {"out": 0.5, "tip": 3.0, "blade": 4.0},
    "viseme_CH": {"out": -2.0, "tip": 4.0, "blade": 5.5},
    "viseme_RR": {"out": -6.0, "tip": 9.0, "blade": 2.0, "back": 3.0},
    "viseme_aa": {"out": -1.0, "back": 2.0, "blade": 4.0},
    "viseme_E": {"out": 0.5, "blade": 5.0},
    "viseme_I": {"out": 1.0, "blade": 6.0, "back": 3.0},
    "viseme_O": {"out": -6.0, "back": 6.0, "blade": 1.0},
    "viseme_U": {"out": -9.0, "back": 6.0, "blade": -3.0, "tip": -3.0},
}
"""Millimetres: out forwards at the tip; tip, blade, back raised; droop of the part beyond the lips; thin 0-1."""


def _tongue(pose: Mapping[str, float]) -> Cage:
    """A flattened tube from the root to the tip with a groove along its top."""
    cage = Cage()
    front = lips_front()
    u = np.array([0.0, 0.14, 0.28, 0.42, 0.55, 0.67, 0.78, 0.87, 0.94, 0.985])
    tip, blade = np.clip((u - 0.55) / 0.45, 0, 1) ** 1.6, np.exp(-(((u - 0.68) / 0.2) ** 2))
    back = np.exp(-(((u - 0.3) / 0.22) ** 2))
    y = front + 56.0 - 41.0 * u - pose.get("out", 0.0) * np.clip((u - 0.1) / 0.9, 0, 1)
    z = LINE_HEIGHT - 8.0 + 3.0 * np.sin(np.pi * np.clip(u, 0, 1)) - 8.0 * (1 - u) ** 4
    z = z + pose.get("tip", 0.0) * tip + pose.get("blade", 0.0) * blade + pose.get("back", 0.0) * back
    z = z - pose.get("droop", 0.0) * np.clip((u - 0.75) / 0.25, 0, 1) ** 1.5
    path = np.stack([np.zeros_like(u), y, z], -1)
    along = np.gradient(path, axis=0)
    along /= np.linalg.norm(along, axis=1, keepdims=True)
    side = np.broadcast_to([-1.0, 0.0, 0.0], path.shape)
    up = np.cross(along, side)
    half = 17.0 * np.sqrt(np.clip(1.0 - u**6, 0.02, 1.0)) * (0.82 + 0.18 * np.sin(np.pi * u))
    thick = 6.2 * np.sqrt(np.clip(1.0 - u**5, 0.06, 1.0)) * (1.0 - pose.get("thin", 0.0) * u)
    made = np.asarray(cage.tube(path, side * half[:, None], up * thick[:, None], 0))
    groove = made[: 8 * len(u)].reshape(len(u), 8)[:, 2]
    for vertex, direction, depth in zip(groove, up, thick, strict=True):
        cage.points[vertex] = cage.points[vertex] - 0.34 * depth * direction
    return cage
