"""The network: log-mel frames through dilated residual convolutions with a bounded view of past and future."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from model_runtime.contracts import VISEMES
from model_runtime.phones import PHONES

from .features import BANDS, LogMel


@dataclass(frozen=True)
class View:
    """One convolution of width 3: its dilation and how many frames it looks ahead."""

    dilation: int
    future: int

    @property
    def past(self) -> int:
        """Frames it looks back."""
        return 2 * self.dilation - self.future


FIRST_VIEWS = (
    View(1, 1), View(2, 2), View(4, 4), View(8, 8), View(16, 0),
    View(1, 1), View(2, 2), View(4, 4), View(8, 0), View(1, 1),
)  # fmt: skip
FIRST_CHANNELS = 184
"""The smaller network of the first courses, which the last one grows from."""
VIEWS = (*FIRST_VIEWS[:5], View(32, 0), *FIRST_VIEWS[5:], View(4, 0), View(2, 0), View(1, 0))
CHANNELS = 256
STEM = View(1, 1)


class Heard(NamedTuple):
    """Logits phones [batch, t, p], visemes [batch, t, 15], voice and voicing [batch, t]; the tone of the voice
    [batch, t], in octaves above `PITCH`; loudness [batch, t] in dBFS."""

    phones: Tensor
    visemes: Tensor
    voice: Tensor
    voicing: Tensor
    tone: Tensor
    loudness: Tensor


HEADS = (len(PHONES), len(VISEMES), 1, 1, 1)
PITCH = 140.0
"""Hz: the tone 0, between the voices of men and women."""


class Convolution(nn.Module):
    """Width 3, padded so that frame k sees k - past .. k + future; normalised over the batch (folded when exported)."""

    def __init__(self, inputs: int, outputs: int, view: View) -> None:
        super().__init__()
        self.padding = (view.past, view.future)
        self.conv = nn.Conv1d(inputs, outputs, 3, dilation=view.dilation, bias=False)
        self.norm = nn.BatchNorm1d(outputs)

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(self.norm(self.conv(functional.pad(x, self.padding))))


class Block(nn.Module):
    """x + mix(convolution(x)). `mix` starts at zero: an untrained block passes its input on."""

    def __init__(self, channels: int, view: View, dropout: float) -> None:
        super().__init__()
        self.convolution = Convolution(channels, channels, view)
        self.dropout = nn.Dropout1d(dropout)
        self.mix = nn.Conv1d(channels, channels, 1)
        nn.init.zeros_(self.mix.weight)
        assert self.mix.bias is not None
        nn.init.zeros_(self.mix.bias)

    def forward(self, x: Tensor) -> Tensor:
        mixed: Tensor = x + self.mix(self.dropout(self.convolution(x)))
        return mixed


class SpeechNet(nn.Module):
    """waveform float32 [batch, n] -> what is `Heard`, as logits."""

    def __init__(self, channels: int = CHANNELS, views: tuple[View, ...] = VIEWS, dropout: float = 0.05) -> None:
        super().__init__()
        self.views = views
        self.log_mel = LogMel()
        self.stem = Convolution(BANDS, channels, STEM)
        self.blocks = nn.ModuleList(Block(channels, view, dropout) for view in views)
        self.norm = nn.BatchNorm1d(channels)
        self.heads = nn.Conv1d(channels, sum(HEADS), 1)

    @property
    def past_frames(self) -> int:
        """Frames before it that one frame of the output depends on; one for the window of the log-mel frame."""
        return STEM.past + sum(view.past for view in self.views) + 1

    @property
    def future_frames(self) -> int:
        """Frames after it that one frame of the output depends on."""
        return STEM.future + sum(view.future for view in self.views) + 1

    def forward(self, waveform: Tensor, mask: Tensor | None = None) -> Heard:
        """`mask` [batch, BANDS, t]: 0 where training hides the features (their fixed mean is shown instead)."""
        x, loudness = self.log_mel(waveform)
        return self.decode(x if mask is None else x * mask, loudness)

    def decode(self, features: Tensor, loudness: Tensor) -> Heard:
        """What is heard in scaled log-mel frames [batch, BANDS, t]; their loudness [batch, t] in dBFS is passed on."""
        x = self.stem(features)
        for block in self.blocks:
            x = block(x)
        logits = self.heads(functional.relu(self.norm(x))).transpose(1, 2)
        phones, visemes, voice, voicing, tone = logits.split(HEADS, dim=2)
        return Heard(phones, visemes, voice[:, :, 0], voicing[:, :, 0], tone[:, :, 0], loudness)


class Hearer(nn.Module):
    """What is exported: waveform [n] -> posteriors phones [t, p], visemes [t, 15], voice [t]; loudness [t] in dBFS;

    voicing [t], the probability that the vocal folds swing, and pitch [t], in Hz, which is meant where they do.
    """

    def __init__(self, net: SpeechNet) -> None:
        super().__init__()
        self.net = net
        self.eval()

    def forward(self, waveform: Tensor) -> tuple[Tensor, ...]:
        heard = self.net(waveform[None])
        pitch = PITCH * torch.exp(heard.tone[0] * math.log(2.0))
        posteriors = heard.phones[0].softmax(1), heard.visemes[0].softmax(1), torch.sigmoid(heard.voice[0])
        return *posteriors, heard.loudness[0], torch.sigmoid(heard.voicing[0]), pitch
