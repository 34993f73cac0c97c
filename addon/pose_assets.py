"""Poses as visemes: an Action that holds one pose of a character's rig is a group of the channels that it moves.

How far a pose goes from rest is scaled channel by channel, a quaternion about each axis by itself (2 atan of its vector
over its scalar part). At 1 that is the pose, about one axis it is exact on the way too; half of a turn by 30 degrees
about each of two axes comes out larger by a hundredth.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace

import bpy

from ..model_runtime.contracts import Target, TargetKind
from .controls import is_locked

_NAME = r'\["((?:[^"\\]|\\.)*)"\]'
_BONE = re.compile(rf"^pose\.bones{_NAME}\.(location|rotation_euler|rotation_quaternion)$")
_PROPERTY = re.compile(rf"^(?:pose\.bones{_NAME})?{_NAME}$")
_KEY = re.compile(rf"^key_blocks{_NAME}\.value$")
_FEW = 2
"""A pose has so many keys on a curve, at most."""
_AT_REST = 1e-5
_OURS = "labial"

Channels = dict[tuple[str, int], float]
"""Data path and array index -> value."""


def pose_groups(
    armature: bpy.types.Object | None, keys: Sequence[Target], driven: Collection[tuple[str, str, int]]
) -> tuple[Target, ...]:
    """Every Action that holds a single pose of the rig, by its name, marked as an asset or not.

    keys: the character's shape keys that may be keyed; driven: kind, bone and axis of channels that may not.
    """
    if armature is None or armature.pose is None:
        return ()
    shapes = {key.name: key for key in keys}
    groups = []
    for action in bpy.data.actions:
        pose = {} if action.get(_OURS) else _pose(action)
        parts = [(part, value) for part, value in _parts(armature, shapes, pose) if abs(value) > _AT_REST]
        parts = [(part, value) for part, value in parts if (part.kind, part.name, part.axis) not in driven]
        if any(part.kind != "shape_key" for part, _ in parts):
            groups.append(Target("group", action.name, (armature.name,), parts=tuple(parts)))
    return _within_reach(groups)


def _pose(action: bpy.types.Action) -> Channels:
    """The values of an Action that moves nothing by itself; empty for one that does."""
    bags = [bag for layer in action.layers for strip in layer.strips for bag in strip.channelbags]
    found: Channels = {}
    for curve in (curve for bag in bags for curve in bag.fcurves):
        points = curve.keyframe_points
        if not 0 < len(points) <= _FEW or len({round(point.co.y, 6) for point in points}) > 1:
            return {}
        found[curve.data_path, curve.array_index] = points[0].co.y
    return found


def _parts(armature: bpy.types.Object, shapes: Mapping[str, Target], pose: Channels) -> Iterator[tuple[Target, float]]:
    plain = bpy.utils.unescape_identifier
    for (path, index), value in pose.items():
        if (key := _KEY.match(path)) and plain(key[1]) in shapes:
            yield shapes[plain(key[1])], value
        elif found := _PROPERTY.match(path):
            yield from _property(armature, plain(found[1] or ""), plain(found[2]), value)
        elif (found := _BONE.match(path)) and plain(found[1]) in armature.pose.bones:
            bone = armature.pose.bones[plain(found[1])]
            scalar = pose.get((path, 0), 1.0) if found[2] == "rotation_quaternion" else None
            yield from _channel(armature, bone, found[2], index, value, scalar)


def _channel(
    armature: bpy.types.Object, bone: bpy.types.PoseBone, prop: str, index: int, value: float, scalar: float | None
) -> Iterator[tuple[Target, float]]:
    """A bone's channel that is not locked; scalar: the first number of a quaternion."""
    kind: TargetKind = "location" if prop == "location" else "rotation"
    turning = {"QUATERNION": "rotation_quaternion", "AXIS_ANGLE": ""}.get(bone.rotation_mode, "rotation_euler")
    axis = index if scalar is None else index - 1
    if axis < 0 or prop not in ("location", turning) or is_locked(bone, kind, axis):
        return
    far = value if scalar is None else 2.0 * math.atan2(value, scalar)
    yield Target(kind, bone.name, (armature.name,), axis=axis), far


def _property(armature: bpy.types.Object, bone: str, name: str, value: float) -> Iterator[tuple[Target, float]]:
    holder = armature.pose.bones.get(bone) if bone else armature
    if holder is not None and isinstance(holder.get(name), float):
        yield Target("property", name, (armature.name,), bone=bone), value


def _within_reach(groups: Sequence[Target]) -> tuple[Target, ...]:
    """The same groups; each channel of the rig may go as far as some pose of them takes it."""
    reach: dict[Target, tuple[float, float]] = {}
    for part, value in (pair for group in groups for pair in group.parts):
        low, high = reach.get(part, (0.0, 0.0))
        reach[part] = min(low, value), max(high, value)

    def ranged(part: Target) -> Target:
        return part if part.kind == "shape_key" else replace(part, minimum=reach[part][0], maximum=reach[part][1])

    return tuple(replace(group, parts=tuple((ranged(part), value) for part, value in group.parts)) for group in groups)
