"""Edited mappings: laid over a map, mirrored, exchanged as files, saved as presets that find their like."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from model_runtime.contracts import CHANNELS, Calibration, RigMap, Target, frozen_array
from model_runtime.errors import TrackFileError
from model_runtime.rigs import mapping
from model_runtime.rigs.detect import rank
from model_runtime.rigs.mapping import RigMapping
from model_runtime.rigs.presets import RIGS, load_presets, usable_presets

ROOT = Path(__file__).resolve().parents[2]
SCHEMA = json.loads((ROOT / "presets/schemas/rig.schema.json").read_text(encoding="utf-8"))
ARKIT = next(preset for preset in load_presets() if preset.id == "arkit52")
ODD = ("Gape", "PurseUp", "Zip", "Grin_L", "Grin_R", "Schürze")


def keys(*names: str) -> tuple[Target, ...]:
    return tuple(Target("shape_key", name, ("Face",)) for name in names)


def map_of(*targets: Target, **rows: dict[str, float]) -> RigMap:
    """A map without closers and tuckers; rows by channel and name."""
    weights = np.zeros((len(CHANNELS), len(targets)))
    names = [mapping.label(target) for target in targets]
    for channel, row in rows.items():
        for name, weight in row.items():
            weights[CHANNELS.index(channel), names.index(name)] = weight
    none = frozen_array(np.zeros(len(targets)))
    return RigMap("odd", targets, frozen_array(weights), frozen_array([], np.int32), none, "six keys")


def odd_map() -> RigMap:
    return map_of(*keys(*ODD), aa={"Gape": 0.6}, O={"PurseUp": 0.5}, PP={"Zip": 0.9}, jaw={"Gape": 1.0})


def row(rig_map: RigMap, channel: str) -> dict[str, float]:
    return mapping.rows_of(rig_map)[channel]


def test_rows_lie_over_those_of_the_map_and_the_others_stay() -> None:
    before = odd_map()
    after = mapping.overlaid(before, RigMapping({"O": {"PurseUp": 0.25, "Grin_L": 0.1}, "U": {}, "E": {"Grin_R": 7.0}}))
    assert row(after, "O") == {"PurseUp": 0.25, "Grin_L": 0.1}
    assert row(after, "U") == {}
    assert row(after, "E") == {"Grin_R": 1.0}, "a weight beyond the range of its key"
    assert row(after, "aa") == {"Gape": 0.6} and np.array_equal(row(before, "O")["PurseUp"], 0.5)
    assert "U" in after.approximated and "O" not in after.approximated
    assert "O" in after.coverage


def test_the_rows_of_a_map_laid_over_it_change_nothing() -> None:
    before = odd_map()
    after = mapping.overlaid(before, RigMapping(mapping.rows_of(before)))
    assert np.array_equal(before.weights, after.weights)


def test_names_that_are_not_there_are_passed_over_and_told() -> None:
    edits = RigMapping({"aa": {"Gape": 0.5, "Yawn": 1.0}, "E": {"Yawn": 0.3, "Maul": 0.1}})
    assert row(mapping.overlaid(odd_map(), edits), "aa") == {"Gape": 0.5}
    assert mapping.missing(edits, keys(*ODD)) == ("Yawn", "Maul")


def test_a_jaw_bone_keeps_step_with_edited_keys() -> None:
    bone = Target("rotation", "jaw", ("Rig",), -1.0, 1.0)
    before = map_of(*keys("Gape", "Zip"), bone, jaw={"Gape": 1.0, "jaw.rotation": 0.3})
    followers = {2: frozen_array([0.3, 0.0, 0.0])}
    after = mapping.overlaid(before, RigMapping({"jaw": {"Gape": 0.5}, "aa": {"Gape": 0.2}}), followers)
    assert row(after, "jaw") == {"Gape": 0.5, "jaw.rotation": pytest.approx(0.15)}
    assert row(after, "aa")["jaw.rotation"] == pytest.approx(0.06)
    named = mapping.overlaid(before, RigMapping({"jaw": {"Gape": 0.5, "jaw.rotation": 0.0}}), followers)
    assert row(named, "jaw") == {"Gape": 0.5}


def test_what_presses_the_lips_may_close_them_but_the_jaw_may_not() -> None:
    after = mapping.overlaid(odd_map(), RigMapping({"PP": {"Schürze": 0.4, "Gape": 0.05}}))
    assert [after.targets[i].name for i in after.closers] == ["Schürze"]


def test_bones_and_keys_of_one_name_are_two() -> None:
    targets = (
        *keys("jaw"),
        Target("rotation", "jaw", ("Rig",), -1.0, 1.0),
        *(Target("location", "jaw", ("Rig",), -0.5, 0.5, axis) for axis in range(3)),
    )
    names = [mapping.label(target) for target in targets]
    assert names == ["jaw", "jaw.rotation", "jaw.location.x", "jaw.location.y", "jaw.location.z"]
    after = mapping.overlaid(map_of(*targets), RigMapping({"aa": {"jaw.location.y": -0.4, "jaw": 0.2}}))
    assert row(after, "aa") == {"jaw": 0.2, "jaw.location.y": -0.4}


def test_what_drives_a_key_is_called_by_it_in_mappings_and_presets() -> None:
    driving = Target("location", "Chin", ("Rig",), 0.0, 1.0, 1, -1.0, aliases=("Gape",))
    targets = (driving, Target("property", "zip", ("Rig",)), *keys("Grin"))
    assert [mapping.label(target) for target in targets] == ["Gape", "zip.property", "Grin"]
    after = mapping.overlaid(map_of(*targets), RigMapping({"aa": {"Gape": 0.4}, "PP": {"zip.property": 0.9}}))
    data = mapping.as_preset("Hero", after, None, targets)
    assert (data["channels"]["aa"], data["channels"]["PP"]) == ({"Gape": 0.4}, {"zip": 0.9})
    assert data["closers"] == ["zip"]


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("mouthPressLeft", "mouthPressRight"),
        ("mouth_left_press", "mouth_right_press"),
        ("Press_L", "Press_R"),
        ("Press.L", "Press.R"),
        ("press.l", "press.r"),
        ("Press-L", "Press-R"),
        ("L_Press", "R_Press"),
        ("Mouth_Funnel_L_Up", "Mouth_Funnel_R_Up"),
        ("CTRL_funnelUL", "CTRL_funnelUR"),
        ("lip.T.L.location.y", "lip.T.R.location.y"),
    ],
)
def test_weights_are_mirrored_by_name_and_back(left: str, right: str) -> None:
    names = {left, right, "jawOpen", "mouthRoll", "lip_L_only"}
    before = {left: 0.7, "jawOpen": 0.5, "lip_L_only": 0.1}
    assert mapping.mirrored(before, names, to_right=True) == {**before, right: 0.7}
    assert mapping.mirrored(before, names, to_right=False) == {"jawOpen": 0.5, "lip_L_only": 0.1}
    assert mapping.mirrored({right: 0.2, left: 0.9}, names, to_right=False) == {right: 0.2, left: 0.2}


def test_a_bone_goes_the_other_way_sideways() -> None:
    names = {"lip.L.location.x", "lip.R.location.x"}
    assert mapping.mirrored({"lip.L.location.x": 0.2}, names, True)["lip.R.location.x"] == -0.2


def test_poses_are_whole_visemes_with_a_jaw_and_contacts_as_calibrated() -> None:
    closed, bitten = frozen_array([0.1, 0, 1, 0, 0, 0]), frozen_array([0, 0, 0.3, 0, 0, 0.2])
    found = Calibration(closed, bitten, 0.0, 0.0, 0.0)
    assert np.array_equal(mapping.pose(odd_map(), found, "PP"), closed)
    assert np.array_equal(mapping.pose(odd_map(), found, "FF", jaw=0.5), bitten)
    assert mapping.pose(odd_map(), found, "aa").tolist() == pytest.approx([0.6, 0, 0, 0, 0, 0])
    assert mapping.pose(odd_map(), found, "aa", jaw=0.3).tolist() == pytest.approx([0.9, 0, 0, 0, 0, 0])
    assert mapping.pose(odd_map(), found, "aa", jaw=0.5)[0] == 1.0


def test_what_is_written_is_read(tmp_path: Path) -> None:
    edits = RigMapping({"aa": {"Schürze": 0.35, "あ": 1.0}, "sil": {}}, "arkit52")
    mapping.write(tmp_path / "new" / "hero.json", edits)
    assert mapping.read(tmp_path / "new" / "hero.json") == edits
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["hero.json"]


def test_a_preset_can_be_read_as_a_mapping() -> None:
    found = mapping.read(RIGS / "arkit52.json")
    assert found.rows == ARKIT.channels and found.preset == ""


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("{", "Expecting"),
        ("[]", "schema"),
        ('{"schema": "labial-mapping/9", "channels": {}}', "schema"),
        ('{"schema": "labial-mapping/1"}', "channels"),
        ('{"schema": "labial-mapping/1", "channels": []}', "channels"),
        ('{"schema": "labial-mapping/1", "channels": {"XX": {}}}', "XX"),
        ('{"schema": "labial-mapping/1", "channels": {"aa": ["Gape"]}}', "aa"),
        ('{"schema": "labial-mapping/1", "channels": {"aa": {"Gape": "1"}}}', "Gape"),
        ('{"schema": "labial-mapping/1", "channels": {"aa": {"Gape": true}}}', "Gape"),
        ('{"schema": "labial-mapping/1", "channels": {"aa": {"Gape": NaN}}}', "Gape"),
    ],
)
def test_damaged_files_are_named_with_what_is_wrong(tmp_path: Path, text: str, what: str) -> None:
    (tmp_path / "hero.json").write_text(text, encoding="utf-8")
    with pytest.raises(TrackFileError, match=rf"hero\.json.*{what}.*[Rr]epair"):
        mapping.read(tmp_path / "hero.json")


def test_bytes_that_are_no_text_and_files_that_are_not_there_are_named(tmp_path: Path) -> None:
    (tmp_path / "hero.json").write_bytes(b"\xff\xfe\x00")
    for name in ("hero.json", "absent.json"):
        with pytest.raises(TrackFileError, match=name):
            mapping.read(tmp_path / name)


def preset_of(title: str = "Odd Hero") -> dict[str, object]:
    rig_map = replace(odd_map(), closers=frozen_array([2], np.int32), tuckers=frozen_array([0, 0, 0.5, 0, 0, 0]))
    return mapping.as_preset(title, rig_map, None, keys(*ODD))


def test_a_saved_preset_finds_the_same_names_and_no_others(tmp_path: Path) -> None:
    data = preset_of()
    jsonschema.validate(data, SCHEMA)
    assert mapping.save_preset(data, tmp_path).name == "odd_hero.json"
    (own,) = load_presets(tmp_path)
    found = rank(keys("Basis", *reversed(ODD), "Wink"), (own,))
    assert [(p.preset.id, p.score) for p in found] == [("odd_hero", 1.0)]
    assert found[0].preset.channels == {channel: row(odd_map(), channel) for channel in CHANNELS}
    assert (own.jaw_keys, own.closers, own.tuckers) == (("Gape",), ("Zip",), {"Zip": 0.5})
    assert rank(keys(*(name for name in ODD if name != "Zip")), (own,)) == []
    assert {p.id for p in load_presets(RIGS, tmp_path)} == {"odd_hero", *(p.id for p in load_presets())}


def test_a_preset_takes_life_jaw_and_closers_from_its_standard() -> None:
    spelled = keys(*(f"Head_{name}" for name in ARKIT.names), "Head_eyeBlink_L", "Head_eyeBlink_R")
    rows = {c: {f"Head_{n}": w for n, w in weights.items()} for c, weights in ARKIT.channels.items()}
    data = mapping.as_preset("Hero", map_of(*spelled, **rows), ARKIT, spelled)
    jsonschema.validate(data, SCHEMA)
    assert data["jaw_keys"] == ["Head_jawOpen"]
    assert data["life"]["blink"] == {"Head_eyeBlink_L": 1.0, "Head_eyeBlink_R": 1.0}
    assert data["life"]["brow_up"] == {}


def test_names_that_differ_in_case_alone_stay_two(tmp_path: Path) -> None:
    rig_map = map_of(*keys("s", "S"), aa={"S": 1.0}, SS={"s": 1.0})
    mapping.save_preset(mapping.as_preset("Polly", rig_map, None, rig_map.targets), tmp_path)
    (own,) = load_presets(tmp_path)
    assert own.normal("s") != own.normal("S")


def test_what_a_preset_cannot_hold_is_said() -> None:
    bone = Target("rotation", "jaw", ("Rig",), -1.0, 1.0)
    rig_map = map_of(*keys("Gape"), bone, aa={"Gape": 1.0}, jaw={"jaw.rotation": 0.3})
    with pytest.raises(TrackFileError, match=r"jaw\.rotation.*shape keys only"):
        mapping.as_preset("Hero", rig_map, None, rig_map.targets)
    assert mapping.as_preset("Hero", rig_map, None, rig_map.targets, without={1})["channels"]["jaw"] == {}
    with pytest.raises(TrackFileError, match="opens the mouth"):
        mapping.as_preset("Hero", map_of(*keys("Zip"), PP={"Zip": 1.0}), None, keys("Zip"))


@pytest.mark.parametrize("title", ["ARKit 52", "arkit52", "  ", "***"])
def test_names_of_shipped_presets_are_not_taken(tmp_path: Path, title: str) -> None:
    with pytest.raises(TrackFileError, match="cannot be the name"):
        mapping.save_preset(preset_of(title.strip()), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_names_in_other_scripts_are_files_of_their_own(tmp_path: Path) -> None:
    files = {mapping.save_preset(preset_of(title), tmp_path).name for title in ("Герой", "英雄", "Hero")}
    assert len(files) == 3 and len(load_presets(tmp_path)) == 3


def test_a_damaged_preset_is_named_and_the_others_are_used(tmp_path: Path) -> None:
    mapping.save_preset(preset_of(), tmp_path)
    damaged = {**preset_of("Other"), "channels": {**{c: {} for c in CHANNELS}, "aa": {"Gape": "wide"}}}
    (tmp_path / "other.json").write_text(json.dumps(damaged), encoding="utf-8")
    (tmp_path / "third.json").write_text("{", encoding="utf-8")
    (tmp_path / "fourth.json").write_text(json.dumps({**preset_of("Fourth"), "core": []}), encoding="utf-8")
    found, faults = usable_presets(tmp_path)
    assert [preset.id for preset in found] == ["odd_hero"]
    assert len(faults) == 3 and all(name in " ".join(faults) for name in ("other.json", "third.json", "fourth.json"))
    with pytest.raises(TrackFileError, match=r"fourth\.json"):
        load_presets(RIGS, tmp_path)
    assert usable_presets(tmp_path / "absent") == ((), ())
