"""What closes the lips of one character: solved on its measured lip rims, corrected by what the mesh then shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from ..contracts import (
    CHANNELS,
    CONTACT_JAW,
    Calibration,
    ContactProof,
    Float32,
    KeyTrack,
    KeyTracks,
    RigMap,
    RigProbe,
    Target,
    frozen_array,
)  # fmt: skip
from .channels import spread
from .least_squares import bounded

PRESS = -0.004
"""The gap that a closure aims at, share of the mouth's width: a touch and a little press (TADA: -2 mm)."""
_APART, _APART_WEIGHT = 0.05, 0.2
"""How far the lips' rims should be apart in f and v, in widths, and how much that counts beside the touch."""
_TOUCHED = 0.02
"""A lower lip that is nearer than this to the teeth, in widths, touches them."""
_TOUCHES = 6
"""How often the nearest places of lower lip and teeth are looked for again."""


def calibrate(probe: RigProbe, rig_map: RigMap, target_gap: float = PRESS) -> Calibration:
    """The closing pose of p b m and the contact pose of f v, both including the jaw at `CONTACT_JAW`.

    Closing is bounded least squares over the map's closers: the rims of the mouth's middle reach `target_gap`, or
    what they are at rest if that is tighter, staying near the map's own pose (projected coordinate descent; the rims
    are linear in the keys). So is touching: the nearest places of lower lip and teeth are brought together, upper and
    lower lip a little apart.
    """
    jaw = CONTACT_JAW * rig_map.weights[CHANNELS.index("jaw")]
    wanted = rig_map.weights[CHANNELS.index("PP")]
    free = rig_map.closers
    effect = _rim_effect(probe)
    rest = _rim_gaps(probe)
    low = np.array([t.minimum for t in probe.targets], dtype=np.float32)
    high = np.array([t.maximum for t in probe.targets], dtype=np.float32)
    closure = jaw + wanted
    closure[free] = 0.0
    wanted_gap = np.minimum(target_gap, rest)
    missing = wanted_gap - rest - closure @ effect
    closure[free] = bounded(effect[free], missing, wanted[free], np.minimum(low[free], 0.0), high[free])
    closure = np.clip(closure, low, high)
    shown = np.clip(jaw + rig_map.weights[CHANNELS.index("FF")], low, high)
    labiodental = _touching(probe, np.clip(jaw, low, high), shown, _labiodental(probe, rig_map, shown))
    return Calibration(
        closure=frozen_array(closure),
        labiodental=frozen_array(labiodental),
        rest_gap=probe.gap(np.zeros(len(wanted), dtype=np.float32)),
        closed_gap=probe.gap(closure),
        touch_gap=_touch(probe, labiodental)[0],
    )


def _labiodental(probe: RigProbe, rig_map: RigMap, pose: Float32) -> Float32:
    """The pose with as much of the map's tuckers as brings the lower lip to the teeth; as it was without places."""
    free = np.flatnonzero(rig_map.tuckers)
    if not len(free) or not len(probe.lip):
        return pose
    anchor, best = pose[free], pose
    gap = _rim_effect(probe).mean(axis=1)
    for _ in range(_TOUCHES):
        _, lip, tooth = _touch(probe, pose)
        others = pose.copy()
        others[free] = 0.0
        effect = np.column_stack([probe.displacement[:, lip] / probe.width, _APART_WEIGHT * gap])
        missing = (probe.rest[tooth] - probe.rest[lip]) / probe.width
        apart = _APART_WEIGHT * (_APART - float(_rim_gaps(probe).mean()))
        wanted = np.append(missing, apart) - others @ effect
        pose = others
        limits = rig_map.tuckers[free]
        pose[free] = bounded(effect[free], wanted, anchor, np.where(_signed(probe)[free], -limits, 0.0), limits)
        if _touch(probe, pose)[0] < _touch(probe, best)[0]:
            best = pose
    return best


def _touching(probe: RigProbe, jaw: Float32, shown: Float32, solved: Float32) -> Float32:
    """As little beyond the map's own pose as lets the lip touch; less than that pose where it leads away."""
    shares = np.linspace(0.0, 1.0, 11, dtype=np.float32)
    poses = [shown + share * (solved - shown) for share in shares] + [
        jaw + share * (shown - jaw) for share in shares[::-1]
    ]
    gaps = [_touch(probe, pose)[0] for pose in poses]
    return next((p for p, gap in zip(poses, gaps, strict=True) if gap < _TOUCHED), poses[int(np.argmin(gaps))])


def _signed(probe: RigProbe) -> NDArray[np.bool_]:
    """Which targets go both ways."""
    return np.array([target.minimum < 0.0 for target in probe.targets])


def _touch(probe: RigProbe, pose: Float32) -> tuple[float, int, int]:
    """How far the lower lip is from the teeth in a pose, in widths, and the two places that are nearest."""
    if not len(probe.lip):
        return float("inf"), 0, 0
    moved = (probe.rest + np.tensordot(pose, probe.displacement, axes=1)).astype(np.float64)
    lips, teeth = (moved[places] - moved[probe.lip[0]] for places in (probe.lip, probe.teeth))
    squared = (lips**2).sum(axis=1)[:, None] - 2.0 * lips @ teeth.T + (teeth**2).sum(axis=1)
    lip, tooth = np.unravel_index(int(squared.argmin()), squared.shape)
    away = float(np.linalg.norm(lips[lip] - teeth[tooth]))
    return away / probe.width, int(probe.lip[lip]), int(probe.teeth[tooth])


def correct(keys: KeyTracks, proofs: Sequence[ContactProof], probe: RigProbe, rig_map: RigMap) -> KeyTracks:
    """The same keys with stronger closures where the mesh still showed a gap; other keys stay as they are.

    The closing pose of a contact that is open at any of its frames is solved again for a gap that is smaller by what
    was measured.
    """
    left_open = [p for p in proofs if p.contact.kind == "closure" and not p.passed]
    if not left_open:
        return keys
    contacts = {p.contact for p in left_open}
    frames = [frame for frame, contact in keys.contact_frames if contact in contacts]
    pose = calibrate(probe, rig_map, PRESS - 1.25 * max(p.gap for p in left_open)).closure
    channels, row = spread(probe.targets, pose[None])
    value_of = dict(zip(channels, row[0], strict=True))
    return replace(keys, tracks=tuple(_raised(t, frames, value_of) for t in keys.tracks))


def _raised(track: KeyTrack, frames: Sequence[int], value_of: Mapping[Target, np.float32]) -> KeyTrack:
    rows = np.isin(track.co[:, 0].astype(int), frames)
    if not rows.any() or track.target not in value_of:
        return track
    value = float(value_of[track.target])
    co, handles = track.co.copy(), track.handles.copy()
    co[rows, 1] = value
    handles[rows, 1] = handles[rows, 3] = value
    return KeyTrack(track.target, frozen_array(co), frozen_array(handles))


def _middle(probe: RigProbe) -> slice:
    count = len(probe.upper)
    return slice(count // 6, max(count // 6 + 1, count - count // 6))


def _rim_gaps(probe: RigProbe) -> Float32:
    """Lip gaps at rest along the middle of the rims, float32 [slices], shares of the width."""
    middle = _middle(probe)
    gaps = (probe.rest[probe.upper[middle]] - probe.rest[probe.lower[middle]]) @ probe.up / probe.width
    return np.asarray(gaps, dtype=np.float32)


def _rim_effect(probe: RigProbe) -> Float32:
    """How much each target at 1.0 opens each slice, float32 [targets, slices]."""
    middle = _middle(probe)
    moves = probe.displacement[:, probe.upper[middle]] - probe.displacement[:, probe.lower[middle]]
    return np.asarray(moves @ probe.up / probe.width, dtype=np.float32)
