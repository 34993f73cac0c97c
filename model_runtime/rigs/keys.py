"""Curves to few Bezier keys: whole frames, a stated error, contact keys exact.

A Blender F-curve whose handles lie a third of the way to their neighbours is a cubic Hermite spline in time, so the
error at every frame is known without Blender.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..contracts import FRAME_RATE, Contact, Curves, Float32, FrameClock, KeyTrack, KeyTracks, Target, frozen_array

_NEAR = 0.5
"""A frame this near to a contact's plateau (in frames) may hold it too."""


def thin(curves: Curves, clock: FrameClock, tolerance: float = 0.02) -> KeyTracks:
    """Keys whose spline stays within `tolerance` (share of a target's range) of the curves at every frame.

    Each contact is snapped onto whole frames: all that lie in its plateau, at least one, two where the plateau is
    long enough or the neighbouring frame almost lies in it. Targets that never leave zero get no keys.
    """
    first = int(np.floor(clock.frame(0.0)))
    last = int(np.ceil(clock.frame((len(curves.values) - 1) / FRAME_RATE)))
    frames = np.arange(first, last + 1)
    times = (frames - clock.start) / clock.rate
    snapped = contact_frames(curves.contacts, clock, first, last)
    for frame, contact in snapped:
        times[frame - first] = _inside(contact, times[frame - first])
    sampled = _sampled(curves.values, times)
    fixed = np.unique(np.array([frame - first for frame, _ in snapped], dtype=np.int64))
    tracks, worst = [], 0.0
    for column, target in enumerate(curves.targets):
        values = sampled[:, column]
        unit = _range(target, values)
        if unit == 0.0 or np.abs(values).max() < 0.5 * tolerance * unit:
            continue
        keys, slopes, error = _fit(values, fixed, tolerance * unit)
        tracks.append(_key_track(target, keys, values, slopes, first))
        worst = max(worst, error / unit)
    return KeyTracks(tuple(tracks), snapped, clock, worst)


def contact_frames(
    contacts: tuple[Contact, ...], clock: FrameClock, first: int, last: int
) -> tuple[tuple[int, Contact], ...]:
    """The whole frames that hold each contact, in order; a frame belongs to one contact only."""
    taken: dict[int, Contact] = {}
    for contact in contacts:
        low, high = clock.frame(contact.start), clock.frame(contact.end)
        held = list(range(int(np.ceil(low - 1e-6)), int(np.floor(high + 1e-6)) + 1))
        if not held:
            held = [round(clock.frame(contact.apex))]
        if len(held) == 1:
            before, after = low - (held[0] - 1), held[0] + 1 - high
            if min(before, after) <= _NEAR:
                held.append(held[0] - 1 if before < after else held[0] + 1)
        for frame in held:
            if first <= frame <= last:
                taken.setdefault(frame, contact)
    return tuple(sorted(taken.items(), key=lambda item: item[0]))


def _inside(contact: Contact, seconds: float) -> float:
    """The nearest time whose two samples both lie in the contact's plateau."""
    low, high = np.ceil(contact.start * FRAME_RATE), np.floor(contact.end * FRAME_RATE)
    return float(np.clip(seconds * FRAME_RATE, low, max(low, high))) / FRAME_RATE


def _sampled(values: Float32, times: NDArray[np.float64]) -> Float32:
    """Linear interpolation of [frames, targets] at `times` seconds, ends held."""
    position = np.clip(times * FRAME_RATE, 0, len(values) - 1)
    low = np.minimum(position.astype(np.int64), len(values) - 2)
    share = (position - low)[:, None].astype(np.float32)
    return np.asarray(values[low] * (1.0 - share) + values[low + 1] * share, dtype=np.float32)


def _range(target: Target, values: Float32) -> float:
    """What an error is a share of: the slider range of a key, the swing of a bone."""
    return float(np.ptp(values)) if target.kind == "bone" else target.maximum - target.minimum


def _fit(
    values: Float32, fixed: NDArray[np.int64], tolerance: float
) -> tuple[NDArray[np.int64], NDArray[np.float64], float]:
    """Key indices, their slopes (value a frame) and the largest error; splits at the worst frame until it fits."""
    slopes = np.gradient(values.astype(np.float64)) if len(values) > 1 else np.zeros(len(values))
    steps = np.diff(values)
    turning = np.flatnonzero(steps[:-1] * steps[1:] <= 0) + 1
    slopes[turning] = 0.0
    slopes[fixed] = 0.0
    slopes[[0, -1]] = 0.0
    keys = np.unique(np.concatenate([fixed, [0, len(values) - 1]]))
    while True:
        error = np.abs(hermite(keys, values[keys], slopes[keys], np.arange(len(values))) - values)
        worst = [a + int(error[a:b].argmax()) for a, b in zip(keys[:-1], keys[1:] + 1, strict=True)]
        split = [i for i in worst if error[i] > tolerance]
        if not split:
            return keys, slopes[keys], float(error.max())
        keys = np.unique(np.concatenate([keys, split]))


def hermite(
    keys: NDArray[np.int64], values: Float32, slopes: NDArray[np.float64], at: NDArray[np.int64]
) -> NDArray[np.float64]:
    """The cubic Hermite spline through `keys` [k] with `values` and `slopes` [k], at frames `at` inside them."""
    if len(keys) < 2:
        return np.full(len(at), float(values[0]))
    segment = np.clip(np.searchsorted(keys, at, side="right") - 1, 0, len(keys) - 2)
    width = np.diff(keys)[segment].astype(np.float64)
    x = (at - keys[segment]) / width
    y0, y1 = values[segment].astype(np.float64), values[segment + 1].astype(np.float64)
    m0, m1 = slopes[segment] * width, slopes[segment + 1] * width
    return np.asarray(
        (1 + 2 * x) * (1 - x) ** 2 * y0 + x * (1 - x) ** 2 * m0 + x * x * (3 - 2 * x) * y1 + x * x * (x - 1) * m1
    )


def _key_track(
    target: Target, keys: NDArray[np.int64], values: Float32, slopes: NDArray[np.float64], first: int
) -> KeyTrack:
    """Handles a third of the way to the neighbouring keys, so that Blender draws exactly the Hermite spline."""
    frames = (keys + first).astype(np.float64)
    thirds = np.diff(frames) / 3.0 if len(frames) > 1 else np.ones(1)
    left = np.concatenate([thirds[:1], thirds]) if len(frames) > 1 else thirds
    right = np.concatenate([thirds, thirds[-1:]]) if len(frames) > 1 else thirds
    level = values[keys].astype(np.float64)
    handles = np.stack([frames - left, level - slopes * left, frames + right, level + slopes * right], axis=1)
    return KeyTrack(target, frozen_array(np.stack([frames, level], axis=1)), frozen_array(handles))
