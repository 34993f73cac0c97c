"""What the refiner learns from: a frame of a person, painted over from other frames of the same person, and the truth.

Teacher-forced: the wanted shape is the frame's own, so that the truth is known; what is around the mouth is the frame.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from model_runtime.contracts import Float32
from model_runtime.plate import retrieve
from model_runtime.plate.coarse import Coarse, coarse
from model_runtime.plate.crop import Crop
from model_runtime.plate.picture_square import Picture
from model_runtime.plate.refine import stacked
from model_runtime.plate.retrieve import Bank

from .faces import Face

SIZE = 128
APART = 10
"""Frames of the same clip that are nearer than this are never painted from: they show the answer."""
RANDOM = 0.3
"""Share of examples that are painted from any frame, not from one of the nearest."""
NEAREST = 6
TREMBLE = 0.004
"""Deviation of the wanted points that examples are learned with, in shares of the square: trackers and drives err."""


@dataclass(frozen=True)
class Person:
    """All frames of a person's clips: the bank, the clip of each frame, and what shapes are compared by."""

    bank: Bank
    clips: npt.NDArray[np.int32]
    whole: Float32
    between: Float32

    @classmethod
    def of(cls, faces: Sequence[Face], size: int = SIZE) -> Person:
        """From clips of one person; every clip has a square of its own."""
        banks = []
        for face in faces:
            pictures = face.pictures()
            banks.append(_bank(Crop.around(face.landmarks, size), pictures, np.arange(len(pictures))))
        return cls._of(banks)

    @classmethod
    def cut(cls, crop: Crop, pictures: Sequence[Picture], frames: npt.NDArray[np.integer]) -> Person:
        """From some frames of one film."""
        return cls._of([_bank(crop, pictures, frames)])

    @classmethod
    def _of(cls, banks: Sequence[Bank]) -> Person:
        clips = np.concatenate([np.full(len(bank), k, np.int32) for k, bank in enumerate(banks)])
        bank = Bank(*(np.concatenate([getattr(one, name) for one in banks]) for name in Bank.__annotations__))
        size = bank.pictures.shape[1]
        whole = retrieve.features(bank.lower, bank.nose, size)
        return cls(bank, clips, whole, retrieve.inner_features(bank.lower, size))

    def __len__(self) -> int:
        return len(self.bank)

    def allowed(self, frame: int, among: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
        """Those of some frames that a frame may be painted from."""
        far = (self.clips[among] != self.clips[frame]) | (
            abs(self.bank.frames[among] - self.bank.frames[frame]) > APART
        )
        return among[far]

    def nearest(self, frame: int, among: npt.NDArray[np.int64], between: bool = False) -> npt.NDArray[np.int64]:
        """Allowed frames, the most similar shape first; between: by what is seen between the lips."""
        features = self.between if between else self.whole
        allowed = self.allowed(frame, among)
        return allowed[np.argsort(((features[allowed] - features[frame]) ** 2).sum(1), kind="stable")]

    def painted(self, frame: int, main: int, second: int, old: int, tremble: Float32 | float = 0.0) -> Coarse:
        """A frame painted over from two others; old: a frame whose mouth is to be covered as well."""
        bank, size = self.bank, self.bank.pictures.shape[1]
        wanted = bank.lower[frame] + np.float32(size) * tremble
        plate = bank.pictures[frame].astype(np.float32)
        return coarse(plate, bank.lower[old], bank.nose[frame], wanted.astype(np.float32), bank, main, second)


def _bank(crop: Crop, pictures: Sequence[Picture], frames: npt.NDArray[np.integer]) -> Bank:
    cuts = [np.clip(np.rint(crop.cut(pictures[frame], int(frame))), 0, 255) for frame in frames]
    return retrieve.bank_of(crop, np.array(cuts, np.uint8), frames.astype(np.int32))


@dataclass(frozen=True)
class Examples:
    """Pairs of frames that follow each other: inputs uint8 [n, 2, 9, size, size], truth [n, 2, 3, size, size]."""

    inputs: npt.NDArray[np.uint8]
    truth: npt.NDArray[np.uint8]


def examples(
    people: Sequence[Person], count: int, seed: int, among: Sequence[npt.NDArray[np.int64]] | None = None
) -> Examples:
    """`count` pairs, of each person as many; among: the frames of each that are used, all of them without."""
    random = np.random.default_rng(seed)
    inputs, truth = [], []
    for index in range(count):
        person = people[index % len(people)]
        used = np.arange(len(person)) if among is None else among[index % len(people)]
        follows = used[:-1][(np.diff(used) == 1) & (np.diff(person.bank.frames[used]) == 1)]
        frame = int(random.choice(follows))
        picks = [_pick(person, frame, used, random, between) for between in (False, True)]
        old = int(random.choice(used[person.clips[used] == person.clips[frame]]))
        tremble = random.normal(0, TREMBLE * random.random(), (1, person.bank.lower.shape[1], 2))
        pair = [
            person.painted(frame + step, *(min(pick + step, len(person) - 1) for pick in picks), old, tremble[0])
            for step in (0, 1)
        ]
        inputs.append([stacked(one) for one in pair])
        truth.append([person.bank.pictures[frame + step].transpose(2, 0, 1) for step in (0, 1)])
    return Examples(np.array(inputs), np.array(truth))


def _pick(person: Person, frame: int, used: npt.NDArray[np.int64], random: np.random.Generator, between: bool) -> int:
    if random.random() < RANDOM:
        return int(random.choice(person.allowed(frame, used)))
    return int(random.choice(person.nearest(frame, used, between)[:NEAREST]))
