"""Whatever part of a character is selected, the whole of it is found."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path

import bpy
import numpy as np
import pytest

from .conftest import MODULE, generate
from .scene import actions


def found() -> object:
    """The character that Labial sees in the active object."""
    module = importlib.import_module(f"{MODULE}.addon.character")
    return module.find_character(bpy.context.view_layer.objects.active, bpy.context.view_layer)


def empty(name: str) -> bpy.types.Object:
    """A new empty, active."""
    made = bpy.data.objects.new(name, None)
    bpy.context.collection.objects.link(made)
    bpy.context.view_layer.objects.active = made
    return made


def family(head: bpy.types.Object) -> list[bpy.types.Object]:
    return [head.parent, *head.parent.children]


def a_root(head: bpy.types.Object) -> None:
    """An empty above the rig."""
    head.parent.parent = empty("Root")


def above_a_root(head: bpy.types.Object) -> None:
    a_root(head)
    root = head.parent.parent
    root.parent = empty("Stage")


def beside(head: bpy.types.Object) -> None:
    """A prop without a rig on the root of the character."""
    a_root(head)
    bpy.ops.mesh.primitive_cube_add()
    bpy.context.object.parent = head.parent.parent


def an_instance(head: bpy.types.Object) -> None:
    """The character in a collection of its own that only an empty shows."""
    collection = bpy.data.collections.new("Cast")
    for obj in family(head):
        bpy.context.collection.objects.unlink(obj)
        collection.objects.link(obj)
    shown = empty("Instance")
    shown.instance_type, shown.instance_collection = "COLLECTION", collection


def an_instance_in_an_instance(head: bpy.types.Object) -> None:
    an_instance(head)
    inner, outer = bpy.context.view_layer.objects.active, bpy.data.collections.new("Set")
    bpy.context.collection.objects.unlink(inner)
    outer.objects.link(inner)
    shown = empty("Outer")
    shown.instance_type, shown.instance_collection = "COLLECTION", outer


def a_light_on_it(head: bpy.types.Object) -> None:
    """A light that the rig carries belongs to the character."""
    bpy.ops.object.light_add()
    bpy.context.object.parent = head.parent


@pytest.mark.parametrize(
    "select", [a_root, above_a_root, beside, an_instance, an_instance_in_an_instance, a_light_on_it],
    ids=lambda select: select.__name__,
)  # fmt: skip
def test_any_part_leads_to_the_whole(
    head: bpy.types.Object, short_line: Path, select: Callable[[bpy.types.Object], None]
) -> None:
    bpy.context.view_layer.objects.active = head
    wanted = found()
    select(head)
    bpy.context.view_layer.update()
    character = found()
    assert character.armature == wanted.armature
    assert {(t.kind, t.name, t.axis) for t in character.targets} == {(t.kind, t.name, t.axis) for t in wanted.targets}
    assert set(character.meshes) >= set(wanted.meshes)
    generate(short_line)
    report = bpy.context.scene.labial.report
    assert report.proven == report.closures >= 2
    assert head.data.shape_keys.animation_data.action == actions()[0]


def test_meshes_of_an_empty_without_a_rig(head: bpy.types.Object, short_line: Path) -> None:
    meshes, rig = list(head.parent.children), head.parent
    root = empty("Meshes")
    for mesh in meshes:
        mesh.modifiers.clear()
        mesh.parent = root
    bpy.data.objects.remove(rig)
    bpy.context.view_layer.objects.active = root
    assert found().armature is None and set(found().meshes) == {mesh.name for mesh in meshes}
    generate(short_line)
    report = bpy.context.scene.labial.report
    assert report.proven == report.closures >= 2


def test_two_characters_under_one_empty_are_named(head: bpy.types.Object, short_line: Path) -> None:
    first = head.parent
    bpy.ops.labial.add_head()
    second = bpy.context.object
    stage = empty("Stage")
    first.parent = second.parent = stage
    with pytest.raises(RuntimeError, match="more than one character") as caught:
        generate(short_line)
    assert first.name in str(caught.value) and second.name in str(caught.value)
    assert not actions()


@pytest.mark.parametrize("add", [bpy.ops.object.light_add, bpy.ops.object.camera_add, bpy.ops.object.speaker_add])
def test_what_has_no_face_says_so(clean_scene: bpy.types.Scene, short_line: Path, add: Callable[[], set[str]]) -> None:
    add()
    with pytest.raises(RuntimeError, match="has no mesh. Select the character's face or its rig"):
        generate(short_line)


def test_animation_that_is_yet_to_be_evaluated_is_not_measured(head: bpy.types.Object) -> None:
    measured = importlib.import_module(f"{MODULE}.addon.generate").mapped
    before = measured(found(), bpy.context.view_layer)[0].probe
    key = head.data.shape_keys.key_blocks["jawOpen"]
    key.value = 0.9
    key.keyframe_insert("value", frame=1)
    data = head.data.shape_keys.animation_data
    open_mouth, slot, data.action = data.action, data.action_slot, None
    key.value = 0.0
    bpy.context.view_layer.update()
    data.action, data.action_slot = open_mouth, slot
    after = measured(found(), bpy.context.view_layer)[0].probe
    np.testing.assert_allclose(after.rest, before.rest, atol=1e-6)
    np.testing.assert_allclose(after.displacement, before.displacement, atol=1e-6)
