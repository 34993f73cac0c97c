"""Life on a character's shape keys: found in any spelling, inside their ranges, few keys."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from model_runtime.contracts import LIFE, Contact, Curves, FrameClock, LifeTrack, Target, frozen_array
from model_runtime.errors import TrackFileError
from model_runtime.rigs.keys import thin
from model_runtime.rigs.liven import RADIANS, liven, over
from model_runtime.rigs.presets import RIGS, load_presets

ARKIT = next(preset for preset in load_presets() if preset.id == "arkit52")
FRAMES = 200


def key(name: str, minimum: float = 0.0, maximum: float = 1.0) -> Target:
    return Target("shape_key", name, ("Face",), minimum, maximum)


def bump(**peaks: float) -> LifeTrack:
    """Every named channel rises to its peak in the middle and returns."""
    shape = np.sin(np.linspace(0.0, np.pi, FRAMES)) ** 2
    return LifeTrack(frozen_array(np.stack([peaks.get(name, 0.0) * shape for name in LIFE], axis=1)))


def peak(curves: Curves, name: str) -> float:
    return float(curves.values[:, [target.name for target in curves.targets].index(name)].max())


@pytest.mark.parametrize(
    ("lids", "brow"),
    [
        (("eyeBlinkLeft", "eyeBlinkRight"), "browInnerUp"),
        (("EyeBlinkLeft", "EyeBlinkRight"), "BrowInnerUp"),
        (("eyeBlink_L", "eyeBlink_R"), "browInnerUp_L"),
        (("eye_blink_left", "eye_blink_right"), "brow_inner_up"),
        (("ARKit.eyeBlinkLeft", "ARKit.eyeBlinkRight"), "ARKit.browInnerUp"),
    ],
)
def test_keys_are_found_in_every_spelling(lids: tuple[str, str], brow: str) -> None:
    targets = (*map(key, lids), key(brow), key("jawOpen"), Target("rotation", "eyeBlinkLeft", ("Rig",)))
    curves = liven(bump(blink=1.0, brow_up=0.5), ARKIT, targets)
    assert curves.targets == targets[:3] and curves.contacts == ()
    assert peak(curves, lids[0]) == peak(curves, lids[1]) == pytest.approx(1.0, abs=1e-3)
    assert peak(curves, brow) == pytest.approx(0.3, abs=1e-3)


def test_the_first_of_two_spellings_is_moved_once() -> None:
    curves = liven(bump(blink=1.0), ARKIT, (key("eyeBlink_L"), key("eyeBlinkLeft")))
    assert [target.name for target in curves.targets] == ["eyeBlink_L"]


def test_values_stay_in_the_ranges_of_the_keys() -> None:
    curves = liven(bump(blink=1.0, corners_up=0.25), ARKIT, (key("eyeBlinkLeft", 0.0, 0.6), key("mouthSmileLeft", 0.1)))
    assert peak(curves, "eyeBlinkLeft") == pytest.approx(0.6)
    assert curves.values[:, 1].min() == pytest.approx(0.1)


def test_a_character_without_such_keys_gets_none() -> None:
    curves = liven(bump(blink=1.0), ARKIT, (key("jawOpen"),))
    assert curves.targets == () and curves.values.shape == (FRAMES, 0)
    assert thin(curves, FrameClock()).key_count == 0
    assert liven(bump(blink=1.0), replace(ARKIT, life={}), (key("eyeBlinkLeft"),)).targets == ()


def test_a_blink_becomes_few_keys() -> None:
    made = thin(liven(bump(blink=1.0), ARKIT, (key("eyeBlinkLeft"), key("browDownLeft"))), FrameClock())
    assert [track.target.name for track in made.tracks] == ["eyeBlinkLeft"]
    assert len(made.tracks[0].co) <= 5 and made.error <= 0.02


def test_a_key_that_mouth_and_life_share_gets_both_and_the_contacts_stay() -> None:
    smile, jaw, lid = key("mouthSmileLeft"), key("jawOpen"), key("eyeBlinkLeft")
    contact = Contact("closure", "m", 0.5, 0.55)
    mouth = Curves((smile, jaw), frozen_array(np.full((FRAMES, 2), 0.9)), (contact,))
    both = over(mouth, liven(bump(corners_up=0.05, blink=1.0), ARKIT, (smile, lid)))
    assert both.targets == (smile, jaw, lid) and both.contacts == (contact,)
    assert peak(both, "mouthSmileLeft") == pytest.approx(0.95, abs=1e-3) and peak(both, "jawOpen") == pytest.approx(0.9)
    raised = over(mouth, liven(bump(corners_up=0.25), ARKIT, (smile, lid)))
    assert peak(raised, "mouthSmileLeft") == 1.0


def test_every_weight_of_the_shipped_presets_lies_in_range() -> None:
    for preset in load_presets():
        weights = [weight for shares in preset.life.values() for weight in shares.values()]
        assert all(0.0 < weight <= 1.0 for weight in weights)
    assert set(ARKIT.life) == {"blink", "brow_up", "brow_down", "corners_up", "corners_down"}


@pytest.mark.parametrize("channel", ["wink", "head_nod"])
def test_life_channels_that_there_are_not_are_refused_by_name(tmp_path: Path, channel: str) -> None:
    data = json.loads((RIGS / "arkit52.json").read_text(encoding="utf-8"))
    data["life"][channel] = {"eyeBlinkLeft": 1.0}
    (tmp_path / "mine.json").write_text(json.dumps(data), encoding="utf-8")
    with pytest.raises(TrackFileError, match=rf"mine\.json.*{channel}"):
        load_presets(tmp_path)


def test_bones_turn_by_their_channel_and_only_those_that_there_are() -> None:
    chest = Target("rotation", "chest", ("Rig",), -0.5, 0.5, 0, -1.0)
    curves = liven(bump(breath=1.0, head_nod=1.0), None, (), {"breath": chest})
    assert curves.targets == (chest,) and peak(curves, "chest") == pytest.approx(RADIANS["breath"], rel=1e-3)
