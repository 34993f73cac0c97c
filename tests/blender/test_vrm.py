"""VRM characters: their expressions, as the VRM add-on keeps them and as their file declares them."""

from __future__ import annotations

import importlib
import importlib.util
import json
import shutil
import struct
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import bpy
import numpy as np
import pytest

from .conftest import CHARACTERS, DEMO_LINE, MODULE, generate
from .scene import actions, curves
from .test_characters import mapped

NAMES = {"a": "ah", "i": "ih", "u": "uu", "e": "ee", "o": "oh"}
"""VRM 0's vowels and Godette's keys."""
NUMBERS = {"a": "target_5", "i": "target_6", "u": "target_7", "e": "target_8", "o": "target_9"}
"""The same as the glTF importer calls them."""


def vrm_file(name: str) -> Path:
    path = CHARACTERS / name
    if not path.is_file():
        pytest.skip("the characters (../shared/characters) are not here")
    return path


@pytest.mark.parametrize(("name", "preset"), [("Godette_vrm1.vrm", "vrm1"), ("Godette_vrm_v4.vrm", "aiueo")])
def test_expressions_of_the_add_on(labial: ModuleType, tmp_path: Path, name: str, preset: str) -> None:
    """With the add-on in the same Blender, and what it left in the file in one without."""
    source, out = vrm_file(name), tmp_path / "godette"
    if importlib.util.find_spec("io_scene_vrm") is None:
        pytest.skip("the VRM add-on (bpy-vrm-format) is not here")
    script = Path(__file__).with_name("speak_vrm.py")
    subprocess.run([sys.executable, "-P", script, source, DEMO_LINE, out], check=True, timeout=300)
    seen = json.loads(out.with_suffix(".json").read_text())
    assert seen["addon"] and seen["preset"] == preset and "5 of 5 declared shapes" in seen["coverage"]
    assert set(seen["kinds"]) == {"group"}
    closures, proven, touches, touched = seen["contacts"]
    assert closures == proven >= 8 and touches == touched >= 2
    paths = {f'key_blocks["{key}"].value' for key in (*NAMES.values(), "blink_left", "blink_right")}
    assert set(seen["keyed"]) == paths
    assert max(seen["gaps"]) > 0.2
    bpy.ops.wm.open_mainfile(filepath=str(out.with_suffix(".blend")))
    face = bpy.data.objects["Face"]
    assert not hasattr(face.parent.data, "vrm_addon_extension")
    assert {target.kind for target in mapped(face)[1].targets} == {"shape_key"}, "names that tell come first"
    rename_all(face)
    _, rig_map = mapped(face)
    assert rig_map.preset == preset and {target.kind for target in rig_map.targets} == {"group"}


def rename_all(face: bpy.types.Object) -> None:
    """Names that tell nothing, in the keys and in what the add-on left behind."""
    data = importlib.import_module(f"{MODULE}.addon.compat").addon_data(face.parent.data, "vrm_addon_extension")
    if data["spec_version"] == 0:
        binds = [b for g in data["vrm0"]["blend_shape_master"]["blend_shape_groups"] for b in g.get("binds", ())]
    else:
        presets = data["vrm1"]["expressions"]["preset"]
        binds = [b for name in presets.keys() for b in presets[name].get("morph_target_binds", ())]  # noqa: SIM118
    for number, key in enumerate(face.data.shape_keys.key_blocks[1:]):
        for bind in binds:
            if bind["index"] == key.name:
                bind["index"] = f"k{number:03}"
        key.name = f"k{number:03}"


def imported(path: Path, folder: Path) -> bpy.types.Object:
    """A VRM 0 file as Blender's own glTF importer has it; its face is returned, active."""
    shutil.copy(path, folder / "plain.glb")
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    bpy.ops.import_scene.gltf(filepath=str(folder / "plain.glb"))
    face = bpy.data.objects["Face"]
    bpy.context.view_layer.objects.active = face
    bpy.context.view_layer.update()
    return face


def rewritten(path: Path, folder: Path, groups: dict[str, list[dict[str, Any]]]) -> Path:
    """The file with other binds of some expressions of VRM 0."""
    data = path.read_bytes()
    (length,) = struct.unpack_from("<I", data, 12)
    content = json.loads(data[20 : 20 + length])
    for group in content["extensions"]["VRM"]["blendShapeMaster"]["blendShapeGroups"]:
        group["binds"] = groups.get(group["presetName"], group["binds"])
    text = json.dumps(content).encode()
    text += b" " * (-len(text) % 4)
    body = struct.pack("<II", len(text), 0x4E4F534A) + text + data[20 + length :]
    made = folder / "rewritten.vrm"
    made.write_bytes(data[:8] + struct.pack("<I", 12 + len(body)) + body)
    return made


def test_a_named_file_tells_what_its_numbered_keys_are(labial: ModuleType, tmp_path: Path) -> None:
    source = vrm_file("Godette_vrm_v4.vrm")
    face = imported(source, tmp_path)
    assert bpy.ops.labial.read_vrm(filepath=str(source)) == {"FINISHED"}
    _, rig_map = mapped(face)
    assert rig_map.preset == "aiueo"
    assert {t.name: [part.name for part, _ in t.parts] for t in rig_map.targets} == {
        name: [key] for name, key in NUMBERS.items()
    }
    generate(DEMO_LINE, life=True)
    report = bpy.context.scene.labial.report
    assert report.closures == report.proven >= 8 and report.touches == report.touched >= 2, report.notes
    paths = {path for slot in curves(actions()[0]).values() for path in slot if path.startswith("key_blocks")}
    blinks = {"target_3", "target_4"}
    assert paths == {f'key_blocks["{key}"].value' for key in (*NUMBERS.values(), *blinks)}
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "kept.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "kept.blend"))
    assert mapped(bpy.data.objects["Face"])[1].preset == "aiueo"


def test_an_expression_of_several_keys_moves_them_in_proportion(labial: ModuleType, tmp_path: Path) -> None:
    """ "a" and "o" share a key: what both want of it is added up."""
    source = vrm_file("Godette_vrm_v4.vrm")
    mixed = {
        "a": [{"mesh": 0, "index": 5, "weight": 100}, {"mesh": 0, "index": 12, "weight": 40}],
        "o": [{"mesh": 0, "index": 9, "weight": 80}, {"mesh": 0, "index": 12, "weight": 20}],
    }
    face = imported(source, tmp_path)
    assert bpy.ops.labial.read_vrm(filepath=str(rewritten(source, tmp_path, mixed))) == {"FINISHED"}
    generate(DEMO_LINE)
    (action,) = actions()
    (slot,) = curves(action).values()
    frames = range(1, 180)
    value = {
        key: np.array([slot[f'key_blocks["{key}"].value'].evaluate(frame) for frame in frames])
        for key in ("target_5", "target_9", "target_12")
    }
    wanted = 0.4 * value["target_5"] + 0.25 * value["target_9"]
    assert wanted.max() > 0.1 and value["target_12"] == pytest.approx(wanted, abs=0.06)
    assert face.data.shape_keys.key_blocks["target_9"].value <= 0.8
    assert bpy.ops.labial.clear() == {"FINISHED"}
    assert all(key.value == 0.0 for key in face.data.shape_keys.key_blocks[1:])


@pytest.mark.parametrize(("content", "message"), [
    (b"", "is no VRM file that can be read"), (b"glTF" * 9, "is no VRM file that can be read"),
    (None, "None of the shape keys that other.vrm names is on"),
])  # fmt: skip
def test_a_wrong_file_is_named_and_changes_nothing(
    head: bpy.types.Object, tmp_path: Path, content: bytes | None, message: str
) -> None:
    path = tmp_path / "other.vrm"
    path.write_bytes(vrm_file("Godette_vrm_v4.vrm").read_bytes() if content is None else content)
    with pytest.raises(RuntimeError, match=message):
        bpy.ops.labial.read_vrm(filepath=str(path))
    assert not head.parent.labial_expressions


def test_keys_of_the_same_number_on_two_meshes_are_told_apart(labial: ModuleType, tmp_path: Path) -> None:
    source = vrm_file("Godette_vrm_v4.vrm")
    face, body = imported(source, tmp_path), bpy.data.objects["Body"]
    for number in range(8):
        body.shape_key_add(name=f"target_{number}" if number else "Basis")
    bpy.ops.labial.read_vrm(filepath=str(source))
    _, rig_map = mapped(face)
    assert {part.objects for target in rig_map.targets for part, _ in target.parts} == {("Face",)}
    generate(DEMO_LINE)
    assert body.data.shape_keys.animation_data is None
