"""The features inside the graph are librosa's."""

from __future__ import annotations

from pathlib import Path

import librosa
import numpy as np
import pytest
import torch

from training.corpora import audio, utterances
from training.features import BANDS, HOP, MARGIN, MEAN, N_FFT, POWER_FLOOR, SCALE, WINDOW, LogMel


def test_log_mel_is_librosas(shared: Path, work: Path) -> None:
    utterance = utterances(shared, work, "picovoice-wake")[3]
    waveform = audio(shared, work, "picovoice-wake")[utterance.start : utterance.end].astype(np.float32) / 32768
    frames = len(waveform) // HOP
    # librosa centres frame k on k * HOP + N_FFT / 2 of what it is given; ours is centred on (k + 0.5) * HOP
    padded = np.pad(waveform, (MARGIN + (N_FFT - WINDOW) // 2, N_FFT))
    power = librosa.feature.melspectrogram(
        y=padded, sr=16_000, n_fft=N_FFT, hop_length=HOP, win_length=WINDOW, n_mels=BANDS, center=False, power=2.0
    )
    expected = np.log(power[:, :frames] + POWER_FLOOR)
    heard, _ = LogMel()(torch.tensor(waveform[None]))
    assert heard.shape == (1, BANDS, frames)
    np.testing.assert_allclose(heard[0].numpy() * SCALE + MEAN, expected, atol=1e-4)


def test_a_click_is_heard_in_its_frame_and_loudness_is_dbfs() -> None:
    waveform = torch.zeros(1, 30 * HOP)
    waveform[0, 12 * HOP + HOP // 2] = 1.0
    log_mel, loudness = LogMel()(waveform)
    assert log_mel[0].mean(0).argmax() == 12
    assert loudness[0].argmax() == 12
    assert loudness[0, 0] == pytest.approx(-90.0, abs=0.01)
    assert loudness[0, 12] == pytest.approx(10 * np.log10(1 / HOP), abs=0.01)


@pytest.mark.parametrize(("samples", "frames"), [(1, 1), (159, 1), (160, 1), (319, 1), (320, 2), (16_001, 100)])
def test_every_length_has_its_frames(samples: int, frames: int) -> None:
    log_mel, loudness = LogMel()(torch.ones(1, samples))
    assert log_mel.shape[2] == loudness.shape[1] == frames
