"""Dubs that are longer than their shots: what is suggested, and the sound that comes of it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from model_runtime import pipeline
from model_runtime.contracts import SAMPLE_RATE, Float32, Phone, Speech, frozen_array
from model_runtime.hearing import audio
from model_runtime.phones import SILENCE
from model_runtime.scenes import fit_shot
from model_runtime.scenes.time_stretch import faster

ROOT = Path(__file__).resolve().parents[2]
RECORDED = sorted((ROOT.parent / "shared/speech/handlabelled/ae").glob("*.flac"))[:3]
RATE = 24.0


def spoken(*parts: tuple[str, float]) -> Speech:
    """A line of phones with their lengths in seconds."""
    phones, at = [], 0.0
    for symbol, length in parts:
        phones.append(Phone(symbol, at, at + length))
        at += length
    return Speech(tuple(phones), at, frozen_array(np.zeros(round(100 * at), np.float32)))


LINE = spoken((SILENCE, 0.2), ("a", 1.0), (SILENCE, 1.0), ("m", 1.0), (SILENCE, 0.3), ("a", 1.0), (SILENCE, 0.5))


def test_what_fits_needs_nothing() -> None:
    assert fit_shot.suggest(LINE, 120.0, RATE) is None
    assert fit_shot.suggest(LINE, 119.6, RATE) is None, "half a frame is none"


def test_the_end_goes_first_and_then_the_longest_pause() -> None:
    fit = fit_shot.suggest(LINE, 111.0, RATE)
    assert fit is not None and (fit.over, fit.tempo, fit.left) == (9, 1.0, 0)
    assert [cut.frames for cut in fit.cuts] == [9] and fit.cuts[0].end == 5.0
    fit = fit_shot.suggest(LINE, 101.0, RATE)
    assert fit is not None and fit.over == 19 and [(cut.start, cut.frames) for cut in fit.cuts] == [(1.2, 10), (4.5, 9)]


def test_pauses_keep_their_least_and_the_rest_is_spoken_faster() -> None:
    fit = fit_shot.suggest(LINE, 80.0, RATE)
    assert fit is not None and [cut.frames for cut in fit.cuts] == [1, 21, 4, 9]
    for cut in fit.cuts:
        assert cut.end - cut.start - cut.frames / RATE >= fit_shot.SHORTEST_S - 1e-6
    assert fit.tempo == pytest.approx(85 / 80) and fit.left == 0
    assert fit.advice == "40 frames longer than its shot: trim 4 pauses by 35 frames, speak 6.2 % faster"
    fit = fit_shot.suggest(LINE, 70.0, RATE)
    assert fit is not None and fit.tempo == fit_shot.FASTEST and fit.left == round(85 / 1.08 - 70)
    assert fit.advice.endswith("it stays 9 frames too long")


def test_a_line_without_pauses_is_only_spoken_faster() -> None:
    fit = fit_shot.suggest(spoken(("a", 2.0)), 46.0, RATE)
    assert fit is not None and not fit.cuts and fit.tempo == pytest.approx(48 / 46)
    assert fit.advice == "2 frames longer than its shot: speak 4.3 % faster"


def tone(hertz: float, seconds: float = 1.0, rate: int = 48000) -> Float32:
    wave = np.sin(2 * np.pi * hertz * np.arange(round(seconds * rate)) / rate)
    return np.stack([wave, 0.5 * wave], axis=1).astype(np.float32)


@pytest.mark.parametrize("hertz", [90.0, 211.0, 440.0])
@pytest.mark.parametrize("tempo", [0.9, 1.03, 1.08])
def test_faster_keeps_pitch_level_and_channels(hertz: float, tempo: float) -> None:
    made = faster(tone(hertz), 48000, tempo)
    assert made.shape == (round(48000 / tempo), 2)
    inner = made[2000:-2000, 0]
    spectrum = np.abs(np.fft.rfft(inner * np.hanning(len(inner)), 1 << 18))
    assert np.argmax(spectrum) * 48000 / (1 << 18) == pytest.approx(hertz, rel=0.01)
    assert np.sqrt(np.square(inner).mean()) == pytest.approx(np.sqrt(0.5), rel=0.05)
    np.testing.assert_allclose(made[:, 1], 0.5 * made[:, 0], atol=1e-5)


def test_as_fast_as_it_was_is_the_same() -> None:
    sound = tone(100.0)
    assert faster(sound, 48000, 1.0) is sound
    np.testing.assert_allclose(faster(sound, 48000, 1.0 + 1e-9)[:-1440], sound[:-1440], atol=1e-3)


def test_recordings_are_fitted_and_still_say_the_same(tmp_path: Path) -> None:
    """A single phone may be heard otherwise when it is quicker; over some sentences few are."""
    changed = phones = closures = met = 0
    for path in (ROOT / "presets/demo/line.wav", *RECORDED):
        clip = audio.load(path)
        speech = pipeline.listen(clip)
        fit = fit_shot.suggest(speech, 0.8 * speech.duration * RATE, RATE)
        assert fit is not None and fit.cuts and fit.tempo == fit_shot.FASTEST and fit.left > 0
        made = fit_shot.fitted(clip.samples[:, None], SAMPLE_RATE, fit)
        fit_shot.write_sound(tmp_path / "fit.wav", made, SAMPLE_RATE)
        shorter = audio.load(tmp_path / "fit.wav")
        np.testing.assert_allclose(shorter.samples, made[:, 0], atol=1e-6)
        assert abs(shorter.duration * RATE - (0.8 * speech.duration * RATE + fit.left)) <= 0.6
        before, after = _heard(speech), _heard(pipeline.listen(shorter))
        changed, phones = changed + _distance(before, after), phones + len(before)
        closures += sum(symbol in "pbm" for symbol in before)
        met += sum(symbol in "pbm" for symbol in after)
    assert changed < 0.2 * phones and closures > 10 and abs(met - closures) <= 1
    assert [path.name for path in tmp_path.iterdir()] == ["fit.wav"]


def _heard(speech: Speech) -> list[str]:
    return [phone.symbol for phone in speech.phones if phone.symbol != SILENCE]


def _distance(one: list[str], other: list[str]) -> int:
    """Phones to insert, leave out or change (Levenshtein)."""
    row = list(range(len(other) + 1))
    for i, a in enumerate(one, start=1):
        before, row[0] = row[0], i
        for j, b in enumerate(other, start=1):
            before, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, before + (a != b))
    return row[-1]
