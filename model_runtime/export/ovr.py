"""OVR LipSync sequence as JSON, with the fields of OVRLipSyncSequence: 15 viseme weights a frame, 0-1."""

from __future__ import annotations

import json

from ..contracts import VISEMES
from .motion import Motion


def encode(motion: Motion) -> bytes:
    """All fifteen weights of every frame; `sil` is what the others leave of 1."""
    column = {name: i for i, name in enumerate(motion.names)}
    entries = []
    for number, row in enumerate(motion.values.astype(float)):
        weights = [round(float(row[column[name]]), 6) if name in column else 0.0 for name in VISEMES]
        weights[0] = round(max(0.0, 1.0 - sum(weights[1:])), 6)
        entries.append({"frameNumber": number, "frameDelay": 0, "Visemes": weights, "laughterScore": 0.0})
    data = {
        "length": round(len(entries) / motion.fps, 6),
        "frameRate": motion.fps,
        "visemes": VISEMES,
        "entries": entries,
    }
    return json.dumps(data).encode()
