"""From a click to keys: what is written where, what is replaced, and what is left alone."""

from __future__ import annotations

import importlib
import math
from pathlib import Path
from types import ModuleType

import bpy
import numpy as np
import pytest

from .conftest import DEMO_LINE, MODULE, generate, load_character
from .scene import actions, curves, snapshot, values


def test_one_action_with_a_slot_for_every_mesh_and_the_rig(head: bpy.types.Object, short_line: Path) -> None:
    beard = head.copy()
    beard.data = head.data.copy()
    beard.name = "Beard"
    bpy.context.collection.objects.link(beard)
    generate(short_line)
    (action,) = actions()
    slots = curves(action)
    assert sorted(identifier[:2] for identifier in slots) == ["KE", "KE", "OB"]
    for owner in (head.data.shape_keys, beard.data.shape_keys, head.parent):
        assert owner.animation_data.action == action
        assert owner.animation_data.action_slot.identifier in slots
    apart = []
    for frame in range(1, 40):
        bpy.context.scene.frame_set(frame)
        assert values(beard) == values(head)
        apart.append(values(head)["jawOpen"])
    assert max(apart) > 0.2


def test_keys_are_few_bezier_and_marked_as_generated(head: bpy.types.Object, short_line: Path) -> None:
    generate(short_line)
    (action,) = actions()
    found = [curve for slot in curves(action).values() for curve in slot.values()]
    points = [point for curve in found for point in curve.keyframe_points]
    assert {point.interpolation for point in points} == {"BEZIER"}
    assert {point.type for point in points} == {"GENERATED"}
    dense = len(found) * round(1.6 * 24)
    assert len(points) < 0.45 * dense
    for curve in found:
        frames = [point.co.x for point in curve.keyframe_points]
        assert frames == sorted(set(frames)) and all(frame == round(frame) for frame in frames)


def test_curves_follow_the_motion_within_the_stated_error(head: bpy.types.Object, short_line: Path) -> None:
    module = importlib.import_module(f"{MODULE}.addon.generate")
    request = importlib.import_module(f"{MODULE}.addon.request")
    labial = bpy.context.scene.labial
    labial.source, labial.filepath, labial.start_frame = "FILE", str(short_line), 1
    result = module.generate(bpy.context, request.request_from(bpy.context))
    written = {c.data_path: c for slot in curves(bpy.data.actions[result.action]).values() for c in slot.values()}
    dense, checked = result.performance.curves, 0
    for target, row in zip(dense.targets, dense.values.T, strict=True):
        curve = written.get(f'key_blocks["{target.name}"].value')
        if curve is None:
            continue
        frames = np.arange(1, round(1.6 * 24))
        times = (frames - 1) / 24
        wanted = np.interp(times, (np.arange(len(row)) + 0.5) / 100, row)
        error = np.abs([curve.evaluate(frame) for frame in frames] - wanted)
        assert np.median(error) < 0.03, target.name
        checked += 1
    assert checked >= 8


def test_jaw_bone_joins_where_it_carries_the_teeth(head: bpy.types.Object, short_line: Path) -> None:
    generate(short_line)
    bone = head.parent.pose.bones["jaw"]
    turns = []
    for frame in range(1, 40):
        bpy.context.scene.frame_set(frame)
        turns.append(bone.matrix_basis.to_quaternion().angle)
    assert math.degrees(max(turns)) > 2.0 and math.degrees(min(turns)) < 0.5


def test_jaw_bone_stays_out_where_the_key_moves_what_it_moves(labial: ModuleType, short_line: Path) -> None:
    load_character("cc0_head_arkit_oculus")
    generate(short_line)
    (action,) = actions()
    bones = {path.split('"')[1] for slot in curves(action).values() for path in slot if "pose.bones" in path}
    assert bones and all(name.startswith("tongue") for name in bones)


def test_generating_again_replaces_the_line(head: bpy.types.Object, short_line: Path) -> None:
    generate(short_line)
    before = sum(len(c.keyframe_points) for slot in curves(actions()[0]).values() for c in slot.values())
    generate(short_line, intensity=0.5)
    (action,) = actions()
    keys = [point.co.y for slot in curves(action).values() for c in slot.values() for point in c.keyframe_points]
    assert before and keys
    assert head.data.shape_keys.animation_data.action == action
    assert len([s for s in bpy.context.scene.sequence_editor.strips_all if s.type == "SOUND"]) == 1


def test_two_lines_play_one_after_the_other(head: bpy.types.Object, short_line: Path, tmp_path: Path) -> None:
    other = tmp_path / "second.wav"
    other.write_bytes(short_line.read_bytes())
    generate(short_line, start_frame=1)
    generate(other, start_frame=61)
    assert not bpy.context.scene.labial.report.notes
    assert len(actions()) == 2
    jaw = []
    for frame in range(1, 101):
        bpy.context.scene.frame_set(frame)
        jaw.append(values(head)["jawOpen"])
    first, second = np.array(jaw[:38]), np.array(jaw[60:98])
    assert first.max() > 0.1
    assert second == pytest.approx(first, abs=0.01)


def test_scene_lasts_as_long_as_the_sound(head: bpy.types.Object, short_line: Path) -> None:
    scene = bpy.context.scene
    scene.frame_start, scene.frame_end = 1, 20
    generate(short_line, start_frame=11)
    (strip,) = scene.sequence_editor.strips_all
    assert strip.frame_final_start == 11
    assert scene.frame_end >= 10 + 1.6 * 24 - 1
    assert scene.frame_current == 1


def test_a_strip_is_heard_where_it_lies_and_as_it_is_cut(head: bpy.types.Object) -> None:
    scene = bpy.context.scene
    editor = scene.sequence_editor_create()
    strips = editor.strips if hasattr(editor, "strips") else editor.sequences
    strip = strips.new_sound("line", str(DEMO_LINE), 1, 101)
    strip.frame_final_end = 101 + 40
    scene.labial.source, scene.labial.strip = "STRIP", "line"
    assert bpy.ops.labial.generate() == {"FINISHED"}
    first, last = actions()[0].curve_frame_range
    assert 90 <= first <= 106 and 125 <= last <= 150


def test_artists_action_stays_active_and_its_keys_win(head: bpy.types.Object, short_line: Path) -> None:
    shapes = head.data.shape_keys
    shapes.key_blocks["eyeBlinkLeft"].value = 0.7
    shapes.keyframe_insert('key_blocks["eyeBlinkLeft"].value', frame=1)
    mine = shapes.animation_data.action
    generate(short_line)
    assert shapes.animation_data.action == mine
    (strip,) = [s for t in shapes.animation_data.nla_tracks for s in t.strips]
    assert strip.action in actions() and strip.blend_type == "REPLACE"
    jaw = []
    for frame in range(1, 40):
        bpy.context.scene.frame_set(frame)
        jaw.append(shapes.key_blocks["jawOpen"].value)
        assert shapes.key_blocks["eyeBlinkLeft"].value == pytest.approx(0.7)
    assert max(jaw) > 0.1
    assert bpy.ops.labial.clear() == {"FINISHED"}
    assert shapes.animation_data.action == mine and not shapes.animation_data.nla_tracks


def test_clear_leaves_the_character_as_it_was(head: bpy.types.Object, short_line: Path) -> None:
    before = snapshot()
    generate(short_line, add_sound=False)
    bpy.context.scene.frame_set(20)
    assert snapshot() != before
    assert bpy.ops.labial.clear() == {"FINISHED"}
    bpy.context.scene.frame_set(1)
    assert snapshot() == before
    assert bpy.ops.labial.clear() == {"CANCELLED"}


def test_undo_takes_a_line_back_in_one_step(head: bpy.types.Object, short_line: Path) -> None:
    name = head.name
    bpy.ops.ed.undo_push(message="before")
    generate(short_line, add_sound=False)
    bpy.ops.ed.undo_push(message="Generate Lip Sync")
    bpy.ops.ed.undo()
    assert not actions()
    data = bpy.data.objects[name].data.shape_keys.animation_data
    assert data is None or data.action is None


def test_selecting_the_rig_or_the_teeth_is_selecting_the_character(head: bpy.types.Object, short_line: Path) -> None:
    generate(short_line)
    (wanted,) = [sorted(slot) for name, slot in curves(actions()[0]).items() if head.data.name in name]
    for part in (head.parent, *[m for m in head.parent.children if m is not head]):
        bpy.context.view_layer.objects.active = part
        generate(short_line)
        (found,) = [sorted(slot) for name, slot in curves(actions()[0]).items() if head.data.name in name]
        assert found == wanted, part.name


def test_words_beside_the_sound_are_used(head: bpy.types.Object, short_line: Path, tmp_path: Path) -> None:
    sound = tmp_path / "said.wav"
    sound.write_bytes(short_line.read_bytes())
    (tmp_path / "said.txt").write_text("Hello, I'm Labial.")
    generate(sound)
    report = bpy.context.scene.labial.report
    assert report.words.startswith("Transcript fits") and not report.notes
    generate(sound, transcript="Seventeen purple crocodiles")
    assert "check that these words are spoken" in report.notes


def test_transcript_is_used(head: bpy.types.Object, short_line: Path) -> None:
    generate(short_line, transcript="Hello, I'm Labial.")
    with_text = bpy.context.scene.labial.report.phones
    assert 12 <= with_text <= 22
    generate(short_line, transcript="")
    assert bpy.context.scene.labial.report.closures >= 2
