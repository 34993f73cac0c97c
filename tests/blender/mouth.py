"""How far lips are apart on the evaluated mesh, measured for the tests; shares no code with Labial's own ruler.

For characters that look along -Y, with Z up and a shape key jawOpen.
"""

from __future__ import annotations

import bpy
import numpy as np
from mathutils.kdtree import KDTree
from numpy.typing import NDArray

Array = NDArray[np.float64]

COLUMNS = np.linspace(-0.24, 0.24, 7)
"""Where the gap is measured: across the middle of the mouth, in widths from its centre."""
TEETH = 0.1
"""What lies this much deeper than the foremost rim, in widths, is no lip."""


class Mouth:
    """The rims of the lips: points that meet at rest and part with jawOpen."""

    def __init__(self, face: bpy.types.Object) -> None:
        self.face = face
        key = face.data.shape_keys.key_blocks["jawOpen"]
        rest = evaluated_points(self.face)
        key.value = 1.0
        moved = np.linalg.norm(evaluated_points(self.face) - rest, axis=1)
        key.value = 0.0
        largest = moved.max()
        upper = np.flatnonzero(moved < 0.15 * largest)
        lower = np.flatnonzero(moved > 0.4 * largest)
        tree = KDTree(len(upper))
        for index in upper:
            tree.insert(rest[index], int(index))
        tree.balance()
        near = [(index, *tree.find(rest[index])[1:]) for index in lower]
        reach = min(distance for *_, distance in near) + 0.1 * largest
        pairs = np.array([(low, high) for low, high, distance in near if distance < reach])
        self.lower, self.upper = pairs.T
        across = rest[self.lower, 0]
        self.width = float(np.ptp(across))
        places = (across.max() + across.min()) / 2 + COLUMNS * self.width
        self.columns = []
        for place in places:
            column = np.flatnonzero(np.abs(across - place) < 0.06 * self.width)
            depth = rest[self.lower[column], 1]
            self.columns.append(column[depth < depth.min() + TEETH * self.width])

    def gap(self) -> float:
        """Between the lips at the scene's frame, the widest column, in widths; negative where they press."""
        height = evaluated_points(self.face)[:, 2]
        gaps = [height[self.upper[c]].min() - height[self.lower[c]].max() for c in self.columns]
        return max(gaps) / self.width


class Bite:
    """How far the middle of the lower lip is from the upper teeth, a mesh of their own, in widths."""

    def __init__(self, mouth: Mouth, teeth: bpy.types.Object) -> None:
        self.mouth, self.teeth = mouth, teeth
        key = mouth.face.data.shape_keys.key_blocks["jawOpen"]
        rest = evaluated_points(mouth.face)
        key.value = 1.0
        moved = np.linalg.norm(evaluated_points(mouth.face) - rest, axis=1)
        key.value = 0.0
        centre = rest[mouth.lower].mean(axis=0)
        away = np.abs(rest - centre) / mouth.width
        self.lip = np.flatnonzero((moved > 0.5 * moved.max()) & (away < (0.2, 0.25, 0.15)).all(axis=1))

    def distance(self) -> float:
        """From point to point: never less than from surface to surface."""
        tree = KDTree(len(self.teeth.data.vertices))
        for index, point in enumerate(evaluated_points(self.teeth)):
            tree.insert(point, index)
        tree.balance()
        lip = evaluated_points(self.mouth.face)[self.lip]
        return min(tree.find(point)[2] for point in lip) / self.mouth.width


def evaluated_points(obj: bpy.types.Object) -> Array:
    """The points of an object in world space as the dependency graph shows them, float [n, 3]."""
    evaluated = obj.evaluated_get(bpy.context.evaluated_depsgraph_get())
    flat = np.empty(len(evaluated.data.vertices) * 3, dtype=np.float32)
    evaluated.data.vertices.foreach_get("co", flat)
    matrix = np.array(evaluated.matrix_world)
    return flat.reshape(-1, 3).astype(np.float64) @ matrix[:3, :3].T + matrix[:3, 3]
