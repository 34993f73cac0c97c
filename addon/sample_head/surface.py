"""The skin of the sample head as a signed distance field: soft unions of spheres, ellipsoids and capsules.

Units are millimetres; the head looks along -Y, Z is up, the neck's base is at z = 0. The field is symmetric in x.
Distance formulas: Inigo Quilez, "Distance functions" and "Smooth minimum" (iquilezles.org).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]

EYE_CENTRE = np.array([35.0, -63.5, 183.0])
"""Centre of the character's left eyeball."""
EYE_RADIUS = 25.0


def _ellipsoid(points: Points, centre: tuple[float, float, float], radii: tuple[float, float, float]) -> Points:
    offset = points - np.asarray(centre)
    inner = np.linalg.norm(offset / np.asarray(radii), axis=-1)
    outer = np.linalg.norm(offset / np.square(radii), axis=-1)
    return inner * (inner - 1.0) / np.maximum(outer, 1e-9)


def _capsule(
    points: Points, start: tuple[float, float, float], end: tuple[float, float, float], radius: tuple[float, float]
) -> Points:
    a, b = np.asarray(start), np.asarray(end)
    along = np.clip((points - a) @ (b - a) / np.dot(b - a, b - a), 0.0, 1.0)
    return np.linalg.norm(points - a - along[:, None] * (b - a), axis=-1) - (
        radius[0] + (radius[1] - radius[0]) * along
    )


def _join(a: Points, b: Points, softness: float) -> Points:
    """Union with a fillet of about `softness` mm."""
    blend = np.maximum(softness - np.abs(a - b), 0.0) / softness
    return np.minimum(a, b) - blend**2 * softness * 0.25


def _carve(a: Points, b: Points, softness: float) -> Points:
    """`a` without `b`, with a soft edge."""
    return -_join(-a, b, softness)


def distance(points: Points) -> Points:
    """Approximate signed distance [n] of points [n, 3] to the skin, negative inside."""
    p = points.copy()
    p[:, 0] = np.abs(p[:, 0])
    skull = _ellipsoid(p, (0, 12, 207), (87, 97, 91))
    face = _ellipsoid(p, (0, -16, 152), (66, 74, 80))
    d = _join(skull, face, 44)
    d = _join(d, _ellipsoid(p, (40, -60, 145), (29, 29, 26)), 26)
    d = _join(d, _ellipsoid(p, (35, -44, 119), (24, 29, 25)), 26)
    d = _join(d, _capsule(p, (46, -6, 116), (12, -60, 90), (16, 15)), 34)
    d = _join(d, _ellipsoid(p, (0, -68, 89), (21, 22, 17)), 18)
    d = _join(d, _ellipsoid(p, (0, -72, 121), (36, 26, 25)), 22)
    d = _join(d, _capsule(p, (0, 22, -6), (0, 14, 110), (42, 38)), 20)
    d = _carve(d, _ellipsoid(p, (35, -106, 191), (23, 17, 14)), 26)
    d = _join(d, _capsule(p, (14, -88, 213), (52, -68, 212), (8, 7)), 26)
    d = _join(d, np.linalg.norm(p - EYE_CENTRE, axis=-1) - (EYE_RADIUS + 0.6), 14)
    d = _join(d, _capsule(p, (0, -88, 200), (0, -108, 160), (2.5, 6)), 15)
    d = _join(d, np.linalg.norm(p - [0, -113, 156.5], axis=-1) - 12.0, 9)
    d = _join(d, np.linalg.norm(p - [11.5, -102, 153], axis=-1) - 7.2, 8)
    return _carve(d, _capsule(p, (0, -112, 140), (0, -108, 129), (2.0, 2.4)), 9)


def gradient(points: Points) -> Points:
    """Central-difference gradient [n, 3] of the field."""
    step = 0.4
    offsets = np.concatenate([np.eye(3), -np.eye(3)]) * step
    values = distance((points[None] + offsets[:, None]).reshape(-1, 3)).reshape(6, -1)
    return ((values[:3] - values[3:]) / (2 * step)).T


def normals(points: Points) -> Points:
    """Unit outward normals [n, 3] of the skin near `points`."""
    slope = gradient(points)
    return slope / np.maximum(np.linalg.norm(slope, axis=-1, keepdims=True), 1e-9)


def project(points: Points, steps: int = 2) -> Points:
    """Points moved onto the skin by damped Newton steps along the gradient."""
    moved = points.copy()
    for _ in range(steps):
        slope = gradient(moved)
        length = np.maximum(np.sum(slope**2, axis=-1), 0.25)
        step = np.clip(distance(moved) / length, -8.0, 8.0)
        moved -= step[:, None] * slope
    return moved


def cast(origins: Points, directions: Points, reach: float = 180.0) -> Points:
    """The outermost skin point [n, 3] on each ray from `origins` along unit `directions`, marching inwards."""
    travel = np.full(len(origins), reach)
    for _ in range(36):
        travel = np.maximum(travel - 0.9 * distance(origins + travel[:, None] * directions), 0.0)
    return origins + travel[:, None] * directions


def front(x: Points, z: Points) -> Points:
    """The frontmost skin points [n, 3] at the given x and z."""
    origins = np.stack([x, np.zeros_like(x), z], axis=-1)
    return cast(origins, np.broadcast_to([0.0, -1.0, 0.0], origins.shape))
