"""The tongue of a rig: a chain of bones in the middle of the mouth, from its root to its tip."""

from __future__ import annotations

import re

import bpy
import numpy as np

from ..model_runtime.contracts import Target
from .body_bones import about
from .character import Character
from .controls import is_locked
from .limits import limited
from .lips import Floats, Lips
from .posing import at_rest

_TONGUE = re.compile(r"tongue|(^|[^a-z])tong([^a-z]|$)", re.IGNORECASE)
_ASIDE = re.compile(r"([._-][lr]$)|left|right|^(ORG|MCH|VIS)-|_end$", re.IGNORECASE)
_ALONG = 0.5
"""Cosine to the way out of the mouth of a bone that lies along the tongue; roots often stand upright."""
_LARGEST = 0.6
"""Radians that a part of the tongue may be turned."""


def find_tongue(character: Character, lips: Lips, view_layer: bpy.types.ViewLayer) -> dict[str, Target]:
    """The bones of tip, blade and back by channel, each with the turn that lifts it; none without a chain of bones.

    A bone whose axis is locked, or that a constraint holds, is left out.

    Controls are taken before the bones that deform, where a rig has both.
    """
    if character.armature is None:
        return {}
    armature = bpy.data.objects[character.armature]
    named = [b for b in armature.pose.bones if _TONGUE.search(b.name) and not _ASIDE.search(b.name)]
    controls = [b for b in named if not b.name.startswith("DEF-")] or named
    free = [b for b in controls if b.rotation_mode != "AXIS_ANGLE"]
    along = [b for b in free if _forward(armature, b) @ lips.forward > _ALONG]
    along.sort(key=lambda b: sum(bool(_TONGUE.search(parent.name)) for parent in b.parent_recursive))
    turns = [_lifting(armature, bone, lips) for bone in along]
    turns = [turn for turn in turns if not is_locked(armature.pose.bones[turn.name], "rotation", turn.axis)]
    with at_rest(character, turns, view_layer):
        chain = [turn for turn in (limited(turn, view_layer) for turn in turns) if turn.maximum > 0.0]
    return {"tongue_tip": chain[-1], "tongue_blade": chain[len(chain) // 2], "tongue_back": chain[0]} if chain else {}


def _forward(armature: bpy.types.Object, bone: bpy.types.PoseBone) -> Floats:
    """Where a bone points, a unit vector in world space."""
    way = np.array(armature.matrix_world @ bone.tail) - np.array(armature.matrix_world @ bone.head)
    return np.asarray(way / max(1e-12, float(np.linalg.norm(way))))


def _lifting(armature: bpy.types.Object, bone: bpy.types.PoseBone, lips: Lips) -> Target:
    axes = np.array(armature.matrix_world @ bone.matrix, dtype=np.float64)[:3, :3]
    axis, sign = about(axes / np.linalg.norm(axes, axis=0), np.cross(lips.forward, lips.up))
    return Target("rotation", bone.name, (armature.name,), -_LARGEST, _LARGEST, axis, sign)
