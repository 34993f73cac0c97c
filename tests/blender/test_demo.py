"""The demo runs as `build.py demo` runs it, on a second of the demo line, and what it leaves behind is looked at."""

from __future__ import annotations

import json
import struct
import subprocess
import sys
import wave
import zipfile
from pathlib import Path
from types import ModuleType

import bpy
import pytest

CHECKOUT = Path(__file__).resolve().parents[2]
MADE = {"demo.blend", "demo.glb", "demo.mp4", "demo_sheet.png", "report.html"}
"""And player.html, if the zip was built where npm is."""


def run_demo(package: Path, out: Path, *arguments: str | Path) -> subprocess.CompletedProcess[str]:
    """Run the script in a process of its own."""
    command = [sys.executable, CHECKOUT / "benchmarks/demo/make_demo.py", "--zip", package, "--out", out, *arguments]
    return subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)


@pytest.fixture(scope="module")
def made(labial_zip: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished demo of "lips meet on"."""
    folder = tmp_path_factory.mktemp("demo")
    with wave.open(str(CHECKOUT / "presets/demo/line.wav")) as line, wave.open(str(folder / "cut.wav"), "wb") as cut:
        line.setpos(4 * line.getframerate())
        cut.setparams(line.getparams())
        cut.writeframes(line.readframes(line.getframerate() * 8 // 10))
    done = run_demo(labial_zip, folder / "out", "--audio", folder / "cut.wav", "--text", "Lips meet on")
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / "out"


def test_everything_is_there_and_nothing_else(made: Path, labial_zip: Path) -> None:
    with zipfile.ZipFile(labial_zip) as package:
        player = {"player.html"} if "presets/player/three/LICENSE" in package.namelist() else set()
    assert {path.name for path in made.iterdir()} == MADE | player


def test_scene_plays_as_saved(made: Path, labial: ModuleType) -> None:
    bpy.ops.wm.open_mainfile(filepath=str(made / "demo.blend"))
    scene = bpy.context.scene
    assert [bool(sound.packed_file) for sound in bpy.data.sounds] == [True]
    assert scene.camera and scene.frame_end - scene.frame_start == pytest.approx(0.8 * scene.render.fps, abs=2)
    face = max(
        (mesh for mesh in bpy.data.objects if mesh.type == "MESH" and mesh.data.shape_keys),
        key=lambda mesh: len(mesh.data.shape_keys.key_blocks),
    )
    jaw = []
    for frame in range(scene.frame_start, scene.frame_end + 1):
        scene.frame_set(frame)
        jaw.append(face.data.shape_keys.key_blocks["jawOpen"].value)
    assert max(jaw) > 0.1 and min(jaw) < 0.08


def test_film_has_every_frame_and_sound(made: Path, labial: ModuleType) -> None:
    bpy.ops.wm.open_mainfile(filepath=str(made / "demo.blend"))
    scene = bpy.context.scene
    frames = scene.frame_end - scene.frame_start + 1
    clip = bpy.data.movieclips.load(str(made / "demo.mp4"))
    assert tuple(clip.size) in ((480, 480), (320, 320)) and abs(clip.frame_duration - frames) <= 1
    import aud

    sound = aud.Sound(str(made / "demo.mp4")).rechannel(1).data()
    assert abs(sound).max() > 0.1


def test_gltf_has_one_animation_with_named_targets(made: Path) -> None:
    data = (made / "demo.glb").read_bytes()
    (length,) = struct.unpack("<I", data[12:16])
    content = json.loads(data[20 : 20 + length])
    assert len(content["animations"]) == 1
    paths = {channel["target"]["path"] for channel in content["animations"][0]["channels"]}
    assert "weights" in paths
    assert any("jawOpen" in mesh.get("extras", {}).get("targetNames", []) for mesh in content["meshes"])


def test_report_shows_what_was_made(made: Path) -> None:
    page = (made / "report.html").read_text(encoding="utf-8")
    assert page.count("data:image/png;base64,iVBORw0KGgo") >= 6
    assert "Lips meet on" in page and bpy.app.version_string in page and "lips meet" in page


@pytest.mark.parametrize(("option", "name", "content"), [
    ("--audio", "absent.wav", None),
    ("--audio", "notes.txt", "Not a sound."),
    ("--character", "notes.blend", "Not a scene."),
])  # fmt: skip
def test_a_mistake_is_one_sentence(
    labial_zip: Path, tmp_path: Path, option: str, name: str, content: str | None
) -> None:
    if content is not None:
        (tmp_path / name).write_text(content)
    done = run_demo(labial_zip, tmp_path / "out", option, tmp_path / name)
    assert done.returncode == 2
    sentence = done.stderr.strip().splitlines()[-1]
    assert name in sentence and "Traceback" not in done.stderr
    assert not list((tmp_path / "out").glob("*"))
