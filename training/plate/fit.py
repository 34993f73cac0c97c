"""labial-fit: fits the refiner to one performer's plate, where their consent allows it.

    python -m training.plate.fit PLATE --consent RECORD.consent.json --out NAME.fit.onnx [--minutes 20]

Runs outside of Blender, in a Python that has torch. It follows the face, paints frames of the plate from other frames
of it, and teaches the network that ships what these lips and teeth look like. A tenth of the plate is never learned
from; what is written is what did best on that tenth, or nothing if the shipped network does. Ctrl-C leaves nothing.
Each line of what it prints is JSON, for the panel: {"share": 0-1, "text": ...}.

What is fitted is made of a person: keep it beside the project, give it to no one, and delete it with the consent.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor

from model_runtime.errors import LipSyncError, PlateError
from model_runtime.plate import film, gate
from model_runtime.plate.consent import plate_hash
from model_runtime.plate.crop import Crop
from model_runtime.plate.gate import Permission, Purpose, Use
from model_runtime.plate.redub import unusable
from model_runtime.plate.refine import WEIGHTS
from model_runtime.plate.track import track

from .examples import APART, Person, examples
from .generator import Refiner
from .refiner import Recipe, State, export, losses_of, train

RECIPE = Recipe(steps=4_000, store=1_500, rate=3e-4, critic_from=0.5)
HELD = 0.1
"""Share of the plate, at its end, that is only measured on."""
NAMES = frozenset(Refiner().state_dict())
HELD_PAIRS, EVERY = 24, 100
PATIENCE = 8
"""Measurements without a better one, after which it stops."""
LEAST_FRAMES = round((2 * APART + 2) / HELD)
"""So that each frame of the held-out tenth has others there that are far enough from it to be painted from."""


Tell = Callable[[float, str], None]


class Fitted(NamedTuple):
    """Mean difference on the held-out tenth, in levels: before, and the best after; the weights of that."""

    before: float
    after: float
    weights: dict[str, Tensor]
    steps: int


def prior(path: Path = WEIGHTS / "refiner.onnx") -> dict[str, Tensor]:
    """The weights of a network that was exported, under their names in torch."""
    stored = {one.name: numpy_helper.to_array(one) for one in onnx.load(str(path)).graph.initializer}
    return {name: torch.from_numpy(np.array(values, np.float32)) for name, values in stored.items() if name in NAMES}


def fit(person: Person, recipe: Recipe, begin: dict[str, Tensor], minutes: float, tell: Tell) -> Fitted:
    """Fits to all frames of a person but the last tenth; `tell` is called with a share and a text, and may raise."""
    border = round(len(person) * (1 - HELD))
    learned, held = np.arange(border), np.arange(border, len(person))
    store = examples([person], recipe.store, recipe.seed, [learned])
    measured = examples([person], HELD_PAIRS, 99, [held])
    state = State.new(recipe, begin)
    before = losses_of(state, measured)
    best, weights, steps, since, started = before, begin, 0, 0, time.monotonic()

    def each(state: State, losses: dict[str, float]) -> bool:
        nonlocal best, weights, steps, since
        found, spent = losses_of(state, measured), (time.monotonic() - started) / 60
        since += 1
        if found < best:
            best, steps, since = found, state.step, 0
            weights = {name: value.clone() for name, value in state.mean.state_dict().items()}
        share = max(state.step / recipe.steps, spent / minutes)
        tell(share, f"step {state.step}: {found:.3f} levels, at best {best:.3f}")
        return spent < minutes and since < PATIENCE

    train(recipe, store, state, each, EVERY)
    return Fitted(before, best, weights, steps)


def person_of(plate: Path, permission: Permission, digest: str, tell: Tell) -> Person:
    """Follows a plate and cuts its usable frames. Raises PlateError if there are too few."""
    pictures = list(film.frames(plate))
    followed = track(pictures, 25.0, permission, digest, progress=lambda share, text: tell(0.1 * share, text))
    usable = np.array(sorted(set(range(len(pictures))) - unusable(followed).keys()))
    if len(usable) < LEAST_FRAMES:
        raise PlateError(
            f"{plate.name} has {len(usable)} usable frames of a face; fitting needs {LEAST_FRAMES}, better 500."
        )
    return Person.cut(Crop.around(followed.landmarks, 128), pictures, usable)


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="labial-fit", description=__doc__.partition("\n\n")[0])
    parser.add_argument("plate", type=Path)
    parser.add_argument("--consent", type=Path, required=True, help="the performer's *.consent.json")
    parser.add_argument("--out", type=Path, required=True, help="where the fitted network goes: NAME.fit.onnx")
    parser.add_argument("--minutes", type=float, default=20.0, help="it stops after so many at the latest")
    options = parser.parse_args()
    torch.set_num_threads(1)

    def tell(share: float, text: str) -> None:
        print(json.dumps({"share": round(min(1.0, share), 3), "text": text}), flush=True)

    try:
        digest = plate_hash(options.plate)
        permission = gate.permit(options.consent, Use(digest, Purpose.PLATE_FIT))
        permission.check(Purpose.PLATE_FIT, digest)
        person = person_of(options.plate, permission, digest, tell)
        found = fit(person, RECIPE, prior(), options.minutes, lambda share, text: tell(0.1 + 0.9 * share, text))
        if found.after >= found.before:
            raise PlateError("The shipped network does as well on the held-out part of this plate; nothing is written.")
        source = (
            f"the plate {digest}, consent {permission.consent_hash}; {found.before:.3f} to {found.after:.3f} levels"
        )
        state = State.new(RECIPE, found.weights)
        export(state.mean, options.out, replace(RECIPE, steps=found.steps), source)
    except LipSyncError as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("Cancelled; nothing was written.", file=sys.stderr)
        return 130
    tell(1.0, f"{options.out.name}: {found.before:.3f} levels before, {found.after:.3f} after {found.steps} steps")
    return 0


if __name__ == "__main__":
    sys.exit(main())
