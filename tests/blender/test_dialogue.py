"""A scene of dialogue: two characters, several lines, two languages, from a sheet to the saved file."""

from __future__ import annotations

import importlib
import json
import re
import wave
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import bpy
import numpy as np
import pytest

from .conftest import DEMO_LINE, MODULE, leave_coarse

COLUMNS = "id,character,sound,text,language,start\n"


def cut(path: Path, first: float, last: float) -> Path:
    """Some seconds of the demo line."""
    with wave.open(str(DEMO_LINE)) as line, wave.open(str(path), "wb") as out:
        rate = line.getframerate()
        out.setparams(line.getparams())
        line.setpos(round(first * rate))
        out.writeframes(line.readframes(round((last - first) * rate)))
    return path


@pytest.fixture
def scene(labial: ModuleType, tmp_path: Path) -> bpy.types.Scene:
    """Anna and Ben, and a sheet with two lines each, the first of them also in German."""
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    for name in ("Anna", "Ben"):
        bpy.ops.labial.add_head()
        bpy.context.active_object.name = name
    leave_coarse()
    bpy.context.scene.render.fps = 24
    sounds = tmp_path / "sounds"
    sounds.mkdir()
    rows = []
    for number, (who, language, first, last, start) in enumerate(
        [("Anna", "en-us", 0.0, 1.6, 0.0), ("Ben", "en-us", 1.6, 3.4, 2.0), ("Anna", "en-us", 3.4, 5.0, 4.0),
         ("Ben", "en-us", 5.0, 6.6, 6.0), ("Anna", "de", 1.6, 4.9, 0.0)]
    ):  # fmt: skip
        name = f"line{number % 4}"
        cut(sounds / f"{name}.{language}.wav", first, last)
        rows.append(f"{name},{who},sounds/{name}.{language}.wav,,{language},{start}\n")
    (tmp_path / "sheet.csv").write_text(COLUMNS + "".join(rows), encoding="utf-8")
    assert bpy.ops.labial.lines_from_sheet(filepath=str(tmp_path / "sheet.csv")) == {"FINISHED"}
    return bpy.context.scene


def lines(scene: bpy.types.Scene) -> dict[tuple[str, str], bpy.types.PropertyGroup]:
    return {(line.name, line.language): line for line in scene.labial.lines}


def jaw(who: str, frames: range) -> np.ndarray:
    face = next(child for child in bpy.data.objects[who].children_recursive if "jawOpen" in _keys(child))
    found = []
    for frame in frames:
        bpy.context.scene.frame_set(frame)
        found.append(face.data.shape_keys.key_blocks["jawOpen"].value)
    return np.array(found)


def nods(who: str, frames: range) -> np.ndarray:
    found = []
    for frame in frames:
        bpy.context.scene.frame_set(frame)
        found.append(tuple(bpy.data.objects[who].pose.bones["head"].rotation_quaternion))
    return np.array(found)


def _keys(obj: bpy.types.Object) -> list[str]:
    shapes = obj.data.shape_keys if obj.type == "MESH" else None
    return [key.name for key in shapes.key_blocks] if shapes else []


def test_a_sheet_becomes_lines_of_the_scenes_characters(scene: bpy.types.Scene) -> None:
    found = lines(scene)
    assert set(found) == {(f"line{i}", "en-us") for i in range(4)} | {("line0", "de")}
    assert [found[f"line{i}", "en-us"].character for i in range(4)] == ["Anna", "Ben", "Anna", "Ben"]
    assert found["line1", "en-us"].start == pytest.approx(1 + 2 * 24)


def test_all_lines_are_made_where_they_begin_and_not_made_twice(scene: bpy.types.Scene) -> None:
    assert bpy.ops.labial.generate_lines() == {"FINISHED"}
    assert {line.status for line in scene.labial.lines} == {"DONE"}, [line.note for line in scene.labial.lines]
    assert jaw("Ben", range(1, 44)).max() < 0.02, "Ben is silent while Anna speaks"
    assert jaw("Ben", range(52, 90)).max() > 0.1
    assert jaw("Anna", range(100, 132)).max() > 0.1
    actions = {action.name for action in bpy.data.actions}
    assert bpy.ops.labial.generate_lines() == {"FINISHED"}
    assert {line.status for line in scene.labial.lines} == {"UNCHANGED"}
    assert {action.name for action in bpy.data.actions} == actions
    lines(scene)["line2", "en-us"].style = "Shout"
    bpy.ops.labial.generate_lines()
    assert {key for key, line in lines(scene).items() if line.status == "DONE"} == {("line2", "en-us")}


def test_a_line_made_alone_has_the_keys_of_one_made_in_a_batch(scene: bpy.types.Scene) -> None:
    module = importlib.import_module(f"{MODULE}.addon.dialogue")
    scene.labial.life = True
    bpy.ops.labial.generate_lines()
    before, head = jaw("Anna", range(96, 140)), nods("Anna", range(96, 140))
    assert [o.status for o in module.make_lines(bpy.context, [lines(scene)["line2", "en-us"]], anew=True)] == ["DONE"]
    np.testing.assert_array_equal(jaw("Anna", range(96, 140)), before)
    assert np.ptp(head) > 0.0
    np.testing.assert_array_equal(nods("Anna", range(96, 140)), head)


def test_the_scene_speaks_one_language_at_a_time(scene: bpy.types.Scene) -> None:
    bpy.ops.labial.generate_lines()
    bpy.ops.labial.add_sounds()
    scene.labial.spoken = "en-us"
    english = jaw("Anna", range(1, 80))
    scene.labial.spoken = "de"
    german = jaw("Anna", range(1, 80))
    assert np.abs(english - german).max() > 0.1 and english[45:].max() < 0.02 < german[45:].max()
    assert jaw("Ben", range(52, 90)).max() > 0.1, "a line without a German take keeps its own"
    sounds = getattr(scene.sequence_editor, "strips", None) or scene.sequence_editor.sequences
    muted = {strip.name: strip.mute for strip in sounds}
    assert muted["line0 en-us"] and not muted["line0 de"] and not muted["line1 en-us"]
    scene.labial.spoken = "en-us"
    np.testing.assert_allclose(jaw("Anna", range(1, 80)), english, atol=1e-6)
    module = importlib.import_module(f"{MODULE}.addon.dubs")
    assert module.too_long(scene) == [], "Anna is silent until frame 97"
    lines(scene)["line2", "en-us"].start = 49.0
    (dub,) = module.too_long(scene)
    assert (dub.line, dub.language, dub.fit.over) == ("line0", "de", 31)


def test_a_moved_sound_takes_its_mouth_along(scene: bpy.types.Scene) -> None:
    bpy.ops.labial.generate_lines()
    bpy.ops.labial.add_sounds()
    before = jaw("Ben", range(49, 92))
    sounds = getattr(scene.sequence_editor, "strips", None) or scene.sequence_editor.sequences
    strip = next(strip for strip in sounds if strip.name == "line1 en-us")
    if bpy.app.version >= (5, 0):
        strip.content_start += 10
    else:
        strip.frame_start += 10
    assert bpy.ops.labial.sync_lines() == {"FINISHED"}
    np.testing.assert_allclose(jaw("Ben", range(59, 102)), before, atol=1e-6)
    assert bpy.ops.labial.generate_lines() == {"FINISHED"}


def test_one_bad_line_stops_no_other(scene: bpy.types.Scene, tmp_path: Path) -> None:
    found = lines(scene)
    (tmp_path / "sounds" / "line1.en-us.wav").write_bytes(b"no sound")
    found["line3", "en-us"].character = "Nobody"
    bpy.ops.labial.generate_lines()
    status = {key: line.status for key, line in found.items()}
    assert status == {
        ("line0", "en-us"): "DONE", ("line1", "en-us"): "FAILED", ("line2", "en-us"): "DONE",
        ("line3", "en-us"): "FAILED", ("line0", "de"): "DONE",
    }  # fmt: skip
    assert "line1" in found["line1", "en-us"].note and "“Nobody”" in found["line3", "en-us"].note


def test_lines_of_one_name_are_named(scene: bpy.types.Scene) -> None:
    twice = scene.labial.lines.add()
    first = scene.labial.lines[0]
    twice.name, twice.language, twice.sound, twice.character = first.name, first.language, first.sound, "Ben"
    bpy.ops.labial.generate_lines()
    assert first.status == twice.status == "FAILED" and "Two lines are called “line0” in en-us" in twice.note
    assert [line.status for line in scene.labial.lines].count("DONE") == len(scene.labial.lines) - 2


def test_a_character_in_an_excluded_collection_is_named(scene: bpy.types.Scene) -> None:
    anna, hidden = bpy.data.objects["Anna"], bpy.data.collections.new("Hidden")
    scene.collection.children.link(hidden)
    for part in (anna, *anna.children_recursive):
        part.users_collection[0].objects.unlink(part)
        hidden.objects.link(part)
    bpy.context.view_layer.layer_collection.children["Hidden"].exclude = True
    bpy.ops.labial.generate_lines()
    notes = {line.character: line.note for line in scene.labial.lines}
    assert "“Anna” is not in the view layer “ViewLayer”: include its collection" in notes["Anna"]
    assert "closures" in notes["Ben"]


def deleted(_scene: bpy.types.Scene) -> None:
    bpy.data.objects.remove(bpy.data.objects["Anna"])


def without_its_face(_scene: bpy.types.Scene) -> None:
    bpy.data.objects.remove(next(o for o in bpy.data.objects["Anna"].children_recursive if "jawOpen" in _keys(o)))


def renamed(_scene: bpy.types.Scene) -> None:
    bpy.data.objects["Anna"].name = "Hannah"


def without_its_scene(scene: bpy.types.Scene) -> None:
    bpy.data.scenes.new("Other")
    bpy.data.scenes.remove(scene)


@pytest.mark.parametrize("change", [deleted, without_its_face, renamed, without_its_scene])
def test_a_character_that_is_changed_while_its_line_is_heard_is_named(
    scene: bpy.types.Scene, change: Callable[[bpy.types.Scene], None]
) -> None:
    queue = importlib.import_module(f"{MODULE}.addon.dialogue").LineQueue(bpy.context, list(scene.labial.lines[:2]))
    heard = queue.begin(bpy.context)()
    change(scene)
    outcome = queue.end(bpy.context, lambda: heard)
    assert outcome.status == "FAILED" and re.search("“.+” is not there any more|scene “Scene”", outcome.note)
    assert not bpy.data.actions
    while (step := queue.begin(bpy.context)) is not None:
        assert queue.end(bpy.context, step).status == "DONE", "Ben speaks all the same"
    queue.close()
    assert bool(bpy.data.actions) == (change is not without_its_scene)


def test_saved_and_reloaded_it_plays_and_nothing_is_done_again(scene: bpy.types.Scene, tmp_path: Path) -> None:
    bpy.ops.labial.generate_lines()
    before = jaw("Anna", range(1, 140, 3))
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "scene.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "scene.blend"))
    np.testing.assert_allclose(jaw("Anna", range(1, 140, 3)), before, atol=1e-6)
    bpy.ops.labial.generate_lines()
    assert {line.status for line in bpy.context.scene.labial.lines} == {"UNCHANGED"}


def test_a_learned_voice_makes_quiet_lines_smaller_and_old_ones_stale(scene: bpy.types.Scene, tmp_path: Path) -> None:
    quiet = lines(scene)["line2", "en-us"]
    with wave.open(quiet.sound) as sound:
        kept, samples = sound.getparams(), np.frombuffer(sound.readframes(sound.getnframes()), np.int16)
    with wave.open(quiet.sound, "wb") as sound:
        sound.setparams(kept)
        sound.writeframes((samples * 0.15).astype(np.int16).tobytes())
    bpy.ops.labial.generate_lines()
    before = jaw("Anna", range(96, 140)).max()
    assert bpy.ops.labial.learn_levels() == {"FINISHED"}
    assert {line.status for line in scene.labial.lines} == {"WAITING"}
    bpy.ops.labial.generate_lines()
    assert {line.status for line in scene.labial.lines} == {"DONE"}
    assert jaw("Anna", range(96, 140)).max() < 0.92 * before
    assert bpy.ops.labial.learn_levels() == {"FINISHED"}
    assert {line.status for line in scene.labial.lines} == {"DONE"}, "the same voice again changes nothing"


def test_the_report_tells_what_was_proven(scene: bpy.types.Scene, tmp_path: Path) -> None:
    module = importlib.import_module(f"{MODULE}.addon.dialogue")
    with pytest.raises(RuntimeError, match=r"report cannot be written.*Choose another file\."):
        bpy.ops.labial.report_lines(filepath=str(tmp_path / "sounds"))
    lines(scene)["line3", "en-us"].character = "Nobody"
    made = list(module.make_lines(bpy.context, list(scene.labial.lines)))
    assert bpy.ops.labial.report_lines(filepath=str(tmp_path / "dialogue.html")) == {"FINISHED"}
    page = (tmp_path / "dialogue.html").read_text(encoding="utf-8")
    closures = sum(outcome.report.proven("closure")[1] for outcome in made if outcome.report)
    assert f"<dt>closures</dt><dd>{closures}</dd>" in page and f"<dt>closures proven</dt><dd>{closures}</dd>" in page
    assert page.count("<svg") >= 2 * 4 and page.count("<details") == 5 and "“Nobody”, who speaks the line" in page
    assert page.index('data-line="line3 en-us"') < page.index('data-line="line0 en-us"'), "what failed comes first"
    assert "http" not in page.replace("http://www.w3.org", "")


def test_the_command_makes_a_sheet_and_tells_it_as_json(
    scene: bpy.types.Scene, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main = importlib.import_module(f"{MODULE}.addon.command_line").main
    scene.labial.lines.clear()
    assert main(["batch", "--dry-run", "--json"]) == 2
    sheet = str(tmp_path / "sheet.csv")
    assert main(["batch", "--sheet", sheet, "--language", "en-us", "--dry-run"]) == 0
    assert not bpy.data.actions
    capsys.readouterr()
    saved = tmp_path / "out.blend"
    assert main(["batch", "--sheet", sheet, "--language", "en-us", "--json", "--save", str(saved)]) == 0
    report = json.loads(capsys.readouterr().out.strip().splitlines()[-1])
    assert [line["status"] for line in report["lines"]] == ["DONE"] * 4 and saved.is_file()
    assert all(proof["passed"] for line in report["lines"] for proof in line["report"]["proofs"])
    assert main(["generate", "--character", "Nobody", "--sound", str(DEMO_LINE)]) == 2
    assert main(["generate", "--character", "Ben", "--sound", str(DEMO_LINE), "--style", "Odd"]) == 2
    assert main(["generate", "--character", "Ben", "--sound", str(tmp_path / "sounds/line1.en-us.wav")]) == 0
