"""Groups and shared channels: what is mapped becomes what is keyed."""

from __future__ import annotations

import numpy as np
import pytest

from model_runtime.contracts import Curves, Target, frozen_array
from model_runtime.rigs.channels import keyed, on_channels, spread

A, B = (Target("shape_key", name, ("Face",)) for name in ("a", "b"))
UP = Target("location", "c_mouth", ("Board",), 0.0, 1.0, 1, 0.02, "c_mouth", ("smile",))
DOWN = Target("location", "c_mouth", ("Board",), 0.0, 0.5, 1, -0.03, "c_mouth", ("frown",))


def group(name: str, *parts: tuple[Target, float]) -> Target:
    return Target("group", name, ("Face",), parts=parts)


def values(*rows: list[float]) -> np.ndarray:
    return np.array(rows, dtype=np.float32)


def test_what_is_keyed_as_it_is_stays_the_same() -> None:
    curves = Curves((A, B, UP), frozen_array([[0.1, 0.2, 0.3], [1.0, 0.0, 1.0]]), ())
    found = on_channels(curves)
    assert found.targets == curves.targets and np.array_equal(found.values, curves.values)


def test_groups_are_taken_apart_and_keys_of_several_are_added_up_to_their_limit() -> None:
    aa, oh = group("aa", (A, 1.0), (B, 0.25)), group("oh", (A, 0.5))
    targets, found = spread((aa, oh, B), values([1.0, 0.0, 0.0], [0.5, 0.5, 0.1], [1.0, 1.0, 0.9]))
    assert targets == (A, B)
    assert found == pytest.approx(values([1.0, 0.25], [0.75, 0.225], [1.0, 1.0]))


def test_two_ways_of_a_slider_are_one_channel_with_a_sign() -> None:
    (both,), found = spread((UP, DOWN), values([1.0, 0.0], [0.0, 0.5], [0.5, 0.2]))
    assert (both.kind, both.name, both.axis, both.sign) == ("location", "c_mouth", 1, 1.0)
    assert (both.minimum, both.maximum) == pytest.approx((-0.015, 0.02))
    assert found[:, 0] == pytest.approx([0.02, -0.015, 0.004])


def test_all_that_may_be_keyed_is_named_once() -> None:
    assert keyed([group("aa", (A, 1.0), (B, 0.25)), B, UP]) == (A, B, UP)


def test_nothing_stays_nothing() -> None:
    targets, found = spread((), np.zeros((3, 0), dtype=np.float32))
    assert targets == () and found.shape == (3, 0)
