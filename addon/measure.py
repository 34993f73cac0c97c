"""The measured character: how each target moves the lips, on the evaluated meshes, with the scene put back after."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import bpy
import numpy as np
from mathutils import Quaternion, Vector
from numpy.typing import NDArray

from ..model_runtime.contracts import Float32, RigProbe, Target, frozen_array
from ..model_runtime.errors import CharacterError
from ..model_runtime.rigs.detect import Proposal
from .character import Character, objects_of
from .lips import Lips, Surface, find_lips

_TURN = 0.2
"""Radians that a bone is turned to see what it carries."""


@dataclass(frozen=True)
class Measured:
    """A probe for the pure side, and the lips on the mesh that shows them for the proof."""

    probe: RigProbe
    lips: Lips
    mesh: str


def measure(character: Character, proposal: Proposal, view_layer: bpy.types.ViewLayer) -> Measured:
    """Poses every target of the proposal once and looks at the evaluated meshes. Raises CharacterError without lips."""
    with _at_rest(character, proposal.targets, view_layer):
        rest = {name: surface_of(bpy.data.objects[name], view_layer) for name in character.meshes}
        mesh, lips = _lips(character, proposal, rest, view_layer)
        points = rest[mesh].points
        bones = {
            t: _probed_bone(t, points[lips.chin], lips, rest, view_layer) for t in proposal.targets if t.kind == "bone"
        }
        targets = tuple(bones[t][0] if t in bones else t for t in proposal.targets)
        chosen = np.array(
            [*(_rim(points, s, -lips.up) for s in lips.upper), *(_rim(points, s, lips.up) for s in lips.lower),
             lips.left, lips.right, lips.chin]
        )  # fmt: skip
        moves = [_displacement(t, mesh, points, chosen, view_layer) for t in targets]
    count = len(lips.upper)
    probe = RigProbe(
        targets=targets,
        rest=frozen_array(points[chosen]),
        displacement=frozen_array(np.reshape(moves, (len(targets), len(chosen), 3))),
        carried=frozen_array([bones[t][1] if t in bones else np.zeros(3) for t in proposal.targets]),
        upper=frozen_array(range(count), np.int32),
        lower=frozen_array(range(count, 2 * count), np.int32),
        left_corner=2 * count,
        right_corner=2 * count + 1,
        chin=2 * count + 2,
        up=frozen_array(lips.up),
        forward=frozen_array(lips.forward),
        width=lips.width,
    )
    return Measured(probe, lips, mesh)


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


def _read(collection: object, name: str, width: int) -> NDArray[np.float64]:
    flat = np.empty(len(collection) * width, dtype=np.float32)  # type: ignore[arg-type]
    collection.foreach_get(name, flat)  # type: ignore[attr-defined]
    return flat.reshape(-1, width).astype(np.float64)


def set_target(target: Target, value: float) -> None:
    """Poses one target: a key's value on all its meshes, or a bone's turn about its axis."""
    for name in target.objects:
        obj = bpy.data.objects[name]
        if target.kind == "shape_key":
            obj.data.shape_keys.key_blocks[target.name].value = value
            continue
        bone, angle = obj.pose.bones[target.name], value * target.sign
        axis = Vector([float(i == target.axis) for i in range(3)])
        if bone.rotation_mode == "QUATERNION":
            bone.rotation_quaternion = Quaternion(axis, angle)
        elif bone.rotation_mode == "AXIS_ANGLE":
            bone.rotation_axis_angle = (angle, *axis)
        else:
            bone.rotation_euler = axis * angle


@contextmanager
def _at_rest(character: Character, targets: Sequence[Target], view_layer: bpy.types.ViewLayer) -> Iterator[None]:
    """All keys of the character at zero and its jaw at rest; afterwards everything as it was."""
    values = [
        (key, key.value) for mesh in objects_of(character) if mesh.data.shape_keys
        for key in mesh.data.shape_keys.key_blocks[1:]
    ]  # fmt: skip
    bones = [bpy.data.objects[t.objects[0]].pose.bones[t.name] for t in targets if t.kind == "bone"]
    turns = [(b, b.rotation_quaternion.copy(), tuple(b.rotation_axis_angle), b.rotation_euler.copy()) for b in bones]
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
        for bone, quaternion, axis_angle, euler in turns:
            bone.rotation_quaternion, bone.rotation_euler = quaternion, euler
            bone.rotation_axis_angle = axis_angle
        view_layer.update()


@contextmanager
def _posed(weights: dict[Target, float], view_layer: bpy.types.ViewLayer) -> Iterator[None]:
    for target, value in weights.items():
        set_target(target, value)
    view_layer.update()
    yield
    for target in weights:
        set_target(target, 0.0)
    view_layer.update()


def _lips(
    character: Character, proposal: Proposal, rest: dict[str, Surface], view_layer: bpy.types.ViewLayer
) -> tuple[str, Lips]:
    """Opens the mouth with the preset's jaw and "aa" and takes the mesh on which lips part furthest."""
    preset = proposal.preset
    named = {preset.normal(t.name): t for t in proposal.targets if t.kind == "shape_key"}
    pose = {
        named[preset.normal(name)]: min(1.0, weight)
        for channel in ("aa", "jaw") for name, weight in preset.channels[channel].items() if preset.normal(name) in named
    }  # fmt: skip
    with _posed(pose, view_layer):
        opened = {name: points_of(bpy.data.objects[name], view_layer) for name in character.meshes}
    found = [
        (name, lips) for name, surface in rest.items()
        if len(opened[name]) == len(surface.points)
        and (lips := find_lips(surface, opened[name] - surface.points)) is not None
    ]  # fmt: skip
    if not found:
        raise CharacterError(
            f"No lips were found on “{character.name}”: opening the mouth ({', '.join(t.name for t in pose)}) does not part "
            "two lips on any of its meshes. Check that these shape keys open the mouth."
        )
    return max(found, key=lambda item: item[1].gap(opened[item[0]]) * item[1].width)


def _rim(points: NDArray[np.float64], members: NDArray[np.int64], towards: NDArray[np.float64]) -> int:
    """The point of a slice of a lip that comes nearest to the other lip."""
    return int(members[(points[members] @ towards).argmax()])


def _displacement(
    target: Target, mesh: str, rest: NDArray[np.float64], chosen: NDArray[np.int64], view_layer: bpy.types.ViewLayer
) -> NDArray[np.float64]:
    """How far the chosen points go at value 1.0 of a key, or per radian of a bone, float [points, 3]."""
    value = target.maximum if target.kind == "shape_key" else _TURN
    with _posed({target: value}, view_layer):
        moved = points_of(bpy.data.objects[mesh], view_layer)[chosen]
    return np.asarray((moved - rest[chosen]) / value)


def _probed_bone(
    target: Target,
    chin: NDArray[np.float64],
    lips: Lips,
    rest: dict[str, Surface],
    view_layer: bpy.types.ViewLayer,
) -> tuple[Target, Float32]:
    """The bone with the axis and sign that lower the chin most, and where the chin would be carried per radian.

    A bone that moves no mesh of the character carries nothing: it is somebody's helper.
    """
    armature = bpy.data.objects[target.objects[0]]

    def matrix() -> NDArray[np.float64]:
        bone = armature.evaluated_get(view_layer.depsgraph).pose.bones[target.name]
        return np.array(armature.matrix_world @ bone.matrix, dtype=np.float64)

    rest = matrix()
    local = np.linalg.solve(rest, np.append(chin, 1.0))
    best = (replace(target), np.zeros(3, dtype=np.float32))
    for axis in range(3):
        turned = replace(target, axis=axis, sign=1.0)
        with _posed({turned: _TURN}, view_layer):
            carried = ((matrix() @ local)[:3] - chin) / _TURN
        sign = -1.0 if carried @ lips.up > 0.0 else 1.0
        if abs(carried @ lips.up) > abs(best[1] @ lips.up):
            best = (replace(turned, sign=sign), np.asarray(sign * carried, dtype=np.float32))
    with _posed({best[0]: _TURN}, view_layer):
        moved = [
            np.abs(points_of(bpy.data.objects[n], view_layer) - s.points).max(initial=0.0) for n, s in rest.items()
        ]
    return best if max(moved) > 1e-4 * lips.width else (best[0], np.zeros(3, dtype=np.float32))
