"""A drawn mouth: a whole number on any object, stepped from drawing to drawing, that drives what shows it."""

from __future__ import annotations

from pathlib import Path

import bpy
import pytest

from .conftest import DEMO_LINE


@pytest.fixture
def puppet(labial: object) -> bpy.types.Object:
    """An empty with the number of its mouth, which drives the frame of another object's location."""
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    obj = bpy.data.objects.new("Puppet", None)
    bpy.context.collection.objects.link(obj)
    obj["mouth"] = 0
    bpy.context.view_layer.objects.active = obj
    settings = bpy.context.scene.labial
    settings.source, settings.filepath, settings.add_sound = "FILE", str(DEMO_LINE), False
    return obj


def numbers(obj: bpy.types.Object, last: int = 210) -> list[int]:
    found = []
    for frame in range(1, last):
        bpy.context.scene.frame_set(frame)
        found.append(obj["mouth"])
    return found


def test_drawings_step_and_stay_whole_numbers(puppet: bpy.types.Object) -> None:
    settings = bpy.context.scene.labial
    settings.cutout_set, settings.cutout_first = "Six mouths (closed, A, I, U, E, O)", 10
    assert bpy.ops.labial.cutout() == {"FINISHED"}
    shown = numbers(puppet)
    assert all(isinstance(number, int) for number in shown)
    assert set(shown) <= set(range(10, 16)) and len(set(shown)) >= 5
    assert shown[0] == shown[-1] == 10
    (curve,) = puppet.animation_data.action.layers[0].strips[0].channelbag(puppet.animation_data.action_slot).fcurves
    assert curve.data_path == '["mouth"]' and {p.interpolation for p in curve.keyframe_points} == {"CONSTANT"}
    assert len(curve.keyframe_points) < 0.5 * len(shown)


def test_a_second_line_replaces_the_first_and_an_own_key_survives(puppet: bpy.types.Object) -> None:
    assert bpy.ops.labial.cutout() == {"FINISHED"}
    action = puppet.animation_data.action
    curve = action.layers[0].strips[0].channelbag(puppet.animation_data.action_slot).fcurves[0]
    point = curve.keyframe_points[3]
    frame, value = round(point.co.x), 77.0
    point.co.y = value
    assert bpy.ops.labial.cutout() == {"FINISHED"}
    assert len([a for a in bpy.data.actions if "labial" in a]) == 1
    bpy.context.scene.frame_set(frame)
    assert puppet["mouth"] == 77


@pytest.mark.parametrize(("value", "name"), [(None, "mouth"), (0.5, "mouth"), (0, "")])
def test_what_is_no_number_of_a_drawing_is_named(puppet: bpy.types.Object, value: object, name: str) -> None:
    del puppet["mouth"]
    if value is not None:
        puppet["mouth"] = value
    bpy.context.scene.labial.cutout_property = name
    with pytest.raises(RuntimeError, match="custom property"):
        bpy.ops.labial.cutout()
    assert puppet.animation_data is None or puppet.animation_data.action is None


def test_a_missing_sound_leaves_the_puppet_as_it_was(puppet: bpy.types.Object, tmp_path: Path) -> None:
    bpy.context.scene.labial.filepath = str(tmp_path / "nothing.wav")
    with pytest.raises(RuntimeError, match="no sound file"):
        bpy.ops.labial.cutout()
    assert not bpy.data.actions
