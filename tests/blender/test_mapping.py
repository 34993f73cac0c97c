"""The mapping of a character: listed, changed, tried, kept, exchanged; and visemes built of the keys that are there."""

from __future__ import annotations

import importlib
import json
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import bpy
import numpy as np
import pytest

from .conftest import DEMO_LINE, MODULE, generate, load_character
from .mouth import Mouth, evaluated_points
from .scene import actions, curves, snapshot

FRAMES = np.arange(1, 60)


@pytest.fixture(autouse=True)
def own_presets(labial: ModuleType) -> Iterator[Path]:
    """The user's folder of presets, empty before and after."""
    folder = Path(bpy.utils.extension_path_user(MODULE, path="rigs"))

    def clear() -> None:
        for path in folder.glob("*"):
            path.unlink()

    clear()
    yield folder
    clear()


def listed(channel: str = "aa") -> Any:
    """The panel's list, filled for the selected character."""
    assert bpy.ops.labial.edit_mapping() == {"FINISHED"}
    mapping = bpy.context.scene.labial.mapping
    mapping.channel = channel
    return mapping


def rows(mapping: Any) -> dict[str, float]:
    return {item.name: pytest.approx(item.weight, abs=1e-6) for item in mapping.weights}


def arkit(channel: str) -> dict[str, Any]:
    """What the preset that ships gives a channel, as `rows` has it."""
    presets = importlib.import_module(f"{MODULE}.model_runtime.rigs.presets").load_presets()
    row = next(preset for preset in presets if preset.id == "arkit52").channels[channel]
    return {name: pytest.approx(weight, abs=1e-6) for name, weight in row.items()}


def set_weight(mapping: Any, name: str, weight: float) -> None:
    next(item for item in mapping.weights if item.name == name).weight = weight


def motion() -> dict[str, np.ndarray]:
    """Every curve of the line at every frame, by data path."""
    (action,) = actions()
    return {
        path: np.array([curve.evaluate(frame) for frame in FRAMES])
        for found in curves(action).values()
        for path, curve in found.items()
    }


def key_path(name: str) -> str:
    return f'key_blocks["{name}"].value'


def rig() -> bpy.types.Object:
    return next(obj for obj in bpy.data.objects if obj.type == "ARMATURE")


def meshes() -> list[bpy.types.Object]:
    return [obj for obj in bpy.data.objects if obj.type == "MESH" and obj.data.shape_keys]


def rename_oddly() -> None:
    """Names that no standard knows, the same on every head."""
    for mesh in meshes():
        for key in mesh.data.shape_keys.key_blocks[1:]:
            key.name = "Zq" + key.name.encode().hex()


def test_the_list_shows_what_moves_a_channel(head: bpy.types.Object) -> None:
    mapping = listed("U")
    assert {item.name: item.weight for item in mapping.weights} == arkit("U")
    mapping.channel = "jaw"
    assert rows(mapping) == {"jawOpen": 1.0}, "the jaw bone only follows"
    assert not rig().labial_mapping, "nothing is edited yet"


def test_a_changed_weight_changes_the_motion_accordingly(head: bpy.types.Object, short_line: Path) -> None:
    generate(short_line)
    before = motion()
    set_weight(listed("jaw"), "jawOpen", 0.5)
    assert set(json.loads(rig().labial_mapping)["channels"]) == {"jaw"}
    generate(short_line)
    after = motion()
    jaw = key_path("jawOpen")
    assert before[jaw].max() > 0.3
    assert after[jaw] == pytest.approx(0.5 * before[jaw], abs=0.03)
    turns = [path for path in before if "rotation_quaternion" in path and np.ptp(before[path]) > 0.01]
    assert turns and "jaw" in turns[0], "the teeth keep step"
    assert after[turns[0]] == pytest.approx(0.5 * before[turns[0]], abs=0.01)
    report = bpy.context.scene.labial.report
    assert report.closures and report.proven == report.closures


def test_a_weight_stays_in_the_range_of_its_key_and_its_row_where_it_is(head: bpy.types.Object) -> None:
    mapping = listed("U")
    item = mapping.weights["mouthPucker"]
    place = item.as_pointer()
    item.weight = 7.0
    assert item.weight == 1.0 and mapping.weights["mouthPucker"].as_pointer() == place, "a row may be dragged"
    assert json.loads(rig().labial_mapping)["channels"]["U"]["mouthPucker"] == 1.0
    item.weight = -1.0
    assert item.weight == 0.0


def test_a_target_can_be_added_and_removed(head: bpy.types.Object, short_line: Path) -> None:
    mapping = listed("jaw")
    assert bpy.ops.labial.add_target(target="browInnerUp") == {"FINISHED"}
    assert rows(mapping) == {"jawOpen": 1.0, "browInnerUp": 1.0} and mapping.index == 1
    generate(short_line)
    found = motion()
    assert found[key_path("browInnerUp")] == pytest.approx(found[key_path("jawOpen")], abs=0.05)
    with pytest.raises(TypeError, match="browInnerUp"):
        bpy.ops.labial.add_target(target="browInnerUp")
    assert bpy.ops.labial.remove_target() == {"FINISHED"}
    assert rows(mapping) == {"jawOpen": 1.0}
    generate(short_line)
    assert key_path("browInnerUp") not in motion()


def test_one_side_is_copied_to_the_other_and_back(head: bpy.types.Object) -> None:
    mapping = listed("SS")
    before = dict(rows(mapping))
    set_weight(mapping, "mouthSmileLeft", 0.6)
    assert bpy.ops.labial.mirror_mapping(to="RIGHT") == {"FINISHED"}
    assert rows(mapping) == {**before, "mouthSmileLeft": 0.6, "mouthSmileRight": 0.6}
    set_weight(mapping, "mouthSmileRight", 0.1)
    assert bpy.ops.labial.mirror_mapping(to="LEFT") == {"FINISHED"}
    assert rows(mapping) == {**before, "mouthSmileLeft": 0.1, "mouthSmileRight": 0.1}


def test_reset_forgets_what_was_edited(head: bpy.types.Object, short_line: Path) -> None:
    generate(short_line)
    before = motion()
    mapping = listed("aa")
    detected = dict(rows(mapping))
    set_weight(mapping, "mouthUpperUpLeft", 1.0)
    assert bpy.ops.labial.reset_mapping() == {"FINISHED"}
    assert rows(mapping) == detected and not rig().labial_mapping
    generate(short_line)
    after = motion()
    assert after.keys() == before.keys()
    assert all(np.array_equal(before[path], after[path]) for path in before)


def test_the_preview_poses_one_channel_and_puts_back_what_was_there(head: bpy.types.Object) -> None:
    keys, bone = head.data.shape_keys.key_blocks, rig().pose.bones["jaw"]
    keys["jawOpen"].value, keys["mouthSmileLeft"].value, keys["eyeBlinkLeft"].value = 0.37, 0.11, 0.8
    bone.rotation_mode, bone.rotation_euler = "XYZ", (0.1, 0.02, -0.03)
    mapping = listed("U")
    before = snapshot()
    mapping.preview = True
    assert {name: keys[name].value for name in arkit("U")} == arkit("U") and keys["jawOpen"].value == 0.0
    assert keys["mouthSmileLeft"].value == 0.0 and keys["eyeBlinkLeft"].value == pytest.approx(0.8)
    mapping.channel = "jaw"
    assert keys["jawOpen"].value == pytest.approx(1.0) and keys["mouthPucker"].value == 0.0
    assert abs(bone.rotation_euler.x) > 0.15, "the teeth go with it"
    set_weight(mapping, "jawOpen", 0.4)
    assert keys["jawOpen"].value == pytest.approx(0.4)
    mapping.preview = False
    assert snapshot() == before
    assert mapping.message == ""


def test_the_preview_of_p_and_f_is_what_was_proven_to_close(head: bpy.types.Object) -> None:
    mouth, mapping = Mouth(head), listed("aa")
    mapping.preview = True
    seen = importlib.import_module(f"{MODULE}.addon.mapping_list")
    measured = seen._seen
    set_weight(mapping, "mouthUpperUpLeft", 0.3)
    assert seen._seen is measured, "a slider is dragged: nothing is measured again"
    mapping.channel = "PP"
    assert mouth.gap() < 0.03
    assert head.data.shape_keys.key_blocks["jawOpen"].value == pytest.approx(0.06)
    mapping.channel = "FF"
    assert head.data.shape_keys.key_blocks["mouthRollLower"].value > 0.2
    mapping.channel = "jaw"
    assert mouth.gap() > 0.2
    mapping.preview = False
    assert all(key.value == 0.0 for key in head.data.shape_keys.key_blocks[1:])


def test_the_preview_of_another_character_is_refused_in_the_panel(head: bpy.types.Object) -> None:
    mapping = listed()
    bpy.ops.labial.add_head()
    mapping.preview = True
    assert not mapping.preview and "Click Edit Mapping first" in mapping.message


def test_what_is_exported_comes_back(head: bpy.types.Object, tmp_path: Path) -> None:
    mapping, first, second = listed("aa"), tmp_path / "first.json", tmp_path / "second.json"
    set_weight(mapping, "mouthUpperUpLeft", 0.321)
    assert bpy.ops.labial.export_mapping(filepath=str(first)) == {"FINISHED"}
    assert json.loads(first.read_text())["channels"]["aa"]["mouthUpperUpLeft"] == 0.321
    bpy.ops.labial.reset_mapping()
    assert rows(mapping)["mouthUpperUpLeft"] == arkit("aa")["mouthUpperUpLeft"].expected
    assert bpy.ops.labial.import_mapping(filepath=str(first)) == {"FINISHED"}
    assert rows(mapping)["mouthUpperUpLeft"] == pytest.approx(0.321)
    assert bpy.ops.labial.export_mapping(filepath=str(second)) == {"FINISHED"}
    assert second.read_bytes() == first.read_bytes()


def test_an_imported_mapping_that_changes_nothing_moves_the_same(
    head: bpy.types.Object, short_line: Path, tmp_path: Path
) -> None:
    generate(short_line)
    before = motion()
    listed()
    bpy.ops.labial.export_mapping(filepath=str(tmp_path / "same.json"))
    bpy.ops.labial.import_mapping(filepath=str(tmp_path / "same.json"))
    generate(short_line)
    after = motion()
    assert after.keys() == before.keys()
    assert all(np.array_equal(before[path], after[path]) for path in before)


def test_damaged_files_are_named_and_change_nothing(head: bpy.types.Object, tmp_path: Path) -> None:
    before = snapshot()
    (tmp_path / "broken.json").write_text('{"schema": "labial-mapping/1", "channels": {"aa": {"jawOpen": "x"}}}')
    with pytest.raises(RuntimeError, match=r"broken\.json.*jawOpen"):
        bpy.ops.labial.import_mapping(filepath=str(tmp_path / "broken.json"))
    (tmp_path / "other.json").write_text('{"schema": "labial-mapping/1", "channels": {"aa": {"Schnauze": 1.0}}}')
    with pytest.raises(RuntimeError, match=r"none of the names in other\.json.*Schnauze"):
        bpy.ops.labial.import_mapping(filepath=str(tmp_path / "other.json"))
    assert snapshot() == before and not rig().labial_mapping


def test_damaged_edits_are_named_with_the_button_that_mends_them(head: bpy.types.Object, short_line: Path) -> None:
    rig().labial_mapping = "{"
    with pytest.raises(RuntimeError, match="mapping of “Labial Head”.*Click Reset"):
        generate(short_line)
    assert bpy.ops.labial.reset_mapping() == {"FINISHED"}
    generate(short_line)


def test_names_that_went_away_are_told(head: bpy.types.Object, short_line: Path) -> None:
    listed("E")
    bpy.ops.labial.add_target(target="cheekPuff")
    head.data.shape_keys.key_blocks["cheekPuff"].name = "Backe"
    generate(short_line)
    assert "cheekPuff" in bpy.context.scene.labial.report.notes


def test_save_and_open_keep_the_mapping(head: bpy.types.Object, short_line: Path, tmp_path: Path) -> None:
    set_weight(listed("jaw"), "jawOpen", 0.25)
    generate(short_line)
    before = motion()
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "hero.blend"))
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "hero.blend"))
    assert rows(listed("jaw")) == {"jawOpen": 0.25}
    generate(short_line)
    after = motion()
    assert all(np.array_equal(before[path], after[path]) for path in before)


def test_a_linked_character_keeps_its_mapping_in_this_file(head: bpy.types.Object, tmp_path: Path) -> None:
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "asset.blend"))
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    with bpy.data.libraries.load(str(tmp_path / "asset.blend"), link=True) as (_, wanted):
        wanted.objects = ["Labial Head", "Labial Head Face"]
    for obj in wanted.objects:
        bpy.context.collection.objects.link(obj)
    bpy.context.view_layer.objects.active = bpy.context.scene.objects["Labial Head"]
    assert bpy.ops.labial.make_override() == {"FINISHED"}
    set_weight(listed("jaw"), "jawOpen", 0.25)
    with pytest.raises(RuntimeError, match="linked from another file"):
        bpy.ops.labial.build_visemes(standard="VOWELS")
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "shot.blend"))
    assert bpy.context.active_object.override_library
    assert rows(listed("jaw")) == {"jawOpen": 0.25}


def test_a_saved_preset_knows_the_next_character_with_the_same_odd_names(
    head: bpy.types.Object, short_line: Path, own_presets: Path
) -> None:
    rename_oddly()
    generate(short_line)
    assert bpy.context.scene.labial.report.closures
    mapping = listed("aa")
    jaw, odd = (f"Zq{name.encode().hex()}" for name in ("jawOpen", "cheekPuff"))
    assert bpy.ops.labial.add_target(target=odd) == {"FINISHED"}
    set_weight(mapping, odd, 0.77)
    assert bpy.ops.labial.save_rig(name="Odd Hero") == {"FINISHED"}
    assert [path.name for path in own_presets.iterdir()] == ["odd_hero.json"]
    assert load_character("head")
    rename_oddly()
    generate(short_line)
    (action,) = actions()
    assert action["labial"]["preset"] == "odd_hero"
    assert motion()[key_path(odd)].max() > 0.2 and motion()[key_path(jaw)].max() > 0.1
    report = bpy.context.scene.labial.report
    assert report.closures and report.proven == report.closures
    load_character("head")
    generate(short_line)
    assert actions()[0]["labial"]["preset"] == "arkit52", "names of a standard are still known as that"


def test_a_damaged_preset_of_ones_own_is_told_and_breaks_nothing(
    head: bpy.types.Object, short_line: Path, own_presets: Path
) -> None:
    own_presets.mkdir(parents=True, exist_ok=True)
    (own_presets / "torn.json").write_text('{"schema": "labial-rig/1"')
    generate(short_line)
    assert "torn.json" in bpy.context.scene.labial.report.notes
    assert actions()[0]["labial"]["preset"] == "arkit52"


def test_names_of_shipped_presets_are_not_taken(head: bpy.types.Object, own_presets: Path) -> None:
    with pytest.raises(RuntimeError, match="cannot be the name"):
        bpy.ops.labial.save_rig(name="ARKit 52")
    assert not list(own_presets.glob("*"))


def without(*starts: str, but: str = "") -> None:
    """Takes keys off all meshes."""
    for mesh in meshes():
        for key in list(mesh.data.shape_keys.key_blocks[1:]):
            if key.name.startswith(starts) and key.name != but:
                mesh.shape_key_remove(key)


def coordinates(mesh: bpy.types.Object) -> dict[str, np.ndarray]:
    found = {}
    for key in mesh.data.shape_keys.key_blocks:
        found[key.name] = np.empty(3 * len(key.data), dtype=np.float32)
        key.data.foreach_get("co", found[key.name])
    return found


def shown_by(values: dict[str, float]) -> dict[str, np.ndarray]:
    """The evaluated meshes with some keys at the given values and all others at 0."""
    for mesh in meshes():
        for key in mesh.data.shape_keys.key_blocks[1:]:
            key.value = values.get(key.name, 0.0)
    bpy.context.view_layer.update()
    return {mesh.name: evaluated_points(mesh) for mesh in meshes()}


def spoken_jaw(phone: str) -> float:
    return float(importlib.import_module(f"{MODULE}.model_runtime.acting.gestures").JAW[phone])


def mixes(tmp_path: Path) -> dict[str, dict[str, float]]:
    """What each viseme is mixed of: its row, and as much jaw as its phone has."""
    listed()
    bpy.ops.labial.export_mapping(filepath=str(tmp_path / "mapping.json"))
    found = json.loads((tmp_path / "mapping.json").read_text())["channels"]
    spoken = {"aa": "a", "E": "ɛ", "I": "i", "O": "o", "U": "u", "SS": "s", "CH": "tʃ", "TH": "θ"}
    mixed = {}
    for channel, phone in spoken.items():
        mixed[channel] = dict(found[channel])
        for name, weight in found["jaw"].items():
            mixed[channel][name] = mixed[channel].get(name, 0.0) + spoken_jaw(phone) * weight
    return mixed


def test_visemes_are_built_of_arkit_keys_and_show_their_mix(head: bpy.types.Object, tmp_path: Path) -> None:
    without("viseme_", but="viseme_O")
    mouth = Mouth(head)
    before, normals = coordinates(head), [tuple(n.vector) for n in head.data.vertex_normals]
    active = head.active_shape_key_index
    mixed = mixes(tmp_path)
    assert bpy.ops.labial.build_visemes(standard="OCULUS") == {"FINISHED"}
    after = coordinates(head)
    made = set(after) - set(before)
    assert made == {
        f"viseme_{v}" for v in ["sil", "PP", "FF", "TH", "DD", "kk", "CH", "SS", "nn", "RR", "aa", "E", "I", "U"]
    }
    assert all(np.array_equal(after[name], co) for name, co in before.items()), "keys that were there"
    assert [tuple(n.vector) for n in head.data.vertex_normals] == normals
    assert head.active_shape_key_index == active
    for mesh in meshes():
        for key in mesh.data.shape_keys.key_blocks[1:]:
            assert (key.value, key.slider_min, key.slider_max) == (0.0, 0.0, 1.0), key.name
    for channel, mix in mixed.items():
        if channel != "O":
            wanted, found = shown_by(mix), shown_by({f"viseme_{channel}": 1.0})
            assert all(np.allclose(wanted[name], found[name], atol=1e-5) for name in wanted), channel
    shown_by({"viseme_PP": 1.0})
    assert mouth.gap() < 0.03
    shown_by({"viseme_aa": 1.0})
    assert mouth.gap() > 0.15
    rest, silence = shown_by({}), shown_by({"viseme_sil": 1.0})
    assert all(np.array_equal(rest[name], silence[name]) for name in rest)


def test_built_keys_are_on_every_mesh_that_takes_part(head: bpy.types.Object) -> None:
    without("viseme_")
    tongue = next(mesh for mesh in meshes() if "tongueOut" in mesh.data.shape_keys.key_blocks and mesh != head)
    bpy.ops.labial.build_visemes(standard="OCULUS")
    assert "viseme_TH" in tongue.data.shape_keys.key_blocks
    assert "viseme_U" not in tongue.data.shape_keys.key_blocks
    eyes = [m for m in meshes() if m not in (head, tongue)]
    assert not any(key.name.startswith("viseme_") for mesh in eyes for key in mesh.data.shape_keys.key_blocks)


def test_the_mix_is_relative_to_each_keys_own_base_and_masked_by_its_group(head: bpy.types.Object) -> None:
    without("viseme_")
    keys = head.data.shape_keys.key_blocks
    group = head.vertex_groups.new(name="half")
    group.add([v.index for v in head.data.vertices if v.co.x > 0.0], 0.5, "REPLACE")
    keys["mouthPucker"].relative_key = keys["jawOpen"]
    keys["mouthFunnel"].vertex_group = "half"
    bpy.ops.labial.build_visemes(standard="VOWELS")
    mix = {name: weight.expected for name, weight in arkit("U").items()} | {"jawOpen": spoken_jaw("u")}
    wanted, found = shown_by(mix), shown_by({"U": 1.0})
    assert all(np.allclose(wanted[name], found[name], atol=1e-5) for name in wanted)


def test_keys_behind_drivers_are_mapped_and_mixed(head: bpy.types.Object, short_line: Path) -> None:
    without("viseme_")
    rig()["opening"] = 0.0
    rig().update_tag()
    drivers = [mesh.data.shape_keys.key_blocks[name].driver_add("value").driver
               for mesh in meshes() for name in ("jawOpen",) if name in mesh.data.shape_keys.key_blocks]  # fmt: skip
    for driver in drivers:
        driver.type = "AVERAGE"
        target = driver.variables.new().targets[0]
        target.id, target.data_path = rig(), '["opening"]'
    mapping = listed("jaw")
    assert rows(mapping) == {"jawOpen": 1.0}
    rig()["opening"] = 0.2
    mapping.preview = True
    assert rig()["opening"] == pytest.approx(1.0)
    mapping.preview = False
    assert rig()["opening"] == 0.2
    rig()["opening"] = 0.0
    set_weight(mapping, "jawOpen", 0.5)
    generate(short_line)
    assert 0.1 < motion()['["opening"]'].max() < 0.4
    bpy.ops.labial.clear()
    rig()["opening"] = 0.0
    assert bpy.ops.labial.build_visemes(standard="VOWELS") == {"FINISHED"}
    rest, wide = shown_by({})[head.name], shown_by({"A": 1.0})[head.name]
    rig()["opening"] = 0.5 * spoken_jaw("a")
    rig().update_tag()
    wanted = shown_by({name: weight.expected for name, weight in arkit("aa").items()})[head.name]
    assert np.abs(wide - rest).max() > 0.005
    assert np.allclose(wide, wanted, atol=1e-5)


def test_vowels_are_built_of_visemes_and_the_character_stays_known(head: bpy.types.Object, short_line: Path) -> None:
    for mesh in meshes():
        for key in list(mesh.data.shape_keys.key_blocks[1:]):
            if not key.name.startswith("viseme_"):
                mesh.shape_key_remove(key)
    generate(short_line)
    assert actions()[0]["labial"]["preset"] == "oculus15"
    before = motion()
    assert bpy.ops.labial.build_visemes(standard="VOWELS") == {"FINISHED"}
    wanted, found = shown_by({"viseme_aa": 1.0}), shown_by({"A": 1.0})
    assert all(np.allclose(wanted[name], found[name], atol=1e-6) for name in wanted)
    shown_by({})
    generate(short_line)
    after, report = motion(), bpy.context.scene.labial.report
    assert report.closures and report.proven == report.closures
    assert actions()[0]["labial"]["preset"] == "oculus15"
    assert after.keys() == before.keys()
    assert all(np.array_equal(before[path], after[path]) for path in before)


def test_new_names_do_not_change_the_standard(head: bpy.types.Object, short_line: Path) -> None:
    """Of the ARKit keys so few are left that the fifteen visemes would say more."""
    arkit = ["jawOpen", "mouthFunnel", "mouthPucker", "mouthClose", "mouthLowerDownLeft", "mouthLowerDownRight"]
    for mesh in meshes():
        for key in list(mesh.data.shape_keys.key_blocks[1:]):
            if key.name not in arkit:
                mesh.shape_key_remove(key)
    bpy.ops.labial.build_visemes(standard="OCULUS")
    generate(short_line)
    assert actions()[0]["labial"]["preset"] == "arkit52"
    bpy.ops.labial.reset_mapping()
    generate(short_line)
    assert actions()[0]["labial"]["preset"] == "oculus15"


def test_nothing_is_built_where_nothing_lacks_or_nothing_is_known(head: bpy.types.Object) -> None:
    before = {mesh.name: coordinates(mesh) for mesh in meshes()}
    bpy.ops.labial.build_visemes(standard="PP")
    after = {mesh.name: coordinates(mesh) for mesh in meshes()}
    assert {name: list(keys) for name, keys in before.items()} == {name: list(keys) for name, keys in after.items()}
    rename_oddly()
    with pytest.raises(RuntimeError, match="follows no known mouth standard"):
        bpy.ops.labial.build_visemes(standard="OCULUS")


def test_undo_takes_built_keys_back_in_one_step(head: bpy.types.Object) -> None:
    without("viseme_")
    names, count = [mesh.name for mesh in meshes()], len(head.data.shape_keys.key_blocks)
    face = head.name
    bpy.ops.ed.undo_push(message="before")
    bpy.ops.labial.build_visemes(standard="OCULUS")
    bpy.ops.ed.undo_push(message="Build Visemes")
    assert len(bpy.data.objects[face].data.shape_keys.key_blocks) == count + 15
    bpy.ops.ed.undo()
    assert [mesh.name for mesh in meshes()] == names
    assert len(bpy.data.objects[face].data.shape_keys.key_blocks) == count


def test_keys_built_on_a_real_head_close_and_open_its_lips(labial: ModuleType) -> None:
    head = load_character("ict_mouth_small")
    mouth = Mouth(head)
    assert bpy.ops.labial.build_visemes(standard="OCULUS") == {"FINISHED"}
    shown_by({"viseme_PP": 1.0})
    assert mouth.gap() < 0.03
    shown_by({"viseme_aa": 1.0})
    assert mouth.gap() > 0.1


def test_a_line_of_a_character_without_armature_uses_the_edits_of_its_face(labial: ModuleType) -> None:
    head = load_character("ict_mouth_small")
    mapping = listed("jaw")
    (name,) = rows(mapping)
    set_weight(mapping, name, 0.5)
    assert head.labial_mapping
    generate(DEMO_LINE)
    assert 0.1 < motion()[key_path(name)].max() <= 0.55
