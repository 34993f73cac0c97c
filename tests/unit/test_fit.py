"""Targets without telling names are mapped by what they do to the mouth."""

import numpy as np
import pytest

from model_runtime.contracts import CHANNELS, Float32, RigMap, RigProbe, Target, frozen_array
from model_runtime.rigs.calibrate import calibrate
from model_runtime.rigs.fit import articulation, fit_map
from model_runtime.rigs.tongue import with_tongue

WIDTH = 2.0
UPPER, LOWER, LEFT, RIGHT, CHIN = slice(0, 5), slice(5, 10), 10, 11, 12


def mouth(moves: dict[Target, dict[str, float]]) -> RigProbe:
    """A mouth two units wide, looking along -y; each target moves the named parts so many widths: up, out, apart."""
    x = np.linspace(-0.8, 0.8, 5)
    rest = np.array([[a, 0, 0] for a in x] * 2 + [[1, 0, 0], [-1, 0, 0], [0, 0, -1.5]], dtype=float)
    displacement = np.zeros((len(moves), len(rest), 3))
    for i, move in enumerate(moves.values()):
        for part, amount in move.items():
            for where, row in ((UPPER, "upper"), (LOWER, "lower"), (CHIN, "chin")):
                if part == f"{row}_up":
                    displacement[i, where, 2] += WIDTH * amount
                if part == f"{row}_out":
                    displacement[i, where, 1] -= WIDTH * amount
            if part in ("apart", "left_apart"):
                displacement[i, LEFT, 0] += 0.5 * WIDTH * amount
            if part in ("apart", "right_apart"):
                displacement[i, RIGHT, 0] -= 0.5 * WIDTH * amount
    return RigProbe(
        targets=tuple(moves), rest=frozen_array(rest), displacement=frozen_array(displacement),
        carried=frozen_array(np.zeros((len(moves), 3))), upper=frozen_array(range(5), np.int32),
        lower=frozen_array(range(5, 10), np.int32), left_corner=LEFT, right_corner=RIGHT, chin=CHIN,
        up=frozen_array([0, 0, 1]), forward=frozen_array([0, -1, 0]), width=WIDTH,
    )  # fmt: skip


def key(name: str) -> Target:
    return Target("shape_key", name, ("Face",))


def row(made: RigMap, channel: str) -> Float32:
    return made.weights[CHANNELS.index(channel)]


JAW = {"lower_up": -0.85, "chin_up": -0.6, "lower_out": -0.4}
ROUND = {"apart": -0.35, "upper_out": 0.12, "lower_out": 0.12, "lower_up": -0.1, "upper_up": 0.05}
WIDE = {"apart": 0.3, "lower_up": -0.06, "upper_up": 0.05}


def test_a_mouth_of_numbers_gets_its_vowels_and_its_jaw() -> None:
    numbered = [key(f"target_{i}") for i in range(5)]
    probe = mouth(dict(zip(numbered, ({}, JAW, ROUND, WIDE, {"upper_up": 0.2, "lower_up": -0.1}), strict=True)))
    made = fit_map(probe)
    assert row(made, "jaw").argmax() == 1 and row(made, "jaw")[1] > 0.8
    assert row(made, "U").argmax() == 2 and row(made, "O").argmax() == 2 and row(made, "lip_round").argmax() == 2
    assert row(made, "I").argmax() == 3 and row(made, "E").argmax() == 3
    assert not made.weights[:, 0].any(), "what does not move the mouth is left alone"
    assert made.weights.min() >= 0.0 and made.weights.max() <= 1.0 and "jaw: target_1" in made.coverage


def test_whole_vowels_keep_the_opening_where_no_jaw_is() -> None:
    opening = {"lower_up": -0.7, "chin_up": -0.4}
    probe = mouth({key("k0"): opening, key("k1"): opening | ROUND, key("k2"): {**WIDE, "chin_up": -0.2}})
    made = fit_map(probe)
    assert "jaw" in made.approximated
    assert row(made, "aa").argmax() == 0 and row(made, "aa")[0] > 0.4
    assert row(made, "O").argmax() == 1 and row(made, "I").argmax() == 2


def test_left_and_right_move_alike_and_controls_go_both_ways() -> None:
    left = Target("location", "corner.L", ("Rig",), -0.5, 0.5, axis=0)
    right = Target("location", "corner.R", ("Rig",), -0.5, 0.5, axis=0)
    lip = Target("location", "lip.B", ("Rig",), -0.5, 0.5, axis=1)
    jaw = Target("rotation", "jaw", ("Rig",), 0.0, 0.6)
    probe = mouth({left: {"left_apart": 1.0}, right: {"right_apart": -1.0}, lip: {"lower_up": 1.0}, jaw: JAW})
    made = fit_map(probe)
    for channel in ("U", "I"):
        assert row(made, channel)[0] == pytest.approx(-row(made, channel)[1])
    assert row(made, "U")[0] < -0.05 and row(made, "I")[0] > 0.05
    assert row(made, "DD")[2] < -0.02, "the lower lip goes down"
    closed = calibrate(probe, made)
    assert closed.closure[2] > 0.02 and abs(closed.closed_gap) < 0.02


def test_the_articulation_names_every_lip_channel() -> None:
    assert set(articulation()) == set(CHANNELS) - {"sil", "lip_press", "tongue_tip", "tongue_blade", "tongue_back"}


def test_tongue_bones_join_where_nothing_moves_the_tongue() -> None:
    probe = mouth({key("k0"): JAW, key("k1"): ROUND, key("k2"): WIDE})
    tip, root = (Target("rotation", name, ("Rig",), -0.6, 0.6) for name in ("tongue02", "tongue00"))
    bones = {"tongue_tip": tip, "tongue_blade": root, "tongue_back": root}
    made, larger = with_tongue(fit_map(probe), probe, bones)
    assert made.targets == larger.targets == (*probe.targets, tip, root)
    assert row(made, "tongue_tip")[3:].tolist() == pytest.approx([0.45, 0.0])
    assert row(made, "tongue_back")[4] > 0.0 and row(made, "tongue_back")[:4].max() == 0.0
    assert not larger.displacement[3:].any() and "tongue: tongue02, tongue00" in made.coverage
    assert with_tongue(made, larger, bones)[0] is made
    assert calibrate(larger, made).closed_gap == pytest.approx(calibrate(probe, fit_map(probe)).closed_gap, abs=1e-6)
