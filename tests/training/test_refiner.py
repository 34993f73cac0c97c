"""The refiner learns, goes on where it was interrupted, leaves out what it is told to, and is exported as it is."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch

from model_runtime.plate.crop import Crop
from model_runtime.plate.refine import CHANNELS, SIZE, Refiner
from training.plate import fit, refiner
from training.plate.examples import APART, Examples, Person, examples
from training.plate.generator import Refiner as Network
from training.plate.refiner import Recipe, State, losses_of, train

from ..drawn_person import DrawnPerson

needs_networks = pytest.mark.usefixtures("face_folder")
LOSSES = ("picture", "edges", "features", "critic", "layers", "temporal")
SMALL = Recipe(steps=4, pairs=1, warm_up=1, critic_from=0.25)


@pytest.fixture(scope="module")
def people() -> list[Person]:
    """Two who are drawn, of other colours and spots."""
    torch.set_num_threads(1)
    found = []
    for seed, light in enumerate(([1, 1, 1], [0.7, 0.6, 0.6])):
        drawn = DrawnPerson.speaking(26, light=np.array(light), seed=seed)
        found.append(Person.cut(Crop.around(drawn.landmarks, SIZE), drawn.pictures(), np.arange(26)))
    return found


@pytest.fixture(scope="module")
def store(people: list[Person]) -> Examples:
    return examples(people, 12, 1)


def trained(
    recipe: Recipe, store: Examples, state: State | None = None, until: int = 0
) -> tuple[State, dict[str, float]]:
    """The state after the recipe's steps, or after some of them, and the last losses."""
    state, told = state or State.new(recipe), {}

    def each(state: State, losses: dict[str, float]) -> bool:
        told.update(losses)
        return state.step != until

    train(recipe, store, state, each, 1)
    return state, told


def weights(network: torch.nn.Module) -> Any:
    return torch.cat([value.flatten() for value in network.state_dict().values()]).numpy()


def test_an_example_is_a_pair_of_frames_painted_from_frames_that_do_not_show_it(
    people: list[Person], store: Examples
) -> None:
    assert store.inputs.shape == (12, 2, CHANNELS, SIZE, SIZE) and store.truth.shape == (12, 2, 3, SIZE, SIZE)
    outside = store.inputs[:, :, 6:7] == 0
    away = np.abs(store.inputs[:, :, :3].astype(int) - store.truth)
    assert away[np.broadcast_to(outside, away.shape)].max() == 0 and away[:, :, :, 40:80, 40:88].mean() > 1
    for frame in (0, 12, 25):
        near = people[0].nearest(frame, np.arange(26))
        assert len(near) and abs(near - frame).min() > APART


@needs_networks
def test_forty_steps_bring_the_lips_nearer_to_the_truth(store: Examples) -> None:
    recipe = Recipe(steps=40, pairs=1, warm_up=5, rate=1e-3, features=0, critic=0, augment=False)
    before = losses_of(State.new(recipe), store)
    assert losses_of(trained(recipe, store)[0], store) < 0.98 * before


@needs_networks
def test_an_interrupted_training_goes_on_to_the_same_result(store: Examples, tmp_path: Path) -> None:
    whole, _ = trained(SMALL, store)
    half, _ = trained(SMALL, store, until=2)
    half.save(tmp_path / "kept.pt")
    again = State.new(replace(SMALL, seed=5))
    again.load(tmp_path / "kept.pt")
    assert half.step == again.step == 2 and not np.allclose(weights(half.network), weights(whole.network), atol=1e-7)
    trained(SMALL, store, again)
    for part in ("network", "mean", "critic"):
        np.testing.assert_allclose(weights(getattr(again, part)), weights(getattr(whole, part)), atol=1e-7)


@needs_networks
@pytest.mark.parametrize("left_out", LOSSES)
def test_a_loss_of_weight_0_is_left_out(left_out: str, store: Examples) -> None:
    """It is not told, or alone it moves nothing; with its weight it does."""
    alone = replace(SMALL, steps=1, critic_from=0, **dict.fromkeys(LOSSES, 0.0))
    begin = weights(State.new(alone).network)
    nothing, _ = trained(alone, store)
    assert (weights(nothing.network) == begin).all()
    helped = {"critic": 1e-30} if left_out == "layers" else {}
    state, told = trained(replace(alone, **helped | {left_out: 1.0}), store)
    assert left_out in told and not np.allclose(weights(state.network), begin, atol=1e-6)
    without = {"features", "temporal", "critic", "layers"} & {left_out}
    _, told = trained(replace(SMALL, steps=1, critic_from=0, **{left_out: 0.0}), store)
    assert not without & told.keys() or left_out == "layers"


def test_the_exported_network_is_the_trained_one_and_a_fit_begins_with_it(tmp_path: Path) -> None:
    torch.manual_seed(3)
    network = Network()
    torch.nn.init.normal_(network.leave.weight, std=0.05)
    path = tmp_path / "a.fit.onnx"
    refiner.export(network, path, SMALL, "drawn")
    loaded = Refiner.load(path)
    assert loaded.sha256 == json.loads(path.with_suffix(".json").read_text())["sha256"]
    planes = torch.rand(1, CHANNELS, SIZE, SIZE) * 255
    found = onnxruntime.InferenceSession(str(path)).run(None, {"planes": planes.numpy()})[0]
    with torch.no_grad():
        expected = network(planes).numpy()
    assert expected.std() > 5 and np.abs(found - expected).max() < 1
    begun = fit.prior(path)
    assert begun.keys() == network.state_dict().keys()
    for name, value in network.state_dict().items():
        np.testing.assert_array_equal(begun[name].numpy(), value.half().float().numpy())
    rounded = Network()
    rounded.load_state_dict(begun)
    with torch.no_grad():
        np.testing.assert_allclose(found, rounded(planes).numpy(), atol=0.01)


def test_the_least_plate_that_can_be_fitted_to_has_frames_to_measure_on() -> None:
    """The held-out tenth is painted from itself, and never from frames that show the answer."""
    drawn = DrawnPerson.speaking(3)
    cut = Person.cut(Crop.around(drawn.landmarks, SIZE), drawn.pictures(), np.arange(3))
    count = fit.LEAST_FRAMES
    many = replace(
        cut, clips=np.zeros(count, np.int32), whole=cut.whole[np.arange(count) % 3],
        between=cut.between[np.arange(count) % 3],
        bank=replace(cut.bank, frames=np.arange(count, dtype=np.int32), **{
            name: getattr(cut.bank, name)[np.arange(count) % 3] for name in ("pictures", "lower", "nose")
        }),
    )  # fmt: skip
    held = np.arange(round(count * (1 - fit.HELD)), count)
    assert min(len(many.allowed(int(frame), held)) for frame in held) > 0
