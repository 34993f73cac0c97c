"""The face's cage: the tube of the head with mouth and eyelids, and where each vertex lies on it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .details import add_brows, add_ears
from .eyes import add_eyelids
from .mouth import Columns, add_mouth
from .template import HALF, Cage, Grid, Loop, relax

Array = NDArray[np.float64]
SKIN, LIPS, LINING, BROW = range(4)
"""Material slots of the face."""


@dataclass(frozen=True)
class Face:
    """The finished cage: points [n, 3] mm, faces with their material slots, and its loops of vertices by name.

    rim is the block's edge from which the mouth's loops lead inwards; lids are those of the left and the right eye.
    """

    points: Array
    faces: list[tuple[int, ...]]
    slots: list[int]
    columns: Columns
    rim: Loop
    mouth: dict[str, Loop]
    lids: tuple[dict[str, Loop], dict[str, Loop]]


def build_face() -> Face:
    """Lay out, shape and relax the face."""
    cage = Cage()
    grid = Grid(cage, SKIN)
    columns, mouth = add_mouth(cage, grid.mouth, SKIN, LIPS, LINING)
    left = add_eyelids(cage, grid.eye_left, 1.0, SKIN)
    right = add_eyelids(cage, grid.eye_right, -1.0, SKIN)
    start = len(cage.points)
    add_ears(cage, SKIN)
    add_brows(cage, BROW)
    points = np.asarray(cage.points)
    islands = list(range(start, len(points)))
    mirror = _mirror(grid, mouth, left, right, points, islands)
    free = np.zeros(len(points), dtype=bool)
    free[grid.index[1:][grid.index[1:] >= 0]] = True
    free[grid.crown] = True
    for loops in (mouth, left, right):
        for name in [name for name in loops if name.startswith("skin")]:
            free[loops[name]] = True
    skin_faces = [f for f, slot in zip(cage.faces, cage.slots, strict=True) if slot == SKIN]
    points = relax(points, skin_faces, free, mirror)
    return Face(points, cage.faces, cage.slots, columns, grid.mouth, mouth, (left, right))


def _mirror(
    grid: Grid,
    mouth: dict[str, Loop],
    left: dict[str, Loop],
    right: dict[str, Loop],
    points: Array,
    islands: Loop,
) -> NDArray[np.int64]:
    """The counterpart of each vertex on the other side of the face; `islands` are the vertices of ears and brows."""
    mirror = np.arange(len(points))
    flipped = grid.index[:, -np.arange(2 * HALF) % (2 * HALF)]
    kept = grid.index >= 0
    mirror[grid.index[kept]] = flipped[kept]
    for a, b in [(mouth[name], mouth[name]) for name in mouth if name != "end"] + [
        (left[name], right[name]) for name in left
    ]:
        count = len(a)
        for k in range(count):
            mirror[a[k]] = b[(count // 2 - k) % count]
            mirror[b[(count // 2 - k) % count]] = a[k]
    for loop in (mouth["end"], grid.crown, islands):
        patch = points[loop]
        gap = np.linalg.norm(patch[:, None] * [-1.0, 1.0, 1.0] - patch[None], axis=-1)
        mirror[loop] = np.asarray(loop)[gap.argmin(axis=1)]
    return mirror
