"""What a probe over Whisper's states hears in the recordings: the network's soft targets beside the aligners' labels.

The probe learns phones from the labels, in minutes, and hears them far better than the network in voices and languages
that it never learned from, since the states do. The network is small enough for a plain processor and learns to hear
what the probe hears (Hinton, Vinyals and Dean 2015). Each half of the sentences is heard by a probe that learned from
the other half: a probe only repeats the labels that it knows.
"""

from __future__ import annotations

import zlib
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from model_runtime.phones import PHONES

from .corpora import Utterance, audio, held_out, save, utterances
from .features import BANDS, HOP, SAMPLE_RATE, LogMel
from .labels import load
from .scenes import frames_of, targets, taught_path
from .weighting import PHONE_WEIGHT
from .whisper import HOP as STATE_HOP
from .whisper import WIDTH, States, states_path

CHANNELS = 256
DILATIONS = (1, 2, 4, 1, 2, 4)
STEPS, BATCH, SECONDS, PEAK_RATE = 400, 24, 4.0, 1.5e-3
FOLDS = 2


class Example(NamedTuple):
    """states [t, WIDTH] and bands [t, BANDS] of an utterance's frames, and their phones [t, p]."""

    states: Tensor
    bands: Tensor
    phones: Tensor


class Block(nn.Module):
    """x + mix(convolution(x)), frame k seeing as much of the past as of the future."""

    def __init__(self, dilation: int) -> None:
        super().__init__()
        self.conv = nn.Conv1d(CHANNELS, CHANNELS, 3, padding=dilation, dilation=dilation)
        self.norm = nn.BatchNorm1d(CHANNELS)
        self.mix = nn.Conv1d(CHANNELS, CHANNELS, 1)

    def forward(self, x: Tensor) -> Tensor:
        mixed: Tensor = x + self.mix(functional.relu(self.norm(self.conv(x))))
        return mixed


class Probe(nn.Module):
    """Whisper's states and the log-mel frames [b, t, WIDTH], [b, t, BANDS] -> logits of the phones [b, t, p].

    The states say which phone it is, the frames where its edges are.
    """

    def __init__(self) -> None:
        super().__init__()
        self.states = nn.Sequential(nn.BatchNorm1d(WIDTH), nn.Dropout(0.1), nn.Conv1d(WIDTH, CHANNELS, 5, padding=2))
        self.bands = nn.Sequential(nn.BatchNorm1d(BANDS), nn.Conv1d(BANDS, CHANNELS, 5, padding=2))
        self.blocks = nn.Sequential(*(Block(dilation) for dilation in DILATIONS))
        self.phones = nn.Conv1d(CHANNELS, len(PHONES), 1)

    def forward(self, states: Tensor, bands: Tensor) -> Tensor:
        x = self.states(states.transpose(1, 2)) + self.bands(bands.transpose(1, 2))
        logits: Tensor = self.phones(self.blocks(x))
        return logits.transpose(1, 2)


def fold(utterance: Utterance) -> int:
    """Which probe hears it; equal sentences are heard by the same."""
    return zlib.crc32(" ".join(utterance.text.lower().split()).encode()) % FOLDS


def states_at(states: States, start: int, count: int) -> NDArray[np.float32]:
    """The states at `count` frames of 10 ms from sample `start` of their file on, float32 [count, WIDTH]."""
    at = (start + (np.arange(count) + 0.5) * HOP) / STATE_HOP - 0.5
    at = at.clip(0.0, len(states) - 1.0)
    low = np.floor(at).astype(int)
    high = np.minimum(low + 1, len(states) - 1)
    near = np.asarray(states[low[0] : high[-1] + 1], np.float32)
    share = (at - low).astype(np.float32)[:, None]
    return (1.0 - share) * near[low - low[0]] + share * near[high - low[0]]


class Shown:
    """What probes learn from and hear: utterances as `Example`s."""

    def __init__(self, shared: Path, work: Path) -> None:
        self.shared, self.work, self.log_mel = shared, work, LogMel()

    def __call__(self, utterance: Utterance, phones: Tensor | None = None) -> Example:
        """phones: None where they are to be heard."""
        samples = audio(self.shared, self.work, utterance.file)[utterance.start : utterance.end]
        waveform = torch.tensor(np.asarray(samples, np.float32) / 32768.0)
        bands = self.log_mel(waveform[None])[0][0].T
        states = np.load(states_path(self.work, utterance.file), mmap_mode="r")
        at_frames = torch.tensor(states_at(states, utterance.start, len(bands)))
        return Example(at_frames, bands, torch.zeros(len(bands), len(PHONES)) if phones is None else phones)


def fit(shared: Path, work: Path, names: Sequence[str], which: int, steps: int = STEPS) -> Path:
    """Teach a probe the labels of every fold but `which`. Returns where its weights are."""
    path = work / f"probe-{which}.pt"
    if path.exists():
        return path
    torch.set_num_threads(1)
    torch.manual_seed(which)
    rng = np.random.default_rng(which)
    spoken = []
    for name in names:
        known = load(work, name)
        rows = [row for row in utterances(shared, work, name) if row.id in known]
        rows = [row for row in rows if fold(row) != which and not held_out(row)]
        if rows:
            spoken.append([(row, known[row.id]) for row in rows])
    shares = np.sqrt([len(rows) for rows in spoken])
    shown, probe, length = Shown(shared, work), Probe(), round(SECONDS * SAMPLE_RATE / HOP)
    optimizer = torch.optim.AdamW(probe.parameters(), PEAK_RATE, weight_decay=0.02)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, PEAK_RATE, total_steps=steps, pct_start=0.1)
    for step in range(steps):
        cuts = []
        for _ in range(BATCH):
            rows = spoken[rng.choice(len(spoken), p=shares / shares.sum())]
            utterance, labels = rows[rng.integers(len(rows))]
            frames = max(1, (utterance.end - utterance.start) // HOP)
            cuts.append(cut(rng, shown(utterance, targets(list(labels.segments()), frames)), length))
        states, bands, phones = (torch.stack(part) for part in zip(*cuts, strict=True))
        loss = -(phones * PHONE_WEIGHT * probe(states, bands).log_softmax(2)).sum() / phones.sum()
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        nn.utils.clip_grad_norm_(probe.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if step % 50 == 49:
            print(f"probe {which}: step {step + 1}, loss {float(loss.detach()):.3f}", flush=True)
    torch.save(probe.state_dict(), path.with_suffix(".part"))
    path.with_suffix(".part").rename(path)
    return path


def cut(rng: np.random.Generator, example: Example, length: int) -> Example:
    """`length` frames of an example at a random place and loudness; what is shorter is followed by nothing."""
    at = int(rng.integers(0, max(1, len(example.phones) - length + 1)))
    states, bands, phones = (part[at : at + length] for part in example)
    louder = float(rng.normal(0.0, 0.5))
    missing = length - len(phones)
    return Example(
        functional.pad(states, (0, 0, 0, missing)),
        functional.pad(bands, (0, 0, 0, missing), value=float(bands.min())) + louder,
        functional.pad(phones, (0, 0, 0, missing)),
    )


def load_probe(path: Path) -> Probe:
    """A fitted probe."""
    probe = Probe()
    probe.load_state_dict(torch.load(path))
    return probe.eval()


@torch.no_grad()
def heard(probe: Probe, example: Example) -> NDArray[np.float32]:
    """Posteriors of the phones [t, p], without the loss's weights."""
    logits = probe(example.states[None], example.bands[None])[0]
    return np.asarray((logits - PHONE_WEIGHT.log()).softmax(1).numpy(), np.float32)


def teach(shared: Path, work: Path, names: Sequence[str], processes: int = 2) -> None:
    """Fit the probes and write what they hear in every packed file that is not heard yet."""
    with ProcessPoolExecutor(processes) as pool:
        jobs = [pool.submit(fit, shared, work, names, which) for which in range(FOLDS)]
        probes = [load_probe(job.result()) for job in jobs]
    shown = Shown(shared, work)
    for name in names:
        rows = utterances(shared, work, name)
        for file in dict.fromkeys(row.file for row in rows):
            path = taught_path(work, file)
            if path.exists():
                continue
            out = np.zeros((len(audio(shared, work, file)) // HOP + 1, len(PHONES)), np.float16)
            for row in rows:
                if row.file == file and row.end - row.start >= HOP:
                    out[frames_of(row)] = heard(probes[fold(row)], shown(row))
            save(path, out)
            print(f"taught {file}", flush=True)
