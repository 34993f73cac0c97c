"""What is done to voices leaves their phones where they are."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from model_runtime.hearing import audio
from training import augment
from training.pitch import pitch

LINE = Path(__file__).resolve().parents[2] / "presets/demo/line.wav"


@pytest.fixture(scope="module")
def line() -> augment.Samples:
    return np.array(audio.load(LINE).samples)


def envelope(samples: augment.Samples) -> augment.Samples:
    """RMS in steps of 10 ms, in dB."""
    steps = samples[: len(samples) // 160 * 160].reshape(-1, 160)
    return 10 * np.log10(np.square(steps).mean(1) + 1e-7)


def pitch_strength(samples: augment.Samples) -> float:
    """Median height of the autocorrelation's peak between 70 and 400 Hz, over loud windows of 40 ms."""
    windows = np.lib.stride_tricks.sliding_window_view(samples, 640)[::320]
    loud = windows[np.square(windows).mean(1) > 0.2 * np.square(windows).mean()]
    lags = np.fft.irfft(np.square(np.abs(np.fft.rfft(loud, 1280, axis=1))), axis=1)
    return float(np.median(lags[:, 40:230].max(1) / lags[:, 0]))


@pytest.mark.parametrize("warp", [0.8, 1.25])
def test_another_throat_has_the_same_pitch_and_pace(line: augment.Samples, warp: float) -> None:
    other = augment.reshaped(line, warp)
    tones = [pitch(np.round(said * 20000).astype(np.int16)) for said in (line, other)]
    voiced = (tones[0] > 0) & (tones[1] > 0)
    assert other.shape == line.shape and voiced.sum() > 0.8 * (tones[0] > 0).sum()
    assert np.median(np.abs(np.log2(tones[1][voiced] / tones[0][voiced]))) < 0.02
    peaks = [np.abs(np.fft.rfft(said)) @ np.arange(len(line) // 2 + 1) / np.abs(np.fft.rfft(said)).sum()
             for said in (line, other)]  # fmt: skip
    assert (peaks[1] > 1.03 * peaks[0]) if warp > 1 else (peaks[1] < 0.97 * peaks[0])


def test_a_whisper_has_no_pitch_and_the_same_course(line: augment.Samples) -> None:
    whisper = augment.whispered(np.random.default_rng(1), line)
    assert whisper.shape == line.shape and np.isfinite(whisper).all()
    assert pitch_strength(whisper) < 0.6 * pitch_strength(line)
    assert np.corrcoef(envelope(whisper), envelope(line))[0, 1] > 0.85


@pytest.mark.parametrize("seed", range(6))
def test_codecs_keep_the_sound_in_its_place(line: augment.Samples, seed: int) -> None:
    heard = augment.coded(np.random.default_rng(seed), line)
    assert heard.shape == line.shape
    assert np.corrcoef(envelope(heard), envelope(line))[0, 1] > 0.95


@pytest.mark.parametrize("make", [augment.coloured_noise, augment.music, augment.machine, augment.knocks])
def test_noises_are_finite_and_of_unit_power(make: object) -> None:
    noise = make(np.random.default_rng(3))  # type: ignore[operator]
    assert len(noise) == augment.POOL_SECONDS * augment.SAMPLE_RATE
    assert np.isfinite(noise).all() and 0.7 < noise.std() < 1.4


def test_a_room_keeps_the_direct_sound_in_its_place() -> None:
    """The echo comes after it; what is before is the filter of its exact delay."""
    for number in range(10):
        response = augment.room(np.random.default_rng(number))
        assert response[augment.LEAD] == 1.0
        assert np.square(response[augment.LEAD + 20 :]).sum() > 0.05
        assert np.abs(response[: augment.LEAD - 2]).max() < 0.5
