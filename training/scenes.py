"""Training examples: utterances with pauses between them, worsened, and the soft targets of every frame."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from model_runtime.hearing.denoise import denoised
from model_runtime.phones import PHONES, SILENCE

from . import augment
from .corpora import Utterance, audio, held_out, utterances
from .features import BANDS, HOP, SAMPLE_RATE
from .labels import Labels, load
from .pitch import pitches

SCENE_SECONDS = 3.0
ROOMS = 80
EDGE_SIGMA = 0.011
"""Seconds: how surely an aligned edge lies where it is said to be."""
SHARES = {
    "kathleen": 0.11, "speechocean762": 0.07, "kerstin": 0.15, "picovoice-wake": 0.03, "kokoro-en": 0.15, "flite": 0.04,
    "festival": 0.03, "kokoro-world": 0.14, "asterisk": 0.08, "fillets": 0.06, "tuxpaint": 0.06, "festvox-ru": 0.02,
    "tofugu-ja": 0.02, "audio-cmn": 0.02, "arabic-commands": 0.01, "fsdd": 0.01,
}  # fmt: skip
"""How often an utterance is drawn from each corpus."""

Segments = list[tuple[float, float, str]]


@dataclass(frozen=True)
class Batch:
    """waveform [b, n]; mask [b, bands, t]; phones [b, t, p] soft targets; pitch [b, t] in Hz, 0 without voice."""

    waveform: Tensor
    mask: Tensor
    phones: Tensor
    pitch: Tensor


def targets(segments: Segments, frames: int) -> Tensor:
    """Soft phone targets float32 [frames, phones]: each phone's share of a frame, its edges blurred by EDGE_SIGMA.

    Frames that no segment covers are silence.
    """
    out = torch.zeros(frames, len(PHONES))
    if segments:
        centres = (torch.arange(frames) + 0.5) * HOP / SAMPLE_RATE
        starts, ends = (torch.tensor([segment[i] for segment in segments]) for i in (0, 1))
        before = torch.special.ndtr((centres - starts[:, None]) / EDGE_SIGMA)
        after = torch.special.ndtr((centres - ends[:, None]) / EDGE_SIGMA)
        out.T.index_add_(0, torch.tensor([PHONES.index(segment[2]) for segment in segments]), before - after)
    out[:, PHONES.index(SILENCE)] += 1.0 - out.sum(1)
    return out.clamp(0.0, 1.0)


def frames_of(utterance: Utterance) -> slice:
    """Where the frames of an utterance are kept among those of its packed file."""
    begin = utterance.start // HOP
    return slice(begin, begin + (utterance.end - utterance.start) // HOP)


def taught_path(work: Path, file: str) -> Path:
    """Where is what `teacher` hears in a packed file."""
    return work / "taught" / f"{file}.npy"


class Material:
    """The labelled utterances of one side of the split, with their samples."""

    def __init__(self, shared: Path, work: Path, names: Sequence[str], validation: bool) -> None:
        self.spoken: dict[str, list[tuple[Utterance, Labels]]] = {}
        for name in names:
            known = load(work, name)
            rows = [row for row in utterances(shared, work, name) if row.id in known and held_out(row) == validation]
            if rows:
                self.spoken[name] = [(row, known[row.id]) for row in rows]
        files = {row.file for spoken in self.spoken.values() for row, _ in spoken}
        self.samples = {file: audio(shared, work, file) for file in files}
        self.pitches = {file: pitches(work / "pitch" / f"{file}.npy", rows) for file, rows in self.samples.items()}
        paths = {file: taught_path(work, file) for file in files}
        self.heard = {file: np.load(path, mmap_mode="r") for file, path in paths.items() if path.exists()}

    def waveform(self, utterance: Utterance) -> augment.Samples:
        """float32 [n] in -1..1."""
        samples = self.samples[utterance.file][utterance.start : utterance.end]
        return np.asarray(samples, np.float32) / 32768.0

    def pitch(self, utterance: Utterance) -> NDArray[np.float32]:
        """Hz [t], 0 where there is no voice."""
        return self.pitches[utterance.file][frames_of(utterance)]

    def taught(self, utterance: Utterance) -> NDArray[np.float16] | None:
        """Posteriors of the phones [t, p] that `teacher` hears, None where it has not listened."""
        heard = self.heard.get(utterance.file)
        return None if heard is None else heard[frames_of(utterance)]

    def hours(self, name: str) -> float:
        """Labelled hours of one corpus."""
        return sum(row.end - row.start for row, _ in self.spoken.get(name, ())) / SAMPLE_RATE / 3600


class Scenes:
    """Endless examples. Example number i is the same in every run with the same seed and material.

    taught: the share of the targets that comes from what `teacher` hears instead of from the labels.
    """

    def __init__(self, material: Material, seed: int, taught: float = 0.0) -> None:
        self.material = material
        self.seed = seed
        self.taught = taught
        self.names = list(material.spoken)
        self.shares = np.array([SHARES[name] for name in self.names])
        self.shares /= self.shares.sum()
        rng = np.random.default_rng(seed)
        kinds = ((augment.coloured_noise, 28), (augment.music, 14), (augment.machine, 12), (augment.knocks, 6))
        self.rooms = [augment.room(rng) for _ in range(ROOMS)]
        self.noises = [make(rng) for make, count in kinds for _ in range(count)]

    def batch(self, number: int, examples: Iterable[int]) -> Batch:
        """The numbered examples of step `number`."""
        scenes = [self.scene(np.random.default_rng((self.seed, number, i))) for i in examples]
        return Batch(*(torch.tensor(np.stack(part)) for part in zip(*scenes, strict=True)))

    def scene(self, rng: np.random.Generator) -> tuple[NDArray[np.float32], ...]:
        """One example: waveform [n], mask [bands, t], phone targets [t, p] and pitch [t]."""
        count = round(SCENE_SECONDS * SAMPLE_RATE)
        speech, segments, pitch, taught = self.line(rng, count)
        noise = self.babble(rng, count) if rng.random() < 0.25 else self.noise(rng, count)
        if not segments:
            speech = noise * 10 ** (-rng.uniform(20.0, 70.0) / 20) * (rng.random() < 0.8)
        elif rng.random() < 0.65:
            speech = augment.worsened(rng, speech, noise, self.rooms[rng.integers(len(self.rooms))])
            if rng.random() < 0.3:
                speech = denoised(speech)
        if segments and rng.random() < 0.08:
            speech = augment.coded(rng, speech)
        peak = float(np.abs(speech).max()) + 1e-9
        loud = min(10 ** (rng.uniform(-40.0, -10.0) / 20) / augment.level(speech), 1.0 / peak) if segments else 1.0
        heard = np.asarray(speech * loud, np.float32)
        heard += rng.standard_normal(count).astype(np.float32) * 10 ** (-rng.uniform(70.0, 110.0) / 20)
        frames = count // HOP
        mask = augment.hidden(rng, frames) if rng.random() < 0.5 else np.ones((BANDS, frames), np.float32)
        phones = targets(segments, frames).numpy()
        phones += self.taught * taught.sum(axis=1, keepdims=True) * (taught - phones)
        return heard, mask, phones, pitch

    def line(
        self, rng: np.random.Generator, count: int
    ) -> tuple[augment.Samples, Segments, NDArray[np.float32], NDArray[np.float32]]:
        """`count` samples of utterances with pauses of silence between them, where their phones are, their pitch [t],

        and what `teacher` hears in them [t, p], zeros where it does not. One scene in eight is without a voice: no
        segments.
        """
        out = np.zeros(count, np.float32)
        segments: Segments = []
        pitch = np.zeros(count // HOP, np.float32)
        taught = np.zeros((len(pitch), len(PHONES)), np.float32)
        middles = (np.arange(len(pitch)) + 0.5) * HOP
        at = 0
        while at < count and (at > 0 or rng.random() > 1 / 8):
            utterance, labels = self.draw(rng)
            samples = self.material.waveform(utterance)
            speed = int(rng.choice(augment.SPEEDS)) if rng.random() < 0.6 else 20
            said = samples if speed == 20 else augment.resized(samples, speed)
            if rng.random() < 0.3 or speed > augment.CHILD:
                said = augment.reshaped(said, rng.uniform(0.85, 1.2) * 20 / speed)
            whisper = rng.random() < 0.04
            if whisper:
                said = augment.whispered(rng, said)
            if at == 0:
                at = -int(rng.integers(0, max(1, len(said) - count // 2)))
            begin = max(at, 0)
            part = said[begin - at : count - at]
            out[begin : begin + len(part)] = part * (rng.uniform(0.5, 2.0) if segments else 1.0)
            tones, heard = self.material.pitch(utterance), self.material.taught(utterance)
            source = np.floor((middles - at) * (speed / 20 / HOP)).astype(int)
            inside = (source >= 0) & (source < len(tones))
            if not whisper:
                pitch[inside] = tones[source[inside]] * np.float32(speed / 20)
            if heard is not None:
                posteriors = heard[source[inside]].astype(np.float32)
                taught[inside] = posteriors / np.maximum(posteriors.sum(axis=1, keepdims=True), 1e-3)
            for start, end, phone in labels.segments():
                segments.append((start * 20 / speed + at / SAMPLE_RATE, end * 20 / speed + at / SAMPLE_RATE, phone))
            at += len(said) + int(rng.uniform(0.02, 0.8) * SAMPLE_RATE)
        return out, segments, pitch, taught

    def draw(self, rng: np.random.Generator) -> tuple[Utterance, Labels]:
        """A random utterance."""
        rows = self.material.spoken[self.names[rng.choice(len(self.names), p=self.shares)]]
        return rows[rng.integers(len(rows))]

    def noise(self, rng: np.random.Generator, count: int) -> augment.Samples:
        """A stretch of noise or music."""
        return augment.excerpt(rng, self.noises[rng.integers(len(self.noises))], count)

    def babble(self, rng: np.random.Generator, count: int) -> augment.Samples:
        """Three to six people talking at once."""
        voices = [self.material.waveform(self.draw(rng)[0]) for _ in range(rng.integers(3, 7))]
        mixed = sum(augment.excerpt(rng, voice / augment.level(voice), count) for voice in voices)
        return np.asarray(mixed, np.float32)
