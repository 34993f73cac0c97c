"""The training loop: one thread, a checkpoint every few minutes, the same course again from the same seed."""

from __future__ import annotations

import copy
import json
import os
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import torch
from torch import Tensor, distributed, multiprocessing, nn
from torch.nn import functional

from model_runtime.contracts import VISEMES
from model_runtime.phones import PHONES, SILENCE

from .features import HOP
from .grow import grow
from .model import FIRST_CHANNELS, FIRST_VIEWS, PITCH, Heard, SpeechNet
from .scenes import Batch, Material, Scenes, targets
from .weighting import PHONE_WEIGHT, TO_VISEME

CLOSED = VISEMES.index("PP")
BRIEF = bool(torch.cpu.get_capabilities().get("amx_bf16"))
"""Whether the processor multiplies matrices in bfloat16, which is 2.5 times as fast; the weights stay in float32."""


@dataclass(frozen=True)
class Recipe:
    """Everything that decides the course of a training.

    shards: parts of a batch whose norms are computed apart; each may have a process of its own. taught: the share of
    the targets that comes from the averaged weights, which hear the clean sound, instead of from the labels.
    """

    large: bool = False
    steps: int = 10_000
    batch: int = 12
    shards: int = 1
    peak_rate: float = 2.5e-3
    weight_decay: float = 0.02
    average: float = 0.998
    taught: float = 0.0
    seed: int = 1
    check_every: int = 500


GROWN = Recipe(large=True, steps=5_000, batch=24, shards=2, peak_rate=2e-3, seed=3, check_every=250)
"""The course in which the larger network, grown from the one of the first two courses, hears everything."""
LAST = (
    Recipe(large=True, steps=1_500, batch=16, peak_rate=6e-4, seed=15, check_every=750),
    Recipe(large=True, steps=1_200, batch=16, peak_rate=6e-4, taught=0.3, seed=16, check_every=600),
)
"""Two courses from the network that ships, with labels that it made again; all three are averaged."""


def network(recipe: Recipe) -> SpeechNet:
    """An untrained network of the recipe's size."""
    return SpeechNet() if recipe.large else SpeechNet(FIRST_CHANNELS, FIRST_VIEWS)


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


@torch.no_grad()
def taught(batch: Batch, teacher: SpeechNet, share: float) -> Batch:
    """The batch with a share of its targets from what a network hears in the clean sound.

    Labels are wrong where an aligner was; a mean of past weights is wrong elsewhere (Tarvainen and Valpola 2017).
    """
    heard = (hear(teacher, batch.clean).phones - PHONE_WEIGHT.log()).softmax(2)
    return replace(batch, phones=batch.phones.lerp(heard, share))


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

    def advance(self, scenes: Scenes, process: int = 0, processes: int = 1) -> float:
        """One step; returns the loss of this process' shards."""
        started = time.monotonic()
        self.net.train()
        self.optimizer.zero_grad(set_to_none=True)
        shards = range(process, self.recipe.shards, processes)
        losses = []
        for shard in shards:
            torch.manual_seed((self.recipe.seed * 1_000_003 + self.step) * self.recipe.shards + shard)
            examples = range(shard, self.recipe.batch, self.recipe.shards)
            batch = scenes.batch(self.step, examples)
            if self.recipe.taught:
                batch = taught(batch, self.average, self.recipe.taught)
            loss = loss_of(self.net, batch)
            (loss / self.recipe.shards).backward()
            losses.append(float(loss.detach()))
        if processes > 1:
            self._gather()
        nn.utils.clip_grad_norm_(self.net.parameters(), 1.0)
        self.optimizer.step()
        self.schedule.step()
        self._follow()
        self.step += 1
        self.seconds += time.monotonic() - started
        return sum(losses) / len(losses)

    def _gather(self) -> None:
        """Add up the gradients of all processes."""
        gradients = [p.grad for p in self.net.parameters() if p.grad is not None]
        flat = torch.cat([gradient.ravel() for gradient in gradients])
        distributed.all_reduce(flat)
        for gradient, total in zip(gradients, flat.split([g.numel() for g in gradients]), strict=True):
            gradient.copy_(total.view_as(gradient))

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


def train(
    shared: Path, work: Path, names: Sequence[str], recipe: Recipe, start: Path | None = None, processes: int = 1
) -> Path:
    """Train to the end of the recipe, from its last checkpoint if there is one. Returns the checkpoint's path.

    start: what a new course begins with: a checkpoint of the same size, or the speech.onnx of a smaller network.
    """
    path = work / f"speech-{recipe.seed}.pt"
    given = (shared, work, names, recipe, start, path)
    if processes == 1:
        _train(0, 1, "", *given)
    else:
        os.environ["GLOO_SOCKET_IFNAME"] = "lo"
        with tempfile.TemporaryDirectory() as folder:
            multiprocessing.spawn(_train, (processes, f"file://{folder}/meet", *given), processes)  # type: ignore[no-untyped-call]
    return path


def train_all(
    shared: Path, work: Path, names: Sequence[str], recipes: Sequence[Recipe], start: Path, processes: int
) -> Path:
    """Train each recipe from `start`, `processes` at a time. Returns the checkpoint of their mean with the start.

    Networks that began as one and were trained apart lie in one basin, and their mean hears better than each of them
    (Wortsman et al. 2022).
    """
    # Read before the processes share it: what is not decoded yet is decoded once.
    learned, validation = (Material(shared, work, names, held) for held in (False, True))
    with ProcessPoolExecutor(processes, multiprocessing.get_context("spawn")) as pool:
        jobs = [pool.submit(train, shared, work, names, recipe, start) for recipe in recipes]
        states = [torch.load(job.result()) for job in jobs]
    torch.manual_seed(recipes[0].seed)
    scenes = Scenes(learned, recipes[0].seed)
    first = begun(recipes[0], start, scenes).state_dict()
    for name, mean in states[0]["average"].items():
        if mean.dtype.is_floating_point:
            courses = sum(state["average"][name] for state in states)
            mean.copy_((first[name] + courses) / (1 + len(states)))
    net = network(recipes[0]).eval()
    net.load_state_dict(states[0]["average"])
    states[0]["scores"] = validate(net, validation)
    states[0]["seconds"] = sum(state["seconds"] for state in states)
    path = work / "speech-mean.pt"
    torch.save(states[0], path)
    return path


def begun(recipe: Recipe, start: Path | None, scenes: Scenes) -> SpeechNet:
    """What a course begins with: see `train`."""
    net = network(recipe)
    if start is not None and start.suffix == ".onnx":
        grow(net, start, scenes.batch(0, range(48)).waveform)
    elif start is not None:
        net.load_state_dict(torch.load(start)["average"])
    return net


def _train(
    process: int, processes: int, meeting: str, shared: Path, work: Path, names: Sequence[str], recipe: Recipe,
    start: Path | None, path: Path,
) -> None:  # fmt: skip
    """The part of one process; the first one validates and writes."""
    torch.set_num_threads(1)
    torch.manual_seed(recipe.seed)
    if processes > 1:
        distributed.init_process_group("gloo", init_method=meeting, rank=process, world_size=processes)
    scenes = Scenes(Material(shared, work, names, validation=False), recipe.seed)
    course = Course(recipe, begun(recipe, start, scenes), path)
    validation = Material(shared, work, names, validation=True) if process == 0 else None
    losses = []
    while course.step < recipe.steps:
        losses.append(course.advance(scenes, process, processes))
        if validation and (course.step % recipe.check_every == 0 or course.step == recipe.steps):
            course.scores = validate(course.average, validation)
            course.save()
            loss = round(sum(losses) / len(losses), 4)
            row = {"step": course.step, "minutes": round(course.seconds / 60, 1), "loss": loss, **course.scores}
            print(json.dumps(row), flush=True)
            losses.clear()
    if processes > 1:
        distributed.destroy_process_group()
