"""The pitch of the recordings, by Praat: what the network's own is taught from."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import parselmouth
from numpy.typing import NDArray

from .corpora import save
from .features import HOP, SAMPLE_RATE

FLOOR, CEILING = 60.0, 600.0
BLOCK = 60 * SAMPLE_RATE
STEP = HOP / SAMPLE_RATE


def pitch(samples: NDArray[np.int16]) -> NDArray[np.float32]:
    """Hz [n // HOP], 0 where there is no voice; frame k is the pitch at (k + 0.5) * 10 ms.

    Autocorrelation method of Boersma (1993), as Praat computes it.
    """
    sound = parselmouth.Sound(samples.astype(np.float64) / 32768.0, SAMPLE_RATE)
    found = np.zeros(len(samples) // HOP, np.float32)
    if sound.duration > 3.0 / FLOOR + STEP:
        track = sound.to_pitch_ac(time_step=STEP, pitch_floor=FLOOR, pitch_ceiling=CEILING)
        values = track.selected_array["frequency"]
        at = np.round(np.arange(len(found)) + 0.5 - track.x1 / STEP).astype(int)
        inside = (at >= 0) & (at < len(values))
        found[inside] = values[at[inside]]
    return found


def pitches(path: Path, samples: NDArray[np.int16]) -> NDArray[np.float32]:
    """The pitch of a whole packed file, kept in `path`."""
    if not path.exists():
        parts = [pitch(np.asarray(samples[at : at + BLOCK])) for at in range(0, len(samples), BLOCK)]
        save(path, np.concatenate(parts))
    kept: NDArray[np.float32] = np.load(path, mmap_mode="r")
    return kept
