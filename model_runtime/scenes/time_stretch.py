"""Speech faster without a higher voice: waveform similarity overlap-add (WSOLA; Verhelst and Roelands, ICASSP 1993).

Windows of the sound are laid over one another at a fixed distance; each is taken from near the place that the tempo
asks for, where it continues best what was laid before it, so that periods of the voice stay whole.
"""

from __future__ import annotations

import numpy as np

from ..contracts import Float32

WINDOW_S = 0.03
"""Two periods of the lowest voice, and shorter than a phone."""
SEARCH_S = 0.008
"""How far from its place a window may be taken: half a period of the lowest voice."""


def faster(samples: Float32, rate: float, tempo: float) -> Float32:
    """Samples float32 [n, channels] at `rate` Hz in n / tempo samples; pitch and loudness stay. tempo: 0.5-2.

    All channels are moved alike, as their sum asks. 1.0 gives the samples as they are.
    """
    if tempo == 1.0 or not len(samples):
        return samples
    hop = round(WINDOW_S * rate / 2)
    reach = round(SEARCH_S * rate)
    length = round(len(samples) / tempo)
    count = -(-length // hop) + 1
    before = reach + hop
    after = before + 2 * hop + max(0, round(count * hop * tempo) + 2 * reach - len(samples))
    padded = np.pad(samples, ((before, after), (0, 0)))
    mono = padded.sum(axis=1)
    window = np.hanning(2 * hop + 1)[:-1, None].astype(np.float32)  # two of them half a window apart add up to one
    out = np.zeros(((count + 1) * hop, samples.shape[1]), dtype=np.float32)
    at = before - hop
    for k in range(count):
        if k:
            wanted = before - hop + round(k * hop * tempo)
            at = wanted - reach + _best(mono[wanted - reach : wanted + reach + 2 * hop], mono[at + hop : at + 3 * hop])
        out[k * hop : (k + 2) * hop] += window * padded[at : at + 2 * hop]
    return out[hop : hop + length]


def _best(region: Float32, wanted: Float32) -> int:
    """Where in `region` the samples are most like `wanted`: the largest normalised cross-correlation."""
    energy = np.convolve(np.square(region), np.ones(len(wanted), dtype=np.float32), "valid")
    likeness = np.correlate(region, wanted, "valid") / np.sqrt(np.maximum(energy, 1e-9))
    return int(np.argmax(likeness))
