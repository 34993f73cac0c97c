"""Where the lips of a mesh are, found by how it opens; nothing assumes names, scale or orientation.

The lips are the two surfaces that face each other and part when the mouth opens: one moves with the jaw, the
other does not.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from mathutils.kdtree import KDTree
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]

_SLICES = 13
"""Slices from corner to corner, at most."""
_MOVES, _STAYS = 0.5, 0.15
"""Shares of the largest opening from which a point belongs to the lower lip, or up to which to the upper."""
_OUTER = ((0.5, 0.3), (0.35, 0.2), (0.25, 0.12))
"""The same towards the corners, where the upper lip moves a little and the lower one less."""
_NEAR = 0.13
"""How far apart facing points may be at rest, share of the largest opening, beyond the nearest pair."""


@dataclass(frozen=True)
class Surface:
    """A mesh in world space: points and normals float [n, 3], edges int [m, 2]."""

    points: Floats
    normals: Floats
    edges: Indices


@dataclass(frozen=True)
class Lips:
    """The lips of one surface. `upper` and `lower` hold, slice by slice from corner to corner, the points that face
    each other; `lower_lip` are points of the lower one's middle, inside and out; `steady` are points of the same skin
    that the mouth does not move. `up` points from the lower to the upper lip, `forward` out of the face; `width` is
    the distance of the corners at rest."""

    upper: tuple[Indices, ...]
    lower: tuple[Indices, ...]
    left: int
    right: int
    chin: int
    lower_lip: Indices
    steady: Indices
    steady_rest: Floats
    up: Floats
    forward: Floats
    width: float

    def gaps(self, points: Floats) -> Floats:
        """How far the lips are apart in each slice, shares of the width, float [slices]: the lowest point of the
        upper lip above the highest of the lower, as a viewer in front sees it. Negative: they press.

        points: the whole surface, float [n, 3], wherever the head has turned to.
        """
        up = self.rotation(points) @ self.up
        height = points @ up
        pairs = zip(self.upper, self.lower, strict=True)
        return np.array([height[u].min() - height[low].max() for u, low in pairs]) / self.width

    def gap(self, points: Floats) -> float:
        """The largest gap of the mouth's middle two thirds."""
        edge = len(self.upper) // 6
        return float(self.gaps(points)[edge : len(self.upper) - edge].max())

    def touch(self, points: Floats, teeth: Floats | None) -> float:
        """How far the lower lip is from the places of the upper teeth float [places, 3], or without teeth from the
        upper lip, a share of the width. points: the whole surface."""
        third = len(self.upper) // 3
        other = points[np.concatenate(self.upper[third:-third])] if teeth is None else teeth
        away = points[self.lower_lip][:, None] - other[None]
        return float(np.sqrt(np.einsum("ijk,ijk->ij", away, away).min())) / self.width

    def rotation(self, points: Floats) -> Floats:
        """How the head has turned since rest, a matrix [3, 3] (Kabsch 1976, over the steady points, if any)."""
        if not len(self.steady):
            return np.eye(3)
        now = points[self.steady] - points[self.steady].mean(axis=0)
        before = self.steady_rest - self.steady_rest.mean(axis=0)
        u, _, vt = np.linalg.svd(before.T @ now)
        flip = np.diag([1.0, 1.0, np.sign(np.linalg.det(vt.T @ u.T))])
        return np.asarray(vt.T @ flip @ u.T)


def find_lips(surface: Surface, opening: Floats) -> Lips | None:
    """The lips of a surface whose points move by `opening` float [n, 3] when the mouth opens; None if it has none.

    Where no two surfaces face each other, a mouth that is drawn on the face: a line that parts into two.
    """
    return _facing_lips(surface, opening) or _drawn_lips(surface, opening)


def _facing_lips(surface: Surface, opening: Floats) -> Lips | None:
    reach = np.linalg.norm(opening, axis=1)
    if reach.max(initial=0.0) <= 0.0:
        return None
    skin = _largest_part(surface, reach > 0.3 * reach.max())
    largest = reach[skin].max(initial=0.0)
    below, above = skin & (reach > _MOVES * largest), skin & (reach < _STAYS * largest)
    if below.sum() < 4 or above.sum() < 4:
        return None
    low, high = _facing(surface, below, above, largest)
    if len(low) < 6:
        return None
    sides = [_facing(surface, skin & (reach > m * largest), skin & (reach < s * largest), largest) for m, s in _OUTER]
    low, high = (np.concatenate([part, *(side[i] for side in sides)]) for i, part in enumerate((low, high)))
    points = surface.points
    up = _unit((surface.normals[low] - surface.normals[high]).mean(axis=0))
    across = _main_axis(points[np.concatenate([low, high])], up)
    forward = np.cross(up, across)
    rim = np.concatenate([low, high])
    middle = points[rim].mean(axis=0)
    head = skin & (np.linalg.norm(points - middle, axis=1) < 2.0 * np.ptp(points[rim] @ across))
    if forward @ (middle - points[head].mean(axis=0)) < 0.0:
        across, forward = -across, -forward
    side = points @ across
    left, right = int(rim[side[rim].argmax()]), int(rim[side[rim].argmin()])
    width = float(np.linalg.norm(points[left] - points[right]))
    upper, lower = _slices(side, low, high)
    lip = _middle_of_lip(points, below, lower, up, across, width)
    if not len(lip):
        return None
    carried = np.flatnonzero(skin & (reach > 0.85 * largest))
    chin = int(carried[(points[carried] @ up).argmin()])
    steady = np.flatnonzero(skin & (reach < 0.01 * largest))
    steady = steady[:: max(1, len(steady) // 200)]
    return Lips(upper, lower, left, right, chin, lip, steady, points[steady], up, forward, width)


def _drawn_lips(surface: Surface, opening: Floats) -> Lips | None:
    """The two halves of what moves apart along one direction, on a part of the face that looks one way."""
    reach = np.linalg.norm(opening, axis=1)
    largest = float(reach.max(initial=0.0))
    moving = np.flatnonzero(reach > 0.05 * largest)
    if largest <= 0.0 or not 6 <= len(moving) < 0.5 * len(reach):
        return None
    forward = surface.normals[moving].mean(axis=0)
    if np.linalg.norm(forward) < 0.5:
        return None
    forward = _unit(forward)
    up = np.linalg.svd(opening[moving], full_matrices=False)[2][0]
    up = _unit(up - (up @ forward) * forward)
    along = opening @ up
    if along.max() <= 0.0 or along.min() >= 0.0:
        return None
    halves = [np.flatnonzero(along > 0.3 * along.max()), np.flatnonzero(along < 0.3 * along.min())]
    if min(map(len, halves)) < 3:
        return None
    if (surface.points[halves[0]] @ up).mean() < (surface.points[halves[1]] @ up).mean():
        halves, up = halves[::-1], -up
    high, low = halves
    if ((opening[high] @ up).mean() <= 0.0) or ((opening[low] @ up).mean() >= 0.0):
        return None  # they meet instead of parting
    across = np.cross(up, forward)
    points, side = surface.points, surface.points @ across
    common = min(side[high].max(), side[low].max()) - max(side[high].min(), side[low].min())
    if common < 0.7 * max(np.ptp(side[high]), np.ptp(side[low])):
        return None  # the ends of one thing that tilts, a brow
    left, right = int(moving[side[moving].argmax()]), int(moving[side[moving].argmin()])
    upper, lower = _slices(side, low, high)
    width = float(np.linalg.norm(points[left] - points[right]))
    steady = np.flatnonzero(reach < 0.01 * largest)
    steady = steady[:: max(1, len(steady) // 200)]
    chin = int(low[(points[low] @ up).argmin()])
    lips = Lips(upper, lower, left, right, chin, low, steady, points[steady], up, forward, width)
    return lips if abs(lips.gap(points)) < 0.4 else None


def _middle_of_lip(
    points: Floats, below: NDArray[np.bool_], lower: tuple[Indices, ...], up: Floats, across: Floats, width: float
) -> Indices:
    """Points of the skin that moves, around the middle of the lower rim: the lip's red and its inner side."""
    away = (points - points[lower[len(lower) // 2]].mean(axis=0)) / width
    side, height = away @ across, away @ up
    near = (np.abs(side) < 0.2) & (height > -0.2) & (height < 0.1) & (np.linalg.norm(away, axis=1) < 0.35)
    return np.flatnonzero(below & near)


def _facing(
    surface: Surface, below: NDArray[np.bool_], above: NDArray[np.bool_], largest: float
) -> tuple[Indices, Indices]:
    """Pairs of a moving and a steady point that lie near each other and look at each other."""
    everywhere, usual = (np.flatnonzero(below), np.flatnonzero(above)), 3.0 * _NEAR * largest
    near_by = _neighbours(surface.points, *everywhere, usual)
    for (low, high), reach in ((near_by, usual), (everywhere, np.inf)):  # lips may rest further apart
        if not len(low) or not len(high):
            continue
        tree = tree_of(surface.points[high])
        found = [tree.find(point) for point in surface.points[low].tolist()]
        partner = high[[index for _, index, _ in found]]
        distance = np.array([d for _, _, d in found])
        facing = np.einsum("ij,ij->i", surface.normals[low], surface.normals[partner]) < -0.2
        furthest = distance[facing].min(initial=np.inf) + _NEAR * largest
        if furthest < reach:
            near = facing & (distance < furthest)
            return low[near], partner[near]
    return low[:0], high[:0]


def _neighbours(points: Floats, some: Indices, others: Indices, reach: float) -> tuple[Indices, Indices]:
    """Those of both that lie in the same or in neighbouring cubes `reach` wide: all that are nearer than that to one
    of the others, and few else."""
    cubes = np.floor((points - points.min(axis=0)) / reach).astype(np.int64) + 1
    row = int(cubes.max()) + 2
    steps = np.array([1, row, row * row])
    around = (np.indices((3, 3, 3)).reshape(3, -1).T - 1) @ steps
    number = cubes @ steps
    some = some[np.isin(number[some], np.add.outer(np.unique(number[others]), around))]
    return some, others[np.isin(number[others], np.add.outer(np.unique(number[some]), around))]


def tree_of(points: Floats) -> KDTree:
    """Points float [n, 3] by their numbers; as plain lists, which Blender reads faster than rows of numpy."""
    tree = KDTree(len(points))
    for i, point in enumerate(points.tolist()):
        tree.insert(point, i)
    tree.balance()
    return tree


def _slices(side: Floats, low: Indices, high: Indices) -> tuple[tuple[Indices, ...], tuple[Indices, ...]]:
    """Both lips cut across, finely where the mesh is fine; an empty slice takes its lip's nearest points."""
    first = max(side[low].min(), side[high].min())
    last = min(side[low].max(), side[high].max())
    count = int(np.clip(min(len(np.unique(low)), len(np.unique(high))) // 4, 5, _SLICES))
    centres = np.linspace(first, last, count)
    half = 0.9 * (last - first) / (count - 1)
    upper: list[Indices] = []
    lower: list[Indices] = []
    for centre in centres:
        for lip, cut in ((high, upper), (low, lower)):
            inside = np.unique(lip[np.abs(side[lip] - centre) <= half])
            cut.append(inside if len(inside) else lip[[np.abs(side[lip] - centre).argmin()]])
    return tuple(upper), tuple(lower)


def parts_of(surface: Surface) -> Indices:
    """A number for each point [n], the same for all points that edges connect."""
    label = np.arange(len(surface.points))
    while True:
        before = label.copy()
        smaller = np.minimum(label[surface.edges[:, 0]], label[surface.edges[:, 1]])
        np.minimum.at(label, surface.edges[:, 0], smaller)
        np.minimum.at(label, surface.edges[:, 1], smaller)
        label = label[label]
        if (label == before).all():
            return label


def _largest_part(surface: Surface, moving: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The largest connected part of the surface that moves at least in part: the skin, not teeth or tongue."""
    label = parts_of(surface)
    parts, size = np.unique(label, return_counts=True)
    touched = np.isin(parts, label[moving])
    return np.asarray(label == parts[np.where(touched, size, 0).argmax()])


def _main_axis(points: Floats, normal: Floats) -> Floats:
    """The direction of largest spread, made perpendicular to `normal`."""
    centred = points - points.mean(axis=0)
    centred -= np.outer(centred @ normal, normal)
    return _unit(np.linalg.svd(centred, full_matrices=False)[2][0])


def _unit(vector: Floats) -> Floats:
    return np.asarray(vector / np.linalg.norm(vector))
