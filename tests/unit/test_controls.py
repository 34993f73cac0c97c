"""Controls that drive shape keys are found by name, as the keys themselves would be."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from model_runtime.contracts import CHANNELS, RigProbe, Target, frozen_array
from model_runtime.rigs.detect import build_map, rank
from model_runtime.rigs.presets import load_presets

PRESETS = {preset.id: preset for preset in load_presets()}
ARKIT = PRESETS["arkit52"]


def dial(name: str, *aliases: str) -> Target:
    return Target("property", name, ("Rig",), aliases=aliases)


def probe(targets: tuple[Target, ...]) -> RigProbe:
    """Enough of a character for a map."""
    return RigProbe(
        targets=targets, rest=frozen_array(np.zeros((5, 3))), displacement=frozen_array(np.zeros((len(targets), 5, 3))),
        carried=frozen_array(np.zeros((len(targets), 3))), upper=frozen_array([0], np.int32),
        lower=frozen_array([1], np.int32), left_corner=2, right_corner=3, chin=4, up=frozen_array([0, 0, 1]),
        forward=frozen_array([0, -1, 0]), width=1.0,
    )  # fmt: skip


def test_properties_are_known_by_their_names() -> None:
    found = rank([dial(name) for name in ARKIT.names], [*PRESETS.values()])
    assert (found[0].preset.id, found[0].matched) == ("arkit52", len(ARKIT.names))


def test_controls_are_known_by_the_keys_that_they_drive() -> None:
    sliders = [
        Target("location", f"c_{i}", ("Board",), sign=0.02, axis=1, bone=f"c_{i}", aliases=(name,))
        for i, name in enumerate(ARKIT.names)
    ]
    found = rank(sliders, [*PRESETS.values()])
    assert (found[0].preset.id, found[0].matched) == ("arkit52", len(ARKIT.names))
    turning = [replace(slider, kind="rotation") for slider in sliders]
    assert set(rank(turning, [ARKIT])[0].targets) == set(turning)


def test_a_bone_that_drives_nothing_has_no_name_for_a_standard() -> None:
    assert not rank([Target("location", name, ("Rig",)) for name in ARKIT.names], [ARKIT])


def test_the_key_tells_more_than_the_property() -> None:
    swapped = dial("jawOpen", "mouthPucker"), dial("mouthPucker", "jawOpen")
    others = tuple(dial(name) for name in ARKIT.names if name not in ("jawOpen", "mouthPucker"))
    targets = rank((*others, *swapped), [ARKIT])[0].targets
    rig_map = build_map(rank(targets, [ARKIT])[0], probe(targets))
    jaw = rig_map.weights[CHANNELS.index("jaw")]
    assert targets[int(jaw.argmax())] == swapped[1]


def test_a_control_of_both_sides_is_moved_once() -> None:
    both = {name.removesuffix("Left").removesuffix("Right") for name in ARKIT.names}
    targets = tuple(
        dial(name, *(n for n in ARKIT.names if n in (name, f"{name}Left", f"{name}Right"))) for name in both
    )
    found = rank(targets, [ARKIT])[0]
    weights = build_map(found, probe(found.targets)).weights
    single = rank([dial(name) for name in ARKIT.names], [ARKIT])[0]
    whole = build_map(single, probe(single.targets)).weights
    assert np.allclose(weights.max(axis=1), whole.max(axis=1))
