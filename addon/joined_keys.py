"""The keys of several lines on one F-curve: the same values at every frame as the lines give from NLA strips."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from . import touched
from .touched import FREE, GENERATED, LINEAR, Keys

_NEAR = 1e-3
"""Frames that are the same."""
_STILL = 1e-5
"""Values that are the same."""

Frames = NDArray[np.float64]


class Part(NamedTuple):
    """A line on one channel: its NLA strip and its F-curve."""

    strip: Any
    curve: Any

    def covers(self, frames: Frames) -> NDArray[np.bool_]:
        """Which frames of the scene the strip plays at."""
        return (frames >= self.strip.frame_start - _NEAR) & (frames <= self.strip.frame_end + _NEAR)


def joined(parts: Sequence[Part]) -> Keys:
    """All keys of a channel in frames of the scene. parts: those of lower tracks first.

    A line that plays alone keeps its keys as they are. Where lines overlap or fade, every frame from the key before to
    the key after gets one of its own, with straight lines between.
    """
    pieces = [_in_scene(part) for part in parts]
    spans = _together(_mixed(parts, pieces))
    for first, last in spans:
        pieces = [_selected(p, (p["co"][:, 0] < first - _NEAR) | (p["co"][:, 0] > last + _NEAR)) for p in pieces]
    baked = [_baked(parts, first, last) for first, last in spans]
    return _resting(parts, _sorted([*pieces, *baked]))


def parted(parts: Sequence[Part], keys: Keys) -> Iterator[tuple[Part, Keys]]:
    """The keys of a channel as those of its lines, in their own frames: the reverse of `joined`.

    A key in a gap goes to the nearest line, whose strip is made longer. What one line hides of another stays there.
    """
    away = _away(parts, keys)
    at_rest = np.abs(keys["co"][:, 1] - _rest(parts[0].curve)) < _STILL
    keep = ~(at_rest & (away.min(axis=0) > _NEAR) & (away.min(axis=0) < 1 + _NEAR))  # what `_resting` put there
    keys, away = _selected(keys, keep), away[:, keep]
    owner = len(parts) - 1 - np.argmin(away[::-1], axis=0)
    for k, part in enumerate(parts):
        old = _in_scene(part)
        hidden = np.zeros(len(old["co"]), dtype=bool)
        for above in parts[k + 1 :]:
            hidden |= above.covers(old["co"][:, 0])
        mine = _sorted([_selected(keys, owner == k), _selected(old, hidden)])
        if len(mine["co"]):
            yield part, _moved(mine, part.strip, back=True)
            _lengthen(part.strip, mine["co"][:, 0])


def _away(parts: Sequence[Part], keys: Keys) -> Frames:
    """Frames from each part's strip to each key, float [parts, keys]."""
    frames = keys["co"][:, 0].astype(np.float64)
    ends = [(part.strip.frame_start - frames, frames - part.strip.frame_end) for part in parts]
    return np.stack([np.maximum(np.maximum(before, after), 0.0) for before, after in ends])


def _in_scene(part: Part) -> Keys:
    keys = _moved(touched.read(part.curve), part.strip)
    return _selected(keys, part.covers(keys["co"][:, 0]))


def _moved(keys: Keys, strip: Any, *, back: bool = False) -> Keys:
    """Keys of an Action in frames of the scene; back: the reverse."""
    made, (begin, start, scale) = dict(keys), (strip.action_frame_start, strip.frame_start, strip.scale)
    for name in ("co", "handle_left", "handle_right"):
        made[name] = keys[name].copy()
        times = keys[name][:, 0]
        made[name][:, 0] = begin + (times - start) / scale if back else start + (times - begin) * scale
    return made


def _selected(keys: Keys, which: NDArray[np.bool_]) -> Keys:
    return {name: values[which] for name, values in keys.items()}


def _sorted(pieces: Sequence[Keys]) -> Keys:
    keys = {name: np.concatenate([piece[name] for piece in pieces]) for name in pieces[0]}
    order = keys["co"][:, 0].argsort(kind="stable")
    return {name: values[order] for name, values in keys.items()}


# Where several lines play at once


def _mixed(parts: Sequence[Part], pieces: Sequence[Keys]) -> Iterator[tuple[int, int]]:
    """Frames between which more than one line counts, from a key to a key."""
    for k, part in enumerate(parts):
        strip = part.strip
        spans = [(strip.frame_start, strip.frame_start + strip.blend_in)] if strip.blend_in else []
        spans += [(strip.frame_end - strip.blend_out, strip.frame_end)] if strip.blend_out else []
        for below in parts[:k]:
            first = max(strip.frame_start, below.strip.frame_start)
            last = min(strip.frame_end, below.strip.frame_end)
            spans += [(first, last)] if first <= last else []
        for first, last in spans:
            before = [_key(p, first, -1) for part, p in zip(parts, pieces, strict=True) if part.covers(_at(first))[0]]
            after = [_key(p, last, 1) for part, p in zip(parts, pieces, strict=True) if part.covers(_at(last))[0]]
            yield math.floor(min([first, *before])), math.ceil(max([last, *after]))


def _at(frame: float) -> Frames:
    return np.array([frame])


def _key(keys: Keys, frame: float, way: int) -> float:
    """The nearest key not after (-1) or not before (1) a frame, else the frame."""
    found = keys["co"][:, 0][way * (keys["co"][:, 0] - frame) >= -_NEAR]
    return float(found.min() if way > 0 else found.max()) if len(found) else frame


def _together(spans: Iterator[tuple[int, int]]) -> list[tuple[int, int]]:
    """Spans that touch, as one."""
    made: list[tuple[int, int]] = []
    for first, last in sorted(spans):
        if made and first <= made[-1][1]:
            made[-1] = (made[-1][0], max(made[-1][1], last))
        else:
            made.append((first, last))
    return made


def _straight(frames: Sequence[float] | Frames, values: Sequence[float]) -> Keys:
    """Keys with straight lines between."""
    co = np.stack([np.asarray(frames, dtype=np.float64), np.asarray(values)], axis=1).astype(np.float32)
    third = np.array([1 / 3, 0.0], dtype=np.float32)
    count = len(co)
    return {
        "co": co, "handle_left": co - third, "handle_right": co + third,
        "interpolation": np.full(count, LINEAR, np.int32), "handle_left_type": np.full(count, FREE, np.int32),
        "handle_right_type": np.full(count, FREE, np.int32), "easing": np.zeros(count, np.int32),
        "type": np.full(count, GENERATED, np.int32),
    }  # fmt: skip


def _resting(parts: Sequence[Part], keys: Keys) -> Keys:
    """With keys at rest beside lines that begin or end elsewhere, as the NLA rests wherever nothing plays."""
    for part in parts:
        for edge, beside in (
            (part.strip.frame_start, math.ceil(part.strip.frame_start) - 1),
            (part.strip.frame_end, math.floor(part.strip.frame_end) + 1),
        ):
            rest, value = _rest(part.curve), _value(parts, edge)
            if abs(value - rest) < _STILL or any(other.covers(_at(beside))[0] for other in parts):
                continue
            there = np.abs(keys["co"][:, 0] - edge) < _NEAR
            keys["interpolation"][there & (beside > edge)] = LINEAR
            wanted = [(beside, rest), *([] if there.any() else [(edge, value)])]
            new = [(frame, v) for frame, v in wanted if not (np.abs(keys["co"][:, 0] - frame) < _NEAR).any()]
            if new:
                keys = _sorted([keys, _straight(*zip(*new, strict=True))])
    return keys


def _baked(parts: Sequence[Part], first: int, last: int) -> Keys:
    """A key for each frame; the outer handles are those of the keys that were there."""
    frames = np.arange(first, last + 1, dtype=np.float64)
    keys = _straight(frames, [_value(parts, frame) for frame in frames])
    for k, frame, outside, fields in (
        (0, first, first - 1, ("handle_left",)),
        (-1, last, last + 1, ("handle_right", "interpolation", "easing")),
    ):
        for part in (part for part in parts if part.covers(_at(outside))[0]):
            old = _in_scene(part)
            at = np.flatnonzero(np.abs(old["co"][:, 0] - frame) < _NEAR)
            for name in fields if len(at) else ():
                keys[name][k] = old[name][at[0]]
    return keys


def _value(parts: Sequence[Part], frame: float) -> float:
    """What the NLA shows at a frame: each strip replaces those below it as far as it is faded in."""
    shown: float | None = None
    for strip, curve in parts:
        if strip.frame_start <= frame <= strip.frame_end:
            own = curve.evaluate(strip.action_frame_start + (frame - strip.frame_start) / strip.scale)
            share = _influence(strip, frame)
            rest = _rest(curve) if shown is None else shown
            shown = rest + share * (own - rest)
    if shown is None:
        raise AssertionError("a span lies within its strips")
    return shown


def _influence(strip: Any, frame: float) -> float:
    """How far a strip is faded in, as Blender counts it."""
    if strip.blend_in and frame <= strip.frame_start + strip.blend_in:
        return float((frame - strip.frame_start) / strip.blend_in)
    if strip.blend_out and frame >= strip.frame_end - strip.blend_out:
        return float((strip.frame_end - frame) / strip.blend_out)
    return 1.0


def _rest(curve: Any) -> float:
    return 1.0 if curve.data_path.endswith("rotation_quaternion") and curve.array_index == 0 else 0.0


def _lengthen(strip: Any, frames: Frames) -> None:
    """Lets a strip play from its first key to its last."""
    first, last, scale = float(frames.min()), float(frames.max()), strip.scale
    if last > strip.frame_end + _NEAR:
        strip.action_frame_end += (last - strip.frame_end) / scale
        strip.frame_end = last
    if first < strip.frame_start - _NEAR:
        strip.action_frame_start -= (strip.frame_start - first) / scale
        strip.frame_start = first
