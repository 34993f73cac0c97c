"""Steady noise: taken out of speech, which is then heard a second time."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from model_runtime.contracts import VISEMES, AudioClip, Float32, frozen_array
from model_runtime.hearing import audio, network
from model_runtime.hearing.denoise import denoised, noisy

LINE = Path(__file__).resolve().parents[2] / "presets/demo/line.wav"


@pytest.fixture(scope="module")
def line() -> Float32:
    return np.array(audio.load(LINE).samples)


def hissing(samples: Float32, below: float, exponent: float = 0.5) -> Float32:
    """The samples with noise whose power falls as 1 / f^(2 exponent), so many dB under their level."""
    spectrum = np.fft.rfft(np.random.default_rng(7).standard_normal(len(samples)))
    spectrum /= np.maximum(np.arange(len(spectrum)), 50) ** exponent
    noise = np.fft.irfft(spectrum, len(samples))
    return np.asarray(samples + noise * samples.std() / noise.std() * 10 ** (-below / 20), np.float32)


def heard(samples: Float32, whole: bool = True) -> Float32:
    return network.shared().hear(AudioClip(frozen_array(samples), "line"), whole=whole).visemes


@pytest.mark.parametrize("exponent", [0.0, 0.5, 1.0])
def test_noise_goes_and_speech_stays(line: Float32, exponent: float) -> None:
    worse = hissing(line, 10.0, exponent)
    left = denoised(worse) - line
    assert np.square(left).mean() < 0.65 * np.square(worse - line).mean(), "two decibels of noise are gone"
    assert np.corrcoef(denoised(worse), line)[0, 1] > np.corrcoef(worse, line)[0, 1]


@pytest.mark.parametrize("samples", [1, 255, 256, 257, 16_000])
def test_every_length_is_kept(samples: int) -> None:
    noise = np.random.default_rng(3).standard_normal(samples).astype(np.float32)
    assert denoised(noise).shape == (samples,) and np.isfinite(denoised(noise)).all()
    assert not denoised(np.zeros(samples, np.float32)).any()


def test_which_sounds_are_noisy(line: Float32) -> None:
    def loudness(samples: Float32) -> Float32:
        return network.shared().hear(AudioClip(frozen_array(samples), "line"), whole=False).loudness

    assert noisy(loudness(hissing(line, 5.0))) and noisy(loudness(hissing(line, 10.0)))
    assert not noisy(loudness(line + 0.3 * line[::-1])), "another voice is not steady"
    assert not noisy(loudness(line)) and not noisy(loudness(hissing(line, 10.0))[:90])


@pytest.mark.parametrize("below", [5.0, 10.0])
def test_in_noise_lips_that_touch_are_believed_more(
    line: Float32, below: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By the same odds in every frame; in a sound without noise as it was."""
    worse, lips = hissing(line, below), [VISEMES.index(viseme) for viseme in ("PP", "FF")]
    clean, noise = heard(line), heard(worse)[:, lips].sum(axis=1)
    odds = network.MASKED
    monkeypatch.setattr(network, "MASKED", 1.0)
    before = heard(worse)[:, lips].sum(axis=1)
    assert np.array_equal(heard(line), clean)
    unsure = (before > 0.001) & (before < 0.999)
    assert unsure.any() and odds > 1.0
    np.testing.assert_allclose((noise / (1 - noise))[unsure], (odds * before / (1 - before))[unsure], rtol=0.01)


def test_a_second_hearing_is_nearer_to_that_of_the_clean_sound(line: Float32) -> None:
    worse = hissing(line, 5.0)
    clean, once, twice = heard(line), heard(worse, whole=False), heard(worse)
    np.testing.assert_allclose(twice.sum(axis=1), 1.0, atol=1e-4)
    assert np.array_equal(heard(line, whole=False), clean), "a clean sound is heard once"
    assert np.abs(twice - clean).mean() < np.abs(once - clean).mean()
