"""Steady noise taken out of a sound, so that the network can hear it a second time."""

from __future__ import annotations

import numpy as np

from ..contracts import FRAME_RATE, Float32

WINDOW, HOP = 512, 256
"""Samples: 32 ms every 16 ms; squared sine windows overlap to a constant."""
QUIETER = -12.0
"""dB: no part of the sound is turned down by more, or the filter would chirp."""
FLOOR_SHARE, FLOOR_RISE = 0.15, 1.6
"""A band holds this share of its time no more than the noise; how far what is taken out lies above that
quantile of powers averaged over `_SMOOTH_TIME` windows."""
NOISY, STEADY, STEADIER = 16.0, 4.0, 0.02
"""dB from the noise to the louder half of the sound, and from the quietest share of the time to the noise: a cleaner
sound, or one whose noise comes and goes, as of music or people, is heard less well the second time (held out)."""
SHORTEST = 1.0
"""Seconds in which a pause between sounds can be expected, and so noise alone."""
_SMOOTH_TIME, _SMOOTH_BANDS = 5, 5
_SINE: Float32 = np.sin(np.pi * (np.arange(WINDOW) + 0.5) / WINDOW).astype(np.float32)


def noisy(loudness: Float32) -> bool:
    """Whether a sound has so much steady noise that it should be heard again without it.

    loudness: dBFS [t] of its frames, 100 a second.
    """
    if len(loudness) < SHORTEST * FRAME_RATE:
        return False
    quietest, floor, middle = np.quantile(loudness, (STEADIER, FLOOR_SHARE, 0.5))
    return bool(floor - quietest < STEADY and loudness[loudness >= middle].mean() - floor < NOISY)


def denoised(samples: Float32) -> Float32:
    """Samples float32 [n] without their steady noise.

    Wiener filter (Lim and Oppenheim 1979) over a floor of each band from the quantile of its power (Stahl, Fischer and
    Bippus 2000); the power is smoothed over neighbouring windows and bands first, which keeps single peaks of the noise
    from becoming tones.
    """
    padded = np.pad(samples, (WINDOW, 2 * WINDOW - len(samples) % HOP))
    windows = np.lib.stride_tricks.sliding_window_view(padded, WINDOW)[::HOP] * _SINE
    spectrum = np.fft.rfft(windows).astype(np.complex64)
    power = np.square(spectrum.real) + np.square(spectrum.imag)
    noise = _floor(power)
    signal = np.maximum(_smoothed(_smoothed(power, 3, 0), 3, 1) - noise, 0.0)
    gain = np.maximum(signal / (signal + noise), np.float32(10 ** (QUIETER / 20)))
    return _overlapped(spectrum * gain)[WINDOW : WINDOW + len(samples)]


def _floor(power: Float32) -> Float32:
    """Power of the noise in each band, [bands]."""
    quantile = np.quantile(_smoothed(power, _SMOOTH_TIME, 0), FLOOR_SHARE, axis=0).astype(np.float32)
    even: Float32 = np.exp(_smoothed(np.log(FLOOR_RISE * quantile + 1e-9)[None], _SMOOTH_BANDS, 1)[0])
    return even


def _smoothed(values: Float32, width: int, axis: int) -> Float32:
    """Mean over `width` neighbours along an axis; the values at its ends go on beyond it."""
    around = [(0, 0), (0, 0)]
    around[axis] = (width // 2, width // 2)
    padded = np.pad(values, around, mode="edge")
    count = values.shape[axis]
    parts = [padded[k : k + count] if axis == 0 else padded[:, k : k + count] for k in range(width)]
    return np.asarray(sum(parts[1:], parts[0]) / np.float32(width), np.float32)


def _overlapped(spectrum: Float32) -> Float32:
    """The sound of windows' spectra [windows, bands], from the start of the first one."""
    windows = np.fft.irfft(spectrum, WINDOW).astype(np.float32) * _SINE
    out = np.zeros((len(windows) + WINDOW // HOP - 1, HOP), np.float32)
    for part in range(WINDOW // HOP):
        out[part : part + len(windows)] += windows[:, part * HOP : (part + 1) * HOP]
    return out.ravel() / np.float32(np.square(_SINE).sum() / HOP)
