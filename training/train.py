"""The training loop: one thread, a checkpoint every few minutes, the same course again from the same seed."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from torch import Tensor, multiprocessing, nn
from torch.nn import functional

from model_runtime.contracts import VISEMES
from model_runtime.phones import PHONES, SILENCE

from .features import HOP
from .model import PITCH, Heard, SpeechNet
from .scenes import Batch, Material, Scenes, targets
from .weighting import PHONE_WEIGHT, TO_VISEME
from .whisper_layers import begin, model_path

CLOSED = VISEMES.index("PP")
BRIEF = bool(torch.cpu.get_capabilities().get("amx_bf16"))
"""Whether the processor multiplies matrices in bfloat16, which is 2.5 times as fast; the weights stay in float32."""


@dataclass(frozen=True)
class Recipe:
    """Everything that decides the course of a training.

    peak_rate: of what is new; what comes from Whisper learns at `GENTLE` of it. taught: the share of the targets that
    comes from what `teacher` hears, instead of from the labels.
    """

    steps: int
    batch: int = 16
    peak_rate: float = 1e-3
    weight_decay: float = 0.02
    taught: float = 0.5
    seed: int = 1
    check_every: int = 300


GENTLE = 0.25
FIRST = Recipe(steps=330, peak_rate=1.5e-3, seed=33, check_every=165)
"""The course in which a network that begins with Whisper's lowest layers finds its way into the recordings."""
COURSES = (Recipe(steps=1_800, seed=41), Recipe(steps=1_800, seed=42))
"""Two courses from there, whose mean ships."""


def hear(net: SpeechNet, waveform: Tensor, mask: Tensor | None = None) -> Heard:
    """`net(waveform, mask)`, its convolutions in bfloat16 where that is fast (`BRIEF`)."""
    features, loudness = net.log_mel(waveform)
    with torch.autocast("cpu", torch.bfloat16, enabled=BRIEF):
        heard = net.decode(features if mask is None else features * mask, loudness)
    return Heard(*(logits.float() for logits in heard))


def loss_of(net: SpeechNet, batch: Batch) -> Tensor:
    """Cross-entropy of phones, visemes, voice and voicing against soft targets; distance in octaves of the pitch."""
    phones, visemes, voice, voicing, tone, _ = hear(net, batch.waveform, batch.mask)
    silence = batch.phones[:, :, PHONES.index(SILENCE)]
    weighted = batch.phones * PHONE_WEIGHT
    spoken = -(weighted * phones.log_softmax(2)).sum(2).mean()
    shown = -((weighted @ TO_VISEME) * visemes.log_softmax(2)).sum(2).mean()
    heard = functional.binary_cross_entropy_with_logits(voice, (1.0 - silence).clamp(0.0, 1.0))
    swinging = (batch.pitch > 0).float()
    swung = functional.binary_cross_entropy_with_logits(voicing, swinging)
    octaves = (batch.pitch.clamp(min=1.0) / PITCH).log2()
    off = ((tone - octaves).abs() * swinging).sum() / swinging.sum().clamp(min=1.0)
    total: Tensor = spoken + 0.5 * shown + 0.2 * heard + 0.1 * swung + 0.1 * off
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
            said.append(net(waveform[None]).visemes[0].argmax(1))
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

    def __init__(self, recipe: Recipe, net: SpeechNet, path: Path, corpora: Sequence[str] = ()) -> None:
        self.recipe = recipe
        self.corpora = list(corpora)
        self.path = path
        self.net = net
        known = list(net.encoder.parameters())
        new = [parameter for name, parameter in net.named_parameters() if not name.startswith("encoder.")]
        rates = [GENTLE * recipe.peak_rate, recipe.peak_rate]
        groups = [{"params": part, "lr": rate} for part, rate in zip((known, new), rates, strict=True)]
        self.optimizer = torch.optim.AdamW(groups, weight_decay=recipe.weight_decay)
        self.schedule = torch.optim.lr_scheduler.OneCycleLR(
            self.optimizer, rates, total_steps=recipe.steps, pct_start=0.1, final_div_factor=1e3
        )
        self.step = 0
        self.seconds = 0.0
        self.scores: dict[str, dict[str, float]] = {}
        if path.exists():
            self._restore()

    def advance(self, scenes: Scenes) -> float:
        """One step; returns its loss."""
        started = time.monotonic()
        self.net.train()
        self.optimizer.zero_grad(set_to_none=True)
        torch.manual_seed(self.recipe.seed * 1_000_003 + self.step)
        loss = loss_of(self.net, scenes.batch(self.step, range(self.recipe.batch)))
        loss.backward()
        nn.utils.clip_grad_norm_(self.net.parameters(), 1.0)
        self.optimizer.step()
        self.schedule.step()
        self.step += 1
        self.seconds += time.monotonic() - started
        return float(loss.detach())

    def save(self) -> None:
        """Write the checkpoint, whole or not at all."""
        state = {
            "recipe": asdict(self.recipe), "step": self.step, "seconds": self.seconds, "net": self.net.state_dict(),
            "optimizer": self.optimizer.state_dict(), "schedule": self.schedule.state_dict(), "scores": self.scores,
            "corpora": self.corpora,
        }  # fmt: skip
        self.path.parent.mkdir(parents=True, exist_ok=True)
        torch.save(state, self.path.with_suffix(".part"))
        self.path.with_suffix(".part").rename(self.path)

    def _restore(self) -> None:
        state = torch.load(self.path)
        if state["recipe"] != asdict(self.recipe):
            raise ValueError(f"{self.path} was trained with another recipe; remove it to start again")
        for name in ("net", "optimizer", "schedule"):
            getattr(self, name).load_state_dict(state[name])
        self.step, self.seconds, self.scores = state["step"], state["seconds"], state["scores"]


def train(shared: Path, work: Path, names: Sequence[str], recipe: Recipe, start: Path | None = None) -> Path:
    """Train to the end of the recipe, from its last checkpoint if there is one. Returns the checkpoint's path.

    start: the checkpoint that a new course begins with; without, it begins with Whisper's layers.
    """
    torch.set_num_threads(1)
    torch.manual_seed(recipe.seed)
    path = work / f"speech-{recipe.seed}.pt"
    learned, validation = (Material(shared, work, names, held) for held in (False, True))
    scenes = Scenes(learned, recipe.seed, recipe.taught)
    course = Course(recipe, begun(start), path, scenes.names)
    losses = []
    while course.step < recipe.steps:
        losses.append(course.advance(scenes))
        if course.step % recipe.check_every == 0 or course.step == recipe.steps:
            course.scores = validate(course.net, validation)
            course.save()
            loss = round(sum(losses) / len(losses), 4)
            row = {"step": course.step, "minutes": round(course.seconds / 60, 1), "loss": loss, **course.scores}
            print(json.dumps(row), flush=True)
            losses.clear()
    return path


def train_all(
    shared: Path, work: Path, names: Sequence[str], recipes: Sequence[Recipe], start: Path, processes: int
) -> Path:
    """Train each recipe from `start`, `processes` at a time. Returns the checkpoint of their mean.

    Networks that began as one and were trained apart lie in one basin, and their mean hears better than each of them
    (Wortsman et al. 2022).
    """
    # Read before the processes share it: what is not decoded yet is decoded once.
    _, validation = (Material(shared, work, names, held) for held in (False, True))
    with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn")) as pool:
        jobs = [pool.submit(train, shared, work, names, recipe, start) for recipe in recipes]
        states = [torch.load(job.result()) for job in jobs]
    for name, mean in states[0]["net"].items():
        if mean.dtype.is_floating_point:
            mean.copy_(sum(state["net"][name] for state in states) / len(states))
    net = SpeechNet().eval()
    net.load_state_dict(states[0]["net"])
    states[0]["scores"] = validate(net, validation)
    states[0]["seconds"] = sum(state["seconds"] for state in states)
    path = work / "speech-mean.pt"
    torch.save(states[0], path)
    return path


def begun(start: Path | None) -> SpeechNet:
    """What a course begins with: see `train`."""
    net = SpeechNet()
    if start is None:
        begin(net, model_path())
    else:
        net.load_state_dict(torch.load(start)["net"])
    return net
