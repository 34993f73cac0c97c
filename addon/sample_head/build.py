"""Turns the sample head's arrays into Blender objects: meshes, shape keys, armature."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

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
METRES = 0.001
"""The head is designed in millimetres."""


def build_head(context: bpy.types.Context) -> bpy.types.Object:
    """Add the sample head at the 3D cursor and return its armature, selected and active.

    Works in object mode without any user interface; the objects are linked to the active collection.
    """
    rig = _build_rig(context)
    face = build_face()
    arkit = arkit_shapes(fields := Fields(face))
    skin = ("Labial Skin", "Labial Lips", "Labial Mouth", "Labial Brows")
    eyeballs, gazes = eyes.build_eyes()
    tongue, licks = inner_mouth.build_tongue()
    eye_slots = ("Labial Eye White", "Labial Iris Rim", "Labial Iris", "Labial Pupil", "Labial Glint")
    teeth_slots = ("Labial Teeth", "Labial Gums")
    face_cage = Cage(list(face.points), face.faces, face.slots)
    parts: list[tuple[str, Cage, Sequence[str], str, int, Mapping[str, Array]]] = [
        ("Face", face_cage, skin, "head", 2, arkit | viseme_shapes(fields, arkit)),
        ("Teeth Upper", inner_mouth.build_teeth(upper=True), teeth_slots, "head", 0, {}),
        ("Teeth Lower", inner_mouth.build_teeth(upper=False), teeth_slots, "jaw", 0, {}),
        ("Tongue", tongue, ("Labial Tongue",), "jaw", 1, licks),
        ("Eyes", eyeballs, eye_slots, "head", 0, gazes),
        ("Hair", details.build_hair(), ("Labial Hair",), "head", 1, {}),
        ("Collar", details.build_collar(), ("Labial Collar",), "head", 1, {}),
    ]
    for name, cage, slots, bone, level, keys in parts:
        made = _mesh_object(f"Labial Head {name}", cage, slots)
        context.collection.objects.link(made)
        _add_keys(made, keys)
        _attach(made, rig, bone, level)
    for other in context.selected_objects:
        other.select_set(False)
    rig.select_set(True)
    context.view_layer.objects.active = rig
    return rig


def _mesh_object(name: str, cage: Cage, slots: Sequence[str]) -> bpy.types.Object:
    mesh = bpy.data.meshes.new(name)
    mesh.from_pydata((np.asarray(cage.points) * METRES).tolist(), [], cage.faces)
    for slot in slots:
        mesh.materials.append(material(slot))
    mesh.polygons.foreach_set("material_index", cage.slots)
    mesh.polygons.foreach_set("use_smooth", [True] * len(cage.faces))
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


def _attach(part: bpy.types.Object, rig: bpy.types.Object, bone: str, level: int) -> None:
    """Parent to the rig, follow one bone wholly, subdivide."""
    part.parent = rig
    part.vertex_groups.new(name=bone).add(range(len(part.data.vertices)), 1.0, "REPLACE")
    follow = part.modifiers.new("Armature", "ARMATURE")
    assert isinstance(follow, bpy.types.ArmatureModifier)
    follow.object = rig
    if level:
        subdivision = part.modifiers.new("Subdivision", "SUBSURF")
        assert isinstance(subdivision, bpy.types.SubsurfModifier)
        subdivision.levels = min(level, 1)
        subdivision.render_levels = level


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
