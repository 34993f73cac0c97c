"""Log-mel frames from a waveform, in plain tensor operations that become part of the ONNX graph.

The reference is librosa: `feature.melspectrogram(n_fft=400, hop_length=160, n_mels=80, power=2)` with its Slaney
filters; a test holds this file to it. But for the floor and the frames' centres these are the features of Whisper
(Radford et al. 2022, section 2.2). No normalisation over the file: a chunk hears what the whole hears.
"""

from __future__ import annotations

import librosa
import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

SAMPLE_RATE = 16_000
HOP = 160
WINDOW = 400
N_FFT = WINDOW
BANDS = 80
MARGIN = (WINDOW - HOP) // 2
"""Samples that a window reaches beyond its frame on either side: frame k is centred on (k + 0.5) * 10 ms."""
POWER_FLOOR = 1e-7
MEAN, SCALE = -4.0 * np.log(10.0), 4.0 * np.log(10.0)
"""Fixed scale of the log-mel values, Whisper's: (log10 + 4) / 4."""
LOUDNESS_FLOOR = 1e-9
"""Mean square added before the logarithm: digital silence is -90 dBFS."""


def fourier_basis() -> Tensor:
    """Windowed cosine and sine rows, float32 [2 * (N_FFT / 2 + 1), 1, WINDOW]."""
    time = np.arange(WINDOW) * (2 * np.pi / N_FFT)
    angle = np.arange(N_FFT // 2 + 1)[:, None] * time
    window = librosa.filters.get_window("hann", WINDOW, fftbins=True)
    basis = np.concatenate((np.cos(angle), np.sin(angle))) * window
    return torch.tensor(basis[:, None, :], dtype=torch.float32)


def mel_filters() -> Tensor:
    """Slaney mel filters as a convolution of width 1, float32 [BANDS, N_FFT / 2 + 1, 1]."""
    filters = librosa.filters.mel(sr=SAMPLE_RATE, n_fft=N_FFT, n_mels=BANDS)
    return torch.tensor(filters[:, :, None], dtype=torch.float32)


class LogMel(nn.Module):
    """waveform float32 [batch, n] in -1..1 -> scaled log-mel [batch, BANDS, t] and loudness [batch, t] in dBFS.

    t = floor(n / HOP), at least 1 (a shorter waveform is followed by silence).
    """

    basis: Tensor
    filters: Tensor

    def __init__(self) -> None:
        super().__init__()
        self.register_buffer("basis", fourier_basis(), persistent=False)
        self.register_buffer("filters", mel_filters(), persistent=False)

    def forward(self, waveform: Tensor) -> tuple[Tensor, Tensor]:
        padded = functional.pad(waveform[:, None, :], (MARGIN, MARGIN + HOP))
        frames = max(waveform.shape[1] // HOP, 1)
        spectrum = functional.conv1d(padded, self.basis, stride=HOP)[:, :, :frames]
        real, imaginary = torch.split(spectrum, N_FFT // 2 + 1, dim=1)
        mel = functional.conv1d(real * real + imaginary * imaginary, self.filters)
        scaled = (torch.log(mel + POWER_FLOOR) - MEAN) / SCALE
        inside = padded[:, :, MARGIN:]
        mean_square = functional.avg_pool1d(inside * inside, HOP, HOP)[:, 0, :frames]
        loudness = torch.log(mean_square + LOUDNESS_FLOOR) * (10.0 / np.log(10.0))
        return scaled, loudness
