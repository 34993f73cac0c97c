"""Mouth track to curves on one character's targets."""

from __future__ import annotations

import numpy as np

from ..contracts import CHANNELS, CONTACT_JAW, Calibration, Curves, Float32, MouthTrack, RigMap, Target, frozen_array
from .presets import RigPreset

SPOKEN = 0.5
"""The share of a bone's whole way that speech mostly takes."""


def retarget(track: MouthTrack, rig_map: RigMap, calibration: Calibration) -> Curves:
    """Values of every target at the track's frames: the track's rows times the map, clipped to the ranges.

    The rows of PP and FF are those of the calibration, so that a full closure is exactly the pose that was
    measured to close these lips. The calibrated poses hold the jaw at `CONTACT_JAW`, where the track holds it.
    """
    weights = np.array(rig_map.weights)
    jaw = CONTACT_JAW * weights[CHANNELS.index("jaw")]
    weights[CHANNELS.index("PP")] = calibration.closure - jaw
    weights[CHANNELS.index("FF")] = calibration.labiodental - jaw
    low = np.array([t.minimum for t in rig_map.targets], dtype=np.float32)
    high = np.array([t.maximum for t in rig_map.targets], dtype=np.float32)
    values = np.clip(track.values @ weights, low, high)
    return Curves(rig_map.targets, frozen_array(values), track.contacts)


def swings(rig_map: RigMap) -> dict[Target, float]:
    """How far each bone of the map goes in speech, which is the same in every line: `SPOKEN` of its farthest."""
    farthest = np.abs(rig_map.weights).max(axis=0)
    return {
        target: SPOKEN * float(most)
        for target, most in zip(rig_map.targets, farthest, strict=True)
        if target.kind in ("rotation", "location") and most > 0.0
    }


def standard_weights(preset: RigPreset) -> Float32:
    """The values of a standard's names for each channel at 1, float32 [channels, names]: no character is known."""
    rows = (preset.channels.get(channel, {}) for channel in CHANNELS)
    return frozen_array([[row.get(name, 0.0) for name in preset.names] for row in rows])
