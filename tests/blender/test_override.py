"""Characters of other files: said to be linked, overridden with one click, and animated for good."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import bpy
import pytest

from .conftest import generate
from .scene import actions, values
from .test_zoo import properties_of_the_rig


def plain(head: bpy.types.Object) -> None:
    """Keys and a jaw bone."""


def save_cast(head: bpy.types.Object, folder: Path) -> Path:
    """The character in a collection of its own, in another file; an empty scene is left."""
    cast = bpy.data.collections.new("Cast")
    bpy.context.scene.collection.children.link(cast)
    for obj in [head.parent, *head.parent.children]:
        for collection in obj.users_collection:
            collection.objects.unlink(obj)
        cast.objects.link(obj)
    bpy.context.view_layer.update()
    path = folder / "cast.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(path))
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    bpy.context.scene.render.fps = 24
    return path


def linked_collection(path: Path) -> bpy.types.Collection:
    with bpy.data.libraries.load(str(path), link=True) as (_, here):
        here.collections = ["Cast"]
    return here.collections[0]


def as_an_instance(path: Path) -> None:
    """File > Link, as Blender does it by itself."""
    empty = bpy.data.objects.new("Cast", None)
    empty.instance_type, empty.instance_collection = "COLLECTION", linked_collection(path)
    empty.location, empty.rotation_euler = (1.0, 2.0, 3.0), (0.0, 0.0, 1.0)
    bpy.context.collection.objects.link(empty)
    bpy.context.view_layer.objects.active = empty


def as_a_collection(path: Path) -> None:
    collection = linked_collection(path)
    bpy.context.scene.collection.children.link(collection)
    face = next(obj for obj in collection.objects if obj.name.endswith("Face"))
    bpy.context.view_layer.objects.active = face


def as_objects(path: Path) -> None:
    with bpy.data.libraries.load(str(path), link=True) as (there, here):
        here.objects = there.objects
    for obj in here.objects:
        bpy.context.collection.objects.link(obj)
    bpy.context.view_layer.objects.active = next(obj for obj in here.objects if obj.type == "ARMATURE")


def overridden_by_hand(path: Path) -> None:
    """Objects are the user's own, their mesh data are still linked."""
    as_a_collection(path)
    collection = next(c for c in bpy.context.scene.collection.children)
    made = collection.override_hierarchy_create(bpy.context.scene, bpy.context.view_layer)
    bpy.context.scene.collection.children.unlink(collection)
    bpy.context.view_layer.objects.active = next(obj for obj in made.all_objects if obj.type == "ARMATURE")


def as_mesh_data(path: Path) -> None:
    """Objects of this file with mesh data of the other."""
    with bpy.data.libraries.load(str(path), link=True) as (_, here):
        here.meshes = ["Labial Head Face"]
    face = bpy.data.objects.new("Face", here.meshes[0])
    bpy.context.collection.objects.link(face)
    bpy.context.view_layer.objects.active = face


def speak(sound: Path) -> None:
    generate(sound)
    report = bpy.context.scene.labial.report
    assert report.proven == report.closures >= 2, report.notes


def own_face() -> bpy.types.Object:
    """The face in the scene; there is one."""
    (face,) = [obj for obj in bpy.context.scene.objects if obj.type == "MESH" and "Face" in obj.name]
    return face


def course(face: bpy.types.Object) -> list[float]:
    """The jaw over the line."""
    found = []
    for frame in range(1, 40):
        bpy.context.scene.frame_set(frame)
        found.append(values(face)["jawOpen"])
    return found


@pytest.mark.parametrize("character", [plain, properties_of_the_rig], ids=lambda make: make.__name__)
@pytest.mark.parametrize(
    "link", [as_an_instance, as_a_collection, as_objects, overridden_by_hand, as_mesh_data],
    ids=lambda link: link.__name__,
)  # fmt: skip
def test_an_override_keeps_the_animation(
    head: bpy.types.Object, short_line: Path, tmp_path: Path,
    character: Callable[[bpy.types.Object], None], link: Callable[[Path], None],
) -> None:  # fmt: skip
    if character is properties_of_the_rig and link is as_mesh_data:
        pytest.skip("properties without their rig move nothing")
    character(head)
    link(save_cast(head, tmp_path))
    bpy.context.view_layer.update()
    with pytest.raises(RuntimeError, match="linked from another file") as caught:
        generate(short_line)
    assert "Make Override" in str(caught.value)
    assert not actions()
    assert bpy.ops.labial.make_override() == {"FINISHED"}
    speak(short_line)
    wanted = course(own_face())
    assert max(wanted) > 0.1
    bpy.context.scene.frame_set(1_000)
    assert not any(values(own_face()).values()), "saved at rest, where nothing differs from the linked file"
    bpy.ops.wm.save_as_mainfile(filepath=str(tmp_path / "shot.blend"))
    bpy.ops.wm.open_mainfile(filepath=str(tmp_path / "shot.blend"))
    assert course(own_face()) == pytest.approx(wanted, abs=1e-6)
    rig = own_face().parent
    if link is as_an_instance:
        assert rig.parent.name == "Cast" and tuple(own_face().matrix_world.translation) == pytest.approx((1, 2, 3))
    if rig is not None and character is plain:
        turns = []
        for frame in range(1, 40):
            bpy.context.scene.frame_set(frame)
            turns.append(rig.pose.bones["jaw"].matrix_basis.to_quaternion().angle)
        assert max(turns) > 0.03


def test_what_is_not_linked_needs_no_override(head: bpy.types.Object) -> None:
    with pytest.raises(RuntimeError, match="needs no override"):
        bpy.ops.labial.make_override()
