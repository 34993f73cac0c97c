"""Where a new mouth is painted: soft shapes from the points of the face. Masks are float32 [size, size], 0-1."""

from __future__ import annotations

import numpy as np

from ..contracts import Float32
from . import face_points

WIDER, SOFT = 0.04, 0.05
"""How far the mask goes beyond the points, and the width of its edge, in shares of the square."""
LIPS_WIDER = 0.03
BORDER = 1 / 16
"""Share of the square over which every mask fades before its edge."""
OUTER = slice(0, len(face_points.OUTER_LIPS))
INNER = slice(len(face_points.OUTER_LIPS), len(face_points.OUTER_LIPS) + len(face_points.INNER_LIPS))
"""The lips among the points of LOWER."""
MASKED = [face_points.LOWER.index(point) for point in face_points.MASKED]


def face_mask(old: Float32, new: Float32, size: int, lips_only: bool = False) -> Float32:
    """Over both the plate's mouth and the new one, points [len(LOWER), 2] in pixels.

    Mouth, chin, jaw and lower cheeks, for a chin row left standing keeps the old motion; lips_only: for beards.
    """
    chosen = np.arange(OUTER.start, OUTER.stop) if lips_only else MASKED
    outline = hull(np.concatenate([old[chosen], new[chosen]]))
    wider = LIPS_WIDER if lips_only else WIDER
    share = np.clip((inside(outline, size) / size + wider) / SOFT, 0, 1)
    soft: Float32 = (share * share * (3 - 2 * share) * _border(size)).astype(np.float32)
    return soft


def _border(size: int) -> Float32:
    along = np.arange(size, dtype=np.float32) + np.float32(0.5)
    fade = np.clip((np.minimum(along, size - along) - 1) / (BORDER * size), 0, 1)
    both: Float32 = np.minimum(fade[:, None], fade[None])
    return both


def hull(points: Float32) -> Float32:
    """The convex hull [k, 2] of points [n, 2], in order (Andrew's monotone chain)."""
    ordered = sorted(map(tuple, points.tolist()))

    def half(chain: list[tuple[float, ...]]) -> list[tuple[float, ...]]:
        kept: list[tuple[float, ...]] = []
        for x, y in chain:
            while len(kept) > 1 and (
                (kept[-1][0] - kept[-2][0]) * (y - kept[-2][1]) <= (kept[-1][1] - kept[-2][1]) * (x - kept[-2][0])
            ):
                kept.pop()
            kept.append((x, y))
        return kept[:-1]

    return np.array(half(ordered) + half(ordered[::-1]), np.float32)


def inside(outline: Float32, size: int) -> Float32:
    """Pixels inwards from the nearest side of a convex outline [k, 2], negative outside."""
    centres = np.arange(size, dtype=np.float32) + np.float32(0.5)
    sides = np.roll(outline, -1, axis=0) - outline
    normals = np.stack([-sides[:, 1], sides[:, 0]], axis=-1) / np.linalg.norm(sides, axis=-1, keepdims=True)
    depth: Float32 = np.full((size, size), np.inf, np.float32)
    for (x, y), normal in zip(outline, normals, strict=True):
        np.minimum(depth, (centres[:, None] - y) * normal[1] + (centres - x)[None] * normal[0], out=depth)
    return depth


def ring(loop: Float32, size: int) -> Float32:
    """The area in a loop of lip points [20, 2], softened over a pixel: between its upper and its lower rim.

    The loop begins and ends at the person's right corner, and its eleventh point is the left one.
    """
    half = len(loop) // 2
    upper, lower = loop[: half + 1], np.concatenate([loop[half:], loop[:1]])[::-1]
    centres = np.arange(size, dtype=np.float32) + np.float32(0.5)
    columns = (np.interp(centres, _rising(rim[:, 0]), rim[:, 1]) for rim in (upper, lower))
    high, low = (column[None].astype(np.float32) for column in columns)
    across = np.clip(np.minimum(centres - loop[0, 0], loop[half, 0] - centres) + 0.5, 0, 1)[None]
    down = np.clip(np.minimum(centres[:, None] - high, low - centres[:, None]) + 0.5, 0, 1)
    soft: Float32 = (across * down).astype(np.float32)
    return soft


def _rising(x: Float32) -> Float32:
    return np.maximum.accumulate(x + np.arange(len(x), dtype=np.float32) * np.float32(1e-3))
