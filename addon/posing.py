"""Posing a character's targets and looking at its evaluated meshes; everything is put back after."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

from ..model_runtime.contracts import Target
from ..model_runtime.errors import CharacterError
from ..model_runtime.rigs.channels import keyed, spread
from .character import Character, objects_of
from .lips import Surface

_RENUMBERING = {"BEVEL", "BOOLEAN", "BUILD", "DECIMATE", "EDGE_SPLIT", "EXPLODE", "REMESH", "WELD"}
"""Modifiers that make other points as a mesh moves."""


def set_target(target: Target, value: float) -> None:
    """Poses one target that can be keyed: a key on all its meshes, a bone's turn or way, a property, a number."""
    for name in target.objects:
        obj = bpy.data.objects[name]
        if target.kind == "shape_key":
            obj.data.shape_keys.key_blocks[target.name].value = value
        elif target.kind == "number":
            path, _, number = target.name.rpartition(".")
            setattr(obj.path_resolve(path), number, int(value))
        elif target.kind == "property":
            holder = _holder(target)
            holder[target.name] = type(holder[target.name])(value * target.sign)
            obj.update_tag()
        elif target.kind == "location":
            obj.pose.bones[target.name].location[target.axis] = value * target.sign
        else:
            _turn(obj.pose.bones[target.name], target.axis, value * target.sign)


def set_targets(weights: Mapping[Target, float]) -> None:
    """Poses some targets together; groups are taken apart, and what shares a channel is added up."""
    channels, values = spread(list(weights), np.array([list(weights.values())], dtype=np.float32))
    for target, value in zip(channels, values[0].tolist(), strict=True):
        set_target(target, value)


def _turn(bone: bpy.types.PoseBone, axis: int, angle: float) -> None:
    """As keys turn it: about each axis by itself, a quaternion by its vector over its scalar part."""
    if bone.rotation_mode == "QUATERNION":
        bone.rotation_quaternion[0] = 1.0
        bone.rotation_quaternion[axis + 1] = math.tan(0.5 * angle)
    elif bone.rotation_mode == "AXIS_ANGLE":
        bone.rotation_axis_angle = (angle, *(float(i == axis) for i in range(3)))
    else:
        bone.rotation_euler[axis] = angle


def to_rest(target: Target) -> None:
    """A target that can be keyed at zero, a bone unturned about all axes."""
    if target.kind != "rotation":
        set_target(target, 0.0)
        return
    bone = bpy.data.objects[target.objects[0]].pose.bones[target.name]
    bone.rotation_quaternion = (1.0, 0.0, 0.0, 0.0)
    bone.rotation_euler = (0.0, 0.0, 0.0)
    bone.rotation_axis_angle = (0.0, 0.0, 1.0, 0.0)


def _holder(target: Target) -> Any:
    """What carries a custom property: an object or one of its pose bones."""
    obj = bpy.data.objects[target.objects[0]]
    return obj.pose.bones[target.bone] if target.bone else obj


@contextmanager
def measurable(meshes: Sequence[bpy.types.Object]) -> Iterator[None]:
    """Meshes without the modifiers that number their points anew in each pose, and with all their keys where one shows
    alone; afterwards as they were."""
    hidden = [m for mesh in meshes for m in mesh.modifiers if m.type in _RENUMBERING and m.show_viewport]
    solo = [mesh for mesh in meshes if mesh.show_only_shape_key]
    try:
        for modifier in hidden:
            modifier.show_viewport = False
        for mesh in solo:
            mesh.show_only_shape_key = False
        yield
    finally:
        for modifier in hidden:
            modifier.show_viewport = True
        for mesh in solo:
            mesh.show_only_shape_key = True


@contextmanager
def at_rest(character: Character, targets: Sequence[Target], view_layer: bpy.types.ViewLayer) -> Iterator[None]:
    """All keys of the character, what drives them and all targets at zero, its meshes `measurable`; afterwards
    everything as it was."""
    view_layer.update()  # or animation that is still to be evaluated would come over what is set here
    targets = keyed([*targets, *(t for t in character.targets if t.is_shape and t.kind != "shape_key")])
    values = [
        (key, key.value) for mesh in objects_of(character) if mesh.data.shape_keys
        for key in mesh.data.shape_keys.key_blocks[1:]
    ]  # fmt: skip
    names = {(t.objects[0], t.name) for t in targets if t.kind in ("rotation", "location")}
    bones = [bpy.data.objects[armature].pose.bones[name] for armature, name in sorted(names)]
    poses = [
        (b, b.rotation_quaternion.copy(), tuple(b.rotation_axis_angle), b.rotation_euler.copy(), b.location.copy())
        for b in bones
    ]
    properties = [(_holder(t), t.name, _holder(t)[t.name]) for t in targets if t.kind == "property"]
    try:
        for target in targets:
            to_rest(target)
        for key, _ in values:
            key.value = 0.0
        with measurable(objects_of(character)):
            view_layer.update()
            yield
    finally:
        for key, value in values:
            key.value = value
        for bone, quaternion, axis_angle, euler, location in poses:
            bone.rotation_quaternion, bone.rotation_euler = quaternion, euler
            bone.rotation_axis_angle, bone.location = axis_angle, location
        for holder, name, value in properties:
            holder[name] = value
            holder.id_data.update_tag()
        view_layer.update()


@contextmanager
def posed(weights: Mapping[Target, float]) -> Iterator[None]:
    """Some targets at the given values; back to zero afterwards. Whoever looks has them `evaluated`."""
    set_targets(weights)
    yield
    set_targets(dict.fromkeys(weights, 0.0))


def is_seen(obj: bpy.types.Object, view_layer: bpy.types.ViewLayer) -> bool:
    """Whether Blender evaluates an object; it leaves out what is disabled in viewports."""
    return bool(obj.evaluated_get(view_layer.depsgraph).is_evaluated)


def evaluated(obj: bpy.types.Object, view_layer: bpy.types.ViewLayer) -> bpy.types.Object:
    """An object as it is posed now, with all that acts on it."""
    view_layer.update()
    return obj.evaluated_get(view_layer.depsgraph)


def surfaces_of(character: Character, view_layer: bpy.types.ViewLayer) -> dict[str, Surface]:
    """The evaluated meshes of a character in world space, by name, without those that have no point to show."""
    found = {mesh.name: _surface_of(mesh, view_layer) for mesh in objects_of(character)}
    return {name: surface for name, surface in found.items() if len(surface.points)}


def _surface_of(obj: bpy.types.Object, view_layer: bpy.types.ViewLayer) -> Surface:
    shown = evaluated(obj, view_layer)
    mesh = shown.to_mesh()
    matrix = np.array(shown.matrix_world, dtype=np.float64)
    points = _places(mesh)
    normals = _read(mesh.vertex_normals, "vector", 3) @ np.linalg.inv(matrix[:3, :3])
    edges = np.empty(2 * len(mesh.edges), dtype=np.int32)
    mesh.edges.foreach_get("vertices", edges)
    shown.to_mesh_clear()
    lengths = np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    return Surface(points @ matrix[:3, :3].T + matrix[:3, 3], normals / lengths, edges.reshape(-1, 2).astype(np.int64))


def points_of(obj: bpy.types.Object, view_layer: bpy.types.ViewLayer) -> NDArray[np.float64]:
    """The evaluated points of an object in world space, float [n, 3]."""
    shown = evaluated(obj, view_layer)
    points = _places(shown.to_mesh())
    shown.to_mesh_clear()
    matrix = np.array(shown.matrix_world, dtype=np.float64)
    return np.asarray(points @ matrix[:3, :3].T + matrix[:3, 3])


def moves_of(rest: Mapping[str, Surface], view_layer: bpy.types.ViewLayer) -> dict[str, NDArray[np.float64]]:
    """How far all points of some meshes have gone, float [n, 3] by mesh. Raises CharacterError if they are others."""
    moves = {}
    for name, surface in rest.items():
        mesh = bpy.data.objects[name]
        points = points_of(mesh, view_layer)
        if len(points) != len(surface.points):
            suspects = ", ".join(m.name for m in mesh.modifiers if m.show_viewport)
            raise CharacterError(
                f"“{name}” has {len(surface.points)} points at rest and {len(points)} in another pose, so its movement "
                f"cannot be measured. Apply the modifier that makes them ({suspects}) or hide it in the viewport."
            )
        moves[name] = points - surface.points
    return moves


def _places(mesh: bpy.types.Mesh) -> NDArray[np.float64]:
    """A mesh's points; from their attribute, which Blender copies whole where it asks vertices one by one."""
    places: Any = mesh.attributes.get("position")  # a mesh without points has none
    return _read(places.data, "vector", 3) if places else np.zeros((0, 3))


def _read(collection: Any, name: str, width: int) -> NDArray[np.float64]:
    flat = np.empty(len(collection) * width, dtype=np.float32)
    collection.foreach_get(name, flat)
    return flat.reshape(-1, width).astype(np.float64)
