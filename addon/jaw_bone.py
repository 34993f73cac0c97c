"""What a jaw bone adds to a character whose keys open the mouth: mostly the lower teeth and the tongue."""

from __future__ import annotations

from dataclasses import replace

import bpy
import numpy as np
from numpy.typing import NDArray

from ..model_runtime.contracts import Float32, Target
from .lips import Lips, Surface
from .posing import points_of, posed

TURN = 0.2
"""Radians that a bone is turned to see what it carries."""


def probe_bone(
    target: Target,
    chin: NDArray[np.float64],
    lips: Lips,
    rest: dict[str, Surface],
    opening: dict[str, NDArray[np.float64]],
    view_layer: bpy.types.ViewLayer,
) -> tuple[Target, Float32]:
    """The bone with the axis and sign that lower the chin most, and where the chin would be carried per radian.

    A bone that carries nothing, or mostly what the opening keys move already, has nothing to add: zero.
    """
    armature = bpy.data.objects[target.objects[0]]

    def matrix() -> NDArray[np.float64]:
        bone = armature.evaluated_get(view_layer.depsgraph).pose.bones[target.name]
        return np.array(armature.matrix_world @ bone.matrix, dtype=np.float64)

    still = np.linalg.inv(matrix())
    best, carried, share = replace(target), np.zeros(3), 0.0
    for axis in range(3):
        turned = replace(target, axis=axis, sign=1.0)
        with posed({turned: TURN}, view_layer):
            turn = matrix() @ still - np.eye(4)
            moved = {n: points_of(bpy.data.objects[n], view_layer) - s.points for n, s in rest.items()}
        path = (turn[:3, :3] @ chin + turn[:3, 3]) / TURN
        if abs(path @ lips.up) > abs(carried @ lips.up):
            sign = -1.0 if path @ lips.up > 0.0 else 1.0
            best, carried, share = replace(turned, sign=sign), sign * path, _own_share(turn, moved, rest, opening)
    return best, np.asarray(carried if share > 0.5 else np.zeros(3), dtype=np.float32)


def _own_share(
    turn: NDArray[np.float64],
    moved: dict[str, NDArray[np.float64]],
    rest: dict[str, Surface],
    opening: dict[str, NDArray[np.float64]],
) -> float:
    """Of the points that hang on a bone, the share that the opening keys leave where they are."""
    largest = max(np.linalg.norm(o, axis=1).max(initial=0.0) for o in opening.values())
    own = []
    for name, surface in rest.items():
        rigid = np.linalg.norm(surface.points @ turn[:3, :3].T + turn[:3, 3], axis=1)
        hanging = (np.linalg.norm(moved[name], axis=1) > 0.8 * rigid) & (rigid > 0.0)
        own.append(np.linalg.norm(opening[name][hanging], axis=1) < 0.1 * largest)
    return float(np.concatenate(own).mean()) if sum(map(len, own)) else 0.0
