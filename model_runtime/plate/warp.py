"""A picture bent so that points of it come to lie on others: thin-plate splines (Bookstein 1989)."""

from __future__ import annotations

import functools

import numpy as np
import numpy.typing as npt

from ..contracts import Float32
from .crop import cubic

STEP = 1 / 32
"""Between the points of the grid that the spline is evaluated on, in shares of the square's side."""
SOFT = 1e-4
"""How far points may be missed for a smoother bend, in shares of the squared side: landmarks tremble."""
EDGES = np.array([(x, y) for x in (0, 0.25, 0.5, 0.75, 1) for y in (0, 0.25, 0.5, 0.75, 1) if {x, y} & {0, 1}])
"""Points of the square's edge, which stay."""


def flow(source: Float32, target: Float32, size: int) -> Float32:
    """Where each pixel of the new picture lies in the old one [size, size, 2], in pixels.

    source, target: points [k, 2] in pixels of the square; those of `source` come to lie on those of `target`.
    """
    fixed = EDGES * size
    end = np.concatenate([target, fixed]).astype(np.float64) / size
    away = np.concatenate([source - target, np.zeros_like(fixed)]).astype(np.float64)
    count = len(end)
    system = np.zeros((count + 3, count + 3))
    system[:count, :count] = _kernel(end, end) + SOFT * np.eye(count)
    system[:count, count:] = np.column_stack([np.ones(count), end])
    system[count:, :count] = system[:count, count:].T
    weights = np.linalg.solve(system, np.concatenate([away, np.zeros((3, 2))]))
    along = np.arange(0, 1 + STEP, STEP)
    grid = np.stack(np.meshgrid(along, along), axis=-1).reshape(-1, 2)
    moved = (
        _kernel(grid.astype(np.float32), end.astype(np.float32)) @ weights[:count]
        + np.column_stack([np.ones(len(grid)), grid]) @ weights[count:]
    )
    spread, count = between(len(along), size, STEP * size), len(along)
    shift = np.einsum("yi,ijc->yjc", spread, moved.reshape(count, count, 2).astype(np.float32), optimize=True)
    bent: Float32 = np.einsum("xj,yjc->yxc", spread, shift, optimize=True)
    centres = np.arange(size, dtype=np.float32) + np.float32(0.5)
    bent += np.stack(np.meshgrid(centres, centres), axis=-1)
    return bent


@functools.lru_cache(maxsize=8)
def between(count: int, size: int, step: float, first: float = 0.0) -> Float32:
    """The matrix [size, count] that takes values at pixels first, first + step, ... to the centres of `size` pixels.

    Linear; beyond the ends the last value goes on.
    """
    at = np.clip((np.arange(size) + 0.5 - first) / step, 0, count - 1)
    share: Float32 = np.maximum(0, 1 - np.abs(at[:, None] - np.arange(count))).astype(np.float32)
    return share


def _kernel(a: npt.NDArray[np.floating], b: npt.NDArray[np.floating]) -> npt.NDArray[np.floating]:
    """r² log r² of the distances between points a [i, 2] and b [j, 2]."""
    squares = (a[:, :1] - b[:, 0]) ** 2 + (a[:, 1:] - b[:, 1]) ** 2 + 1e-9
    kernel: npt.NDArray[np.floating] = squares * np.log(squares)
    return kernel


def warp(picture: npt.NDArray[np.generic], bent: Float32, where: Float32) -> Float32:
    """The picture [h, w, c] seen through a `flow` [size, size, 2], float32 [size, size, c]; 0 where `where` is 0."""
    at = np.nonzero(where)
    result = np.zeros((*bent.shape[:2], picture.shape[2]), np.float32)
    result[at] = cubic(picture, bent[at][:, 0], bent[at][:, 1])
    return result
