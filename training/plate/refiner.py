"""Trains the refiner: the prior that ships, on many people, or a person's own, from their plate.

    python -m training.plate.refiner --plates ../shared/plates --work .cache/plate

The prior learns from the eight speakers of grid_speakers; s1 is never shown to it, so that what `bench plate` says of
a speaker never seen is so for the network that ships; but how many steps it takes was chosen by its loss on four clips
of s1, none of those that the bench holds out. Every 500 steps the state is kept; run it again to go on.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor
from torch.nn import functional as F  # noqa: N812  (its usual name)

from model_runtime.plate.face_networks import PLACES
from model_runtime.plate.refine import CHANNELS, SCHEMA, SIZE

from .examples import Examples, Person, examples
from .faces import face_of, others
from .generator import LIPS, Critic, FaceFeatures, Refiner, gradients, refined


@dataclass(frozen=True)
class Recipe:
    """How a network is trained. Weights of losses of 0 leave the loss out: the table of what each brings."""

    steps: int = 1_200
    """Eight speakers are soon learned by heart: by 2,000 a speaker never seen is painted worse than by 1,000."""
    pairs: int = 3
    """Pairs of frames a step."""
    rate: float = 4e-4
    warm_up: int = 60
    store: int = 2_400
    """Pairs that are painted beforehand."""
    seed: int = 1
    picture: float = 10.0
    edges: float = 10.0
    features: float = 2.0
    critic: float = 0.05
    layers: float = 2.0
    temporal: float = 5.0
    critic_from: float = 0.4
    """Share of the steps after which the critic joins."""
    augment: bool = True


MEAN_FROM = 0.997
"""How much of the running mean of the weights stays at each step; that mean is what is exported."""
LIPS_MORE = 4.0


@dataclass
class State:
    """All that is being trained."""

    network: Refiner
    mean: Refiner
    critic: Critic
    optimiser: torch.optim.Optimizer
    opponent: torch.optim.Optimizer
    step: int = 0

    @classmethod
    def new(cls, recipe: Recipe, begin: dict[str, Tensor] | None = None) -> State:
        """From nothing, or from a prior's weights."""
        torch.manual_seed(recipe.seed)
        network, mean, critic = Refiner(), Refiner(), Critic()
        if begin is not None:
            network.load_state_dict(begin)
        mean.load_state_dict(network.state_dict())
        optimiser = torch.optim.Adam(network.parameters(), recipe.rate, betas=(0.5, 0.99))
        return cls(
            network, mean, critic, optimiser, torch.optim.Adam(critic.parameters(), recipe.rate, betas=(0.5, 0.99))
        )

    def save(self, path: Path) -> None:
        """Writes everything, whole or not at all."""
        parts = {
            name: getattr(self, name).state_dict() for name in ("network", "mean", "critic", "optimiser", "opponent")
        }
        scratch = path.with_suffix(".part")
        torch.save(parts | {"step": self.step}, scratch)
        scratch.replace(path)

    def load(self, path: Path) -> None:
        """Goes on from what `save` wrote."""
        parts = torch.load(path, weights_only=True)
        self.step = parts.pop("step")
        for name, values in parts.items():
            getattr(self, name).load_state_dict(values)


def train(
    recipe: Recipe, store: Examples, state: State, each: Callable[[State, dict[str, float]], bool], every: int = 100
) -> None:
    """Trains until the recipe's steps are done or `each`, called every so many steps with mean losses, says to stop."""
    features = FaceFeatures(next(place for place in PLACES if place.is_dir()) / "landmarks.onnx")
    sums, count = {}, 0
    while state.step < recipe.steps:
        random = np.random.default_rng([recipe.seed, state.step])  # of each step, so that going on gives the same
        chosen = random.integers(0, len(store.inputs), recipe.pairs)
        planes, truth = (torch.from_numpy(part[chosen]).float().flatten(0, 1) for part in (store.inputs, store.truth))
        if recipe.augment:
            planes, truth = _varied(planes, truth, random)
        losses = _step(recipe, state, features, planes, truth)
        count += 1
        for name, value in losses.items():
            sums[name] = sums.get(name, 0.0) + value
        if state.step % every == 0 or state.step == recipe.steps:
            if not each(state, {name: value / count for name, value in sums.items()}):
                return
            sums, count = {}, 0


def _step(recipe: Recipe, state: State, features: FaceFeatures, planes: Tensor, truth: Tensor) -> dict[str, float]:
    share = state.step / recipe.steps
    fall = 0.5 * (1 + np.cos(np.pi * share)) * 0.95 + 0.05
    for optimiser in (state.optimiser, state.opponent):
        for group in optimiser.param_groups:
            group["lr"] = recipe.rate * min(1, (state.step + 1) / recipe.warm_up) * float(fall)
    face, lips = planes[:, 6:7] / 255, planes[:, 7:8] / 255
    weight = face + LIPS_MORE * F.max_pool2d(lips, 5, 1, 2)
    weight = weight / weight.mean()
    picture = refined(state.network, planes)
    losses = {"picture": ((picture - truth).abs() * weight).mean() / 127.5}
    sides = zip(gradients(picture), gradients(truth), (weight[..., 1:], weight[..., 1:, :]), strict=True)
    losses["edges"] = sum(((a - b).abs() * w).mean() for a, b, w in sides) / 127.5
    if recipe.features:
        with torch.no_grad():
            real = features(truth)
        losses["features"] = sum(
            F.l1_loss(a, b) / (b.abs().mean() + 1e-6) for a, b in zip(features(picture), real, strict=True)
        )
    if recipe.temporal:
        moves = [one.unflatten(0, (-1, 2)).diff(dim=1) for one in (picture, truth)]
        losses["temporal"] = ((moves[0] - moves[1]).abs() * weight.unflatten(0, (-1, 2))[:, 1:]).mean() / 127.5
    joined = recipe.critic > 0 and share >= recipe.critic_from
    if joined:
        shapes = planes[:, 7:9, *LIPS] / 127.5 - 1
        fake, real = (torch.cat([one[:, :, *LIPS] / 127.5 - 1, shapes], dim=1) for one in (picture, truth))
        state.opponent.zero_grad()
        opposed = F.relu(1 - state.critic(real)[0]).mean() + F.relu(1 + state.critic(fake.detach())[0]).mean()
        opposed.backward()
        state.opponent.step()
        score, between = state.critic(fake)
        with torch.no_grad():
            wanted = state.critic(real)[1]
        losses["critic"] = -score.mean()
        losses["layers"] = sum(F.l1_loss(a, b) for a, b in zip(between, wanted, strict=True))
    total = sum(getattr(recipe, name) * value for name, value in losses.items())
    state.optimiser.zero_grad()
    total.backward()
    torch.nn.utils.clip_grad_norm_(state.network.parameters(), 5.0)
    state.optimiser.step()
    state.step += 1
    with torch.no_grad():
        keep = min(MEAN_FROM, state.step / (state.step + 10))
        for slow, fast in zip(state.mean.parameters(), state.network.parameters(), strict=True):
            slow.lerp_(fast, 1 - keep)
    return {name: float(value.detach()) for name, value in losses.items()} | (
        {"opposed": float(opposed.detach())} if joined else {}
    )


def _varied(planes: Tensor, truth: Tensor, random: np.random.Generator) -> tuple[Tensor, Tensor]:
    """Each pair in another light, half of them mirrored; what is painted is a bit lighter or darker than the truth."""
    planes, truth = planes.clone(), truth.clone()
    for index in range(0, len(planes), 2):
        pair = slice(index, index + 2)
        gamma = float(np.exp(random.normal(0, 0.2)))
        gain = torch.from_numpy(np.exp(random.normal(0, 0.12, (1, 3, 1, 1)))).float()
        order = torch.from_numpy(random.permutation(3)) if random.random() < 0.15 else torch.arange(3)
        painted, truth[pair] = (
            255 * ((one / 255) ** gamma * gain).clamp(0, 1)[:, order]
            for one in (torch.cat([planes[pair, :3], planes[pair, 3:6]]), truth[pair])
        )
        planes[pair, :3], planes[pair, 3:6] = painted[:2], painted[2:]
        own = torch.from_numpy(np.exp(random.normal(0, 0.03, (1, 3, 1, 1)))).float()
        face = planes[pair, 6:7] / 255
        planes[pair, :3] *= 1 + face * (own - 1)
        planes[pair, 3:6] *= own
        if random.random() < 0.5:
            planes[pair], truth[pair] = planes[pair].flip(-1), truth[pair].flip(-1)
    return planes.clamp(0, 255), truth


def export(network: Refiner, path: Path, recipe: Recipe, source: str) -> None:
    """Writes the network as .onnx with its contract beside it; fails unless onnxruntime gives what torch gives.

    Weights are stored, and here compared, in half precision.
    """
    rounded = Refiner()
    rounded.load_state_dict({name: value.half().float() for name, value in network.state_dict().items()})
    rounded.eval()
    planes = torch.rand(1, CHANNELS, SIZE, SIZE) * 255
    path.parent.mkdir(parents=True, exist_ok=True)
    scratch = path.with_suffix(".part.onnx")
    torch.onnx.export(rounded, (planes,), str(scratch), input_names=["planes"], output_names=["change"],
                      opset_version=17, dynamo=False)  # fmt: skip
    _store_halved(scratch)
    session = onnxruntime.InferenceSession(str(scratch), providers=["CPUExecutionProvider"])
    found = session.run(None, {"planes": planes.numpy()})[0]
    worst = float(np.abs(found - rounded(planes).detach().numpy()).max())
    if worst > 0.01:
        raise SystemExit(f"the exported network differs by {worst} levels from the trained one")
    scratch.replace(path)
    contract = {"schema": SCHEMA, "sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "recipe": asdict(recipe),
                "source": source}  # fmt: skip
    path.with_suffix(".json").write_text(json.dumps(contract, indent=2) + "\n", encoding="utf-8")


def _store_halved(path: Path) -> None:
    """Stores every weight as float16 and casts it back where it is used, which onnxruntime does once, on loading."""
    model = onnx.load(str(path))
    casts = []
    for weight in model.graph.initializer:
        values = numpy_helper.to_array(weight)
        if values.dtype == np.float32:
            weight.CopyFrom(numpy_helper.from_array(values.astype(np.float16), weight.name))
            casts.append(helper.make_node("Cast", [weight.name], [f"{weight.name}.whole"], to=TensorProto.FLOAT))
    whole = {cast.input[0]: cast.output[0] for cast in casts}
    for node in model.graph.node:
        node.input[:] = [whole.get(name, name) for name in node.input]
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
    onnx.checker.check_model(model)
    onnx.save(model, str(path))


SOURCE = (
    "GRID audiovisual sentence corpus (Cooke, Barker, Cunningham, Shao 2006; doi:10.5281/zenodo.3625687, CC BY 4.0): "
    "eight clips of eight speakers; not s1"
)


def people(plates: Path, work: Path) -> list[Person]:
    """The speakers of the prior."""
    return [Person.of([face_of(path, work)]) for path in others(plates)]


def losses_of(state: State, held: Examples, threads: int = 1) -> float:
    """Mean absolute difference in levels over the new face of held-out pairs, by the running mean of the weights."""
    with torch.no_grad():
        planes, truth = (torch.from_numpy(part).float().flatten(0, 1) for part in (held.inputs, held.truth))
        away, lips = [], []
        for first in range(0, len(planes), 8):
            part = slice(first, first + 8)
            difference = (refined(state.mean, planes[part]).clamp(0, 255) - truth[part]).abs().mean(1, keepdim=True)
            weight = planes[part, 7:8] / 255
            away.append(float((difference * weight).sum()))
            lips.append(float(weight.sum()))
    return sum(away) / sum(lips)


def main() -> None:
    """Trains the prior and writes it into the runtime's weights."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--plates", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument(
        "--out", type=Path, default=Path(__file__).parents[2] / "model_runtime/plate/weights/refiner.onnx"
    )
    parser.add_argument("--steps", type=int, default=Recipe.steps)
    parser.add_argument("--without", action="append", default=[], help="a loss that is left out")
    options = parser.parse_args()
    torch.set_num_threads(1)
    recipe = replace(Recipe(steps=options.steps), **dict.fromkeys(options.without, 0.0))
    kept = options.work / f"refiner{''.join('-no-' + name for name in options.without)}.pt"
    state = State.new(recipe)
    if kept.is_file():
        state.load(kept)
    store = examples(people(options.plates, options.work), recipe.store, recipe.seed)
    s1 = [face_of(path, options.work) for path in sorted((options.plates / "grid_s1").glob("*.mpg"))[:4]]
    held = examples([Person.of(s1)], 24, 99)
    begin = time.monotonic()

    def each(state: State, losses: dict[str, float]) -> bool:
        text = " ".join(f"{name} {value:.4f}" for name, value in losses.items())
        if state.step % 500 == 0 or state.step == recipe.steps:
            state.save(kept)
            text += f" | another speaker's lips: {losses_of(state, held):.3f} levels"
        print(f"[{time.monotonic() - begin:5.0f} s] {state.step} {text}", flush=True)
        return True

    painted = held.inputs[:, :, :3].astype(np.float32) - held.truth
    lips = held.inputs[:, :, 7:8] / np.float32(255)
    print(f"painted alone: {(np.abs(painted).mean(2, keepdims=True) * lips).sum() / lips.sum():.3f} levels", flush=True)
    train(recipe, store, state, each)
    export(state.mean, options.out, recipe, SOURCE)


if __name__ == "__main__":
    main()
