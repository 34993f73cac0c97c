"""The head of a rig: the bone that carries the face, and how it nods and turns."""

from __future__ import annotations

import re

import bpy
import numpy as np

from ..model_runtime.contracts import Target
from .character import Character
from .measure import Measured
from .posing import points_of, posed

_HEAD = re.compile(r"(^|[^a-z])head([^a-z]|$)", re.IGNORECASE)
_HELPER = re.compile(r"^(ORG|MCH|VIS)-|_end$|tip$|top", re.IGNORECASE)
_TURN, _LARGEST = 0.05, 0.5
"""Radians of the probe, and the furthest that a head may be turned."""


def find_head(
    character: Character, measured: Measured, view_layer: bpy.types.ViewLayer
) -> tuple[Target, Target] | None:
    """(nod, turn) of the bone that carries the upper lip: positive nods down and turns to the character's left.

    None without such a bone, or where it cannot be keyed about two of its axes.
    """
    if character.armature is None:
        return None
    armature = bpy.data.objects[character.armature]
    names = [bone.name for bone in armature.data.bones if _HEAD.search(re.sub(r"([a-z])([A-Z])", r"\1 \2", bone.name))]
    for name in sorted(names, key=lambda name: (bool(_HELPER.search(name)), name.startswith("DEF-"), len(name))):
        bone = armature.pose.bones[name]
        if bone.rotation_mode == "AXIS_ANGLE" or any(bone.lock_rotation):
            continue
        axes = np.array(armature.matrix_world @ bone.matrix, dtype=np.float64)[:3, :3]
        axes /= np.linalg.norm(axes, axis=0)
        up, forward = measured.lips.up, measured.lips.forward
        nod, turn = (about(axes, axis) for axis in (np.cross(up, forward), up))
        if nod[0] == turn[0]:
            continue
        found = [
            Target("rotation", name, (armature.name,), -_LARGEST, _LARGEST, axis, sign) for axis, sign in (nod, turn)
        ]
        if _carries(found[0], measured, view_layer):
            return found[0], found[1]
    return None


def about(axes: np.ndarray, wanted: np.ndarray) -> tuple[int, float]:
    """The local axis that lies nearest to a direction, and which way round."""
    along = axes.T @ wanted
    axis = int(np.abs(along).argmax())
    return axis, float(np.sign(along[axis]))


def _carries(target: Target, measured: Measured, view_layer: bpy.types.ViewLayer) -> bool:
    """Whether the whole mouth goes with a bone."""
    before = points_of(bpy.data.objects[measured.mesh], view_layer)[measured.lips.steady]
    with posed({target: _TURN}, view_layer):
        after = points_of(bpy.data.objects[measured.mesh], view_layer)[measured.lips.steady]
    return bool(np.median(np.linalg.norm(after - before, axis=1)) > 0.2 * _TURN * measured.lips.width)
