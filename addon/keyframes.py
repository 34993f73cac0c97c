"""Key tracks to Blender Actions: one Action a line, a slot for every mesh and for the rig. The one way out.

The artist's work is never displaced: an Action that is already there stays active, the line then plays from an NLA
strip (REPLACE) below it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import bpy
import numpy as np

from ..model_runtime.contracts import Float32, KeyTrack, KeyTracks, Target
from ..model_runtime.rigs.channels import keyed
from . import touched
from .character import Character, objects_of
from .posing import to_rest
from .touched import ALIGNED, BEZIER, CONSTANT, GENERATED, Kept

MARK = "labial"
"""Custom property of every Action that Labial made: what it was made from."""
MERGED = "merged"
"""In the mark of an Action that holds all lines of a character at once (addon/placement.py)."""
TRACK_NAME = "Labial"


@dataclass(frozen=True)
class Written:
    """The name of the Action, what the artist's own animation keeps for itself, and the keys of an earlier version of
    the line that the artist changed, to be put back."""

    action: str
    warnings: tuple[str, ...]
    kept: tuple[Kept, ...] = ()


def write(
    character: Character, keys: KeyTracks, line: str, made_from: dict[str, Any], *, as_strip: bool = False
) -> Written:
    """Writes a line, replacing an earlier one of the same name on this character. All of it is written or nothing."""
    earlier = actions_of(character, line)
    kept = tuple(one for action in earlier for one in touched.kept(action, MARK))
    ranges = [span for action in earlier for span in touched.protected(action, MARK)]
    action = bpy.data.actions.new(f"{line} {TRACK_NAME}")
    try:
        action[MARK] = {"line": line, **made_from}
        action.use_fake_user = False
        slots = _fill(action, keys)
    except BaseException:
        bpy.data.actions.remove(action)
        raise
    for first, last in ranges:
        touched.protect(action, MARK, first, last)
    remove(character, line)
    action.name = f"{line} {TRACK_NAME}"
    warnings = [_place(owner, action, slot, as_strip) for owner, slot in slots]
    return Written(action.name, tuple(w for w in warnings if w), kept)


def finish(action_name: str, kept: Sequence[Kept], keys: KeyTracks) -> None:
    """Seals an Action whose keys are final, and puts the artist's own back among them."""
    action = bpy.data.actions[action_name]
    touched.seal(action, MARK)
    touched.put_back(action, MARK, kept, [frame for frame, _ in keys.contact_frames])


def actions_of(character: Character, line: str | None = None) -> list[Any]:
    """Labial's Actions (of one line, or of each) that a character plays."""
    found = {}
    for owner in owners(character):
        data = owner.animation_data
        strips = [strip.action for track in data.nla_tracks for strip in track.strips] if data else []
        for action in (data.action, *strips) if data else ():
            if is_ours(action, line) and not is_merged(action):
                found[action.name] = action
    return list(found.values())


def remove(character: Character, line: str | None = None) -> int:
    """Takes Labial's Actions (of one line, or all) off a character; keys that they moved go back to rest."""
    gone: set[str] = set()
    for owner in owners(character):
        data = owner.animation_data
        if data is None:
            continue
        if is_ours(data.action, line):
            gone.add(data.action.name)
            data.action = None
        for track in list(data.nla_tracks):
            for strip in [s for s in track.strips if is_ours(s.action, line)]:
                gone.add(strip.action.name)
                track.strips.remove(strip)
            if not track.strips and track.name.startswith(TRACK_NAME):
                data.nla_tracks.remove(track)
    for name in gone:
        action = bpy.data.actions[name]
        _to_rest(character, action)
        if not action.users:
            bpy.data.actions.remove(action)
    return len(gone)


def owners(character: Character) -> Iterator[Any]:
    """The data-blocks that can carry a slot: the shape keys of every mesh, each once, the rig and other controls."""
    shapes = {m.data.shape_keys.name: m.data.shape_keys for m in objects_of(character) if m.data.shape_keys}
    yield from shapes.values()
    controls = [t.objects[0] for t in character.targets if t.kind != "shape_key"]
    for name in dict.fromkeys([*([character.armature] if character.armature else ()), *controls]):
        yield bpy.data.objects[name]


def played_slot(action: Any, owner: Any) -> Any | None:
    """The slot with which a data-block plays an Action, as its own or in a strip; None if it does not."""
    data = owner.animation_data
    if data is None:
        return None
    if data.action == action:
        return data.action_slot
    strips = (strip for track in data.nla_tracks for strip in track.strips if strip.action == action)
    return next((strip.action_slot for strip in strips), None)


def fill_again(action_name: str, keys: KeyTracks) -> None:
    """Replaces the keys of an Action that `write` made; its slots and places stay."""
    action = bpy.data.actions[action_name]
    for track in keys.tracks:
        for owner in _owners_of(track.target):
            bag = action.layers[0].strips[0].channelbag(slot_of(action, owner), ensure=True)
            for path, index, co, handles in _channels(track, owner):
                _set_points(bag.fcurves.find(path, index=index), co, handles, keys.stepped)


def _fill(action: Any, keys: KeyTracks) -> list[tuple[Any, Any]]:
    strip = action.layers.new(TRACK_NAME).strips.new(type="KEYFRAME")
    slots: dict[str, tuple[Any, Any]] = {}
    for track in keys.tracks:
        for owner in _owners_of(track.target):
            slot = slot_of(action, owner)
            slots[slot.identifier] = (owner, slot)
            bag = strip.channelbag(slot, ensure=True)
            for path, index, co, handles in _channels(track, owner):
                curve = bag.fcurves.find(path, index=index) or bag.fcurves.new(path, index=index)
                _set_points(curve, co, handles, keys.stepped)
    return list(slots.values())


def _owners_of(target: Target) -> list[Any]:
    if target.kind != "shape_key":
        return [bpy.data.objects[target.objects[0]]]
    shapes = {
        bpy.data.objects[name].data.shape_keys.name: bpy.data.objects[name].data.shape_keys for name in target.objects
    }
    return list(shapes.values())


def slot_of(action: Any, owner: Any) -> Any:
    """The slot of an owner, made if missing. Shape keys are named after the mesh data that holds them."""
    kind = "KEY" if isinstance(owner, bpy.types.Key) else "OBJECT"
    name = owner.user.name if kind == "KEY" else owner.name
    found = next((s for s in action.slots if s.target_id_type == kind and s.name_display == name), None)
    return found or action.slots.new(id_type=kind, name=name)


def _channels(track: KeyTrack, owner: Any) -> Iterator[tuple[str, int, Float32, Float32]]:
    """The F-curves of a track: path, index, keys [k, 2] and handles [k, 4]."""
    target = track.target
    if target.kind == "shape_key":
        yield f'key_blocks["{bpy.utils.escape_identifier(target.name)}"].value', 0, track.co, track.handles
        return
    if target.kind == "number":
        yield target.name, 0, track.co, track.handles
        return
    name = bpy.utils.escape_identifier(target.name)
    if target.kind == "property":
        bone = f'pose.bones["{bpy.utils.escape_identifier(target.bone)}"]' if target.bone else ""
        yield f'{bone}["{name}"]', 0, *_mapped(track, lambda value: target.sign * value)
        return
    path = f'pose.bones["{name}"].'
    if target.kind == "location":
        yield path + "location", target.axis, *_mapped(track, lambda way: target.sign * way)
        return
    bone = owner.pose.bones[target.name]
    once = replace(track, co=track.co[:1], handles=track.handles[:1])
    if bone.rotation_mode == "QUATERNION":  # the pose's quaternion is normalised: w may stay 1 for all axes
        yield path + "rotation_quaternion", 0, *_mapped(once, np.ones_like)
        yield path + "rotation_quaternion", target.axis + 1, *_mapped(track, lambda a: np.tan(0.5 * target.sign * a))
    elif bone.rotation_mode == "AXIS_ANGLE":
        yield path + "rotation_axis_angle", 0, *_mapped(track, lambda angle: target.sign * angle)
        for axis in range(3):
            yield (
                path + "rotation_axis_angle",
                axis + 1,
                *_mapped(once, np.ones_like if axis == target.axis else np.zeros_like),
            )
    else:
        yield path + "rotation_euler", target.axis, *_mapped(track, lambda angle: target.sign * angle)


def _mapped(track: KeyTrack, function: Any) -> tuple[Float32, Float32]:
    co, handles = track.co.copy(), track.handles.copy()
    co[:, 1], handles[:, 1], handles[:, 3] = function(co[:, 1]), function(handles[:, 1]), function(handles[:, 3])
    return co, handles


def _set_points(curve: Any, co: Float32, handles: Float32, stepped: bool) -> None:
    points = curve.keyframe_points
    points.clear()
    points.add(len(co))
    points.foreach_set("co", co.ravel())
    points.foreach_set("interpolation", np.full(len(co), CONSTANT if stepped else BEZIER, dtype=np.int32))
    for side in ("handle_left_type", "handle_right_type"):
        points.foreach_set(side, np.full(len(co), ALIGNED, dtype=np.int32))
    points.foreach_set("handle_left", np.ascontiguousarray(handles[:, :2]).ravel())
    points.foreach_set("handle_right", np.ascontiguousarray(handles[:, 2:]).ravel())
    points.foreach_set("type", np.full(len(co), GENERATED, dtype=np.int32))
    curve.update()


def _place(owner: Any, action: Any, slot: Any, as_strip: bool) -> str:
    """Makes the line play on one data-block. Returns a warning if the artist's Action keeps some of its channels."""
    data = owner.animation_data or owner.animation_data_create()
    if (
        not as_strip
        and data.action is None
        and not any(s.action and MARK in s.action for t in data.nla_tracks for s in t.strips)
    ):
        data.action = action
        data.action_slot = slot
        return ""
    if is_ours(data.action, None):
        earlier, its_slot = data.action, data.action_slot
        data.action = None
        add_strip(data, earlier, its_slot)
    add_strip(data, action, slot)
    return _conflict(data, slot, action)


def add_strip(data: Any, action: Any, slot: Any, *, alone: bool = False) -> None:
    """Lets an Action play from a strip of its own, on a track of Labial that is free there, or is its alone."""
    first, last = action.curve_frame_range
    track = next((t for t in data.nla_tracks if t.name.startswith(TRACK_NAME) and _is_free(t, first, last)), None)
    if track is None or alone:
        track = data.nla_tracks.new()
        track.name = TRACK_NAME
    strip = track.strips.new(action.name, int(first), action)
    strip.action_slot = slot
    # The end first: a new strip covers an Action of several slots with frames 0 to 1, and a start beyond them is lost.
    strip.action_frame_end, strip.action_frame_start = last, first
    strip.frame_end = last
    strip.blend_type, strip.extrapolation = "REPLACE", "NOTHING"


def _is_free(track: Any, first: float, last: float) -> bool:
    return all(s.frame_end <= first or s.frame_start >= last for s in track.strips)


def _conflict(data: Any, slot: Any, action: Any) -> str:
    """Channels that the artist's active Action owns as well: there, the artist's keys win."""
    if data.action is None or data.action_slot is None:
        return ""
    theirs = {(c.data_path, c.array_index) for c in curves_of(data.action, data.action_slot)}
    both = [c.data_path for c in curves_of(action, slot) if (c.data_path, c.array_index) in theirs]
    if not both:
        return ""
    return f"The Action “{data.action.name}” already animates {len(both)} of the mouth's channels; its keys were kept."


def curves_of(action: Any, slot: Any) -> Sequence[Any]:
    """The F-curves of one slot."""
    bags = [strip.channelbag(slot) for layer in action.layers for strip in layer.strips]
    return [curve for bag in bags if bag is not None for curve in bag.fcurves]


def is_ours(action: Any, line: str | None) -> bool:
    """Whether Labial made an Action: for one line, or at all."""
    mark = _mark(action)
    return bool(mark) and (line is None or mark.get("line") == line)


def is_merged(action: Any) -> bool:
    """Whether an Action holds all lines of a character at once."""
    return MERGED in _mark(action)


def _mark(action: Any) -> Mapping[str, Any]:
    """What Labial keeps with an Action of its own; empty for others, also those with a property of the same name."""
    found = action.get(MARK) if action is not None else None
    return found if hasattr(found, "keys") else {}


def _to_rest(character: Character, action: Any) -> None:
    moved = {curve.data_path for slot in action.slots for curve in curves_of(action, slot)}
    for target in keyed(character.targets):
        name = bpy.utils.escape_identifier(target.name)
        if target.name in moved or any(f'["{name}"]' in path for path in moved):
            to_rest(target)
