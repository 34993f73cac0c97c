"""Matrices of bones as way, turn and size; quaternions are w x y z."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ..contracts import Float32, frozen_array

Floats = NDArray[np.float64]

_ROUNDS = 6
"""Without shear, the first is exact."""


def decomposed(matrices: Floats) -> tuple[Float32, Float32, Float32]:
    """Way [n, 3], turn [n, 4] and size [n, 3] of matrices [n, 4, 4], as near as they can be to those with shear.

    Least squares by turns: the turn for given sizes is the orthogonal part of a matrix (Procrustes), and the sizes for
    a given turn are the columns along its axes. Neighbouring turns lie on one side, so that what is drawn between them
    takes the shorter way.
    """
    columns = matrices[:, :3, :3]
    size = np.linalg.norm(columns, axis=1)
    size[:, 2] *= np.where(np.linalg.det(columns) < 0.0, -1.0, 1.0)
    for _ in range(_ROUNDS):
        left, _, right = np.linalg.svd(columns * size[:, None, :])
        rotations = left @ right
        size = np.einsum("nij,nij->nj", rotations, columns)
    turns = quaternions(rotations)
    sides = np.cumprod(np.where(np.sum(turns[1:] * turns[:-1], axis=1) < 0.0, -1.0, 1.0))
    turns[1:] *= sides[:, None]
    return matrices[:, :3, 3].astype(np.float32), turns.astype(np.float32), size.astype(np.float32)


def composed(way: Floats, turn: Floats, size: Floats) -> Floats:
    """The matrices [n, 4, 4] of ways [n, 3], turns [n, 4] and sizes [n, 3]."""
    w, x, y, z = turn.T
    rows = [
        [1.0 - 2.0 * (y * y + z * z), 2.0 * (x * y - w * z), 2.0 * (x * z + w * y)],
        [2.0 * (x * y + w * z), 1.0 - 2.0 * (x * x + z * z), 2.0 * (y * z - w * x)],
        [2.0 * (x * z - w * y), 2.0 * (y * z + w * x), 1.0 - 2.0 * (x * x + y * y)],
    ]
    made = np.zeros((len(way), 4, 4))
    made[:, :3, :3] = np.moveaxis(np.array(rows), (0, 1), (1, 2)) * size[:, None, :]
    made[:, :3, 3], made[:, 3, 3] = way, 1.0
    return made


def without_shear(poses: Float32, rest: Float32, parents: Sequence[int]) -> tuple[list[Float32], list[float]]:
    """What turns, moves and sizes each bone against its rest, float32 [frames, 4, 4] each; and how much shear is lost.

    poses [frames, bones, 4, 4] and rest [bones, 4, 4] are in the rig's space; parents: of each bone, before it, or -1.
    A bone below a stretched one is sheared, and no engine's bone can be: its children make up for what is lost, so that
    every joint stays where it is.
    """
    found, lost = list[Float32](), list[float]()
    shown: list[Floats] = []
    for bone, parent in enumerate(parents):
        above, above_rest = (shown[parent], rest[parent]) if parent >= 0 else (np.eye(4), np.eye(4))
        at_rest = np.linalg.inv(above_rest.astype(np.float64)) @ rest[bone]
        local = np.linalg.inv(above @ at_rest) @ poses[:, bone].astype(np.float64)
        basis = composed(*(part.astype(np.float64) for part in decomposed(local)))
        found.append(frozen_array(basis))
        lost.append(float(np.abs(local - basis).max(initial=0.0)))
        shown.append(above @ at_rest @ basis)
    return found, lost


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


def axis_quaternions(turns: Floats) -> Floats:
    """Quaternions [n, 4] of turns [n, 4]: radians, and the axis about which."""
    half, axes = 0.5 * turns[:, :1], turns[:, 1:]
    axes = axes / np.maximum(np.linalg.norm(axes, axis=1, keepdims=True), 1e-12)
    return np.concatenate([np.cos(half), np.sin(half) * axes], axis=1)


def euler_quaternions(angles: Floats, order: str) -> Floats:
    """Quaternions [n, 4] of radians [n, 3] about x, y and z, which turn in `order`, such as XYZ."""
    made = np.tile([1.0, 0.0, 0.0, 0.0], (len(angles), 1))
    for letter in order:
        about = np.eye(3)["XYZ".index(letter)]
        turn = axis_quaternions(np.column_stack([angles @ about, np.tile(about, (len(angles), 1))]))
        made = products(turn, made)
    return made


def products(first: Floats, second: Floats) -> Floats:
    """Quaternions [n, 4] that turn by `second`, then by `first`."""
    w, axis = first[:, :1], first[:, 1:]
    other_w, other = second[:, :1], second[:, 1:]
    real = w * other_w - np.sum(axis * other, axis=1, keepdims=True)
    return np.concatenate([real, w * other + other_w * axis + np.cross(axis, other)], axis=1)
