"""How far a bone follows its keys: locked channels are never keyed, constraints may limit a bone or hold it altogether.

Nothing is read from constraints: the bone is moved and the evaluated pose is seen, whatever stands between.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import bpy

from ..model_runtime.contracts import Target
from .character import Character
from .controls import is_helper
from .posing import at_rest, evaluated, posed

_BONES = ("rotation", "location")
_OVERRIDES = {"COPY_TRANSFORMS", "COPY_ROTATION", "COPY_LOCATION", "DAMPED_TRACK", "LOCKED_TRACK", "TRACK_TO", "ACTION"}
_FOLLOWS, _HELD = 0.98, 0.05
"""Shares of its first small move: with less a bone has reached a limit; of what was asked: with less it is held."""
_SMALL, _HALVINGS = 0.02, 8


def limited(target: Target, view_layer: bpy.types.ViewLayer) -> Target:
    """The target with the range in which its bone follows, from 0 to 0 for one that is held. The bone is at rest."""
    if target.kind not in _BONES or not _constraints(target):
        return target
    seen = _seen(target, view_layer)
    low, high = (_reach(seen, end) for end in (target.minimum, target.maximum))
    return replace(target, minimum=low, maximum=high)


def held(character: Character, view_layer: bpy.types.ViewLayer) -> tuple[str, ...]:
    """A sentence for each control of a character that a constraint holds, naming it."""
    suspects: dict[str, tuple[Target, str]] = {}
    for target in character.targets:
        if target.kind in _BONES and not is_helper(target.name):
            over = [c.name for c in _constraints(target) if c.type in _OVERRIDES and c.influence > _FOLLOWS]
            if over:
                suspects.setdefault(target.name, (target, over[-1]))
    if not suspects:
        return ()
    with at_rest(character, [target for target, _ in suspects.values()], view_layer):
        return tuple(
            f"{name} does not follow its keys: its constraint “{over}” holds it."
            for name, (target, over) in suspects.items()
            if not any(_follows(replace(target, axis=axis), view_layer) for axis in range(3))
        )


def _constraints(target: Target) -> list[bpy.types.Constraint]:
    """What is at work on a bone."""
    bone = bpy.data.objects[target.objects[0]].pose.bones[target.name]
    return [c for c in bone.constraints if not c.mute and c.influence > 0.0]


def _follows(target: Target, view_layer: bpy.types.ViewLayer) -> bool:
    seen = _seen(target, view_layer)
    return any(seen(_SMALL * end) > _HELD * _SMALL * abs(end) for end in (target.minimum, target.maximum) if end)


def _reach(seen: Callable[[float], float], end: float) -> float:
    """The furthest value towards `end` up to which the bone moves as it does at first."""
    if end == 0.0:
        return 0.0
    first = seen(_SMALL * end) / _SMALL
    if first < _HELD * abs(end):
        return 0.0
    if seen(end) >= _FOLLOWS * first:
        return end
    near, far = _SMALL, 1.0
    for _ in range(_HALVINGS):
        middle = 0.5 * (near + far)
        near, far = (middle, far) if seen(middle * end) >= _FOLLOWS * first * middle else (near, middle)
    return near * end


def _seen(target: Target, view_layer: bpy.types.ViewLayer) -> Callable[[float], float]:
    """How far the evaluated bone goes along or about the target's axis for a value, towards it, as a value."""
    armature = bpy.data.objects[target.objects[0]]

    def place() -> float:
        rig = evaluated(armature, view_layer)
        bone = rig.pose.bones[target.name]
        local = rig.convert_space(pose_bone=bone, matrix=bone.matrix, from_space="POSE", to_space="LOCAL")
        if target.kind == "location":
            return float(local.translation[target.axis])
        turn = local.to_quaternion()
        return 2.0 * math.atan2(turn[target.axis + 1], turn[0])

    still = place()

    def seen(value: float) -> float:
        with posed({target: value}):
            return math.copysign(1.0, value) * (place() - still) / target.sign

    return seen
