"""What an engine gets: files read again by importers that know nothing of the writers: closures, names, bones."""

from __future__ import annotations

import csv
import json
import os
import re
import shutil
from pathlib import Path
from types import ModuleType
from typing import Any

import bpy
import numpy as np
import pytest

from .conftest import DEMO_LINE, generate, load_character
from .exporting import accessor, character, export, glb_parts, module, state
from .mouth import Mouth, evaluated_points
from .test_bake import driven_and_constrained
from .test_closures import heard
from .test_override import as_an_instance, save_cast

SCENES = ("glb", "fbx_unity", "fbx_unreal", "usd", "alembic")
CURVES = (
    "livelink", "unity", "godot", "unreal_csv", "unreal_json", "audio2face", "vrma", "ovr", "live2d", "moho", "spine",
    "rhubarb",
)  # fmt: skip
CLOSED = 0.03


@pytest.mark.parametrize("target", [*SCENES, *CURVES, "mouth"])
def test_every_target_holds_what_was_baked(
    head: bpy.types.Object, short_line: Path, tmp_path: Path, target: str
) -> None:
    generate(short_line, life=True)
    before = state()
    (made,) = export(target, tmp_path / "out")
    assert state() == before
    assert made.read_by and made.comparisons and made.size > 50
    (compared,) = made.comparisons
    assert compared.error < 1e-3 and compared.turn_error < 1e-3 and 1.2 <= compared.duration < 2.2
    assert [path.name for path in (tmp_path / "out").iterdir()] == [Path(made.path).name]
    if target in ("glb", "fbx_unity", "fbx_unreal", "usd"):
        assert compared.curves > 10 and compared.bones >= 1


@pytest.mark.parametrize("character_name", ["ict_mouth_small", "mpfb_default", "cc0_head_arkit_oculus"])
def test_files_of_characters_of_other_makers(
    labial: ModuleType, short_line: Path, tmp_path: Path, character_name: str
) -> None:
    load_character(character_name)
    generate(short_line)
    before = state()
    for target in SCENES:
        (made,) = export(target, tmp_path / target, fps=24.0)
        assert made.comparisons[0].curves >= (1 if target == "alembic" else 10)
    assert state() == before


def test_a_character_of_another_file(head: bpy.types.Object, short_line: Path, tmp_path: Path) -> None:
    as_an_instance(save_cast(head, tmp_path))
    assert bpy.ops.labial.make_override() == {"FINISHED"}
    generate(short_line)
    before = state()
    for target in ("glb", "fbx_unity", "usd"):
        (made,) = export(target, tmp_path / target)
        assert made.comparisons[0].curves >= 10
    assert state() == before


def imported(path: Path, fps: int, target: str) -> bpy.types.Object:
    """The face of an exported file in an empty scene at the clip's rate."""
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    bpy.context.scene.render.fps = fps
    if target == "glb":
        bpy.ops.import_scene.gltf(filepath=str(path))
    elif target == "usd":
        bpy.ops.wm.usd_import(filepath=str(path))
    else:
        bpy.ops.import_scene.fbx(filepath=str(path))
    keyed = [obj for obj in bpy.data.objects if obj.type == "MESH" and obj.data.shape_keys]
    return max(keyed, key=lambda obj: len(obj.data.shape_keys.key_blocks))


@pytest.mark.parametrize("fps", [24, 30, 60])
@pytest.mark.parametrize("target", ["glb", "fbx_unity", "usd"])
def test_closures_survive(labial: ModuleType, tmp_path: Path, target: str, fps: int) -> None:
    load_character("head")
    generate(DEMO_LINE)
    (made,) = export(target, tmp_path, fps=float(fps))
    phones = heard(DEMO_LINE)
    face = imported(Path(made.path), fps, target)
    for block in [face.data.shape_keys, *(o for o in bpy.data.objects if o.type == "ARMATURE")]:
        block.animation_data.action_slot, playing = None, block.animation_data.action_slot
        block["playing"] = playing.identifier
    mouth = Mouth(face)
    for block in [face.data.shape_keys, *(o for o in bpy.data.objects if o.type == "ARMATURE")]:
        slots = block.animation_data.action.slots
        block.animation_data.action_slot = next(slot for slot in slots if slot.identifier == block["playing"])
    first, closed, widest = (1 if target == "fbx_unity" else 0), [], 0.0
    for start, end, symbol in phones:
        if symbol in ("p", "b", "m"):
            near = range(int(start * fps) + first, int(np.ceil(end * fps)) + first + 1)
            closed.append(min(gap_at(frame, mouth) for frame in near) < CLOSED)
        elif symbol in ("a", "aɪ", "æ"):
            widest = max(widest, gap_at(round(0.5 * (start + end) * fps) + first, mouth))
    assert len(closed) >= 3 and np.mean(closed) >= 0.99 and widest > 4 * CLOSED


def gap_at(frame: int, mouth: Mouth) -> float:
    bpy.context.scene.frame_set(frame)
    return mouth.gap()


@pytest.mark.parametrize("fps", [24, 30, 60])
def test_closures_survive_in_curves(labial: ModuleType, tmp_path: Path, fps: int) -> None:
    mouth = Mouth(load_character("head"))
    generate(DEMO_LINE)
    (made,) = export("unreal_csv", tmp_path, fps=float(fps))
    (_, *times), *rows = csv.reader(Path(made.path).read_text(encoding="utf-8").splitlines())
    assert np.allclose(np.diff(np.array(times, dtype=float)), 1.0 / fps, atol=1e-5)
    curves = {row[0]: np.array(row[1:], dtype=float) for row in rows}
    module("keyframes").remove(character())
    closed = []
    for start, end, symbol in heard(DEMO_LINE):
        if symbol in ("p", "b", "m"):
            frames = range(int(start * fps), min(int(np.ceil(end * fps)) + 1, len(times)))
            closed.append(min(posed_gap(mouth, curves, frame) for frame in frames) < CLOSED)
    assert len(closed) >= 3 and np.mean(closed) >= 0.99


def posed_gap(mouth: Mouth, curves: dict[str, np.ndarray], frame: int) -> float:
    for name, values in curves.items():
        if name in mouth.face.data.shape_keys.key_blocks:  # others are on the tongue alone
            mouth.face.data.shape_keys.key_blocks[name].value = values[frame]
    return mouth.gap()


@pytest.mark.parametrize("character_name", ["head", "cc0_head_arkit_oculus"])
def test_a_glb_grows_by_little_more_than_its_samples(labial: ModuleType, tmp_path: Path, character_name: str) -> None:
    load_character(character_name)
    generate(DEMO_LINE)
    (made,) = export("glb", tmp_path / "with.glb")
    content, _ = glb_parts(tmp_path / "with.glb")
    for block in (*bpy.data.shape_keys, *bpy.data.objects):
        block.animation_data_clear()
    keyed = [key for shapes in bpy.data.shape_keys for key in shapes.key_blocks[1:]]
    for key in keyed:
        key.value = 0.0
    bpy.ops.export_scene.gltf(
        filepath=str(tmp_path / "without.glb"), export_morph_normal=False, export_try_sparse_sk=True
    )
    (animation,) = content["animations"]
    weights = sum(
        content["accessors"][animation["samplers"][channel["sampler"]]["output"]]["count"] * 4
        for channel in animation["channels"] if channel["target"]["path"] == "weights"
    )  # fmt: skip
    assert weights > 50_000
    assert made.size <= 1.2 * ((tmp_path / "without.glb").stat().st_size + weights)


def test_sparse_keys_are_fewer_and_as_good(head: bpy.types.Object, short_line: Path, tmp_path: Path) -> None:
    generate(short_line)
    (full,) = export("glb", tmp_path / "full.glb")
    (few,) = export("glb", tmp_path / "few.glb", sparse=True)

    def keys(path: Path) -> int:
        content, _ = glb_parts(path)
        return sum(content["accessors"][s["input"]]["count"] for s in content["animations"][0]["samplers"])

    assert keys(tmp_path / "few.glb") < keys(tmp_path / "full.glb") and few.size < full.size
    assert full.error_of_whole < 1e-5 < few.error_of_whole < 3e-3


def test_lines_of_all_languages_are_clips_of_one_file(labial: ModuleType, short_line: Path, tmp_path: Path) -> None:
    load_character("head")
    scene = bpy.context.scene
    for name, language, start in (("greeting", "en-us", 1), ("greeting", "de", 1), ("farewell", "en-us", 60)):
        line = scene.labial.lines.add()
        line.name, line.language, line.start = name, language, start
        line.sound, line.character = str(short_line), "Labial Head"
    bpy.ops.labial.generate_lines()
    (made,) = export("glb", tmp_path)
    names = {f"Labial Head_{line}" for line in ("greeting_en-us", "greeting_de", "farewell_en-us")}
    assert set(made.clips) == names == {one.clip for one in made.comparisons}
    content, binary = glb_parts(Path(made.path))
    assert {animation["name"] for animation in content["animations"]} == names
    for animation in content["animations"]:
        assert {channel["target"]["path"] for channel in animation["channels"]} >= {"weights", "rotation"}
        times = [accessor(content, binary, sampler["input"])[:, 0] for sampler in animation["samplers"]]
        assert all(t[0] == 0.0 and t[-1] == pytest.approx(made.comparisons[0].duration, abs=1 / 24) for t in times)
    (german,) = export("unity", tmp_path / "de", language="de", pattern="{line}.{language}")
    assert Path(german.path).name == "greeting.de.anim"
    files = export("fbx_unity", tmp_path / "fbx", lines=("greeting",))
    assert {Path(one.path).name for one in files} == {
        f"Labial Head_greeting_{tongue}.fbx" for tongue in ("en-us", "de")
    }


def test_names_as_an_engine_wants_them(head: bpy.types.Object, short_line: Path, tmp_path: Path) -> None:
    generate(short_line)
    export("glb", tmp_path / "a.glb", convention="arkit_pascal", names={"jawOpen": "顎_開"})
    content, _ = glb_parts(tmp_path / "a.glb")
    names = {name for mesh in content["meshes"] for name in mesh.get("extras", {}).get("targetNames", ())}
    assert {"MouthSmileLeft", "顎_開", "EyeLookUpLeft", "viseme_PP"} <= names and "jawOpen" not in names
    (made,) = export("fbx_unreal", tmp_path, convention="arkit_pascal")
    assert b"MouthSmileLeft" in (data := Path(made.path).read_bytes()) and b"mouthSmileLeft" not in data
    assert "jawOpen" in head.data.shape_keys.key_blocks


def test_names_that_are_not_ascii(head: bpy.types.Object, short_line: Path, tmp_path: Path) -> None:
    sound = shutil.copy(short_line, tmp_path / "Grüße, мир.wav")
    generate(sound)
    head.data.shape_keys.key_blocks["jawOpen"].name = "Kiefer_öffnen"
    head.find_armature().name = "Zoë"
    for target in (*SCENES, "unity", "godot", "unreal_csv"):
        (made,) = export(target, tmp_path / target, pattern="{line}_{language}")
        assert "Grüße, мир" in (made.path if target != "glb" else made.clips[0])


def evaluated(face: bpy.types.Object, frames: list[int]) -> np.ndarray:
    points = []
    for frame in frames:
        bpy.context.scene.frame_set(frame)
        points.append(evaluated_points(face))
    return np.array(points)


def test_an_engine_sees_what_drivers_and_constraints_do(
    head: bpy.types.Object, short_line: Path, tmp_path: Path
) -> None:
    driven_and_constrained(head)
    generate(short_line, life=True)
    bpy.context.scene.render.fps = 24
    for modifier in [m for m in head.modifiers if m.type == "SUBSURF"]:
        head.modifiers.remove(modifier)
    frames = list(range(1, 38, 4))
    wanted = evaluated(head, frames)
    (made,) = export("glb", tmp_path, fps=24.0, deform_only=True)
    content, _ = glb_parts(Path(made.path))
    joints = {content["nodes"][joint]["name"] for skin in content["skins"] for joint in skin["joints"]}
    assert "follower" in joints and "control" not in joints
    found = evaluated(imported(Path(made.path), 24, "glb"), [frame - 1 for frame in frames])
    moved = np.abs(wanted - wanted[0]).max()
    for there, here in zip(found, wanted, strict=True):  # glTF parts vertices along seams: to the nearest point
        distances = [np.linalg.norm(here - point, axis=1).min() for point in there[::37]]
        assert max(distances) < 0.01 * moved


def test_a_rig_of_controls_goes_into_its_deforming_bones(labial: ModuleType, short_line: Path, tmp_path: Path) -> None:
    face = load_character("cc0_head_rigify")
    for key in face.data.shape_keys.key_blocks:
        key.value = 0.0
    face.shape_key_clear()
    generate(short_line)
    before = state()
    (made,) = export("glb", tmp_path, fps=24.0, deform_only=True)
    assert state() == before
    content, _ = glb_parts(Path(made.path))
    moved = {content["nodes"][c["target"]["node"]]["name"] for c in content["animations"][0]["channels"]}
    assert len(moved) > 5 and all(name.startswith("DEF-") for name in moved)
    assert "bendy bones" in made.notes[0] and "skewed by their rig" in made.notes[1]
    wanted = evaluated(face, [1, 12, 24, 30])
    found = evaluated(whole(Path(made.path)), [0, 11, 23, 29])
    span = np.abs(wanted - wanted[0]).max()
    for there, here in zip(found, wanted, strict=True):
        distances = [np.linalg.norm(here - point, axis=1).min() for point in there[::37]]
        assert np.percentile(distances, 95) < 0.08 * span


def whole(path: Path) -> bpy.types.Object:
    """The largest mesh of a GLB in an empty scene at 24 frames a second."""
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    bpy.context.scene.render.fps = 24
    bpy.ops.import_scene.gltf(filepath=str(path))
    return max((o for o in bpy.data.objects if o.type == "MESH"), key=lambda o: len(o.data.vertices))


def test_poses_that_are_held_stay_held(head: bpy.types.Object, short_line: Path, tmp_path: Path) -> None:
    generate(short_line, style="Stop-motion")
    export("glb", tmp_path / "a.glb", fps=48.0)
    content, _ = glb_parts(tmp_path / "a.glb")
    assert {sampler["interpolation"] for sampler in content["animations"][0]["samplers"]} == {"STEP"}


def test_standards_get_the_characters_own_keys(head: bpy.types.Object, short_line: Path, tmp_path: Path) -> None:
    generate(short_line)
    (made,) = export("livelink", tmp_path, fps=24.0)
    rows = list(csv.DictReader(Path(made.path).read_text(encoding="utf-8").splitlines()))
    for frame in (5, 12, 20):
        bpy.context.scene.frame_set(frame + 1)
        value = head.data.shape_keys.key_blocks["mouthFunnel"].value
        assert float(rows[frame]["MouthFunnel"]) == pytest.approx(value, abs=1e-3)
    (ovr,) = export("ovr", tmp_path)
    assert "mouth track" in " ".join(ovr.notes)


def test_sounds_beside_the_clips(labial: ModuleType, short_line: Path, tmp_path: Path) -> None:
    load_character("head")
    line = bpy.context.scene.labial.lines.add()
    line.name, line.sound, line.character = "part", str(short_line), "Labial Head"
    line.skip, line.frames = 6, 24
    bpy.ops.labial.generate_lines()
    export("unity", tmp_path / "out", sounds=True)
    import aud

    copy = aud.Sound(str(tmp_path / "out/Labial Head_part_en-us.wav"))
    assert copy.length / copy.specs[0] == pytest.approx(1.0, abs=0.01)
    whole_line = aud.Sound(str(short_line)).limit(0.25, 1.25)
    assert np.corrcoef(copy.data()[:15000, 0], whole_line.data()[:15000, 0])[0, 1] > 0.99


# Bad input


def refused(says: str, target: str, path: object, **settings: Any) -> None:
    """The export raises a sentence and changes nothing."""
    before = state()
    errors = module("export").LipSyncError
    with pytest.raises(errors, match=says):
        export(target, path, **settings)  # type: ignore[arg-type]
    assert state() == before


def test_what_cannot_be_exported_is_named_with_its_fix(
    head: bpy.types.Object, short_line: Path, tmp_path: Path
) -> None:
    refused("“Labial Head” has no line. Click Generate Lip Sync first", "glb", tmp_path)
    generate(short_line)
    refused("never saved. Save the .blend", "glb", "//out")
    refused("There is no format maya. Choose one of", "maya", tmp_path)
    refused("no such line. It has hello .en-us.", "glb", tmp_path, lines=("other",))
    refused("pattern “{who}” cannot be used.*{character}", "glb", tmp_path, pattern="{who}")
    refused("shape keys are not those of VRM 1.*Keep their names", "glb", tmp_path, convention="vrm")
    refused("has no shape key jaw. Take it out", "glb", tmp_path, names={"jaw": "Jaw"})
    refused("would be called JawOpen", "glb", tmp_path, convention="arkit_pascal", names={"jawLeft": "JawOpen"})
    assert not list(tmp_path.iterdir())


def test_a_rate_that_does_not_fit_fails_the_line(head: bpy.types.Object, short_line: Path, tmp_path: Path) -> None:
    generate(short_line)
    (made,) = module("export").export(
        bpy.context, character(), "unity", str(tmp_path), module("export_lines").Settings(fps=10.0)
    )
    assert "Choose 24 to 120" in made.error and not made.passed and not list(tmp_path.iterdir())


def test_clips_of_one_name_are_refused(labial: ModuleType, short_line: Path, tmp_path: Path) -> None:
    load_character("head")
    for language in ("en-us", "de"):
        line = bpy.context.scene.labial.lines.add()
        line.name, line.language, line.sound, line.character = "hi", language, str(short_line), "Labial Head"
    bpy.ops.labial.generate_lines()
    refused("Two clips would be called hi. Add", "glb", tmp_path, pattern="{line}")
    refused("one line a file, and there are 2. Choose a folder", "fbx_unity", tmp_path / "a.fbx")


def test_a_target_that_cannot_be_written_is_named(head: bpy.types.Object, short_line: Path, tmp_path: Path) -> None:
    generate(short_line)
    (tmp_path / "taken").write_text("a file")
    refused("taken.* cannot be made.*Choose another", "glb", tmp_path / "taken/out")
    for target, suffix in (("glb", ".glb"), ("fbx_unity", ".fbx"), ("unity", ".anim")):
        (tmp_path / f"dir{suffix}").mkdir()
        name = f"Labial Head_hello_en-us{suffix}" if target != "glb" else f"Labial Head{suffix}"
        (tmp_path / target / name).mkdir(parents=True)
        before = state()
        try:
            (made,) = module("export").export(bpy.context, character(), target, str(tmp_path / target))
            text = made.error
        except module("export").LipSyncError as error:
            text = str(error)
        assert re.search(f"{re.escape(name)} cannot be written.*Choose another", text) and state() == before
        assert [path.name for path in (tmp_path / target).iterdir()] == [name]


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="who may write everything meets no read-only file")
def test_a_read_only_folder_is_named(head: bpy.types.Object, short_line: Path, tmp_path: Path) -> None:
    generate(short_line)
    (tmp_path / "locked").mkdir(mode=0o500)
    refused("cannot be written", "glb", tmp_path / "locked")


def test_a_missing_sound_fails_only_the_copy(head: bpy.types.Object, tmp_path: Path, short_line: Path) -> None:
    sound = Path(shutil.copy(short_line, tmp_path / "gone.wav"))
    generate(sound)
    sound.unlink()
    export("glb", tmp_path / "a")
    made = module("export").export(
        bpy.context, character(), "glb", str(tmp_path / "b"), module("export_lines").Settings(sounds=True)
    )
    assert made[0].passed and "gone.wav of the line “gone” is not there. Put it back" in made[1].error


@pytest.mark.parametrize("mode", ["EDIT", "SCULPT"])
def test_what_is_being_edited_is_not_exported(
    head: bpy.types.Object, short_line: Path, tmp_path: Path, mode: str
) -> None:
    generate(short_line)
    bpy.ops.object.mode_set(mode=mode)
    try:
        refused(f"is in {mode.title()} Mode. Leave it", "glb", tmp_path)
    finally:
        bpy.ops.object.mode_set(mode="OBJECT")


def test_a_face_that_is_disabled_in_viewports_is_exported_whole(
    head: bpy.types.Object, short_line: Path, tmp_path: Path
) -> None:
    generate(short_line)
    head.hide_viewport = True
    (made,) = export("fbx_unity", tmp_path)
    assert made.comparisons[0].curves > 10 and head.hide_viewport


def test_bones_alone_go_into_no_curves(labial: ModuleType, short_line: Path, tmp_path: Path) -> None:
    face = load_character("cc0_head_rigify")
    face.shape_key_clear()
    generate(short_line)
    (made,) = module("export").export(
        bpy.context, character(), "unity", str(tmp_path), module("export_lines").Settings(fps=24.0)
    )
    assert "moves bones alone" in made.error and "Export glTF or FBX" in made.error


def test_the_limits_of_an_engine_are_told(labial: ModuleType, short_line: Path, tmp_path: Path) -> None:
    load_character("cc0_head_arkit_oculus")
    generate(short_line)
    (curves,) = export("unity", tmp_path)
    (fbx,) = export("fbx_unity", tmp_path)
    moved = fbx.comparisons[0].bones
    assert "holds shape keys alone: the bones" in curves.notes[0]
    assert moved < 2 or "a Humanoid rig of Unity keeps one jaw bone" in fbx.notes[0]


# Panel and command line


def test_the_panels_button(head: bpy.types.Object, short_line: Path, tmp_path: Path) -> None:
    generate(short_line)
    asked = bpy.context.scene.labial_export
    asked.target, asked.folder, asked.fps = "fbx_unity", str(tmp_path), 30.0
    assert bpy.ops.labial.export() == {"FINISHED"}
    assert (tmp_path / "Labial Head_hello_en-us.fbx").is_file()
    assert "read again by Blender's FBX importer" in asked.told
    asked.table = str(tmp_path / "none.json")
    with pytest.raises(RuntimeError, match="none.json cannot be read as names"):
        bpy.ops.labial.export()


def test_the_command(labial: ModuleType, short_line: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    load_character("head")
    for name, language in (("hi", "en-us"), ("hi", "de")):
        line = bpy.context.scene.labial.lines.add()
        line.name, line.language, line.sound, line.character = name, language, str(short_line), "Labial Head"
    bpy.ops.labial.generate_lines()
    run = module("command_line").main
    capfd.readouterr()
    assert run(["export", "--to", "usd", "--out", str(tmp_path), "--language", "all", "--fps", "24", "--json"]) == 0
    report = json.loads(capfd.readouterr().out)
    assert [row["status"] for row in report["lines"]] == ["DONE", "DONE"]
    assert {Path(row["path"]).name for row in report["lines"]} == {path.name for path in tmp_path.glob("*.usdc")}
    assert all(row["comparisons"][0]["error"] < 1e-3 for row in report["lines"])
    assert run(["export", "--to", "glb", "--out", str(tmp_path / "new"), "--dry-run", "--json"]) == 0
    assert len(json.loads(capfd.readouterr().out)["lines"]) == 2 and not (tmp_path / "new").exists()
    for arguments, says in (
        (["--character", "Nobody"], "There is no object Nobody"),
        (["--line", "bye"], "has no such line"),
        (["--names", str(tmp_path / "none.json")], "none.json cannot be read"),
    ):
        assert run(["export", "--to", "glb", "--out", str(tmp_path), *arguments]) == 2
        assert says in capfd.readouterr().err
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    assert run(["export", "--to", "glb", "--out", str(tmp_path)]) == 2
    assert "No character of this file has a line" in capfd.readouterr().err
