"""The acceptance scene of dialogue: generated, saved, reloaded, and held frame by frame to each line's own track."""

from __future__ import annotations

import importlib
import json
import re
import shutil
import subprocess
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import bpy
import numpy as np
import pytest

from .conftest import MODULE
from .dialogue_scene import BAD, CAST, LANGUAGES, LINES, make_sheet

NEAR_CONTACT = 2
"""Frames around a contact at which proven lips may be closed further than the track asks."""


@pytest.fixture(scope="module")
def folder(labial: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the scene is: its sounds, its sheet, scene.blend and what the command said of it."""
    made = tmp_path_factory.mktemp("film")
    library = importlib.import_module("espeakng_loader")
    sheet = make_sheet(made, Path(library.__file__).parent)
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    bpy.context.scene.render.fps, bpy.context.scene.render.fps_base = 24, 1.0
    for name in CAST:
        bpy.ops.labial.add_head()
        bpy.context.active_object.name = name
    main = importlib.import_module(f"{MODULE}.addon.command_line").main
    blend = str(made / "scene.blend")
    assert main(["batch", "--sheet", str(sheet), "--save", blend]) == 1, "one line is bad"
    return made


@pytest.fixture
def scene(folder: Path) -> bpy.types.Scene:
    bpy.ops.wm.open_mainfile(filepath=str(folder / "scene.blend"))
    return bpy.context.scene


def addon(name: str) -> Any:
    return importlib.import_module(f"{MODULE}.addon.{name}")


def face(who: str) -> bpy.types.Object:
    """The mesh with the most shape keys."""
    meshes = [c for c in bpy.data.objects[who].children_recursive if c.type == "MESH" and c.data.shape_keys]
    return max(meshes, key=lambda mesh: len(mesh.data.shape_keys.key_blocks))


def played(scene: bpy.types.Scene, frames: range | None = None) -> dict[str, np.ndarray]:
    """Every key of every face at some frames, or at all from 0: float [frames, keys] by character."""
    last = int(max(line.start for line in scene.labial.lines)) + 40
    found: dict[str, list[list[float]]] = {who: [] for who in CAST}
    keys = {who: face(who).data.shape_keys.key_blocks for who in CAST}
    smooth = [m for who in CAST for part in bpy.data.objects[who].children_recursive for m in part.modifiers]
    for modifier in smooth:  # what is read are keys
        modifier.show_viewport = False
    for frame in frames or range(last):
        scene.frame_set(frame)
        for who in CAST:
            found[who].append([key.value for key in keys[who]])
    for modifier in smooth:
        modifier.show_viewport = True
    return {who: np.array(rows) for who, rows in found.items()}


def test_one_bad_line_stops_no_other_and_all_lips_meet(scene: bpy.types.Scene) -> None:
    lines = list(scene.labial.lines)
    assert len(lines) == len(LINES) * len(LANGUAGES)
    bad = [line for line in lines if line.status != "DONE"]
    assert [(line.name, line.language, line.status) for line in bad] == [(BAD[0], LANGUAGES[BAD[1]], "FAILED")]
    assert "WAV" in bad[0].note
    for line in lines:
        (done, count), (touched, touches) = (map(int, part) for part in re.findall(r"(\d+) of (\d+)", line.note)) \
            if line.status == "DONE" else ((0, 0), (0, 0))  # fmt: skip
        assert (done, touched) == (count, touches), (line.name, line.language, line.note)


@pytest.mark.parametrize("language", LANGUAGES.values())
def test_reloaded_every_frame_shows_each_lines_own_track(scene: bpy.types.Scene, language: str) -> None:
    scene.labial.spoken = language
    shown, silent = played(scene), {who: set(range(2000)) for who in CAST}
    for line in scene.labial.lines:
        if line.language != language or line.status != "DONE":
            continue
        frames, expected, contacts = own_track(scene, line)
        silent[line.character] -= set(frames.tolist())
        keys = [key.name for key in face(line.character).data.shape_keys.key_blocks]
        far = np.array([all(abs(frame - other) > NEAR_CONTACT for other in contacts) for frame in frames])
        for name, values in expected.items():
            off = np.abs(shown[line.character][frames, keys.index(name)] - values)
            assert off[far].max(initial=0.0) < 0.045, (line.name, name, frames[off.argmax()])
        assert max(values.max() for values in expected.values()) > 0.2, "it speaks"
    for who, rows in shown.items():
        rest = [frame for frame in silent[who] if frame < len(rows)]
        assert len(rest) > 100 and np.abs(rows[rest]).max() < 0.01, f"{who} rests between lines"


@cache
def measured(character: str) -> Any:
    """A character as every line of the scene finds it."""
    line = next(line for line in bpy.context.scene.labial.lines if line.character == character)
    return addon("generate").prepare(bpy.context, addon("dialogue").request_of_line(bpy.context.scene, line))


def own_track(scene: bpy.types.Scene, line: Any) -> tuple[np.ndarray, dict[str, np.ndarray], list[int]]:
    """What the mouth track of a line asks of the shape keys: frames, values by key, frames of contacts."""
    dialogue = addon("dialogue")
    runtime = importlib.import_module(f"{MODULE}.model_runtime.speech_data")
    articulate = importlib.import_module(f"{MODULE}.model_runtime.acting.articulate").articulate
    retarget = importlib.import_module(f"{MODULE}.model_runtime.rigs.retarget").retarget
    (action,) = dialogue.actions_of_line(line)
    prepared = measured(line.character)
    track = articulate(runtime.from_text(action["labial"]["speech"]), prepared.request.style)
    curves = retarget(track, prepared.rig_map, prepared.calibration)
    first, last = map(int, action.curve_frame_range)
    frames = np.arange(first, last + 1)
    times = np.clip((frames - line.start) / 24.0 * 100, 0, len(curves.values) - 1)
    at = np.arange(len(curves.values))
    expected = {
        target.name: np.interp(times, at, curves.values[:, k])
        for k, target in enumerate(curves.targets)
        if target.kind == "shape_key" and face(line.character).name in target.objects
    }  # fmt: skip
    contacts = [round(line.start + 24.0 * t) for c in track.contacts for t in (c.start, c.apex, c.end)]
    return frames, expected, contacts


def test_one_sound_speaks_from_two_mouths(scene: bpy.types.Scene) -> None:
    scene.labial.spoken = "en-us"
    anna, ben = (int(next(line.start for line in scene.labial.lines if line.name == name)) for name in ("l18", "l19"))
    assert abs(anna - ben) <= 1
    one, other = (played(scene, range(start, start + 20))[who] for start, who in ((anna, "Anna"), (ben, "Ben")))
    np.testing.assert_allclose(one, other, atol=1e-5)
    assert one.max() > 0.2


def test_merged_into_one_action_a_character_every_frame_stays(scene: bpy.types.Scene) -> None:
    scene.labial.spoken = "de"
    before = played(scene, range(120))
    scene.labial.placement = "MERGED"
    after = played(scene, range(120))
    for who in CAST:
        np.testing.assert_allclose(after[who], before[who], atol=1e-4)
        (action,) = {o.animation_data.action for o in owners(who)}
        assert {slot.identifier for slot in action.slots} >= {
            o.animation_data.action_slot.identifier for o in owners(who)
        }
    scene.labial.spoken = "fr-fr"
    french = played(scene, range(120))
    assert max(np.abs(french[who] - after[who]).max() for who in CAST) > 0.2
    scene.labial.placement = "STRIPS"
    again = played(scene, range(120))
    for who in CAST:
        np.testing.assert_allclose(again[who], french[who], atol=1e-4)
        assert all(o.animation_data.action is None for o in owners(who))


def owners(who: str) -> list[Any]:
    """What of a character plays lines."""
    parts = [bpy.data.objects[who], *bpy.data.objects[who].children_recursive]
    shapes = [p.data.shape_keys for p in parts if p.type == "MESH" and p.data.shape_keys]
    return [block for block in [*parts, *shapes] if block.animation_data and block.animation_data.nla_tracks]


def test_the_pages_numbers_are_those_of_the_report(
    scene: bpy.types.Scene, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = folder / "report.html"
    assert addon("command_line").main(["report", "--html", str(page), "--json"]) == 1
    told = json.loads(capsys.readouterr().out.strip().splitlines()[-1])
    text = as_a_browser_has_it(page)
    facts = {name: float(value) for name, value in re.findall(r"<dt>([^<]*)</dt><dd>([^<]*)</dd>", text)}
    assert facts == {name: pytest.approx(value) for name, value in told["totals"].items()}
    assert facts["lines"] == 60 and facts["failed"] == 1 and facts["closures"] == facts["closures proven"] > 60
    cards = dict(re.findall(r'data-line="([^"]*)"><summary>(.*?)</summary>', text, re.DOTALL))
    assert len(cards) == 60
    for line in told["lines"]:
        card = cards[f"{line['name']} {line['language']}"]
        if line["status"] == "DONE":
            assert f"{line['seconds']:.1f} s" in card and f"confidence {line['confidence']:.2f}" in card
            assert f"p b m {line['closures'][0]} of {line['closures'][1]}" in card
            assert f"{line['level']:.0f} dB" in card and f"transcript {line['text_fit']:.0%}" in card
            assert ("jaw" in card) == (line["sync_ms"] is not None)
    assert text.count("<svg") >= 59 and text.index('data-line="l14 fr-fr"') == text.index("data-line=")


def as_a_browser_has_it(page: Path) -> str:
    """The page after headless Chromium read it, where there is one; else as it was written."""
    browser = shutil.which("chromium")
    if browser is None:
        return page.read_text(encoding="utf-8")
    command = [browser, "--headless", "--no-sandbox", "--disable-gpu", "--dump-dom", page.as_uri()]
    return subprocess.run(command, capture_output=True, text=True, encoding="utf-8", check=True, timeout=120).stdout
