"""Copies of a character that play one baked clip and nothing else, for exporters that read Blender's scene."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import bpy
import numpy as np

from ..model_runtime.contracts import Float32
from ..model_runtime.export.clip import Clip
from .bake import Skeleton, rest_weights, skeleton
from .character import Character
from .clip_action import assign, clip_action
from .export_scene import parked, require_object_mode, scratch
from .playing import with_parents


@contextmanager
def stand_ins(
    character: Character, title: str, fps: float, names: Mapping[str, str], *, deform_only: bool,
    clip: Clip | None = None,
) -> Iterator[bpy.types.Scene]:  # fmt: skip
    """A shown scene, named `title`, with copies under the names of the originals; gone afterwards.

    names: shape key -> its name in the file. deform_only: the bones of `skeleton` alone. Frame 0 is second 0 of the
    clip. No driver or constraint of a bone is left: what they do is in the clip.
    """
    originals, shown = with_parents(character), bpy.context.scene
    require_object_mode(originals)
    blocks = list(dict.fromkeys([*originals, *(obj.data for obj in originals if obj.data)]))
    titles, rest = {block: block.name for block in blocks}, rest_weights(character)
    bones = skeleton(character, deform_only)
    with parked(blocks), scratch(title, fps) as scene:
        scene.unit_settings.system = shown.unit_settings.system
        scene.unit_settings.scale_length = shown.unit_settings.scale_length
        copies = {obj: obj.copy() for obj in originals}
        for copy in copies.values():
            copy.make_local(clear_liboverride=True)
            copy.hide_viewport = False  # Blender writes no curves of what is disabled
        _own_data(copies, titles)
        for obj, copy in copies.items():
            copy.name = titles[obj]
            scene.collection.objects.link(copy)
        for obj, copy in copies.items():
            _rewired(copy, copies)
            if copy.type == "MESH" and copy.data.shape_keys:
                _keys(copy, rest.get(titles[obj]), names)
            if titles[obj] == character.armature:
                _plain(copy, bones)
        if clip is not None:
            scene.frame_start, scene.frame_end = 0, clip.frames - 1
            _play(copies, clip, names, titles, character.armature)
        scene.frame_set(0)
        yield scene


def _own_data(copies: Mapping[Any, Any], titles: Mapping[Any, str]) -> None:
    """Data of their own for the copies; what objects share stays shared."""
    made: dict[Any, Any] = {}
    for obj, copy in copies.items():
        if obj.data is not None and obj.type in ("MESH", "ARMATURE"):
            if obj.data not in made:
                made[obj.data] = obj.data.copy()
                made[obj.data].make_local(clear_liboverride=True)
                made[obj.data].name = titles[obj.data]
            copy.data = made[obj.data]


def _rewired(copy: bpy.types.Object, copies: Mapping[Any, Any]) -> None:
    """Parents, modifiers and constraints point at copies; animation, drivers and constraints of bones are gone."""
    if copy.parent is not None:
        copy.parent = copies[copy.parent]
    for block in (copy, copy.data, copy.data.shape_keys if copy.type == "MESH" else None):
        if block is not None and block.animation_data:
            block.animation_data_clear()
    for part in (*copy.modifiers, *copy.constraints):
        for name in ("object", "target"):
            if getattr(part, name, None) in copies:
                setattr(part, name, copies[getattr(part, name)])


def _plain(rig: bpy.types.Object, kept: Skeleton) -> None:
    """The kept bones at rest, each with all of its kept parent's motion and free to leave its end; no constraints."""
    for posed in rig.pose.bones:
        for constraint in list(posed.constraints):
            posed.constraints.remove(constraint)
        posed.rotation_mode = "QUATERNION"
        posed.location, posed.rotation_quaternion, posed.scale = (0, 0, 0), (1, 0, 0, 0), (1, 1, 1)
    bpy.context.view_layer.objects.active = rig
    bpy.ops.object.mode_set(mode="EDIT")
    edited = rig.data.edit_bones
    for bone in edited:
        bone.use_connect = False
    for name, parent in zip(kept.bones, kept.parents, strict=True):
        edited[name].parent = edited[kept.bones[parent]] if parent >= 0 else None
    for name in {bone.name for bone in edited} - {*kept.bones}:
        edited.remove(edited[name])
    bpy.ops.object.mode_set(mode="OBJECT")
    for plain in rig.data.bones:
        plain.use_inherit_rotation, plain.inherit_scale, plain.use_local_location = True, "FULL", True


def _keys(copy: bpy.types.Object, rest: Float32 | None, names: Mapping[str, str]) -> None:
    """Shape keys at rest under the names of the file; muted ones, which no clip has, are gone."""
    shapes = copy.data.shape_keys
    for key in [key for key in shapes.key_blocks if key.mute and key != shapes.reference_key]:
        copy.shape_key_remove(key)
    keys = [key for key in shapes.key_blocks if key != shapes.reference_key]
    spelled = [names.get(key.name, key.name) for key in keys]
    for number, key in enumerate(keys):
        key.name = f"labial parked {number}"
        key.value = 0.0 if rest is None else float(rest[number])
    for key, name in zip(keys, spelled, strict=True):
        key.name = name


def _play(
    copies: Mapping[Any, Any], clip: Clip, names: Mapping[str, str], titles: Mapping[Any, str], rig: str | None
) -> None:
    armature = next((copy for obj, copy in copies.items() if titles[obj] == rig), None)
    owners = {titles[obj]: copy.data.shape_keys for obj, copy in copies.items() if copy.type == "MESH"}
    action, slots = clip_action(clip, owners, armature, names, np.arange(clip.frames, dtype=np.float64))
    assign(slots, action)
