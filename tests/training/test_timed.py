"""Voices that say their own times: their labels cover the sound and name what is said."""

from __future__ import annotations

import shutil

import numpy as np
import pytest

from model_runtime.phones import SILENCE
from training.timed import Timed, festival, flite

TEXT = 'My "friend" Bob may move five pianos.'


@pytest.mark.parametrize(("program", "voice"), [("flite", "kal16"), ("festival", "ked_diphone")])
def test_a_sentence_with_its_phones(program: str, voice: str) -> None:
    if not shutil.which(program):
        pytest.skip(f"{program} is not installed")
    said: Timed = {"flite": flite, "festival": festival}[program](np.random.default_rng(0), TEXT, "x", voice)
    row, samples, labels = said
    assert row == {"id": "x", "lang": "en-us", "spk": voice, "text": TEXT} and labels.id == "x"
    segments = list(labels.segments())
    assert segments[0][2] == segments[-1][2] == SILENCE
    assert segments[-1][1] == pytest.approx(len(samples) / 16_000, abs=1e-3)
    assert all(start < end for start, end, _ in segments)
    assert [phone for phone in labels.phones if phone in "pbmfv"] == list("mfbbmmvfvp")
    loud = [np.square(samples[round(a * 16_000) : round(b * 16_000)].astype(float)).mean() for a, b, _ in segments]
    spoken = np.array([phone != SILENCE for phone in labels.phones])
    assert np.median(np.array(loud)[spoken]) > 100 * np.mean(np.array(loud)[~spoken])
