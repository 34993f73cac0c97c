"""The sample head without shape keys on bones alone, named as a standard names them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import bpy
import numpy as np

from .conftest import load_character
from .mouth import Array, Mouth, evaluated_points

NEAR = 0.02
"""How far bones reach, in metres."""


class Names(NamedTuple):
    """What the bones of a face are called; lips: upper middle, lower middle, and with {side} upper, lower, corner."""

    head: str
    jaw: str
    lips: tuple[str, str, str, str, str]
    sides: tuple[str, str] = (".L", ".R")
    tongue: tuple[str, ...] = ()
    helpers: tuple[str, ...] = ()


PLAIN = Names(
    "head", "jaw", ("lip_top", "lip_bottom", "lip_top_side{side}", "lip_bottom_side{side}", "lip_corner{side}")
)


def lowered_by_jaw(face: bpy.types.Object) -> Array:
    """How far each point goes with jawOpen, shares of the furthest."""
    shapes = face.data.shape_keys.key_blocks
    moves = [(a.co - b.co).length for a, b in zip(shapes["jawOpen"].data, shapes["Basis"].data, strict=True)]
    return np.array(moves) / max(moves)


def bone_face(names: Names = PLAIN) -> tuple[bpy.types.Object, bpy.types.Object, Mouth]:
    """The face on its bones, its rig, and the ruler of its lips; the rig is active."""
    face = load_character("head")
    mouth, lowered = Mouth(face), lowered_by_jaw(face)
    points = evaluated_points(face)
    face.shape_key_clear()
    for other in [face.parent, *(part for part in face.parent.children if part is not face)]:
        bpy.data.objects.remove(other)
    face.modifiers.remove(face.modifiers["Armature"])
    face.vertex_groups.clear()
    rig = bpy.data.objects.new("Rig", bpy.data.armatures.new("Rig"))
    bpy.context.collection.objects.link(rig)
    bpy.context.view_layer.objects.active = rig
    bpy.ops.object.mode_set(mode="EDIT")
    _make_bones(names, rig.data.edit_bones.new, points[mouth.upper], points[mouth.lower])
    bpy.ops.object.mode_set(mode="OBJECT")
    bpy.context.view_layer.update()
    top, bottom, top_side, bottom_side, corner = names.lips
    beside = [[name.format(side=side) for side in names.sides] for name in (top_side, bottom_side, corner)]
    weigh(face, rig, lowered, (top, *beside[0], *beside[2]), (bottom, *beside[1], names.jaw), names.head)
    bpy.context.view_layer.update()
    return face, rig, mouth


def _make_bones(names: Names, new: Callable[[str], bpy.types.EditBone], upper: Array, lower: Array) -> None:
    left, right = upper[upper[:, 0].argmax()], upper[upper[:, 0].argmin()]
    top, bottom = (rim[np.abs(rim[:, 0]).argmin()] for rim in (upper, lower))

    def bone(name: str, head: Array, way: Sequence[float], parent: bpy.types.EditBone | None) -> bpy.types.EditBone:
        made = new(name)
        made.head, made.tail, made.parent = head, head + np.array(way), parent
        return made

    hinge = top + np.array((0.0, 0.08, 0.02))
    head = bone(names.head, hinge + np.array((0.0, 0.0, 0.02)), (0.0, 0.0, 0.1), None)
    jaw = bone(names.jaw, hinge, bottom + np.array((0.0, 0.0, -0.03)) - hinge, head)
    out = (0.0, -0.015, 0.0)
    bone(names.lips[0], top, out, head)
    bone(names.lips[1], bottom, out, jaw)
    for side, end in zip(names.sides, (left, right), strict=True):
        bone(names.lips[2].format(side=side), 0.5 * (top + end), out, head)
        bone(names.lips[3].format(side=side), 0.5 * (bottom + end), out, jaw)
        bone(names.lips[4].format(side=side), end, out, head)
    parent = jaw
    for number, name in enumerate(names.tongue):
        parent = bone(name, top + np.array((0.0, 0.05 - 0.012 * number, -0.005)), (0.0, -0.012, 0.0), parent)
    for number, name in enumerate(names.helpers):
        bone(name, top + np.array((0.2, 0.0, 0.02 * number)), out, head)


def weigh(
    face: bpy.types.Object, rig: bpy.types.Object, lowered: Array, upper: Sequence[str], lower: Sequence[str], head: str
) -> None:
    """Hangs every point on the bones of its lip, by the beginnings of their names; lowered: [points] in 0-1."""
    points = np.array([vertex.co for vertex in face.data.vertices])
    bones = {bone.name: (np.array(bone.head_local), np.array(bone.tail_local)) for bone in rig.data.bones}
    groups = {head: face.vertex_groups.get(head) or face.vertex_groups.new(name=head)}
    for share, names in ((1.0 - lowered, tuple(upper)), (lowered, tuple(lower))):
        named = [name for name in bones if name.startswith(names)]
        near = np.stack(
            [NEAR / np.maximum(_away(points, *bones[name]), 1e-3) for name in named] + [np.ones(len(points))]
        )
        weights = share * near**4 / (near**4).sum(axis=0)
        for name, row in zip([*named, head], weights, strict=True):
            group = groups.setdefault(name, face.vertex_groups.get(name) or face.vertex_groups.new(name=name))
            for index in np.flatnonzero(row > 0.001):
                group.add([int(index)], float(row[index]), "ADD")
    follow = face.modifiers.new("Armature", "ARMATURE")
    follow.object = rig
    face.modifiers.move(len(face.modifiers) - 1, 0)


def _away(points: Array, head: Array, tail: Array) -> Array:
    """How far points are from a bone."""
    along = tail - head
    share = np.clip((points - head) @ along / (along @ along), 0.0, 1.0)
    return np.linalg.norm(points - head - share[:, None] * along, axis=1)
