"""The network: the lowest layers of Whisper's encoder, made independent of place, under dilated convolutions."""

from __future__ import annotations

import math
from collections.abc import Sequence
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


VIEWS = (View(1, 1), View(2, 2), View(4, 2), View(8, 0), View(1, 1), View(2, 0), View(4, 0))
CHANNELS = 192
WIDTH, HEAD = 384, 64
"""Numbers of a state of Whisper tiny, and of each head of its attention."""
FUTURES = (4, 3)
"""States after it that each layer lets a state see."""
PAST = 40
"""States before it that each layer lets a state see; also how many make a block."""
STRIDE = 2
"""Frames of 10 ms for which a state stands."""
BAND_WIDTH = 5
"""Frames seen at once of the log-mel bands that go past the encoder."""


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


def in_blocks(x: Tensor) -> Tensor:
    """[batch, t, ...] -> [batch, blocks, PAST, ...], the last block filled up with zeros."""
    count = x.shape[1]
    blocks = (count + PAST - 1) // PAST
    padded = functional.pad(x, (0, 0) * (x.ndim - 2) + (0, blocks * PAST - count))
    return padded.reshape(x.shape[0], blocks, PAST, *x.shape[2:])


def seen(blocks: Tensor, future: int) -> Tensor:
    """What the states of each block may see: [batch, blocks, PAST, ...] -> [batch, blocks, PAST + PAST + future, ...].

    The block before it, itself, and the first `future` of the block after it; zeros where there is none.
    """
    padded = functional.pad(blocks, (0, 0) * (blocks.ndim - 2) + (1, 1))
    return torch.cat((padded[:, :-2], blocks, padded[:, 2:, :future]), dim=2)


class Layer(nn.Module):
    """A layer of Whisper's encoder (Radford et al. 2022) in which a state attends to those around it only.

    Whisper tells each state its place in a window of 30 s; here it is told how far it is from another (Shaw et al.
    2018): q . apart[distance] / deviation of the other is added to q . k. `whisper_layers` says where `apart` begins.
    """

    band: Tensor

    def __init__(self, width: int, head: int, future: int) -> None:
        super().__init__()
        self.heads, self.head, self.future = width // head, head, future
        self.attention_norm = nn.LayerNorm(width)
        self.query_key_value = nn.Linear(width, 3 * width)
        self.attended = nn.Linear(width, width)
        self.feed_norm = nn.LayerNorm(width)
        self.widen = nn.Linear(width, 4 * width)
        self.narrow = nn.Linear(4 * width, width)
        distances = PAST + future + 1
        self.apart = nn.Parameter(torch.zeros(self.heads, head, distances))
        band = torch.ones(PAST, PAST + distances - 1).tril(distances - 1).triu()
        self.register_buffer("band", band, persistent=False)

    def forward(self, x: Tensor) -> Tensor:
        """States [batch, t, width] to others."""
        mixed = x + self.attended(self._attend(x))
        fed: Tensor = mixed + self.narrow(functional.gelu(self.widen(self.feed_norm(mixed))))
        return fed

    def _attend(self, x: Tensor) -> Tensor:
        batch, count, width = x.shape
        parts = self.query_key_value(self.attention_norm(x)).view(batch, count, 3, self.heads, self.head)
        parts, sureness = in_blocks(parts), in_blocks(self._sureness(x))
        query = parts[:, :, :, 0].transpose(2, 3)
        key = seen(parts[:, :, :, 1], self.future).permute(0, 1, 3, 4, 2)
        value = seen(parts[:, :, :, 2], self.future).transpose(2, 3)
        sureness = seen(sureness, self.future)[:, :, None, None]
        by_distance = self._skewed(query @ self.apart) * sureness
        shown = (sureness > 0.0).to(x.dtype) * self.band  # a state's is above 0, that of what fills a block is 0
        shares = ((query @ key + by_distance) * self.head**-0.5 - 1e9 * (1.0 - shown)).softmax(dim=4)
        return (shares @ value).transpose(2, 3).reshape(batch, -1, width)[:, :count]

    def _sureness(self, x: Tensor) -> Tensor:
        """1 / deviation of each state [batch, t], as the norm computes it."""
        centred = x - x.mean(dim=2, keepdim=True)
        return torch.rsqrt((centred * centred).mean(dim=2) + self.attention_norm.eps)

    def _skewed(self, by_distance: Tensor) -> Tensor:
        """Scores of distances [..., PAST, distances] as scores of what is `seen` [..., PAST, PAST + distances - 1]:

        row i moves i places to the right. Zeros elsewhere.
        """
        batch, blocks, heads, rows, distances = by_distance.shape
        wide = rows + distances
        padded = functional.pad(by_distance, (0, wide - distances))
        moved = padded.reshape(batch, blocks, heads, rows * wide)[..., : rows * (wide - 1)]
        return moved.reshape(batch, blocks, heads, rows, wide - 1)


class Encoder(nn.Module):
    """Scaled log-mel frames [batch, BANDS, t] -> states [batch, ceil(t / STRIDE), width]."""

    def __init__(self, width: int, head: int, futures: Sequence[int]) -> None:
        super().__init__()
        self.conv1 = nn.Conv1d(BANDS, width, 3, padding=1)
        self.conv2 = nn.Conv1d(width, width, 3, padding=1, stride=STRIDE)
        self.place = nn.Parameter(torch.zeros(width))
        self.layers = nn.ModuleList(Layer(width, head, future) for future in futures)
        self.norm = nn.LayerNorm(width)

    def forward(self, features: Tensor) -> Tensor:
        x = functional.gelu(self.conv2(functional.gelu(self.conv1(features)))).transpose(1, 2) + self.place
        for layer in self.layers:
            x = layer(x)
        states: Tensor = self.norm(x)
        return states


class Block(nn.Module):
    """x + mix(convolution(x)). `mix` starts at zero: an untrained block passes its input on.

    The convolution has width 3, padded so that frame k sees k - past .. k + future, and is normalised over the batch
    (folded when exported).
    """

    def __init__(self, channels: int, view: View, dropout: float) -> None:
        super().__init__()
        self.padding = (view.past, view.future)
        self.conv = nn.Conv1d(channels, channels, 3, dilation=view.dilation, bias=False)
        self.norm = nn.BatchNorm1d(channels)
        self.dropout = nn.Dropout1d(dropout)
        self.mix = nn.Conv1d(channels, channels, 1)
        nn.init.zeros_(self.mix.weight)
        assert self.mix.bias is not None
        nn.init.zeros_(self.mix.bias)

    def forward(self, x: Tensor) -> Tensor:
        convolved = functional.relu(self.norm(self.conv(functional.pad(x, self.padding))))
        mixed: Tensor = x + self.mix(self.dropout(convolved))
        return mixed


class SpeechNet(nn.Module):
    """waveform float32 [batch, n] -> what is `Heard`, as logits.

    The encoder's states say which phone it is; the bands, which go past it, where its edges are.
    """

    def __init__(
        self, channels: int = CHANNELS, views: tuple[View, ...] = VIEWS, width: int = WIDTH, head: int = HEAD,
        futures: Sequence[int] = FUTURES, dropout: float = 0.05,
    ) -> None:  # fmt: skip
        super().__init__()
        self.views, self.futures = views, futures
        self.log_mel = LogMel()
        self.encoder = Encoder(width, head, futures)
        self.states = nn.Conv1d(width, channels, 1)
        self.band_norm = nn.BatchNorm1d(BANDS)
        self.bands = nn.Conv1d(BANDS, channels, BAND_WIDTH, padding=BAND_WIDTH // 2)
        self.blocks = nn.ModuleList(Block(channels, view, dropout) for view in views)
        self.norm = nn.BatchNorm1d(channels)
        self.heads = nn.Conv1d(channels, sum(HEADS), 1)

    @property
    def past_frames(self) -> int:
        """Frames before it that one frame of the output depends on, a multiple of STRIDE.

        One for the window of a log-mel frame; two for the encoder's convolutions; one where a frame is the second of
        its state's.
        """
        frames = sum(view.past for view in self.views) + STRIDE * PAST * len(self.futures) + 4
        return frames + frames % STRIDE

    @property
    def future_frames(self) -> int:
        """Frames after it that one frame of the output depends on."""
        return sum(view.future for view in self.views) + STRIDE * sum(self.futures) + 3

    def forward(self, waveform: Tensor, mask: Tensor | None = None) -> Heard:
        """`mask` [batch, BANDS, t]: 0 where training hides the features (their fixed mean is shown instead)."""
        x, loudness = self.log_mel(waveform)
        return self.decode(x if mask is None else x * mask, loudness)

    def decode(self, features: Tensor, loudness: Tensor) -> Heard:
        """What is heard in scaled log-mel frames [batch, BANDS, t]; their loudness [batch, t] in dBFS is passed on."""
        bands = self.bands(self.band_norm(features))
        batch, channels, frames = bands.shape
        states = self.states(self.encoder(features).transpose(1, 2))
        each = states[..., None].expand(-1, -1, -1, STRIDE).reshape(batch, channels, -1)
        x = each[:, :, :frames] + bands
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
