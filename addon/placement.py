"""Where lines play: each from an NLA strip of its own, or all lines of a character merged into one Action.

The strips are always there. Where lines are merged, the tracks of the strips are muted and one Action holds the same
keys at the same frames, with a slot for every mesh and for the rig. Before lines are made or moved, what an artist
changed on it goes back into them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from typing import Any, Concatenate, NamedTuple, ParamSpec, TypeVar

import bpy

from . import keyframes, touched
from .joined_keys import Part, joined, parted
from .keyframes import MARK, MERGED

BLEND = 3.0
"""Frames in which a line goes over into another that the same character speaks at that time."""
_depth = 0
"""How many callers want lines to play from their strips now."""

P = ParamSpec("P")
Made = TypeVar("Made")


class Played(NamedTuple):
    """A line on one data-block: its strip, and the F-curves of its slot by path and index."""

    strip: Any
    curves: dict[tuple[str, int], Any]


@contextmanager
def lifted(scene: bpy.types.Scene) -> Iterator[None]:
    """Lines play from their strips inside; after that as the scene's placement wants it."""
    global _depth
    if not _depth:
        _lift()
    _depth += 1
    try:
        yield
    finally:
        _depth -= 1
        if not _depth and scene in list(bpy.data.scenes):  # it may have been deleted meanwhile
            settle(scene)


def lifts(work: Callable[Concatenate[bpy.types.Context, P], Made]) -> Callable[Concatenate[bpy.types.Context, P], Made]:
    """For functions that write lines: see `lifted`."""

    @wraps(work)
    def wrapped(context: bpy.types.Context, /, *args: P.args, **kwargs: P.kwargs) -> Made:
        with lifted(context.scene):
            return work(context, *args, **kwargs)

    return wrapped


def settle(scene: bpy.types.Scene) -> None:
    """Blends lines where they overlap, and merges those of each character if the scene wants it."""
    if _depth:
        return
    _lift()
    for cast in _casts():
        for owner in cast:
            _blend([played.strip for played in _played(owner)])
        if scene.labial.placement == "MERGED":
            _merge(cast)


def _casts() -> list[list[Any]]:
    """Data-blocks that play lines, those of one character together: its lines have a slot for each of them."""
    casts: list[tuple[set[str], list[Any]]] = []
    for owner in [*bpy.data.objects, *bpy.data.shape_keys]:
        lines = {strip.action.name for track in _tracks(owner) for strip in track.strips}
        if lines:
            mine = [cast for cast in casts if cast[0] & lines]
            casts = [cast for cast in casts if not cast[0] & lines]
            casts.append((lines.union(*(cast[0] for cast in mine)), [*(o for _, os in mine for o in os), owner]))
    return [owners for _, owners in casts]


def _tracks(owner: Any) -> list[Any]:
    """The NLA tracks of a data-block that hold lines and nothing else, from the lowest to the highest.

    What is linked plays as its own file has it.
    """
    data = owner.animation_data if owner.library is None else None
    return [t for t in data.nla_tracks if t.strips and all(_is_line(s.action) for s in t.strips)] if data else []


def _is_line(action: Any) -> bool:
    return keyframes.is_ours(action, None) and not keyframes.is_merged(action)


def _played(owner: Any) -> list[Played]:
    """The lines that are to be seen on a data-block, those of lower tracks first."""
    return [
        Played(strip, {(c.data_path, c.array_index): c for c in keyframes.curves_of(strip.action, strip.action_slot)})
        for track in _tracks(owner) for strip in track.strips if not strip.mute and strip.action_slot
    ]  # fmt: skip


def _blend(strips: list[Any]) -> None:
    """Where a strip begins or ends while another one of the data-block plays, it fades instead of jumping."""
    for k, strip in enumerate(strips):
        others = [s for s in strips[:k] if s.frame_start < strip.frame_end and strip.frame_start < s.frame_end]
        longest = min(BLEND, (strip.frame_end - strip.frame_start) / 2)
        strip.blend_in = longest if any(s.frame_start < strip.frame_start for s in others) else 0.0
        strip.blend_out = longest if any(s.frame_end > strip.frame_end for s in others) else 0.0


# All lines in one Action


def _merge(cast: list[Any]) -> None:
    """One Action with the keys of all lines of a character; their tracks are muted."""
    rig = next((owner for owner in cast if isinstance(owner, bpy.types.Object)), None)
    action: Any = bpy.data.actions.new(f"{(rig or cast[0].user).name} {keyframes.TRACK_NAME}")
    action[MARK] = {"line": "", MERGED: True}
    action.layers.new(keyframes.TRACK_NAME).strips.new(type="KEYFRAME")
    for owner in cast:
        _free(owner.animation_data)
        lines = _played(owner)
        slot = keyframes.slot_of(action, owner)
        bag = _bag(action, slot)
        for path, index in dict.fromkeys(channel for line in lines for channel in line.curves):
            parts = [Part(line.strip, line.curves[path, index]) for line in lines if (path, index) in line.curves]
            touched.write(bag.fcurves.new(path, index=index), joined(parts))
        for track in _tracks(owner):
            track.mute = True
        if owner.animation_data.action is None:
            owner.animation_data.action, owner.animation_data.action_slot = action, slot
        else:
            keyframes.add_strip(owner.animation_data, action, slot, alone=True)
    touched.seal(action, MARK)


def _free(data: Any) -> None:
    """A line that plays as the active Action goes into a strip like the others."""
    if _is_line(data.action):
        line, slot = data.action, data.action_slot
        data.action = None
        keyframes.add_strip(data, line, slot)


def _lift() -> None:
    """Takes merged Actions away; their lines play from their strips, with what was changed."""
    every: list[Any] = list(bpy.data.actions)
    for action in [a for a in every if keyframes.is_merged(a) and a.library is None]:
        changed = touched.changed(action, MARK)
        for owner in [*bpy.data.objects, *bpy.data.shape_keys]:
            slot = keyframes.played_slot(action, owner)
            if slot is not None:
                _give_back(owner, action, slot, changed)
                for track in _tracks(owner):
                    track.mute = False
        _dissolve(action)


def _give_back(owner: Any, action: Any, slot: Any, changed: set[tuple[str, str, int]]) -> None:
    """What an artist changed on the merged curves goes into the lines; curves of the lines leave the Action."""
    lines = _played(owner)
    for curve in list(keyframes.curves_of(action, slot)):
        channel = (curve.data_path, curve.array_index)
        parts = [Part(line.strip, line.curves[channel]) for line in lines if channel in line.curves]
        if (slot.identifier, *channel) in changed:
            for part, keys in parted(parts, touched.read(curve)):
                touched.write(part.curve, keys)
        if parts:
            _bag(action, slot).fcurves.remove(curve)


def _bag(action: Any, slot: Any) -> Any:
    return action.layers[0].strips[0].channelbag(slot, ensure=True)


def _dissolve(action: Any) -> None:
    """A merged Action whose lines are gone goes too, but for what an artist animated on it besides them."""
    if any(keyframes.curves_of(action, slot) for slot in action.slots):
        del action[MARK]
        return
    for owner in [*bpy.data.objects, *bpy.data.shape_keys]:
        for track in list(owner.animation_data.nla_tracks) if owner.animation_data else ():
            if any(strip.action == action for strip in track.strips):
                owner.animation_data.nla_tracks.remove(track)
    bpy.data.actions.remove(action)


def strips_of(action: Any) -> list[Any]:
    """The NLA strips of a line, on every data-block that carries one."""
    return [
        strip for owner in [*bpy.data.objects, *bpy.data.shape_keys] if owner.animation_data
        for track in owner.animation_data.nla_tracks for strip in track.strips if strip.action == action
    ]  # fmt: skip
