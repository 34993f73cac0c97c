"""What a jaw bone adds to a character whose keys open the mouth: mostly the lower teeth and the tongue."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import bpy
import numpy as np
from numpy.typing import NDArray

from ..model_runtime.contracts import Float32, Target
from .controls import is_locked
from .limits import limited
from .lips import Lips, Surface
from .posing import evaluated, moves_of, posed

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
        bone = evaluated(armature, view_layer).pose.bones[target.name]
        return np.array(armature.matrix_world @ bone.matrix, dtype=np.float64)

    still = np.linalg.inv(matrix())
    best, carried, share = target, np.zeros(3), 0.0
    for turned in _turns(target, view_layer):
        value = min(TURN, turned.maximum)
        with posed({turned: value}):
            turn = matrix() @ still - np.eye(4)
            path = (turn[:3, :3] @ chin + turn[:3, 3]) / value
            if turned.minimum < 0.0 < path @ lips.up:  # it goes both ways: the other lowers
                turned, path = replace(turned, sign=-1.0, minimum=-turned.maximum, maximum=-turned.minimum), -path
            if path @ lips.up < carried @ lips.up:
                best, carried = turned, path
                share = _own_share(turn, moves_of(rest, view_layer), rest, opening)
    return best, np.asarray(carried if share > 0.5 else np.zeros(3), dtype=np.float32)


def _turns(target: Target, view_layer: bpy.types.ViewLayer) -> Iterator[Target]:
    """The bone about each axis that is not locked, as far as it follows; both ways apart where it goes only one."""
    bone = bpy.data.objects[target.objects[0]].pose.bones[target.name]
    for axis in range(3):
        if is_locked(bone, "rotation", axis):
            continue
        turned = limited(replace(target, axis=axis, sign=1.0), view_layer)
        if turned.maximum > 0.0:
            yield turned
        elif turned.minimum < 0.0:
            yield replace(turned, sign=-1.0, minimum=0.0, maximum=-turned.minimum)


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
