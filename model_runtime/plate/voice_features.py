"""What the network that drives a plate's mouth is told of a line: float32 [frames, CHANNELS] at 100 frames a second."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import numpy as np

from .. import contracts
from ..contracts import FRAME_RATE, SAMPLE_RATE, AudioClip, Float32, Hearing, MouthTrack
from ..phones import PHONES

BANDS, LOWEST, HIGHEST = 40, 60.0, 7600.0
"""Of the mel spectrum, Hz."""
WINDOW, SPECTRUM = 400, 512
"""Samples that are looked at, and the length of the transform."""
QUIETEST = 1e-4
MOUTH = len(contracts.CHANNELS)
SOUND = len(PHONES) + 2 + BANDS
CHANNELS = MOUTH + SOUND
"""The mouth track, then what is only known with the sound: phones, voice, loudness, mel spectrum."""


@dataclass(frozen=True)
class Line:
    """A line: its mouth track, which the artist may have changed, and if it is at hand its sound and what was heard."""

    mouth: MouthTrack
    clip: AudioClip | None = None
    hearing: Hearing | None = None


def features(line: Line) -> Float32:
    """The rows of a line; the sound's channels are 0 where there is none."""
    mouth = line.mouth.values
    rows = np.zeros((len(mouth), CHANNELS), np.float32)
    rows[:, :MOUTH] = mouth
    if line.clip is not None and line.hearing is not None:
        heard = line.hearing
        level = (heard.loudness[:, None] + 40) / 20
        mel = mel_spectrum(line.clip.samples, len(heard.voice))
        known = np.concatenate((heard.phones, heard.voice[:, None], level, mel), axis=1)[: len(rows)]
        rows[: len(known), MOUTH:] = known
        rows[len(known) :, MOUTH:] = known[-1:]
    return rows


def mel_spectrum(samples: Float32, frames: int) -> Float32:
    """Logarithms of the bands' energies [frames, BANDS], mean 0 and deviation 1 over the line: how loud it is is told
    apart. Frame k is centred on k / 100 s."""
    hop = SAMPLE_RATE // FRAME_RATE
    padded = np.zeros(frames * hop + WINDOW, np.float32)
    padded[WINDOW // 2 : WINDOW // 2 + len(samples)] = samples[: len(padded) - WINDOW // 2]
    windows = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::hop][:frames]
    power = np.abs(np.fft.rfft(windows * np.hanning(WINDOW).astype(np.float32), SPECTRUM)) ** 2
    bands = np.log(power.astype(np.float32) @ _bands() + np.float32(QUIETEST))
    spectrum: Float32 = (bands - bands.mean()) / (bands.std() + np.float32(1e-3))
    return spectrum


@functools.cache
def _bands() -> Float32:
    """Triangles, evenly spaced in mel (2595 log10(1 + f / 700), O'Shaughnessy 1987), [SPECTRUM / 2 + 1, BANDS]."""
    ends = 2595 * np.log10(1 + np.array([LOWEST, HIGHEST]) / 700)
    edges = 700 * (10 ** (np.linspace(ends[0], ends[1], BANDS + 2) / 2595) - 1)
    at = np.arange(SPECTRUM // 2 + 1) * SAMPLE_RATE / SPECTRUM
    low, middle, high = edges[:-2], edges[1:-1], edges[2:]
    rising, falling = (at[:, None] - low) / (middle - low), (high - at[:, None]) / (high - middle)
    triangles: Float32 = np.maximum(0, np.minimum(rising, falling)).astype(np.float32)
    return triangles
