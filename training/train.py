"""The training loop: one thread, a checkpoint every few minutes, the same course again from the same seed."""

from __future__ import annotations

import copy
import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional

from model_runtime.contracts import VISEMES
from model_runtime.phones import PHONES, SILENCE

from .features import HOP
from .model import SpeechNet
from .scenes import TO_VISEME, Batch, Material, Scenes, targets

CLOSED = VISEMES.index("PP")
WEIGHTS = {"PP": 1.5, "FF": 2.0, "TH": 1.5}
"""Frames of rare shapes that a viewer sees at once count more."""
VISEME_WEIGHT = torch.tensor([WEIGHTS.get(viseme, 1.0) for viseme in VISEMES])
PHONE_WEIGHT = TO_VISEME @ VISEME_WEIGHT


@dataclass(frozen=True)
class Recipe:
    """Everything that decides the course of a training."""

    steps: int = 10_000
    batch: int = 12
    peak_rate: float = 2.5e-3
    weight_decay: float = 0.02
    average: float = 0.998
    seed: int = 1
    check_every: int = 500


def loss_of(net: SpeechNet, batch: Batch) -> Tensor:
    """Cross-entropy of phones and visemes, and of voice, against soft targets."""
    with torch.autocast("cpu", dtype=torch.bfloat16):
        phones, visemes, voice, _ = net(batch.waveform, batch.mask)
    silence = batch.phones[:, :, PHONES.index(SILENCE)]
    weighted = batch.phones * PHONE_WEIGHT
    spoken = -(weighted * phones.float().log_softmax(2)).sum(2).mean()
    shown = -((weighted @ TO_VISEME) * visemes.float().log_softmax(2)).sum(2).mean()
    heard = functional.binary_cross_entropy_with_logits(voice.float(), (1.0 - silence).clamp(0.0, 1.0))
    total: Tensor = spoken + 0.5 * shown + 0.2 * heard
    return total


@torch.no_grad()
def validate(net: SpeechNet, material: Material, per_corpus: int = 40) -> dict[str, dict[str, float]]:
    """Shares by corpus on the first held-out utterances of each, undisturbed."""
    net.eval()
    scores = {}
    for name, rows in material.spoken.items():
        said, truth = [], []
        for utterance, labels in rows[:: max(1, len(rows) // per_corpus)][:per_corpus]:
            waveform = torch.tensor(material.waveform(utterance))
            frames = max(1, len(waveform) // HOP)
            truth.append((targets(list(labels.segments()), frames) @ TO_VISEME).argmax(1))
            said.append(net(waveform[None])[1][0].argmax(1))
        scores[name] = score(torch.cat(said), torch.cat(truth))
    return scores


def score(said: Tensor, truth: Tensor) -> dict[str, float]:
    """Shares of frames against the labels'. speech_frames: without silence. closures: frames of p b m, where any."""
    right = said == truth
    closed = truth == CLOSED
    shares = {
        "frames": right, "speech_frames": right[truth > 0],
        "closures_found": right[closed], "closures_true": right[said == CLOSED],
    }  # fmt: skip
    return {name: round(float(share.float().mean()), 4) for name, share in shares.items() if len(share)}


class Course:
    """A training that can be stopped and taken up again at its last checkpoint."""

    def __init__(self, recipe: Recipe, net: SpeechNet, path: Path) -> None:
        self.recipe = recipe
        self.path = path
        self.net = net
        self.average = copy.deepcopy(net).eval()
        self.optimizer = torch.optim.AdamW(net.parameters(), lr=recipe.peak_rate, weight_decay=recipe.weight_decay)
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(
            self.optimizer, recipe.peak_rate, total_steps=recipe.steps, pct_start=0.1, final_div_factor=1e3
        )
        self.step = 0
        self.seconds = 0.0
        self.scores: dict[str, dict[str, float]] = {}
        if path.exists():
            self._restore()

    def advance(self, scenes: Scenes) -> float:
        """One step; returns its loss."""
        started = time.monotonic()
        torch.manual_seed(self.recipe.seed * 1_000_003 + self.step)
        self.net.train()
        loss = loss_of(self.net, scenes.batch(self.step, self.recipe.batch))
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        nn.utils.clip_grad_norm_(self.net.parameters(), 1.0)
        self.optimizer.step()
        self.schedule.step()
        self._follow()
        self.step += 1
        self.seconds += time.monotonic() - started
        return float(loss.detach())

    @torch.no_grad()
    def _follow(self) -> None:
        """Move the averaged weights (and the norms' statistics) towards the trained ones; faster at the start."""
        weight = 1.0 - min(self.recipe.average, (1.0 + self.step) / (10.0 + self.step))
        for mean, value in zip(self.average.state_dict().values(), self.net.state_dict().values(), strict=True):
            if mean.dtype.is_floating_point:
                mean.lerp_(value, weight)
            else:
                mean.copy_(value)

    def save(self) -> None:
        """Write the checkpoint, whole or not at all."""
        state = {
            "recipe": asdict(self.recipe), "step": self.step, "seconds": self.seconds, "net": self.net.state_dict(),
            "average": self.average.state_dict(), "optimizer": self.optimizer.state_dict(),
            "schedule": self.schedule.state_dict(), "scores": self.scores,
        }  # fmt: skip
        self.path.parent.mkdir(parents=True, exist_ok=True)
        torch.save(state, self.path.with_suffix(".part"))
        self.path.with_suffix(".part").rename(self.path)

    def _restore(self) -> None:
        state = torch.load(self.path)
        if state["recipe"] != asdict(self.recipe):
            raise ValueError(f"{self.path} was trained with another recipe; remove it to start again")
        for name in ("net", "average", "optimizer", "schedule"):
            getattr(self, name).load_state_dict(state[name])
        self.step, self.seconds, self.scores = state["step"], state["seconds"], state["scores"]


def train(shared: Path, work: Path, names: Sequence[str], recipe: Recipe, start: Path | None = None) -> Path:
    """Train to the end of the recipe, from its last checkpoint if there is one. Returns the checkpoint's path.

    start: the checkpoint of an earlier course, whose averaged weights a new one begins with.
    """
    torch.set_num_threads(1)
    torch.manual_seed(recipe.seed)
    net = SpeechNet()
    if start is not None:
        net.load_state_dict(torch.load(start)["average"])
    course = Course(recipe, net, work / f"speech-{recipe.seed}.pt")
    if course.step >= recipe.steps:
        return course.path
    scenes = Scenes(Material(shared, work, names, validation=False), recipe.seed)
    validation = Material(shared, work, names, validation=True)
    losses = []
    while course.step < recipe.steps:
        losses.append(course.advance(scenes))
        if course.step % recipe.check_every == 0 or course.step == recipe.steps:
            course.scores = validate(course.average, validation)
            course.save()
            loss = round(sum(losses) / len(losses), 4)
            row = {"step": course.step, "minutes": round(course.seconds / 60, 1), "loss": loss, **course.scores}
            print(json.dumps(row), flush=True)
            losses.clear()
    return course.path
