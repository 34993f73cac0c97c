"""Matrices of bones as way, turn and size; quaternions are w x y z."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..contracts import Float32

Floats = NDArray[np.float64]


def decomposed(matrices: Floats) -> tuple[Float32, Float32, Float32]:
    """Way [n, 3], turn [n, 4] and size [n, 3] of matrices [n, 4, 4]; shear is lost, as every engine loses it.

    Neighbouring turns lie on one side, so that what is drawn between them takes the shorter way.
    """
    columns = matrices[:, :3, :3]
    size = np.linalg.norm(columns, axis=1)
    size[:, 2] *= np.where(np.linalg.det(columns) < 0.0, -1.0, 1.0)
    turns = quaternions(columns / np.where(size == 0.0, 1.0, size)[:, None, :])
    sides = np.cumprod(np.where(np.sum(turns[1:] * turns[:-1], axis=1) < 0.0, -1.0, 1.0))
    turns[1:] *= sides[:, None]
    return matrices[:, :3, 3].astype(np.float32), turns.astype(np.float32), size.astype(np.float32)


def quaternions(rotations: Floats) -> Floats:
    """Unit quaternions [n, 4] of rotations [n, 3, 3].

    The eigenvector of the largest eigenvalue of Bar-Itzhack's symmetric matrix ("New method for extracting the
    quaternion from a rotation matrix", 2000): nearest where the matrix is not quite a rotation.
    """
    (xx, xy, xz), (yx, yy, yz), (zx, zy, zz) = np.moveaxis(rotations, (1, 2), (0, 1))
    rows = [
        [xx + yy + zz, zy - yz, xz - zx, yx - xy],
        [zy - yz, xx - yy - zz, yx + xy, xz + zx],
        [xz - zx, yx + xy, yy - xx - zz, zy + yz],
        [yx - xy, xz + zx, zy + yz, zz - xx - yy],
    ]
    _, vectors = np.linalg.eigh(np.moveaxis(np.array(rows), (0, 1), (1, 2)))
    found = vectors[:, :, -1]
    return np.asarray(found * np.where(found[:, :1] < 0.0, -1.0, 1.0))


def quaternion_products(quaternion: Floats, vector: Floats) -> Floats:
    """A vector [3] turned by a unit quaternion."""
    w, axis = quaternion[0], quaternion[1:]
    across = 2.0 * np.cross(axis, vector)
    return np.asarray(vector + w * across + np.cross(axis, across))
