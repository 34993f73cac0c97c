"""The photographer's half of the demo: a face found on any character, cameras, light, background."""

from __future__ import annotations

from collections.abc import Iterable
from math import cos, radians, sin, tan
from typing import Any, NamedTuple

import bpy
import numpy as np
from mathutils import Matrix, Vector

BACKGROUND = (0.29, 0.36, 0.40)
"""Scene-linear, as Blender's world colour is."""
REACH, CHIN = 5.0, 1.7
"""In mouth widths: a face ends this far from the mouth, and the picture this far below it, so bodies stay out of it."""
TURN = radians(14)
"""The camera stands a little to the side, so that lips and nose have depth."""


class Face(NamedTuple):
    """Where the face is in the world: the mouth and its width, the face's axes, and the box along right, up, forward.

    low and high are corners of the box in the axes `right, up, forward` with the mouth as origin.
    """

    mouth: Vector
    width: float
    right: Vector
    up: Vector
    forward: Vector
    low: Vector
    high: Vector

    def point(self, right: float, up: float, forward: float) -> Vector:
        """A place beside the face, given in the face's axes, from the middle of its box, in half heights of the box."""
        middle, half = 0.5 * (self.low + self.high), 0.5 * (self.high.y - self.low.y)
        x, y, z = middle + half * Vector((right, up, forward))
        return self.mouth + x * self.right + y * self.up + z * self.forward


def find_face(meshes: Iterable[bpy.types.Object], probe: Any) -> Face:
    """The face around the mouth that `probe` (a RigProbe) measured, as wide and high as the meshes are there."""
    corners = [Vector(probe.rest[index]) for index in (probe.left_corner, probe.right_corner)]
    mouth, up, forward = 0.5 * (corners[0] + corners[1]), Vector(probe.up), Vector(probe.forward)
    right = up.cross(forward).normalized()
    axes = np.array([right, up, forward], dtype=np.float32)
    depsgraph = bpy.context.evaluated_depsgraph_get()
    clouds = [_world_points(mesh.evaluated_get(depsgraph)) for mesh in meshes if not mesh.hide_render]
    points = (np.concatenate(clouds) - np.array(mouth, dtype=np.float32)) @ axes.T
    near = points[np.linalg.norm(points, axis=1) < REACH * probe.width]
    low, high = Vector(near.min(axis=0)), Vector(near.max(axis=0))
    low.y = max(low.y, -CHIN * probe.width)
    return Face(mouth, probe.width, right, up, forward, low, high)


def _world_points(evaluated: bpy.types.Object) -> np.ndarray[Any, np.dtype[np.float32]]:
    mesh = evaluated.to_mesh()
    points = np.empty(3 * len(mesh.vertices), dtype=np.float32)
    mesh.vertices.foreach_get("co", points)
    evaluated.to_mesh_clear()
    world = np.array(evaluated.matrix_world, dtype=np.float32)
    return points.reshape(-1, 3) @ world[:3, :3].T + world[:3, 3]


def add_camera(face: Face, name: str, target: Vector, height: float, turn: float = TURN) -> bpy.types.Object:
    """A camera with a portrait lens that sees `height` world units around `target`, `turn` radians to the side."""
    lens = bpy.data.cameras.new(name)
    lens.lens, lens.sensor_fit = 85.0, "VERTICAL"
    away = height / (2 * tan(lens.angle_y / 2))
    direction = cos(turn) * face.forward + sin(turn) * face.right + 0.06 * face.up
    camera = bpy.data.objects.new(name, lens)
    _look(camera, target + away * direction.normalized(), target, face.up)
    lens.clip_start, lens.clip_end = away / 50, away * 50
    bpy.context.scene.collection.objects.link(camera)
    return camera


def add_cameras(face: Face) -> tuple[bpy.types.Object, bpy.types.Object]:
    """One camera for the whole face and one for the mouth."""
    height = max(face.high.y - face.low.y, face.high.x - face.low.x)
    whole = add_camera(face, "Face Camera", face.point(0, 0, 0.2), 1.1 * height)
    close = add_camera(face, "Mouth Camera", face.mouth - 0.12 * face.width * face.up, 2.2 * face.width)
    bpy.context.scene.camera = whole
    return whole, close


def add_light(face: Face) -> None:
    """A large warm key from one side, a cool fill from the other and a rim from behind; other lights are put out."""
    for other in bpy.data.objects:
        if other.type == "LIGHT":
            other.hide_render = other.hide_viewport = True
    size = face.high.y - face.low.y
    plan = {
        "Key": ((1.8, 1.5, 2.6), 34.0, 1.1, (1.0, 0.93, 0.86)),
        "Fill": ((-2.4, 0.3, 2.0), 10.0, 1.8, (0.84, 0.92, 1.0)),
        "Rim": ((-1.6, 2.0, -2.2), 30.0, 0.8, (0.95, 0.97, 1.0)),
    }
    for name, (place, power, width, colour) in plan.items():
        light = bpy.data.lights.new(f"{name} Light", "AREA")
        light.energy, light.size, light.color = power * size * size, width * size, colour
        lamp = bpy.data.objects.new(light.name, light)
        _look(lamp, face.point(*place), face.point(0, 0, 0), face.up)
        bpy.context.scene.collection.objects.link(lamp)


def set_background(scene: bpy.types.Scene) -> None:
    """A plain world in `BACKGROUND`, for Cycles and Workbench alike."""
    world = scene.world = bpy.data.worlds.new("Studio")
    world.color = BACKGROUND
    world.use_nodes = True
    shader = world.node_tree.nodes["Background"]
    shader.inputs["Color"].default_value = (*BACKGROUND, 1.0)
    shader.inputs["Strength"].default_value = 1.0
    scene.view_settings.view_transform = "Standard"


def _look(thing: bpy.types.Object, place: Vector, target: Vector, up: Vector) -> None:
    """Put a camera or light somewhere, its -Z axis at the target and its Y axis as near to `up` as can be."""
    back = (place - target).normalized()
    side = up.cross(back).normalized()
    thing.matrix_world = Matrix.Translation(place) @ Matrix((side, back.cross(side), back)).transposed().to_4x4()
