"""The network: log-mel frames through dilated residual convolutions with a bounded view of past and future."""

from __future__ import annotations

from dataclasses import dataclass

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


VIEWS = (
    View(1, 1), View(2, 2), View(4, 4), View(8, 8), View(16, 0),
    View(1, 1), View(2, 2), View(4, 4), View(8, 0), View(1, 1),
)  # fmt: skip
STEM = View(1, 1)
CHANNELS = 184
PAST_FRAMES = STEM.past + sum(view.past for view in VIEWS) + 1
FUTURE_FRAMES = STEM.future + sum(view.future for view in VIEWS) + 1
"""The last one of each is the window of the log-mel frame, which reaches into its neighbours."""


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

    def forward(self, x: Tensor) -> Tensor:
        mixed: Tensor = x + self.mix(self.dropout(self.convolution(x)))
        return mixed


class SpeechNet(nn.Module):
    """waveform float32 [batch, n] -> logits of phones, visemes [batch, t, classes], voice [batch, t], loudness."""

    def __init__(self, channels: int = CHANNELS, views: tuple[View, ...] = VIEWS, dropout: float = 0.05) -> None:
        super().__init__()
        self.log_mel = LogMel()
        self.stem = Convolution(BANDS, channels, STEM)
        self.blocks = nn.ModuleList(Block(channels, view, dropout) for view in views)
        self.norm = nn.BatchNorm1d(channels)
        self.heads = nn.Conv1d(channels, len(PHONES) + len(VISEMES) + 1, 1)

    def forward(self, waveform: Tensor, mask: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """`mask` [batch, BANDS, t]: 0 where training hides the features (their fixed mean is shown instead)."""
        x, loudness = self.log_mel(waveform)
        x = self.stem(x if mask is None else x * mask)
        for block in self.blocks:
            x = block(x)
        logits = self.heads(functional.relu(self.norm(x))).transpose(1, 2)
        phones, visemes, voice = logits.split((len(PHONES), len(VISEMES), 1), dim=2)
        return phones, visemes, voice[:, :, 0], loudness


class Hearer(nn.Module):
    """What is exported: waveform [n] -> posteriors phones [t, p], visemes [t, 15], voice [t], and loudness [t]."""

    def __init__(self, net: SpeechNet) -> None:
        super().__init__()
        self.net = net
        self.eval()

    def forward(self, waveform: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        phones, visemes, voice, loudness = self.net(waveform[None])
        return phones[0].softmax(1), visemes[0].softmax(1), torch.sigmoid(voice[0]), loudness[0]
