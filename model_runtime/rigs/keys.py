"""Curves to few Bezier keys: whole frames, a stated error, contact keys exact.

A Blender F-curve whose handles lie a third of the way to their neighbours is a cubic Hermite spline in time, so the
error at every frame is known without Blender.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from itertools import pairwise
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from ..contracts import FRAME_RATE, Contact, Curves, Float32, FrameClock, KeyTrack, KeyTracks, Target, frozen_array

Indices = NDArray[np.int64]
Floats = NDArray[np.float64]

_NONE: Mapping[Target, float] = MappingProxyType({})
_PIECE = 64
"""Frames that are fitted together at most, where nothing else divides them."""
_FAINT = 1e-9
"""What is added to the normal equations so that they always have a solution."""
_NEAR = 0.5
"""A frame this near to a contact's plateau (in frames) may hold it too."""


def thin(
    curves: Curves, clock: FrameClock, tolerance: float = 0.02, hold_frames: int = 0,
    swings: Mapping[Target, float] = _NONE,
) -> KeyTracks:  # fmt: skip
    """Keys whose spline stays within `tolerance` (share of a target's range) of the curves at every frame.

    Each contact is snapped onto whole frames: all that lie in its plateau, at least one, two where the plateau is
    long enough or the neighbouring frame almost lies in it. Targets that never leave zero get no keys.

    hold_frames: instead of splines, poses that are held for so many frames each, as in stop motion. swings: how far
    bones turn or move in speech; those of other bones are measured in the curves, so that a change of the widest moment
    moves keys elsewhere.
    """
    if hold_frames:
        return _stepped(curves, clock, tolerance, hold_frames, swings)
    first = int(np.floor(clock.frame(0.0)))
    last = int(np.ceil(clock.frame((len(curves.values) - 1) / FRAME_RATE)))
    frames = np.arange(first, last + 1)
    times = (frames.astype(np.float64) - clock.start) / clock.rate
    snapped = contact_frames(curves.contacts, clock, first, last)
    for frame, contact in snapped:
        times[frame - first] = _inside(contact, times[frame - first])
    sampled = _sampled(curves.values, times)
    fixed = _ends(snapped) - first
    tracks, worst = [], 0.0
    for column, target in enumerate(curves.targets):
        values = sampled[:, column]
        unit = _range(target, values, swings)
        if unit == 0.0 or np.abs(values).max() < 0.5 * tolerance * unit:
            continue
        keys, level, slopes, error = _fit(values, fixed, tolerance * unit)
        tracks.append(_key_track(target, keys + first, level, slopes))
        worst = max(worst, error / unit)
    return KeyTracks(tuple(tracks), snapped, clock, worst)


def _stepped(
    curves: Curves, clock: FrameClock, tolerance: float, hold: int, swings: Mapping[Target, float]
) -> KeyTracks:
    """A pose for every `hold` frames; a contact takes the whole of the pose that it falls into, or else the next.

    The last pose is that of the end.
    """
    first = int(np.floor(clock.frame(0.0)))
    last = int(np.ceil(clock.frame((len(curves.values) - 1) / FRAME_RATE)))
    frames = np.arange(first, last + 1, hold)
    times = (frames.astype(np.float64) + 0.5 * (hold - 1) - clock.start) / clock.rate
    apexes = [(clock.frame(contact.apex) - first - 0.5 * (hold - 1)) / hold for contact in curves.contacts]
    held = dict(zip(_one_each(apexes, 0, max(0, len(frames) - 2)), curves.contacts, strict=True))
    for pose, contact in held.items():
        times[pose] = _inside(contact, times[pose])
    sampled = _sampled(curves.values, times)
    sampled[-1] = curves.values[-1]
    tracks = []
    for column, target in enumerate(curves.targets):
        values = sampled[:, column]
        unit = _range(target, values, swings)
        if unit == 0.0 or np.abs(values).max() < 0.5 * tolerance * unit:
            continue
        keys = [0]
        for pose in range(1, len(values)):
            if pose in held or abs(values[pose] - values[keys[-1]]) > tolerance * unit:
                keys.append(pose)
        tracks.append(_key_track(target, frames[keys], values[keys].astype(np.float64), np.zeros(len(keys))))
    snapped = tuple((int(frames[pose]), held[pose]) for pose in sorted(held))
    return KeyTracks(tuple(tracks), snapped, clock, tolerance, stepped=True)


def contact_frames(
    contacts: tuple[Contact, ...], clock: FrameClock, first: int, last: int
) -> tuple[tuple[int, Contact], ...]:
    """The whole frames that hold each contact, in order; a frame belongs to one contact only, and each has one."""
    own = _one_each([clock.frame(contact.apex) for contact in contacts], first, last)
    taken = dict(zip(own, contacts, strict=True))
    for contact, before, after in zip(contacts, [first - 1, *own], [*own[1:], last + 1], strict=False):
        low, high = clock.frame(contact.start), clock.frame(contact.end)
        held = list(range(int(np.ceil(low - 1e-6)), int(np.floor(high + 1e-6)) + 1))
        if not held:
            held = [round(clock.frame(contact.apex))]
        if len(held) == 1:
            nearer, further = low - (held[0] - 1), held[0] + 1 - high
            if min(nearer, further) <= _NEAR:
                held.append(held[0] - 1 if nearer < further else held[0] + 1)
        for frame in held:
            if before < frame < after:
                taken.setdefault(frame, contact)
    return tuple(sorted(taken.items(), key=lambda item: item[0]))


def _one_each(places: Sequence[float], first: int, last: int) -> list[int]:
    """The nearest whole number to each of rising places, in order, each its own, as far as `first` to `last` allow."""
    own: list[int] = []
    for place in places:
        own.append(max(round(place), own[-1] + 1 if own else first))
    for i in reversed(range(len(own))):
        own[i] = max(first, min(own[i], own[i + 1] - 1 if i + 1 < len(own) else last))
    return own


def _ends(snapped: tuple[tuple[int, Contact], ...]) -> Indices:
    """The first and the last frame of every contact: between two level keys of one value nothing moves."""
    held: dict[Contact, list[int]] = {}
    for frame, contact in snapped:
        held.setdefault(contact, []).append(frame)
    return np.unique(np.array([end for frames in held.values() for end in (frames[0], frames[-1])], dtype=np.int64))


def _inside(contact: Contact, seconds: float) -> float:
    """The nearest time whose two samples both lie in the contact's plateau."""
    low, high = np.ceil(contact.start * FRAME_RATE), np.floor(contact.end * FRAME_RATE)
    return float(np.clip(seconds * FRAME_RATE, low, max(low, high))) / FRAME_RATE


def _sampled(values: Float32, times: Floats) -> Float32:
    """Linear interpolation of [frames, targets] at `times` seconds, ends held."""
    position = np.clip(times * FRAME_RATE, 0, len(values) - 1)
    low = np.minimum(position.astype(np.int64), len(values) - 2)
    share = (position - low)[:, None].astype(np.float32)
    return np.asarray(values[low] * (1.0 - share) + values[low + 1] * share, dtype=np.float32)


def _range(target: Target, values: Float32, swings: Mapping[Target, float]) -> float:
    """What an error is a share of: the slider range of a key, the swing of a bone."""
    if target.kind in ("rotation", "location"):
        return swings[target] if target in swings else float(np.ptp(values))
    return target.maximum - target.minimum


def _fit(values: Float32, fixed: Indices, tolerance: float) -> tuple[Indices, Floats, Floats, float]:
    """Key indices, their values and slopes (value a frame), and the largest error.

    The ends and the contacts are exact and level, so the pieces between them can be fitted on their own; a piece
    without contacts is cut at a turning point near its middle while it is longer than `_PIECE` frames.
    """
    turning = np.flatnonzero(np.diff(values)[:-1] * np.diff(values)[1:] <= 0) + 1
    knots = {0, len(values) - 1, *fixed.tolist()}
    for a, b in pairwise(sorted(knots)):
        inside = turning[(turning > a) & (turning < b)]
        step = max(1, int(np.ceil(_PIECE / max(1.0, (b - a) / max(1, len(inside))))))
        knots.update(inside[step - 1 :: step].tolist() if b - a > _PIECE else ())
    bounds = sorted(knots)
    pieces = [_fit_piece(values[a : b + 1].astype(np.float64), tolerance) for a, b in pairwise(bounds)]
    keys = np.concatenate([[0], *(k[1:] + a for (k, *_), a in zip(pieces, bounds[:-1], strict=True))])
    level = np.concatenate([[values[0]], *(v[1:] for _, v, _, _ in pieces)])
    slopes = np.concatenate([[0.0], *(m[1:] for _, _, m, _ in pieces)])
    return keys, level, slopes, max(error for *_, error in pieces)


def _fit_piece(values: Floats, tolerance: float) -> tuple[Indices, Floats, Floats, float]:
    """Least-squares spline with level, exact ends; a key is added at the worst frame until every frame fits.

    No key leaves the range of the values, and with it that of the target.
    Returns the keys, their values and slopes, and the largest error.
    """
    last = len(values) - 1
    keys: tuple[int, ...] = (0, last)
    while True:
        basis, solution = _spline(keys, len(values))
        known = np.zeros(2 * len(keys))
        known[0], known[-2] = values[0], values[-1]
        if len(keys) > 2:
            known[2:-2] = solution @ (values - basis @ known)
            known[::2] = np.minimum(np.maximum(known[::2], values.min()), values.max())
        error = np.abs(basis @ known - values)
        worst = int(error.argmax())
        if error[worst] <= tolerance:
            return np.array(keys), known[::2], known[1::2], float(error[worst])
        keys = tuple(sorted({*keys, worst if worst not in keys else _between(np.array(keys), worst)}))


@lru_cache(maxsize=4096)
def _spline(keys: tuple[int, ...], frames: int) -> tuple[Floats, Floats]:
    """The basis over frames 0 to `frames`, and what solves it for all but the end keys in the sense of least squares.

    Kept, because most pieces of a line are as long as others, and have their keys where they have them. What no frame
    sees, such as slopes between neighbouring frames, is left at zero.
    """
    basis = hermite_basis(np.array(keys), np.arange(frames))
    free = basis[:, 2:-2]
    solution = np.linalg.solve(free.T @ free + _FAINT * np.eye(free.shape[1]), free.T)
    return basis, np.asarray(solution, dtype=np.float64)


def _between(keys: Indices, worst: int) -> int:
    """A frame beside a key that is itself the worst, in the middle of its wider gap."""
    i = int(np.searchsorted(keys, worst))
    low, high = keys[max(0, i - 1)], keys[min(len(keys) - 1, i + 1)]
    return int((low + worst) // 2 if worst - low >= high - worst else (worst + high + 1) // 2)


def hermite_basis(keys: Indices, at: Indices) -> Floats:
    """The cubic Hermite basis [frames, 2 * keys] of alternating values and slopes, at frames `at` within `keys`."""
    segment = np.clip(np.searchsorted(keys, at, side="right") - 1, 0, len(keys) - 2)
    width = np.diff(keys)[segment].astype(np.float64)
    x = (at - keys[segment]) / width
    rows, column = np.arange(len(at)), 2 * segment
    basis = np.zeros((len(at), 2 * len(keys)))
    basis[rows, column] = (1 + 2 * x) * (1 - x) ** 2
    basis[rows, column + 1] = x * (1 - x) ** 2 * width
    basis[rows, column + 2] = x * x * (3 - 2 * x)
    basis[rows, column + 3] = x * x * (x - 1) * width
    return basis


def _key_track(target: Target, keys: Indices, level: Floats, slopes: Floats) -> KeyTrack:
    """Handles a third of the way to the neighbouring keys, so that Blender draws exactly the Hermite spline."""
    frames = keys.astype(np.float64)
    thirds = np.diff(frames) / 3.0 if len(frames) > 1 else np.array([1.0])
    left, right = np.concatenate([thirds[:1], thirds]), np.concatenate([thirds, thirds[-1:]])
    handles = np.stack([frames - left, level - slopes * left, frames + right, level + slopes * right], axis=1)
    return KeyTrack(target, frozen_array(np.stack([frames, level], axis=1)), frozen_array(handles))
