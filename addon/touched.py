"""What an artist changed on a generated Action: found by comparing with what was written, and put back when the line
is made again."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..model_runtime.contracts import Float32

SEALS, PROTECTED = "seals", "protected"
"""In the mark of an Action: the prints of all keys as they were written, by curve; ranges of frames to keep."""
GENERATED = 5
"""Blender's number for the kind of key that a program made."""
CONSTANT, LINEAR, BEZIER = 0, 1, 2
"""How a curve goes on from a key."""
FREE, ALIGNED = 0, 3
"""Handles that stay where they are put; Blender computes the others from the keys beside them."""
_FIELDS = (
    ("co", 2, np.float32), ("handle_left", 2, np.float32), ("handle_right", 2, np.float32),
    ("interpolation", 1, np.int32), ("handle_left_type", 1, np.int32), ("handle_right_type", 1, np.int32),
    ("easing", 1, np.int32), ("type", 1, np.int32),
)  # fmt: skip

Keys = dict[str, NDArray[Any]]
"""Everything about the keys of a curve by field, the first axis over the keys."""


@dataclass(frozen=True)
class Kept:
    """Keys of one curve that the artist changed. `spans` float [keys, 2]: the frames between which a key shapes the
    curve: from its neighbour before to the one after."""

    slot: str
    path: str
    index: int
    keys: Keys
    spans: Float32

    @property
    def title(self) -> str:
        """What the report calls it."""
        frames = ", ".join(f"{frame:g}" for frame in self.keys["co"][:3, 0])
        more = f" and {len(self.spans) - 3} more" if len(self.spans) > 3 else ""
        name = self.path.split('"')[1] if '"' in self.path else self.path
        return f"{name} at frame {frames}{more}"


def seal(action: Any, mark: str) -> None:
    """Remembers the keys of an Action as they are now."""
    prints = {name: base64.b64encode(_prints(read(curve)).tobytes()).decode() for name, _, curve in _named(action)}
    action[mark][SEALS] = json.dumps(prints)


def kept(action: Any, mark: str) -> list[Kept]:
    """What is different now from what was sealed, and every key that lies in a protected range."""
    sealed = json.loads(action[mark].get(SEALS, "null"))
    ranges = protected(action, mark)
    found = []
    for name, slot, curve in _named(action):
        keys = read(curve)
        frames = keys["co"][:, 0]
        mine = keys["type"] != GENERATED
        if sealed is not None:
            written = np.frombuffer(base64.b64decode(sealed.get(name, "")), np.int32)
            mine |= ~np.isin(_prints(keys), written)
        for first, last in ranges:
            mine |= (frames >= first) & (frames <= last)
        if mine.any():
            before, after = np.append(-np.inf, frames[:-1]), np.append(frames[1:], np.inf)
            spans = np.stack([before, after], axis=1)[mine].astype(np.float32)
            found.append(
                Kept(slot.identifier, curve.data_path, curve.array_index, {f: v[mine] for f, v in keys.items()}, spans)
            )
    return found


def changed(action: Any, mark: str) -> set[tuple[str, str, int]]:
    """(slot, path, index) of the sealed curves that are different now, be it by a key that is gone."""
    sealed = json.loads(action[mark].get(SEALS, "{}"))
    return {
        (slot.identifier, curve.data_path, curve.array_index) for name, slot, curve in _named(action)
        if name in sealed and base64.b64decode(sealed[name]) != _prints(read(curve)).tobytes()
    }  # fmt: skip


def protected(action: Any, mark: str) -> list[tuple[float, float]]:
    """The ranges of frames in which the artist wants nothing changed."""
    flat = list(action[mark].get(PROTECTED, ()))
    return [(float(a), float(b)) for a, b in zip(flat[::2], flat[1::2], strict=True)]


def protect(action: Any, mark: str, first: float, last: float) -> None:
    """Adds a range of frames."""
    action[mark][PROTECTED] = [*(edge for span in protected(action, mark) for edge in span), float(first), float(last)]


def put_back(action: Any, mark: str, changed: Sequence[Kept], contacts: Sequence[int]) -> None:
    """Puts kept keys into the curves of an Action; generated keys inside their spans go, but for contacts (frames).

    In protected ranges nothing generated stays at all.
    """
    mine = {(one.slot, one.path, one.index): one for one in changed}
    ranges = np.array(protected(action, mark)).reshape(-1, 2)
    for _, slot, curve in _named(action):
        one, keys = mine.get((slot.identifier, curve.data_path, curve.array_index)), read(curve)
        frames = keys["co"][:, 0]
        stays = ~((frames[:, None] >= ranges[:, 0]) & (frames[:, None] <= ranges[:, 1])).any(axis=1)
        if one is not None:
            inside = ((frames[:, None] > one.spans[:, 0]) & (frames[:, None] < one.spans[:, 1])).any(axis=1)
            stays &= (~inside | np.isin(frames, contacts)) & ~np.isin(frames, one.keys["co"][:, 0])
            keys = {f: np.concatenate([values[stays], one.keys[f]]) for f, values in keys.items()}
        elif stays.all():
            continue
        else:
            keys = {f: values[stays] for f, values in keys.items()}
        order = keys["co"][:, 0].argsort(kind="stable")
        write(curve, {f: values[order] for f, values in keys.items()})


def read(curve: Any) -> Keys:
    """All keys of an F-curve."""
    points, keys = curve.keyframe_points, {}
    for name, width, kind in _FIELDS:
        flat = np.empty(len(points) * width, dtype=kind)
        points.foreach_get(name, flat)
        keys[name] = flat.reshape(-1, width) if width > 1 else flat
    return keys


def write(curve: Any, keys: Keys) -> None:
    """Gives an F-curve these keys and no others.

    Blender rounds aligned handles at each update: they are put again, or kept keys would wander a little every time.
    """
    points = curve.keyframe_points
    points.clear()
    points.add(len(keys["co"]))
    for name, _, _ in _FIELDS:
        points.foreach_set(name, np.ascontiguousarray(keys[name]).ravel())
    curve.update()
    updated = read(curve)
    for side in ("handle_left", "handle_right"):
        put = np.isin(keys[f"{side}_type"], (FREE, ALIGNED))[:, None]
        points.foreach_set(side, np.where(put, keys[side], updated[side]).ravel())


def _prints(keys: Keys) -> NDArray[np.int32]:
    """A number for each key from its place and handles, to 1/1000 frame and 1/10000 of value."""
    places = np.concatenate([keys["co"], keys["handle_left"], keys["handle_right"]], axis=1).astype(np.float64)
    steps = np.rint(places * np.tile((1e3, 1e4), 3)).astype(np.int64)
    mixed = (steps * np.array([73_856_093, 19_349_663, 83_492_791, 49_979_687, 15_485_863, 32_452_843])).sum(axis=1)
    return np.asarray((mixed ^ (mixed >> 31)) & 0x7FFFFFFF, dtype=np.int32)


def _named(action: Any) -> Iterator[tuple[str, Any, Any]]:
    """(name, slot, curve) of every F-curve."""
    for slot in action.slots:
        for layer in action.layers:
            for strip in layer.strips:
                bag = strip.channelbag(slot)
                for curve in bag.fcurves if bag is not None else ():
                    yield f"{slot.identifier}|{curve.data_path}|{curve.array_index}", slot, curve
