"""Presets load, detection ranks, lips are closed by what the character has."""

from dataclasses import replace

import numpy as np
import pytest

from model_runtime.contracts import (
    CHANNELS,
    CONTACT_JAW,
    Contact,
    ContactProof,
    FrameClock,
    MouthTrack,
    RigProbe,
    Style,
    Target,
    frozen_array,
)
from model_runtime.errors import CharacterError, TrackFileError
from model_runtime.rigs.calibrate import calibrate, correct
from model_runtime.rigs.detect import build_map, propose, rank
from model_runtime.rigs.keys import thin
from model_runtime.rigs.presets import RigPreset, load_presets
from model_runtime.rigs.retarget import retarget

PRESETS = {p.id: p for p in load_presets()}


def keys(*names: str) -> tuple[Target, ...]:
    return tuple(Target("shape_key", name, ("Face",)) for name in names)


def spelled(preset: RigPreset, how: str) -> tuple[Target, ...]:
    rename = {
        "as is": lambda n: n,
        "pascal": lambda n: n[0].upper() + n[1:],
        "sides": lambda n: n.replace("Left", "_L").replace("Right", "_R"),
        "snake": lambda n: "".join("_" + c.lower() if c.isupper() else c for c in n),
    }[how]
    return keys(*(rename(n) for n in preset.names))


@pytest.mark.parametrize("how", ["as is", "pascal", "sides", "snake"])
def test_arkit_is_found_in_every_spelling(how: str) -> None:
    found = propose(spelled(PRESETS["arkit52"], how), tuple(PRESETS.values()))
    assert (found.preset.id, found.matched, found.total) == ("arkit52", found.total, len(PRESETS["arkit52"].names))


def test_oculus_is_found_bare_and_prefixed_and_arkit_wins_when_both_are_there() -> None:
    bare = keys("sil", "PP", "FF", "TH", "DD", "kk", "CH", "SS", "nn", "RR", "aa", "E", "ih", "oh", "ou")
    assert propose(bare, tuple(PRESETS.values())).preset.id == "oculus15"
    both = bare + spelled(PRESETS["arkit52"], "as is")
    assert [p.preset.id for p in rank(both, tuple(PRESETS.values()))] == ["arkit52", "oculus15"]


def test_a_mesh_without_mouth_keys_is_refused_with_what_was_looked_for() -> None:
    with pytest.raises(CharacterError, match="ARKit 52"):
        propose(keys("Basis", "Key 1", "smile"), tuple(PRESETS.values()))


def test_damaged_presets_are_named(tmp_path) -> None:  # type: ignore[no-untyped-def]
    (tmp_path / "mine.json").write_text('{"schema": "labial-rig/1", "id": "mine", "channels": {"PP": {}}}')
    with pytest.raises(TrackFileError, match="mine.json.*channels"):
        load_presets(tmp_path)


def measured(rest_gap: float, bone_moves_skin: float = 0.0) -> RigProbe:
    """A mouth 2 units wide whose lips part by `rest_gap` of that: 5 slices, both corners, the chin."""
    targets = (*spelled(PRESETS["arkit52"], "as is"), Target("rotation", "jaw", ("Rig",), -1.0, 1.0))
    x = np.linspace(-0.8, 0.8, 5)
    half = rest_gap * 2.0 / 2.0
    rest = np.array([[a, 0, half] for a in x] + [[a, 0, -half] for a in x] + [[1, 0, 0], [-1, 0, 0], [0, 0, -1.5]])
    move = np.zeros((len(targets), len(rest), 3))
    row = {t.name: i for i, t in enumerate(targets)}
    move[row["jawOpen"], 5:10, 2], move[row["jawOpen"], 12, 2] = -1.4, -1.2
    move[row["mouthClose"], 5:10, 2] = 1.3
    move[row["mouthPressLeft"], 5:10, 2] = move[row["mouthPressRight"], 5:10, 2] = 0.05
    move[row["mouthLowerDownLeft"], 5:10, 2] = -0.3
    move[row["jaw"], 5:10, 2] = move[row["jaw"], 12, 2] = -3.0 * bone_moves_skin
    carried = np.zeros((len(targets), 3))
    carried[row["jaw"]] = (0, 0, -3.0)
    return RigProbe(
        targets=targets, rest=frozen_array(rest), displacement=frozen_array(move), carried=frozen_array(carried),
        upper=frozen_array(range(5), np.int32), lower=frozen_array(range(5, 10), np.int32), left_corner=10,
        right_corner=11, chin=12, up=frozen_array([0, 0, 1]), forward=frozen_array([0, -1, 0]), width=2.0,
    )  # fmt: skip


@pytest.mark.parametrize("rest_gap", [0.0, 0.04, 0.15])
def test_closing_is_solved_for_lips_that_are_open_at_rest(rest_gap: float) -> None:
    probe = measured(rest_gap)
    rig_map = build_map(propose(probe.targets, tuple(PRESETS.values())), probe)
    found = calibrate(probe, rig_map)
    assert found.rest_gap == pytest.approx(rest_gap, abs=1e-5)
    assert -0.03 < found.closed_gap < 0.01
    assert found.closure[[t.name for t in probe.targets].index("jawOpen")] == pytest.approx(CONTACT_JAW)


def with_teeth(away: float) -> RigProbe:
    """The same mouth with upper teeth that lie `away` widths behind the lower lip, which mouthRollLower draws back."""
    probe = measured(0.0)
    rest, move = np.array(probe.rest), np.array(probe.displacement)
    lip, teeth = np.array([[x, 0.0, 0.0] for x in (-0.2, 0.0, 0.2)]), np.array([[-0.1, 2.0 * away, 0.0]])
    moves = np.zeros((len(move), 4, 3))
    row = {t.name: i for i, t in enumerate(probe.targets)}
    moves[row["mouthRollLower"], :3, 1], moves[row["mouthShrugLower"], :3, 2] = 0.3, 0.2
    moves[row["jawOpen"], :3, 2] = -1.4
    return replace(
        probe, rest=frozen_array(np.concatenate([rest, lip, teeth])),
        displacement=frozen_array(np.concatenate([move, moves], axis=1)), lip=frozen_array(range(13, 16), np.int32),
        teeth=frozen_array([16], np.int32),
    )  # fmt: skip


@pytest.mark.parametrize(("away", "reached"), [(0.05, 0.06), (0.12, 0.06), (0.4, 0.25)])
def test_the_lower_lip_is_brought_to_the_teeth_as_near_as_its_keys_allow(away: float, reached: float) -> None:
    probe = with_teeth(away)
    found = calibrate(probe, build_map(propose(probe.targets, tuple(PRESETS.values())), probe))
    assert found.touch_gap == pytest.approx(reached, abs=0.03)
    assert found.labiodental.max() <= 1.0 and found.labiodental.min() >= 0.0
    assert found.labiodental[[t.name for t in probe.targets].index("jawOpen")] == pytest.approx(CONTACT_JAW)


def test_a_jaw_bone_joins_only_when_it_leaves_the_skin_alone() -> None:
    def weight(probe: RigProbe) -> float:
        rig_map = build_map(propose(probe.targets, tuple(PRESETS.values())), probe)
        return float(rig_map.weights[CHANNELS.index("jaw"), -1])

    assert weight(measured(0.0)) == pytest.approx(1.2 / 3.0)
    assert weight(measured(0.0, bone_moves_skin=1.0)) == 0.0


def test_correction_strengthens_only_the_failed_closures() -> None:
    probe = measured(0.05)
    rig_map = build_map(propose(probe.targets, tuple(PRESETS.values())), probe)
    values = np.zeros((120, len(CHANNELS)), dtype=np.float32)
    values[:, CHANNELS.index("sil")] = 1.0
    contacts = (Contact("closure", "p", 0.3, 0.36), Contact("closure", "m", 0.8, 0.86))
    for contact in contacts:
        span = slice(int(contact.start * 100) - 3, int(contact.end * 100) + 4)
        values[span, CHANNELS.index("PP")], values[span, 0] = 1.0, 0.0
        values[span, CHANNELS.index("jaw")] = CONTACT_JAW
    track = MouthTrack(frozen_array(values), (), contacts, 1.2, Style())
    made = thin(retarget(track, rig_map, calibrate(probe, rig_map)), FrameClock(24))
    failed, passed = (next(f for f, c in made.contact_frames if c is contact) for contact in contacts)
    proofs = (ContactProof(contacts[0], failed, 0.06, False), ContactProof(contacts[1], passed, 0.0, True))
    better = correct(made, proofs, probe, rig_map)
    before, after = ({t.target.name: dict(t.co) for t in m.tracks} for m in (made, better))
    assert after["mouthClose"][failed] > before["mouthClose"][failed]
    assert after["mouthClose"][passed] == before["mouthClose"][passed]


def test_what_a_file_declares_is_preferred_to_names_and_what_was_left_behind_is_not() -> None:
    """Godette's keys have the names of VRM 1, her VRM 0 file declares A I U E O; both move the same five keys."""
    named = keys("ah", "ih", "uu", "ee", "oh")
    groups = tuple(Target("group", n, ("Face",), parts=((key, 1.0),)) for n, key in zip("aiueo", named, strict=True))
    first, second = rank((*groups, *named), load_presets())
    assert (first.preset.id, second.preset.id) == ("aiueo", "vrm1") and "declared shapes" in first.reason
    assert first.score == 1.0 and second.score == 0.0, "the same keys speak for one standard only"
    assert [p.preset.id for p in rank((*named, *groups), load_presets())] == ["vrm1", "aiueo"]


def test_a_bone_that_poses_move_does_not_join_as_a_jaw() -> None:
    jaw = Target("rotation", "jaw", ("Rig",), -1.0, 1.0)
    part = Target("rotation", "jaw", ("Rig",), 0.0, 0.4)
    poses = tuple(Target("group", name, ("Rig",), parts=((part, 0.4),)) for name in "AIUEO")
    assert jaw not in propose((*poses, jaw), load_presets()).targets
    assert jaw in propose((*keys(*"AIUEO"), jaw), load_presets()).targets
