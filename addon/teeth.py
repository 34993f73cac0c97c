"""Where the upper teeth are: parts behind the lips that stay where they are when the mouth opens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .lips import Floats, Indices, Lips, Surface, parts_of

_STEADY = 0.02
"""What a part of the upper jaw may move at most, share of the largest opening."""
_SIDE, _IN_FRONT, _BEHIND, _BELOW, _ABOVE = 0.3, 0.05, 0.5, 0.35, 0.4
"""The box around the middle of the upper lip's rim in which teeth are looked for, in widths of the mouth."""
_FRONT, _EDGE = 0.2, 0.15
"""How deep the row of front teeth is, and how high the part of it that ends in the biting edge, in widths."""
_EDGES = 150
"""So many edges are enough, evenly chosen."""
_ALONG = (0.0, 0.25, 0.5, 0.75, 1.0)


@dataclass(frozen=True)
class Teeth:
    """Places on the edges of a mesh near the biting edge of the upper front teeth: `share` of the way from point
    `first` to point `second`, int and float [places]."""

    mesh: str
    first: Indices
    second: Indices
    share: Floats

    def places(self, points: Floats) -> Floats:
        """Float [places, 3]; points: all of the mesh."""
        along = self.share[:, None]
        return np.asarray((1.0 - along) * points[self.first] + along * points[self.second])


def find_teeth(
    rest: Mapping[str, Surface], moved: Mapping[str, Floats], lips: Lips, face: str, largest: float
) -> Teeth | None:
    """The upper front teeth of a character; None if nothing of the kind lies behind its lips.

    moved: by mesh, how far each point goes at most when the mouth opens by keys or bones, float [n]; largest: what
    the lower lip does. face: the mesh of the lips, whose own skin is left out.
    """
    found: tuple[str, Indices, Floats] | None = None
    for name, surface in rest.items():
        label = parts_of(surface)
        whole = np.zeros(label.max() + 1)
        np.maximum.at(whole, label, moved[name])
        steady = whole[label] < _STEADY * largest
        if name == face:
            steady &= label != label[lips.chin]
        inside = np.flatnonzero(steady & _boxed(surface.points, lips, rest[face].points))
        if len(inside) >= 4 and (found is None or len(inside) > len(found[1])):
            found = name, inside, surface.points
    if found is None:
        return None
    name, inside, points = found
    front = points[inside] @ lips.forward
    inside = inside[front > front.max() - _FRONT * lips.width]
    height = points[inside] @ lips.up
    edge = np.zeros(len(points), dtype=bool)
    edge[inside[height < height.min() + _EDGE * lips.width]] = True
    pairs = rest[name].edges[edge[rest[name].edges].all(axis=1)]
    if not len(pairs):
        return None
    pairs = pairs[:: -(-len(pairs) // _EDGES)]
    first, second = (np.repeat(pairs[:, side], len(_ALONG)) for side in (0, 1))
    return Teeth(name, first, second, np.tile(_ALONG, len(pairs)))


def _boxed(points: Floats, lips: Lips, skin: Floats) -> NDArray[np.bool_]:
    """Which points lie behind the middle of the upper lip."""
    middle = len(lips.upper) // 2
    across = np.cross(lips.up, lips.forward)
    away = (points - skin[lips.upper[middle]].mean(axis=0)) / lips.width
    side, depth, height = away @ across, -(away @ lips.forward), away @ lips.up
    return np.asarray(
        (np.abs(side) < _SIDE) & (depth > -_IN_FRONT) & (depth < _BEHIND) & (height > -_BELOW) & (height < _ABOVE)
    )
