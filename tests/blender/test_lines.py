"""Lines of dialogue by hand: placement, sound strips, dubs, batches that pause and retry."""

from __future__ import annotations

import importlib
import time
import wave
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import bpy
import numpy as np
import pytest

from .conftest import MODULE, leave_coarse
from .scene import snapshot
from .test_dialogue import cut, jaw, lines


def addon(name: str) -> Any:
    return importlib.import_module(f"{MODULE}.addon.{name}")


def sequences(scene: bpy.types.Scene) -> Any:
    editor = scene.sequence_editor_create()
    return editor.strips if hasattr(editor, "strips") else editor.sequences


@pytest.fixture
def scene(labial: ModuleType, tmp_path: Path) -> bpy.types.Scene:
    """Anna alone at 24 frames a second."""
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    bpy.ops.labial.add_head()
    bpy.context.active_object.name = "Anna"
    leave_coarse()
    bpy.context.scene.render.fps = 24
    return bpy.context.scene


def add(scene: bpy.types.Scene, sound: Path, start: float, language: str = "en-us", name: str = "", **more: Any) -> Any:
    """A line by hand."""
    line = scene.labial.lines.add()
    line.name, line.language, line.character = name or sound.stem, language, "Anna"
    line.sound, line.start = str(sound), start
    for key, value in more.items():
        setattr(line, key, value)
    return line


def made(scene: bpy.types.Scene, **options: bool) -> list[str]:
    assert bpy.ops.labial.generate_lines(**options) == {"FINISHED"}
    return [line.status for line in scene.labial.lines]


# Placement


def strips(who: str = "Anna") -> Iterator[Any]:
    for obj in (bpy.data.objects[who], *bpy.data.objects[who].children_recursive):
        for block in (obj, obj.data.shape_keys if obj.type == "MESH" else None):
            if block is not None and block.animation_data:
                for track in block.animation_data.nla_tracks:
                    yield from track.strips


@pytest.fixture
def crowded(scene: bpy.types.Scene, tmp_path: Path) -> bpy.types.Scene:
    """Three lines; the second begins while the first is still spoken and ends after it."""
    add(scene, cut(tmp_path / "a.wav", 0.0, 1.6), 1)
    add(scene, cut(tmp_path / "b.wav", 1.6, 3.4), 24)
    add(scene, cut(tmp_path / "c.wav", 3.4, 4.9), 90)
    assert made(scene) == ["DONE"] * 3
    return scene


def test_lines_of_one_mouth_that_overlap_fade_into_each_other(crowded: bpy.types.Scene) -> None:
    faded = {strip.action.name.split()[0]: (strip.blend_in, strip.blend_out) for strip in strips()}
    assert faded == {"a": (0, 0), "b": (3, 0), "c": (0, 0)}


def test_merged_shows_the_same_also_where_lines_overlap_and_keeps_edits(crowded: bpy.types.Scene) -> None:
    frames = range(140)
    before = jaw("Anna", frames)
    crowded.labial.placement = "MERGED"
    np.testing.assert_allclose(jaw("Anna", frames), before, atol=1e-4)
    shapes = next(c for c in bpy.data.objects["Anna"].children_recursive if "Face" in c.name).data.shape_keys
    data = shapes.animation_data
    bag = data.action.layers[0].strips[0].channelbag(data.action_slot)
    curve = next(c for c in bag.fcurves if "jawOpen" in c.data_path)
    point = next(p for p in curve.keyframe_points if p.co.x > 95 and p.co.y > 0.1)
    moved = int(point.co.x)
    point.co.y = 0.9
    curve.update()
    assert jaw("Anna", range(moved, moved + 1))[0] == pytest.approx(0.9, abs=1e-3)
    crowded.labial.placement = "STRIPS"
    assert jaw("Anna", range(moved, moved + 1))[0] == pytest.approx(0.9, abs=1e-3)
    crowded.labial.placement = "MERGED"
    lines(crowded)["c", "en-us"].style = "Clear"
    assert made(crowded) == ["UNCHANGED", "UNCHANGED", "DONE"]
    assert jaw("Anna", range(moved, moved + 1))[0] == pytest.approx(0.9, abs=1e-3), "the artist's key survives"
    assert "1 keys that you changed" in lines(crowded)["c", "en-us"].note


def test_what_else_is_animated_on_the_merged_action_stays(crowded: bpy.types.Scene) -> None:
    crowded.labial.placement = "MERGED"
    rig = bpy.data.objects["Anna"]
    rig.location.x = 2.0
    rig.keyframe_insert("location", index=0, frame=5)
    crowded.labial.placement = "STRIPS"
    crowded.labial.placement = "MERGED"
    rig.location.x = 0.0
    crowded.frame_set(5)
    assert rig.location.x == 2.0 and jaw("Anna", range(1, 40)).max() > 0.1


def test_an_artists_own_action_is_not_displaced_by_the_merged_one(crowded: bpy.types.Scene) -> None:
    before = jaw("Anna", range(140))
    rig = bpy.data.objects["Anna"]
    rig.keyframe_insert("location", frame=5)
    own = rig.animation_data.action
    crowded.labial.placement = "MERGED"
    assert rig.animation_data.action == own
    np.testing.assert_allclose(jaw("Anna", range(140)), before, atol=1e-4)
    crowded.labial.placement = "STRIPS"
    assert rig.animation_data.action == own
    np.testing.assert_allclose(jaw("Anna", range(140)), before, atol=1e-4)


def test_saved_merged_it_opens_merged_and_clears(crowded: bpy.types.Scene, tmp_path: Path) -> None:
    crowded.labial.placement = "MERGED"
    before = jaw("Anna", range(0, 140, 3))
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "merged.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "merged.blend"))
    np.testing.assert_allclose(jaw("Anna", range(0, 140, 3)), before, atol=1e-6)
    assert made(bpy.context.scene) == ["UNCHANGED"] * 3
    bpy.context.view_layer.objects.active = bpy.data.objects["Anna"]
    assert bpy.ops.labial.clear() == {"FINISHED"}
    assert jaw("Anna", range(0, 140, 3)).max() == 0.0 and not list(strips())


@pytest.mark.parametrize("placement", ["STRIPS", "MERGED"])
def test_a_moved_sound_takes_mouth_and_subtitle_along(crowded: bpy.types.Scene, placement: str) -> None:
    lines(crowded)["c", "en-us"].transcript = "made by hand"
    assert bpy.ops.labial.add_sounds() == {"FINISHED"}
    crowded.labial.placement = placement
    before = jaw("Anna", range(88, 130))
    strip = sequences(crowded)["c en-us"]
    addon("compat").move_strip(strip, 12)
    assert addon("dialogue_report").lines_of(crowded)[2].moved == 12
    assert bpy.ops.labial.sync_lines() == {"FINISHED"}
    np.testing.assert_allclose(jaw("Anna", range(100, 142)), before, atol=1e-5)
    assert addon("compat").strip_start(sequences(crowded)["c en-us text"]) == 102
    assert addon("dialogue_report").lines_of(crowded)[2].moved == 0


# The sequencer


def test_colours_and_channels_tell_who_speaks(scene: bpy.types.Scene, tmp_path: Path) -> None:
    bpy.ops.labial.add_head()
    bpy.context.active_object.name = "Ben"
    sound = str(cut(tmp_path / "x.wav", 0.0, 0.5))
    for name, channel, start, colour in (
        ("anna_1", 1, 1, "COLOR_02"), ("take 7", 2, 20, "COLOR_02"), ("take 8", 2, 40, "COLOR_05"),
        ("take 9", 3, 60, "COLOR_05"), ("take 10", 1, 80, "NONE"), ("take 11", 4, 90, "NONE"),
    ):  # fmt: skip
        sequences(scene).new_sound(name=name, filepath=sound, channel=channel, frame_start=start).color_tag = colour
    assert bpy.ops.labial.lines_from_strips() == {"FINISHED"}
    told = {line.name: line.character for line in scene.labial.lines}
    assert told == {
        "anna_1": "Anna", "take 7": "Anna", "take 8": "", "take 9": "", "take 10": "Anna", "take 11": ""
    }  # fmt: skip
    next(line for line in scene.labial.lines if line.name == "take 9").character = "Ben"
    bpy.ops.labial.lines_from_strips()
    told = {line.name: line.character for line in scene.labial.lines}
    assert told["take 8"] == "Ben" and told["take 9"] == "Ben" and len(told) == 6, "a choice by hand stays, and teaches"


@pytest.mark.skipif(bpy.app.version < (5, 0), reason="4.5 crashes when a script adds a retiming key")
def test_a_retimed_strip_is_named_and_the_others_are_listed(scene: bpy.types.Scene, tmp_path: Path) -> None:
    sound = str(cut(tmp_path / "x.wav", 0.0, 0.5))
    strips = sequences(scene)
    plain, faster = strips.new_sound("plain", sound, 1, 1), strips.new_sound("faster", sound, 1, 50)
    faster.retiming_keys.add(timeline_frame=52)
    assert bpy.ops.labial.lines_from_strips() == {"FINISHED"}
    assert [line.name for line in scene.labial.lines] == [plain.name]
    scene.labial.source, scene.labial.strip = "STRIP", faster.name
    with pytest.raises(RuntimeError, match="“faster” is retimed"):
        bpy.ops.labial.generate()


def test_sounds_and_subtitles_of_many_lines_follow_the_language(scene: bpy.types.Scene, tmp_path: Path) -> None:
    sound = cut(tmp_path / "x.wav", 0.0, 0.5)
    for k in range(90):
        for language, words in (("en-us", f"Number {k}"), ("de", f"Nummer {k}")):
            add(scene, sound, 1 + 10 * k, language, f"l{k:02}", transcript=words)
    assert bpy.ops.labial.add_sounds() == {"FINISHED"}
    found = {strip.name: strip for strip in sequences(scene)}
    assert len(found) == 4 * 90 and max(strip.channel for strip in found.values()) <= 10
    assert found["l07 de text"].text == "Nummer 7"
    for language, other in (("de", "en-us"), ("en-us", "de")):
        scene.labial.spoken = language
        muted = {name for name, strip in found.items() if strip.mute}
        assert muted == {f"l{k:02} {other}{what}" for k in range(90) for what in ("", " text")}


# Sheets


def test_a_sheet_whose_speaker_is_not_there_is_named_and_the_others_are_made(
    scene: bpy.types.Scene, tmp_path: Path
) -> None:
    cut(tmp_path / "x.wav", 0.0, 0.8)
    rows = "id,character,sound\na,Anna,x.wav\nb,Zoe,x.wav\nc,,x.wav\nd,Anna,absent.wav\n"
    (tmp_path / "sheet.csv").write_text(rows, encoding="utf-8")
    problems = addon("line_list").fill_from_sheet(scene, str(tmp_path / "sheet.csv"))
    assert [p.split(": ")[0] for p in problems] == ["sheet.csv, row 5", "sheet.csv, row 3", "sheet.csv, row 4"]
    assert "Zoe" in problems[1]
    assert made(scene) == ["DONE", "FAILED", "FAILED"]
    assert all("Choose who speaks it" in line.note for line in list(scene.labial.lines)[1:])


def test_many_rows_fill_the_list_in_time_that_grows_with_them(scene: bpy.types.Scene, tmp_path: Path) -> None:
    cut(tmp_path / "x.wav", 0.0, 0.8)

    def seconds(count: int) -> float:
        rows = "".join(f"l{k},Anna,x.wav,{k}\n" for k in range(count))
        (tmp_path / "sheet.csv").write_text("id,character,sound,start\n" + rows, encoding="utf-8")
        scene.labial.lines.clear()
        started = time.process_time()
        assert bpy.ops.labial.lines_from_sheet(filepath=str(tmp_path / "sheet.csv")) == {"FINISHED"}
        assert len(scene.labial.lines) == count
        return time.process_time() - started

    few, many = seconds(500), seconds(5_000)
    assert many < 25 * few, "a list that is searched for each row would take a hundred times as long"


@pytest.mark.parametrize("arguments", [("report", "--html"), ("report", "--save")])
def test_the_command_names_what_cannot_be_written(
    scene: bpy.types.Scene, tmp_path: Path, arguments: tuple[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    add(scene, cut(tmp_path / "x.wav", 0.0, 0.8), 1)
    assert addon("command_line").main([*arguments, str(tmp_path / "absent" / "file.blend")]) == 2
    assert "absent" in capsys.readouterr().err and not (tmp_path / "absent").exists()


def test_the_page_links_stills_of_the_lines_that_are_to_be_seen(scene: bpy.types.Scene, tmp_path: Path) -> None:
    add(scene, cut(tmp_path / "x.en.wav", 0.0, 1.2), 1, "en-us", "x")
    add(scene, cut(tmp_path / "x.de.wav", 1.6, 2.8), 1, "de", "x")
    assert made(scene) == ["DONE", "DONE"]
    scene.labial.spoken = "de"
    scene.frame_set(7)
    before = snapshot()
    assert bpy.ops.labial.report_lines(filepath=str(tmp_path / "page.html"), pictures=True) == {"FINISHED"}
    assert snapshot() == before and bpy.context.scene == scene
    (still,) = (tmp_path / "page_stills").iterdir()
    assert f'href="page_stills/{still.name}"' in (tmp_path / "page.html").read_text(encoding="utf-8")
    picture = bpy.data.images.load(str(still))
    lit = np.array(picture.pixels[:]).reshape(picture.size[1], picture.size[0], 4)[:, :, 0]
    assert lit.mean() > 0.2 and lit.std() > 0.05, "a lit face, not a blank"


# Dubs


@pytest.fixture
def dubbed(scene: bpy.types.Scene, tmp_path: Path) -> bpy.types.Scene:
    """A line of 2.5 s whose dub is 3.2 s long, with a pause, and a next line right after it."""
    add(scene, cut(tmp_path / "x.en.wav", 0.0, 2.5), 1, "en-us", "x")
    with wave.open(str(cut(tmp_path / "first.wav", 0.0, 1.3))) as first, \
         wave.open(str(cut(tmp_path / "then.wav", 1.3, 2.6))) as then, \
         wave.open(str(tmp_path / "x.de.wav"), "wb") as out:  # fmt: skip
        out.setparams(first.getparams())
        out.writeframes(first.readframes(1 << 30) + bytes(round(0.6 * first.getframerate()) * 2))
        out.writeframes(then.readframes(1 << 30))
    add(scene, tmp_path / "x.de.wav", 1, "de", "x")
    add(scene, cut(tmp_path / "y.en.wav", 2.5, 4.0), 62, "en-us", "y")
    assert made(scene) == ["DONE"] * 3
    bpy.ops.labial.add_sounds()
    return scene


def test_a_dub_is_fitted_only_when_asked_and_the_recording_stays(dubbed: bpy.types.Scene, tmp_path: Path) -> None:
    line = lines(dubbed)["x", "de"]
    recording = (tmp_path / "x.de.wav").read_bytes()
    (dub,) = addon("dubs").too_long(dubbed)
    assert dub.fit.over in (15, 16, 17) and dub.fit.cuts and dub.fit.left == 0
    assert bpy.ops.labial.check_dubs() == {"FINISHED"} and "trim" in line.note
    assert line.sound == str(tmp_path / "x.de.wav") and not (tmp_path / "x.de.fit.wav").exists()
    dubbed.labial.line_index = 0
    assert bpy.ops.labial.fit_dub() == {"CANCELLED"}, "the chosen line is no dub"
    dubbed.labial.line_index = 1
    assert bpy.ops.labial.fit_dub() == {"FINISHED"}
    assert line.sound == str(tmp_path / "x.de.fit.wav") and line.status == "WAITING"
    assert (tmp_path / "x.de.wav").read_bytes() == recording
    strip = sequences(dubbed)["x de"]
    compat = addon("compat")
    assert compat.strip_start(strip) == 1 and compat.strip_length(strip) == pytest.approx(61, abs=1)
    assert Path(bpy.path.abspath(strip.sound.filepath)).name == "x.de.fit.wav"
    assert made(dubbed) == ["UNCHANGED", "DONE", "UNCHANGED"]
    assert addon("dubs").too_long(dubbed) == []
    line.start += 40
    lines(dubbed)["x", "en-us"].start += 40
    with pytest.raises(RuntimeError, match="was fitted before"):
        bpy.ops.labial.fit_dub()


def test_undo_takes_a_fitted_dub_back_in_one_step(dubbed: bpy.types.Scene, tmp_path: Path) -> None:
    dubbed.labial.line_index = 1
    bpy.ops.ed.undo_push(message="before")
    assert bpy.ops.labial.fit_dub() == {"FINISHED"}
    bpy.ops.ed.undo_push(message="Fit to Shot")
    bpy.ops.ed.undo()
    assert lines(bpy.context.scene)["x", "de"].sound == str(tmp_path / "x.de.wav")


def test_a_folder_that_cannot_be_written_is_named(
    dubbed: bpy.types.Scene, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "x.de.fit.wav").mkdir()
    dubbed.labial.line_index = 1
    with pytest.raises(RuntimeError, match=r"x\.de\.fit\.wav cannot be written"):
        bpy.ops.labial.fit_dub()
    assert lines(dubbed)["x", "de"].sound.endswith("x.de.wav") and not list(tmp_path.glob("*.part"))


# Batches


def test_only_what_failed_is_tried_again(scene: bpy.types.Scene, tmp_path: Path) -> None:
    (tmp_path / "bad.wav").write_bytes(b"no sound")
    add(scene, cut(tmp_path / "good.wav", 0.0, 0.8), 1)
    bad = add(scene, tmp_path / "bad.wav", 40)
    assert made(scene) == ["DONE", "FAILED"]
    cut(tmp_path / "bad.wav", 0.8, 1.6)
    scene.labial.lines[0].style = "Shout"
    assert made(scene, failed=True) == ["DONE", "DONE"] and "closures" in bad.note
    assert made(scene) == ["DONE", "UNCHANGED"], "the first was to be made anew all the time"


def test_a_batch_that_is_stopped_keeps_what_is_made_and_goes_on(scene: bpy.types.Scene, tmp_path: Path) -> None:
    for k in range(3):
        add(scene, cut(tmp_path / f"l{k}.wav", k, k + 0.8), 1 + 30 * k)
    scene.labial.placement = "MERGED"
    dialogue, queue = addon("dialogue"), addon("operators.queue")
    batch = queue.Running(dialogue.LineQueue(bpy.context, list(scene.labial.lines)))
    while not batch.queue.outcomes:
        assert queue._advance(bpy.context, batch)
    batch.paused = True
    for _ in range(5):
        assert queue._advance(bpy.context, batch) and batch.job is None
    assert batch.doing == "1 of 3 lines, paused" and batch.fraction == pytest.approx(1 / 3)
    scene.labial.lines.remove(2)
    batch.paused = False
    assert queue._advance(bpy.context, batch) and batch.job is not None
    queue.stop(batch)
    while queue._advance(bpy.context, batch):
        pass
    batch.queue.close()
    assert [line.status for line in scene.labial.lines] in (["DONE", "WAITING"], ["DONE", "DONE"])
    assert bpy.data.objects["Anna"].animation_data.action is not None, "what is made is merged"
    assert made(scene) == ["UNCHANGED", "DONE"] or scene.labial.lines[1].status == "UNCHANGED"


def test_undo_takes_a_batch_back_in_one_step(scene: bpy.types.Scene, tmp_path: Path) -> None:
    for k in range(2):
        add(scene, cut(tmp_path / f"l{k}.wav", k, k + 0.8), 1 + 30 * k)
    scene.frame_set(1)
    before = snapshot()
    bpy.ops.ed.undo_push(message="before")
    made(scene)
    bpy.ops.ed.undo_push(message="Generate All")
    assert snapshot() != before
    bpy.ops.ed.undo()
    assert snapshot() == before and not list(strips())
