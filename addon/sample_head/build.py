"""Turns the sample head's arrays into Blender objects: meshes, shape keys, armature."""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import bpy
import numpy as np
from numpy.typing import NDArray

from . import details, eyes, inner_mouth
from .expressions import arkit_shapes
from .face import build_face
from .fields import HINGE, Fields
from .materials import material
from .template import Cage
from .visemes import viseme_shapes

Array = NDArray[np.float64]
FACE_SLOTS = ("Labial Skin", "Labial Lips", "Labial Mouth", "Labial Brows")
TEETH_SLOTS = ("Labial Teeth", "Labial Gums")
EYE_SLOTS = ("Labial Eye White", "Labial Iris Rim", "Labial Iris", "Labial Pupil", "Labial Glint")
METRES = 0.001
"""The head is designed in millimetres."""


class Part(NamedTuple):
    """One mesh object: its cage, materials, the bone that it follows, subdivision level and shape keys (mm)."""

    name: str
    cage: Cage
    slots: Sequence[str]
    bone: str
    level: int
    keys: Mapping[str, Array]


def build_head(context: bpy.types.Context) -> bpy.types.Object:
    """Add the sample head at the 3D cursor and return its armature, selected and active.

    Needs no user interface; the objects are linked to the active collection. Leaves edit and pose mode.
    """
    rig = _build_rig(context)
    for part in _parts():
        made = _mesh_object(part)
        context.collection.objects.link(made)
        _add_keys(made, part.keys)
        _attach(made, rig, part)
    for other in context.selected_objects:
        other.select_set(False)
    rig.select_set(True)
    context.view_layer.objects.active = rig
    return rig


@functools.cache
def _parts() -> tuple[Part, ...]:
    """All meshes of the head: computed for the first one of a session, the same for all others."""
    face = build_face()
    fields = Fields(face)
    arkit = arkit_shapes(fields)
    skin = Cage(list(face.points), face.faces, face.slots)
    tongue, tongue_keys = inner_mouth.build_tongue()
    eyeballs, gazes = eyes.build_eyes()
    upper, lower = inner_mouth.build_teeth(upper=True), inner_mouth.build_teeth(upper=False)
    return (
        Part("Face", skin, FACE_SLOTS, "head", 2, arkit | viseme_shapes(fields, arkit)),
        Part("Teeth Upper", upper, TEETH_SLOTS, "head", 0, {}),
        Part("Teeth Lower", lower, TEETH_SLOTS, "jaw", 0, {}),
        Part("Tongue", tongue, ("Labial Tongue",), "jaw", 2, tongue_keys),
        Part("Eyes", eyeballs, EYE_SLOTS, "head", 0, gazes),
        Part("Hair", details.build_hair(), ("Labial Hair",), "head", 2, {}),
        Part("Collar", details.build_collar(), ("Labial Collar",), "head", 2, {}),
    )


def _mesh_object(part: Part) -> bpy.types.Object:
    name = f"Labial Head {part.name}"
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata((np.asarray(part.cage.points) * METRES).tolist(), [], part.cage.faces)
    for slot in part.slots:
        mesh.materials.append(material(slot))
    mesh.polygons.foreach_set("material_index", part.cage.slots)
    mesh.polygons.foreach_set("use_smooth", [True] * len(part.cage.faces))
    mesh.update()
    return bpy.data.objects.new(name, mesh)


def _add_keys(target: bpy.types.Object, displacements: Mapping[str, Array]) -> None:
    """Shape keys from displacements in millimetres, all at 0."""
    if not displacements:
        return
    basis = target.shape_key_add(name="Basis", from_mix=False)
    rest = np.empty(3 * len(target.data.vertices), dtype=np.float32)
    target.data.vertices.foreach_get("co", rest)
    for name, moved in displacements.items():
        key = target.shape_key_add(name=name, from_mix=False)
        key.data.foreach_set("co", rest + (moved * METRES).astype(np.float32).ravel())
        key.value = 0.0
        key.slider_min, key.slider_max = 0.0, 1.0
    basis.value = 0.0


def _attach(made: bpy.types.Object, rig: bpy.types.Object, part: Part) -> None:
    """Parent to the rig, follow one bone wholly, subdivide (once in the viewport)."""
    made.parent = rig
    made.vertex_groups.new(name=part.bone).add(range(len(part.cage.points)), 1.0, "REPLACE")
    follow = made.modifiers.new("Armature", "ARMATURE")
    assert isinstance(follow, bpy.types.ArmatureModifier)
    follow.object = rig
    if part.level:
        subdivision = made.modifiers.new("Subdivision", "SUBSURF")
        assert isinstance(subdivision, bpy.types.SubsurfModifier)
        subdivision.levels, subdivision.render_levels = 1, part.level


def _build_rig(context: bpy.types.Context) -> bpy.types.Object:
    """The armature with its bones `head` and `jaw` (which opens about its local X axis)."""
    if context.mode != "OBJECT":
        bpy.ops.object.mode_set(mode="OBJECT")
    rig = bpy.data.objects.new("Labial Head", bpy.data.armatures.new("Labial Head"))
    rig.location = context.scene.cursor.location
    context.collection.objects.link(rig)
    context.view_layer.objects.active = rig
    bpy.ops.object.mode_set(mode="EDIT")
    head = rig.data.edit_bones.new("head")
    head.head, head.tail = (0.0, 0.018, 0.0), (0.0, 0.018, 0.30)
    jaw = rig.data.edit_bones.new("jaw")
    jaw.head, jaw.tail = HINGE * METRES, (0.0, -0.085, 0.085)
    jaw.parent = head
    jaw.align_roll((0.0, 0.0, -1.0))
    bpy.ops.object.mode_set(mode="OBJECT")
    return rig
