"""The quad layout of the face: a tube of rows and columns round the head with blocks opened for mouth and eyes.

Column 0 is the face's middle, column j > 0 lies on the character's left (+X), column -j is its mirror image. A block
of cells may be opened: its rim becomes a loop from which concentric loops lead inwards. Everything is in millimetres.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from . import surface

Loop = list[int]

AZIMUTHS = (0, 3.4, 7.0, 11.0, 15.5, 21.0, 28.0, 36, 45, 56, 68, 82, 97, 114, 134, 157, 180)
"""Degrees from the front of columns 0..16; their mirror images are columns -1..-15."""
HALF = len(AZIMUTHS) - 1
NECK_ROWS = (0.0, 14.0, 30.0, 46.0, 60.0)
"""Heights of the rows of the neck."""
FACE_ROWS = (80, 87, 94, 100, 106, 112, 118, 124, 130, 136, 142, 147, 152, 157,
             162, 170, 178, 187, 196, 205, 213, 222, 233)  # fmt: skip
"""Heights at which the rows of the face cross the front."""
CROWN_ROWS = (35.0, 46.0, 58.0, 70.0)
"""Elevations of the rows of the crown."""
MOUTH_ROWS = (8, 16)
EYE_ROWS = (20, 26)
MOUTH_HALF = 6
EYE_COLUMNS = (1, 9)


@dataclass
class Cage:
    """A growing quad mesh: `points` [n, 3] mm, `faces` of vertex indices, each face's material slot."""

    points: list[NDArray[np.float64]] = field(default_factory=list)
    faces: list[tuple[int, ...]] = field(default_factory=list)
    slots: list[int] = field(default_factory=list)

    def add(self, points: NDArray[np.float64]) -> Loop:
        """Append points and return their indices."""
        start = len(self.points)
        self.points.extend(np.asarray(points, dtype=np.float64))
        return list(range(start, start + len(points)))

    def face(self, corners: tuple[int, ...], slot: int) -> None:
        """Append one face, anticlockwise seen from outside."""
        self.faces.append(corners)
        self.slots.append(slot)

    def bridge(self, outer: Loop, inner: Loop, slot: int) -> None:
        """A ring of quads from `outer` to `inner`, loops that run anticlockwise seen from outside."""
        count = len(outer)
        for k in range(count):
            n = (k + 1) % count
            self.face((outer[k], outer[n], inner[n], inner[k]), slot)

    def fill(self, rim: Loop, width: int, height: int, slot: int) -> Loop:
        """Close a loop made like `Grid.rim` of a width x height block with quads; returns the new inner vertices."""
        grid = np.full((height + 1, width + 1), -1)
        for index, (i, j) in zip(rim, rim_cells(0, height, 0, width), strict=True):
            grid[i, j] = index
        points = np.asarray(self.points)
        made: Loop = []
        for i in range(1, height):
            for j in range(1, width):
                u, v = j / width, i / height
                sides = (1 - u) * points[grid[i, 0]] + u * points[grid[i, width]]
                ends = (1 - v) * points[grid[0, j]] + v * points[grid[height, j]]
                grid[i, j] = self.add(((sides + ends) / 2)[None])[0]
                made.append(int(grid[i, j]))
        for i in range(height):
            for j in range(width):
                corners = (grid[i, j], grid[i, j + 1], grid[i + 1, j + 1], grid[i + 1, j])
                self.face(tuple(int(c) for c in corners), slot)
        return made

    def tube(self, path: NDArray[np.float64], side: NDArray[np.float64], up: NDArray[np.float64], slot: int) -> Loop:
        """A closed, rounded tube of eight columns along `path` [n, 3] with half axes `side`, `up` [n, 3].

        side x up points along the path. Returns the new vertices.
        """
        first = len(self.points)
        turn = np.arange(8) * np.pi / 4
        loops = [
            self.add(p + np.cos(turn)[:, None] * s + np.sin(turn)[:, None] * u)
            for p, s, u in zip(path, side, up, strict=True)
        ]
        for outer, inner in pairwise(loops):
            self.bridge(outer, inner, slot)
        self.fill(loops[-1], 2, 2, slot)
        self.fill(loops[0][::-1], 2, 2, slot)
        return list(range(first, len(self.points)))


def rim_cells(i0: int, i1: int, j0: int, j1: int) -> list[tuple[int, int]]:
    """(row, column) of a block's rim, anticlockwise from the middle of its +X side."""
    middle = (i0 + i1) // 2
    right = [(i, j1) for i in range(middle, i1)]
    top = [(i1, j) for j in range(j1, j0, -1)]
    left = [(i, j0) for i in range(i1, i0, -1)]
    bottom = [(i0, j) for j in range(j0, j1)]
    return right + top + left + bottom + [(i, j1) for i in range(i0, middle)]


class Grid:
    """The tube of the head in a cage: vertex indices by (row, column), and the blocks that were opened."""

    def __init__(self, cage: Cage, skin: int) -> None:
        self.cage = cage
        origins, directions = _rays()
        rows = len(origins) // (2 * HALF)
        left, right = -EYE_COLUMNS[1], -EYE_COLUMNS[0]
        blocks = [(*MOUTH_ROWS, -MOUTH_HALF, MOUTH_HALF), (*EYE_ROWS, *EYE_COLUMNS), (*EYE_ROWS, left, right)]
        kept = np.ones((rows, 2 * HALF), dtype=bool)
        for i0, i1, j0, j1 in blocks:
            kept[np.ix_(np.arange(i0 + 1, i1), np.arange(j0 + 1, j1) % (2 * HALF))] = False
        self.index = np.full(kept.shape, -1)
        self.index[kept] = cage.add(surface.cast(origins[kept.ravel()], directions[kept.ravel()]))
        self.mouth, self.eye_left, self.eye_right = (self.rim(*block) for block in blocks)
        for i in range(rows - 1):
            for j in range(-HALF + 1, HALF + 1):
                if not any(i0 <= i < i1 and j0 <= j < j1 for i0, i1, j0, j1 in blocks):
                    cage.face((self.at(i, j), self.at(i, j + 1), self.at(i + 1, j + 1), self.at(i + 1, j)), skin)
        top = [self.at(rows - 1, HALF // 2 + k) for k in range(2 * HALF)]
        self.crown = cage.fill(top, HALF // 2, HALF // 2, skin)

    def at(self, row: int, column: int) -> int:
        """Vertex index; columns wrap round the head."""
        return int(self.index[row, column % (2 * HALF)])

    def rim(self, i0: int, i1: int, j0: int, j1: int) -> Loop:
        """The rim loop of a block of cells."""
        return [self.at(i, j) for i, j in rim_cells(i0, i1, j0, j1)]


def _rays() -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Origins and directions [rows * columns, 3] of the rays whose hits are the tube's vertices."""
    signed = [AZIMUTHS[j] if j <= HALF else -AZIMUTHS[2 * HALF - j] for j in range(2 * HALF)]
    around = np.radians(signed)
    rows: list[tuple[float, float, float]] = [(z, 20.0, 0.0) for z in NECK_ROWS]
    rows.append((70.0, 8.0, -22.0))
    for crossing in FACE_ROWS:
        height = 180.0 + 0.45 * (crossing - 180.0)
        rows.append((height, 5.0, float(np.degrees(np.arctan2(crossing - height, 95.0)))))
    rows += [(195.0, 8.0, e) for e in CROWN_ROWS]
    origins, directions = [], []
    for z, y, elevation in rows:
        flat, rise = np.cos(np.radians(elevation)), np.sin(np.radians(elevation))
        origins.append(np.broadcast_to([0.0, y, z], (len(around), 3)))
        directions.append(np.stack([np.sin(around) * flat, -np.cos(around) * flat, np.full_like(around, rise)], -1))
    return np.concatenate(origins), np.concatenate(directions)


def relax(
    points: NDArray[np.float64], faces: list[tuple[int, ...]], free: NDArray[np.bool_], mirror: NDArray[np.int64],
    rounds: int = 14,
) -> NDArray[np.float64]:  # fmt: skip
    """Even out the quads: free points slide towards their neighbours' mean and back onto the skin."""
    ends = np.array([(f[k], f[(k + 1) % len(f)]) for f in faces for k in range(len(f))])
    moved = points.copy()
    degree = np.bincount(ends[:, 0], minlength=len(points)) + np.bincount(ends[:, 1], minlength=len(points))
    for _ in range(rounds):
        total = np.zeros_like(moved)
        for axis in range(3):
            total[:, axis] = np.bincount(ends[:, 0], moved[ends[:, 1], axis], len(points)) + np.bincount(
                ends[:, 1], moved[ends[:, 0], axis], len(points)
            )
        mean = total[free] / degree[free, None]
        moved[free] = surface.project(moved[free] + 0.5 * (mean - moved[free]), steps=1)
        moved = 0.5 * (moved + moved[mirror] * [-1.0, 1.0, 1.0])
    moved[free] = surface.project(moved[free], steps=3)
    return moved
