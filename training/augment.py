"""What the world does to a voice: other sizes of people, rooms, telephones, noise, music, other talkers, overload."""

from __future__ import annotations

import io

import numpy as np
import pyroomacoustics  # type: ignore[import-untyped]
import soundfile
from numpy.typing import NDArray
from scipy import fft, signal  # type: ignore[import-untyped]

from .features import BANDS, SAMPLE_RATE

Samples = NDArray[np.float32]
POOL_SECONDS = 20
LEAD = 40
"""Samples of a room's response before the direct sound: half of the filter that gives it its exact delay."""
SPEEDS = tuple(range(16, 29))
"""A recording is played SPEEDS / 20 times faster: pitch and formants move with it, as from man to child."""
CHILD = 25
"""The fastest speed at which the formants may move with it; beyond it only an excited voice is meant."""


def resized(samples: Samples, speed: int) -> Samples:
    """Played speed / 20 times faster."""
    return np.asarray(signal.resample_poly(samples, 20, speed), np.float32)


def reshaped(samples: Samples, warp: float) -> Samples:
    """The same pitch and pace from a throat 1 / warp as long: its formants lie `warp` times as high.

    Each window's spectrum, 32 ms long, takes the envelope of its first `ENVELOPE` cepstral coefficients at f / warp.
    """
    spectrum = signal.stft(samples, SAMPLE_RATE, nperseg=512, noverlap=384)[2]
    cepstrum = fft.irfft(np.log(np.abs(spectrum) + 1e-6), axis=0)
    cepstrum[ENVELOPE : 1 - ENVELOPE] = 0.0
    envelope = fft.rfft(cepstrum, axis=0).real
    source = np.minimum(np.arange(len(envelope)) / warp, len(envelope) - 1.001)
    below = source.astype(int)
    share = (source - below)[:, None]
    moved = (1.0 - share) * envelope[below] + share * envelope[below + 1]
    gain = np.exp(np.clip(moved - envelope, -2.5, 2.5))
    out = signal.istft(spectrum * gain, SAMPLE_RATE, nperseg=512, noverlap=384)[1]
    return np.asarray(out[: len(samples)], np.float32)


ENVELOPE = 32
"""Cepstral coefficients, 2 ms: throats, not the pitch of voices below 500 Hz."""


def whispered(rng: np.random.Generator, samples: Samples) -> Samples:
    """The same mouth without voice: noise through each stretch's linear prediction filter (order 18, 25 ms windows).

    Autocorrelation method with Levinson's recursion, all windows at once; windows are added with half overlap.
    """
    size, order = SAMPLE_RATE // 40, 18
    hop = size // 2
    padded = np.pad(samples, (hop, size + hop - len(samples) % hop))
    windows = np.lib.stride_tricks.sliding_window_view(padded, size)[::hop] * np.hanning(size + 1)[:-1]
    spectrum = np.square(np.abs(fft.rfft(windows, 2 * size, axis=1)))
    lags = fft.irfft(spectrum, axis=1)[:, : order + 1] + np.eye(1, order + 1) * 1e-9
    filters, error = np.zeros((len(lags), order + 1)), lags[:, 0] * 1.0001
    filters[:, 0] = 1.0
    for i in range(1, order + 1):
        step = -np.einsum("wj,wj->w", filters[:, :i], lags[:, i:0:-1]) / error
        filters[:, 1 : i + 1] += step[:, None] * filters[:, i - 1 :: -1][:, :i]
        error *= 1.0 - np.square(step)
    noise = rng.standard_normal((len(lags), size)) * np.sqrt(np.maximum(error, 0.0) / size)[:, None]
    out = np.zeros(len(padded))
    for k, (coefficients, excited) in enumerate(zip(filters, noise, strict=True)):
        out[k * hop : k * hop + size] += signal.lfilter([1.0], coefficients, excited)
    return np.asarray(out[hop : hop + len(samples)], np.float32)


CODECS = (("MP3", "MPEG_LAYER_III"), ("MP3", "MPEG_LAYER_III"), ("OGG", "VORBIS"), ("OGG", "VORBIS"), ("OGG", "OPUS"))
"""Opus is slow to encode, and so it is rarer."""


def coded(rng: np.random.Generator, samples: Samples) -> Samples:
    """Through a lossy codec at 8-60 kbit/s and back; none of them moves the sound in time."""
    container, codec = CODECS[rng.integers(len(CODECS))]
    packed = io.BytesIO()
    peak = max(1.0, float(np.abs(samples).max()))
    loss = float(rng.uniform(0.6, 0.99))
    soundfile.write(packed, samples / peak, SAMPLE_RATE, format=container, subtype=codec, compression_level=loss)
    packed.seek(0)
    heard, _ = soundfile.read(packed, dtype="float32")
    return np.asarray(np.resize(heard, len(samples)) * peak, np.float32)


def level(samples: Samples) -> float:
    """Root mean square of the louder half: speech without its pauses."""
    power = np.square(samples[: len(samples) // HOPS * HOPS].reshape(-1, HOPS)).mean(1)
    loud = power[power >= np.median(power)] if len(power) else np.zeros(1)
    return float(np.sqrt(loud.mean() + 1e-12))


HOPS = SAMPLE_RATE // 50


def coloured_noise(rng: np.random.Generator) -> Samples:
    """Noise whose power falls as 1 / f^a, a in 0-2, sometimes with mains hum; unit power."""
    count = POOL_SECONDS * SAMPLE_RATE
    spectrum = fft.rfft(rng.standard_normal(count).astype(np.float32))
    frequency = np.maximum(np.arange(len(spectrum)) / POOL_SECONDS, 40.0)
    noise = fft.irfft(spectrum * frequency ** (-0.5 * rng.uniform(0.0, 2.0)), count)
    noise = noise / noise.std()
    if rng.random() < 0.3:
        time = np.arange(count) / SAMPLE_RATE
        noise = noise + sum(rng.uniform(0, 1) * np.sin(2 * np.pi * 50 * k * time) for k in range(1, 6))
    return np.asarray(noise / noise.std(), np.float32)


def music(rng: np.random.Generator) -> Samples:
    """Plucked and held chords on a scale, with a beat of noise; unit power: pitch and rhythm that are no voice.

    The bodies of the instruments resonate, as a throat does, but do not move; some notes tremble.
    """
    out = np.zeros(POOL_SECONDS * SAMPLE_RATE, np.float32)
    beat = round(rng.uniform(0.2, 0.6) * SAMPLE_RATE)
    root = rng.uniform(55.0, 220.0)
    overtones, slope = int(rng.integers(4, 16)), rng.uniform(0.4, 1.4)
    depth = rng.uniform(0.0, 2.5) if rng.random() < 0.4 else 0.0
    for start in range(0, len(out) - 1, beat):
        time = np.arange(min(3 * beat, len(out) - start)) / SAMPLE_RATE
        decay = np.exp(-time * rng.uniform(0.5, 8.0))
        for step in rng.choice((0, 2, 4, 5, 7, 9, 11, 12, 16, 19, 24), rng.integers(1, 4), replace=False):
            pitch = 2 * np.pi * root * 2 ** (step / 12)
            tremble = depth * np.sin(2 * np.pi * rng.uniform(4.0, 7.0) * time)
            for k in range(1, overtones):
                tone = np.sin(k * (pitch * time + tremble)) * rng.uniform(0, 1) / k**slope
                out[start : start + len(time)] += decay * tone
        hit = np.exp(-time * 40.0) * rng.standard_normal(len(time)) * rng.uniform(0.0, 1.5)
        out[start : start + len(time)] += hit
    for body in rng.uniform(250.0, 3500.0, rng.integers(0, 4)):
        out += rng.uniform(0.5, 4.0) * signal.lfilter(*signal.iirpeak(body, rng.uniform(2.0, 8.0), SAMPLE_RATE), out)
    return np.asarray(out / out.std(), np.float32)


def machine(rng: np.random.Generator) -> Samples:
    """A motor, fan or siren: overtones of a wandering pitch that swell and beat, with hiss; unit power."""
    count = POOL_SECONDS * SAMPLE_RATE
    time = np.arange(count) / SAMPLE_RATE
    wander = rng.uniform(0.0, 0.3) * np.sin(2 * np.pi * rng.uniform(0.02, 1.0) * time + rng.uniform(0, 6))
    phase = 2 * np.pi * np.cumsum(rng.uniform(18.0, 400.0) * (1.0 + wander)) / SAMPLE_RATE
    slope = rng.uniform(0.0, 1.5)
    out = np.zeros(count, np.float32)
    for k in range(1, rng.integers(3, 40)):
        out += (rng.uniform(0.0, 1.0) / k**slope * np.sin(k * phase + rng.uniform(0, 6))).astype(np.float32)
    out *= 1.0 + rng.uniform(0.0, 1.0) * np.sin(2 * np.pi * rng.uniform(0.1, 30.0) * time)
    return np.asarray(out / out.std() + rng.uniform(0.0, 0.7) * coloured_noise(rng), np.float32)


def knocks(rng: np.random.Generator) -> Samples:
    """Steps, clicks, plates and passing rumble: short decaying noises and tones at irregular times; unit power."""
    out = coloured_noise(rng) * rng.uniform(0.02, 0.5)
    at = 0.0
    while (at := at + rng.exponential(rng.uniform(0.1, 1.0))) < POOL_SECONDS - 0.5:
        time = np.arange(round(rng.uniform(0.02, 0.5) * SAMPLE_RATE)) / SAMPLE_RATE
        ring = np.sin(2 * np.pi * rng.uniform(80.0, 4000.0) * time) * rng.uniform(0.0, 1.0)
        hit = (ring + rng.standard_normal(len(time)) * rng.uniform(0.0, 1.0)) * np.exp(-time * rng.uniform(8.0, 80.0))
        start = round(at * SAMPLE_RATE)
        out[start : start + len(hit)] += (hit * rng.uniform(0.3, 5.0)).astype(np.float32)
    return np.asarray(out / out.std(), np.float32)


def excerpt(rng: np.random.Generator, samples: NDArray[np.generic], count: int) -> Samples:
    """A random part of `samples`, float32 [count]; repeated where it is too short."""
    if len(samples) < count:
        samples = np.tile(samples, -(-count // len(samples)))
    start = rng.integers(0, len(samples) - count + 1)
    return np.asarray(samples[start : start + count], np.float32)


def channel(rng: np.random.Generator, count: int, echo: Samples) -> NDArray[np.complex64]:
    """Frequency response of room, microphone and line together, for blocks of `count` samples. echo: a `room`."""
    frequency = fft.rfftfreq(count, 1 / SAMPLE_RATE)
    response = np.ones(len(frequency), np.complex64)
    if rng.random() < 0.5:
        octaves = np.log2(np.maximum(frequency, 50.0) / 1000.0)
        response *= 10 ** (np.clip(rng.uniform(-6.0, 6.0) * octaves, -20.0, 20.0) / 20)
    if rng.random() < 0.4:
        response *= fft.rfft(np.roll(np.pad(echo, (0, count - len(echo))), -LEAD))
    if rng.random() < 0.15:
        low, high = rng.uniform(150.0, 350.0), rng.uniform(3200.0, 3900.0)
        response *= 1 / (1 + (low / np.maximum(frequency, 1.0)) ** 8) / (1 + (frequency / high) ** 24)
    return response


def room(rng: np.random.Generator) -> Samples:
    """Impulse response of a box-shaped room by the image source method: 0.15-0.7 s to -60 dB, speaker 0.3-3 m away.

    The direct sound is the sample at `LEAD`, and has the size 1.
    """
    size = rng.uniform((2.5, 2.5, 2.2), (8.0, 7.0, 4.0))
    absorption, order = pyroomacoustics.inverse_sabine(max(rng.uniform(0.15, 0.7), 0.04 * size.min()), size)
    box = pyroomacoustics.ShoeBox(
        size, fs=SAMPLE_RATE, materials=pyroomacoustics.Material(absorption), max_order=min(order, 15)
    )
    microphone = rng.uniform(0.3, size - 0.3)
    away = rng.standard_normal(3) * (1.0, 1.0, 0.3)
    speaker = np.clip(microphone + away / np.linalg.norm(away) * rng.uniform(0.3, 3.0), 0.2, size - 0.2)
    box.add_source(speaker)
    box.add_microphone(microphone)
    box.compute_rir()
    response = np.asarray(box.rir[0][0], np.float32)
    direct = int(np.abs(response[: LEAD + round(SAMPLE_RATE * 6.0 / 343.0)]).argmax())
    lead = np.pad(response, (LEAD, 0))[direct : direct + round(0.7 * SAMPLE_RATE)]
    return np.asarray(lead / lead[LEAD], np.float32)


def worsened(rng: np.random.Generator, speech: Samples, noise: Samples, echo: Samples) -> Samples:
    """Speech as a poor recording: through a channel, with noise 0-25 dB below it, sometimes overdriven.

    echo: a `room`, in which it may have been recorded.
    """
    count = fft.next_fast_len(len(speech) + SAMPLE_RATE, real=True)
    heard = fft.irfft(fft.rfft(speech, count) * channel(rng, count, echo), count)[: len(speech)].astype(np.float32)
    heard *= level(speech) / level(heard)
    if rng.random() < 0.8:
        heard = heard + noise * (level(heard) / level(noise) * 10 ** (-rng.uniform(0.0, 25.0) / 20))
    if rng.random() < 0.1:
        limit = np.abs(heard).max() * rng.uniform(0.15, 0.6)
        heard = np.clip(heard, -limit, limit)
    return np.asarray(heard, np.float32)


def hidden(rng: np.random.Generator, frames: int) -> NDArray[np.float32]:
    """Mask float32 [BANDS, frames]: 0 in up to two short stretches of time and two ranges of pitch, else 1."""
    mask = np.ones((BANDS, frames), np.float32)
    for _ in range(rng.integers(0, 3)):
        start = rng.integers(0, frames)
        mask[:, start : start + rng.integers(2, 10)] = 0.0
    for _ in range(rng.integers(0, 3)):
        start = rng.integers(0, BANDS)
        mask[start : start + rng.integers(2, 12)] = 0.0
    return mask
