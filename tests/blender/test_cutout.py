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


def pencil(first: int) -> bpy.types.Object:
    """Six drawings of Grease Pencil at frames from `first`, each a stroke of so many points; active."""
    bpy.ops.object.grease_pencil_add(type="EMPTY")
    obj = bpy.context.object
    for layer in list(obj.data.layers):
        obj.data.layers.remove(layer)
    layer = obj.data.layers.new("mouth")
    for number in range(6):
        layer.frames.new(first + number).drawing.add_strokes([number + 2])
    return obj


def shown_points(obj: bpy.types.Object) -> int:
    """How many points the drawing has that the object shows."""
    shown = obj.evaluated_get(bpy.context.evaluated_depsgraph_get()).evaluated_geometry()  # it owns what is below
    return len(shown.grease_pencil.layers[0].current_frame().drawing.strokes[0].points)


def test_grease_pencil_shows_its_drawings_by_its_own_number(puppet: bpy.types.Object) -> None:
    obj, settings = pencil(10), bpy.context.scene.labial
    settings.cutout_set, settings.cutout_first = "Six mouths (closed, A, I, U, E, O)", 10
    with pytest.raises(RuntimeError, match="no Time Offset modifier in the mode Fixed Frame"):
        bpy.ops.labial.cutout()
    modifier = obj.modifiers.new("Mouth", "GREASE_PENCIL_TIME")
    modifier.mode, modifier.offset = "FIX", 10
    assert bpy.ops.labial.cutout() == {"FINISHED"}
    (curve,) = obj.animation_data.action.layers[0].strips[0].channelbag(obj.animation_data.action_slot).fcurves
    assert curve.data_path == 'modifiers["Mouth"].offset'
    assert {point.interpolation for point in curve.keyframe_points} == {"CONSTANT"}
    numbers, points = set(), set()
    for frame in range(1, 210, 2):
        bpy.context.scene.frame_set(frame)
        assert shown_points(obj) == modifier.offset - 10 + 2
        numbers.add(modifier.offset)
        points.add(shown_points(obj))
    assert numbers <= set(range(10, 16)) and len(points) >= 5


def test_an_image_sequence_is_stepped_by_its_offset(puppet: bpy.types.Object) -> None:
    obj = puppet
    del obj["mouth"]
    image = bpy.data.images.new("mouth", 8, 8)
    image.source = "SEQUENCE"
    obj.empty_display_type, obj.data = "IMAGE", image
    assert bpy.ops.labial.cutout() == {"FINISHED"}
    found = set()
    for frame in range(1, 210):
        bpy.context.scene.frame_set(frame)
        found.add(obj.image_user.frame_offset)
    assert len(found) >= 5


def test_a_missing_sound_leaves_the_puppet_as_it_was(puppet: bpy.types.Object, tmp_path: Path) -> None:
    bpy.context.scene.labial.filepath = str(tmp_path / "nothing.wav")
    with pytest.raises(RuntimeError, match="no sound file"):
        bpy.ops.labial.cutout()
    assert not bpy.data.actions
