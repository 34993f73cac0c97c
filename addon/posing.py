"""Posing a character's targets and looking at its evaluated meshes; everything is put back after."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import bpy
import numpy as np
from mathutils import Euler, Quaternion
from numpy.typing import NDArray

from ..model_runtime.contracts import Target
from .character import Character, objects_of
from .lips import Surface


def set_target(target: Target, value: float) -> None:
    """Poses one target: a key's value on all its meshes, a bone's turn or way along its axis, or a property."""
    for name in target.objects:
        obj = bpy.data.objects[name]
        if target.kind == "shape_key":
            obj.data.shape_keys.key_blocks[target.name].value = value
        elif target.kind == "property":
            holder = _holder(target)
            holder[target.name] = type(holder[target.name])(value * target.sign)
            obj.update_tag()
        elif target.kind == "location":
            obj.pose.bones[target.name].location[target.axis] = value * target.sign
        else:
            _turn(obj.pose.bones[target.name], target.axis, value * target.sign)


def _turn(bone: bpy.types.PoseBone, axis: int, angle: float) -> None:
    x, y, z = (float(i == axis) for i in range(3))
    if bone.rotation_mode == "QUATERNION":
        bone.rotation_quaternion = Quaternion((x, y, z), angle)
    elif bone.rotation_mode == "AXIS_ANGLE":
        bone.rotation_axis_angle = (angle, x, y, z)
    else:
        bone.rotation_euler = Euler((x * angle, y * angle, z * angle), bone.rotation_mode)


def _holder(target: Target) -> Any:
    """What carries a custom property: an object or one of its pose bones."""
    obj = bpy.data.objects[target.objects[0]]
    return obj.pose.bones[target.bone] if target.bone else obj


@contextmanager
def at_rest(character: Character, targets: Sequence[Target], view_layer: bpy.types.ViewLayer) -> Iterator[None]:
    """All keys of the character, what drives them and all targets at zero; afterwards everything as it was."""
    targets = list(dict.fromkeys([*targets, *(t for t in character.targets if t.is_shape and t.kind != "shape_key")]))
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
            set_target(target, 0.0)
        for key, _ in values:
            key.value = 0.0
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
def posed(weights: dict[Target, float], view_layer: bpy.types.ViewLayer) -> Iterator[None]:
    """Some targets at the given values; back to zero afterwards."""
    for target, value in weights.items():
        set_target(target, value)
    view_layer.update()
    yield
    for target in weights:
        set_target(target, 0.0)
    view_layer.update()


def surface_of(obj: bpy.types.Object, view_layer: bpy.types.ViewLayer) -> Surface:
    """The evaluated mesh of an object in world space."""
    evaluated = obj.evaluated_get(view_layer.depsgraph)
    mesh = evaluated.to_mesh()
    matrix = np.array(evaluated.matrix_world, dtype=np.float64)
    points = _read(mesh.vertices, "co", 3)
    normals = _read(mesh.vertex_normals, "vector", 3) @ np.linalg.inv(matrix[:3, :3])
    edges = np.empty(2 * len(mesh.edges), dtype=np.int32)
    mesh.edges.foreach_get("vertices", edges)
    evaluated.to_mesh_clear()
    lengths = np.maximum(np.linalg.norm(normals, axis=1, keepdims=True), 1e-12)
    return Surface(points @ matrix[:3, :3].T + matrix[:3, 3], normals / lengths, edges.reshape(-1, 2).astype(np.int64))


def points_of(obj: bpy.types.Object, view_layer: bpy.types.ViewLayer) -> NDArray[np.float64]:
    """The evaluated points of an object in world space, float [n, 3]."""
    evaluated = obj.evaluated_get(view_layer.depsgraph)
    mesh = evaluated.to_mesh()
    points = _read(mesh.vertices, "co", 3)
    evaluated.to_mesh_clear()
    matrix = np.array(evaluated.matrix_world, dtype=np.float64)
    return np.asarray(points @ matrix[:3, :3].T + matrix[:3, 3])


def _read(collection: Any, name: str, width: int) -> NDArray[np.float64]:
    flat = np.empty(len(collection) * width, dtype=np.float32)
    collection.foreach_get(name, flat)
    return flat.reshape(-1, width).astype(np.float64)
