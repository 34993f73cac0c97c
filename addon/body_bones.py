"""The bones that move beside the mouth: the head that carries the face, and the chest that breathes below it."""

from __future__ import annotations

import re
from collections.abc import Sequence

import bpy
import numpy as np

from ..model_runtime.contracts import Target
from .character import Character
from .limits import limited
from .measure import Measured
from .posing import at_rest, points_of, posed

_HEAD = re.compile(r"(^|[^a-z])head([^a-z]|$)", re.IGNORECASE)
_CHEST = re.compile(r"(^|[^a-z])((upper)?chest|rib ?cage)([^a-z]|$)", re.IGNORECASE)
_SPINE = re.compile(r"(^|[^a-z])(spine|torso|abdomen)", re.IGNORECASE)
_HELPER = re.compile(r"^(ORG|MCH|VIS)-|_end$|tip$|top", re.IGNORECASE)
_TURN, _LARGEST = 0.05, 0.5
"""Radians of the probe, and the furthest that a head may be turned."""


def find_bones(
    character: Character, measured: Measured, view_layer: bpy.types.ViewLayer, *, head: bool = True, chest: bool = True
) -> dict[str, Target]:
    """What turns for the channels "head_nod", "head_turn" and "breath" of a life track; without a bone, none.

    A positive nod goes down, a positive turn to the character's left, a positive breath lifts the chest.
    """
    found: dict[str, Target] = {}
    if character.armature is None or not (head or chest):
        return found
    armature = bpy.data.objects[character.armature]
    for carrier in _matching(armature, _HEAD):
        up = _up(armature, carrier, measured)
        side = np.cross(up, measured.lips.forward)
        turns = _followed(_turning(armature, carrier, (side, up)), character, measured, view_layer)
        if turns:
            break
    else:
        return found
    if head:
        found["head_nod"], found["head_turn"] = turns
    if chest:
        for bone in (*_matching(armature, _CHEST), *_spine_below(carrier)):
            lift = _followed(_turning(armature, bone, (-side,)), character, measured, view_layer)
            if lift:
                return found | {"breath": lift[0]}
    return found


def _up(armature: bpy.types.Object, head: bpy.types.PoseBone, measured: Measured) -> np.ndarray:
    """From the foot of the rig to the head; along the lips where the head stands on nothing. Lips that part by the
    upper one are measured upside down."""
    foot = head.parent_recursive[-1].head if head.parent else head.head
    way = np.array(armature.matrix_world.to_3x3() @ (head.head - foot), dtype=np.float64)
    length = float(np.linalg.norm(way))
    return way / length if length > measured.lips.width else measured.lips.up


def _matching(armature: bpy.types.Object, pattern: re.Pattern[str]) -> list[bpy.types.PoseBone]:
    """The bones whose name says it, controls and short names first."""
    bones = [b for b in armature.pose.bones if pattern.search(re.sub(r"([a-z])([A-Z])", r"\1 \2", b.name))]
    return sorted(bones, key=lambda b: (bool(_HELPER.search(b.name)), b.name.startswith("DEF-"), len(b.name)))


def _spine_below(head: bpy.types.PoseBone) -> list[bpy.types.PoseBone]:
    """The bones of the spine that carry a head, the uppermost first."""
    return [bone for bone in head.parent_recursive if _SPINE.search(bone.name) and not _HELPER.search(bone.name)]


def _turning(armature: bpy.types.Object, bone: bpy.types.PoseBone, about_axes: Sequence[np.ndarray]) -> list[Target]:
    """A target for each direction that a bone can be turned about, empty if it cannot be keyed so."""
    if bone.rotation_mode == "AXIS_ANGLE" or any(bone.lock_rotation):
        return []
    axes = np.array(armature.matrix_world @ bone.matrix, dtype=np.float64)[:3, :3]
    axes /= np.linalg.norm(axes, axis=0)
    found = [about(axes, axis) for axis in about_axes]
    if len({axis for axis, _ in found}) < len(found):
        return []
    return [Target("rotation", bone.name, (armature.name,), -_LARGEST, _LARGEST, axis, sign) for axis, sign in found]


def about(axes: np.ndarray, wanted: np.ndarray) -> tuple[int, float]:
    """The local axis that lies nearest to a direction, and which way round."""
    along = axes.T @ wanted
    axis = int(np.abs(along).argmax())
    return axis, float(np.sign(along[axis]))


def _followed(
    turns: Sequence[Target], character: Character, measured: Measured, view_layer: bpy.types.ViewLayer
) -> list[Target]:
    """The turns of a bone in the ranges that its constraints leave, if the whole mouth goes with it; else none."""
    if not turns:
        return []
    mesh = bpy.data.objects[measured.mesh]
    with at_rest(character, turns, view_layer):
        before = points_of(mesh, view_layer)[measured.lips.steady]
        with posed({turns[0]: _TURN}):
            after = points_of(mesh, view_layer)[measured.lips.steady]
        if np.median(np.linalg.norm(after - before, axis=1)) <= 0.2 * _TURN * measured.lips.width:
            return []
        return [limited(turn, view_layer) for turn in turns]
