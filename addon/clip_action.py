"""A baked clip as an Action with a key at every frame, and a slot for the rig and for the shape keys of each mesh."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

from ..model_runtime.contracts import Float32
from ..model_runtime.export.clip import Clip
from ..model_runtime.export.turns import decomposed
from .touched import CONSTANT, LINEAR

_PARTS = (("location", 3), ("rotation_quaternion", 4), ("scale", 3))


def clip_action(
    clip: Clip, owners: Mapping[str, Any], armature: Any, names: Mapping[str, str], frames: NDArray[np.float64]
) -> tuple[Any, list[tuple[Any, Any]]]:
    """The Action and (data-block, its slot) of all that it moves; it is not assigned.

    owners: mesh of the clip -> its shape keys. names: shape key -> its name there. frames: where each key goes. Bones
    are to turn as quaternions. Channels that do not move get no curve.
    """
    action = bpy.data.actions.new(clip.name)
    strip = action.layers.new("Labial").strips.new(type="KEYFRAME")
    slots: dict[Any, Any] = {}
    for mesh, weights in clip.weights.items():
        owner = owners.get(mesh)
        if owner is None or owner in slots or not weights.moves:
            continue
        slots[owner] = action.slots.new(id_type="KEY", name=owner.user.name)
        bag = strip.channelbag(slots[owner], ensure=True)
        for name, values in zip(weights.names, weights.values.T, strict=True):
            if np.ptp(values) > 0.0:
                key = bpy.utils.escape_identifier(names.get(name, name))
                _write(bag.fcurves.new(f'key_blocks["{key}"].value'), frames, values, clip.held)
    if armature is not None and clip.bones:
        slots[armature] = action.slots.new(id_type="OBJECT", name=armature.name)
        bag = strip.channelbag(slots[armature], ensure=True)
        for path, axis, values in _bone_channels(clip):
            _write(bag.fcurves.new(path, index=axis), frames, values, clip.held)
    return action, list(slots.items())


def assign(slots: Sequence[tuple[Any, Any]], action: Any) -> None:
    """Makes data-blocks play an Action."""
    for owner, slot in slots:
        data = owner.animation_data or owner.animation_data_create()
        data.action = action
        data.action_slot = slot


def _bone_channels(clip: Clip) -> Iterator[tuple[str, int, Float32]]:
    for bone, basis in clip.bones.items():
        path = f'pose.bones["{bpy.utils.escape_identifier(bone)}"].'
        for (part, width), values in zip(_PARTS, decomposed(basis.astype(np.float64)), strict=True):
            if np.ptp(values, axis=0).max() > 0.0:
                yield from ((path + part, axis, values[:, axis]) for axis in range(width))


def _write(curve: Any, frames: NDArray[np.float64], values: Float32, held: bool) -> None:
    points = curve.keyframe_points
    points.add(len(values))
    points.foreach_set("co", np.stack([frames, values], axis=1).astype(np.float32).ravel())
    points.foreach_set("interpolation", np.full(len(values), CONSTANT if held else LINEAR, dtype=np.int32))
    curve.update()
