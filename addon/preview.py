"""One pose of a character to look at, and what was there before, as text that undo and files keep."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import bpy

from ..model_runtime.contracts import Float32, Target
from ..model_runtime.rigs.channels import keyed
from .posing import set_targets

_POSE = ("location", "rotation_quaternion", "rotation_euler", "rotation_axis_angle")


def remembered(targets: Sequence[Target]) -> str:
    """The values of all targets as they are."""
    return json.dumps([[*place, value] for place, value in _values(targets)])


def show(targets: Sequence[Target], values: Float32) -> None:
    """Poses the targets."""
    set_targets(dict(zip(targets, values.tolist(), strict=True)))


def put_back(text: str) -> None:
    """What `remembered` saw, as far as it is still there."""
    for kind, owner, name, prop, value in json.loads(text):
        holder = _holder(bpy.data.objects.get(owner), kind, name)
        if holder is None:
            continue
        if kind == "property":
            holder[prop] = value
            holder.id_data.update_tag()
        else:
            setattr(holder, prop, value)


def _values(targets: Sequence[Target]) -> Iterator[tuple[tuple[str, str, str, str], Any]]:
    for target in keyed(targets):
        for owner in target.objects:
            obj = bpy.data.objects[owner]
            if target.kind == "shape_key":
                value = obj.data.shape_keys.key_blocks[target.name].value
                yield (target.kind, owner, target.name, "value"), value
            elif target.kind == "property":
                value = _holder(obj, target.kind, target.bone)[target.name]
                yield (target.kind, owner, target.bone, target.name), value
            else:
                for prop in _POSE:
                    value = list(getattr(obj.pose.bones[target.name], prop))
                    yield (target.kind, owner, target.name, prop), value


def _holder(obj: bpy.types.Object | None, kind: str, name: str) -> Any:
    if obj is None:
        return None
    if kind == "shape_key":
        return obj.data.shape_keys.key_blocks.get(name) if obj.data.shape_keys else None
    if kind == "property" and not name:
        return obj
    return obj.pose.bones.get(name) if obj.pose else None
