"""Characters of other files: what of them cannot keep animation here, and the library override that can."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import bpy
from mathutils import Matrix

from ..model_runtime.errors import CharacterError


class LinkedError(CharacterError):
    """Animation would be lost when this file is saved; a library override is the way out."""


def require_editable(meshes: Iterable[bpy.types.Object], armature: bpy.types.Object | None) -> None:
    """Raises LinkedError naming what is only linked: the shape keys of one of the meshes, or the rig."""
    for mesh in meshes:
        if not mesh.data.shape_keys.is_editable or _of_system(mesh.data):
            raise _linked(f"The shape keys of “{mesh.name}” are")
    if armature is not None and (not armature.is_editable or _of_system(armature)):
        raise _linked(f"“{armature.name}” is")


def make_override(
    selected: bpy.types.Object, scene: bpy.types.Scene, view_layer: bpy.types.ViewLayer
) -> bpy.types.Object:
    """Overrides the character of an object, or that an empty shows, with its mesh data; returns what to select then.

    What was linked leaves the scene; an empty that showed it carries it from now on. Raises CharacterError.
    """
    shown = selected.instance_collection if selected.instance_type == "COLLECTION" else None
    if shown is not None and shown.library is not None and selected.library is None:
        found = _override_shown(selected, shown, scene, view_layer)
    elif selected.library is not None:
        found = _override_linked(selected, scene, view_layer)
    else:
        found = selected
    view_layer.update()
    done = found != selected
    for obj in _around(found, view_layer):
        done |= _make_own(obj)
        if obj.type == "MESH" and obj.data.shape_keys and obj.data.library is not None:
            done |= obj.data.override_create(remap_local_usages=True) is not None
            done |= _make_own(obj)
        if obj.type == "MESH" and obj.data.shape_keys and not obj.data.shape_keys.is_editable:
            raise _impossible(selected)
    view_layer.update()
    if not done:
        raise CharacterError(f"Nothing of “{selected.name}” is linked from another file: it needs no override.")
    return found


def _linked(what: str) -> LinkedError:
    return LinkedError(
        f"{what} linked from another file, so their animation would be lost when this file is saved. Make a library "
        "override of the whole character: Make Override in the Labial panel."
    )


def _impossible(selected: bpy.types.Object) -> CharacterError:
    return CharacterError(f"Blender cannot override “{selected.name}”. Append the character instead of linking it.")


def _of_system(block: bpy.types.ID) -> bool:
    """Whether a data-block was overridden only because others need it: changes of it are not kept."""
    return block.override_library is not None and block.override_library.is_system_override


def _make_own(obj: bpy.types.Object) -> bool:
    """Lets the user change an override; whether it was closed."""
    closed = [block for block in (obj, obj.data) if block is not None and _of_system(block)]
    for block in closed:
        block.override_library.is_system_override = False
    return bool(closed)


def _override_shown(
    empty: bpy.types.Object, shown: Any, scene: bpy.types.Scene, view_layer: bpy.types.ViewLayer
) -> bpy.types.Object:
    made = shown.override_hierarchy_create(scene, view_layer, reference=empty, do_fully_editable=True)
    if made is None:
        raise _impossible(empty)
    empty.instance_type, empty.instance_collection = "NONE", None
    roots = [obj for obj in made.all_objects if obj.parent is None]
    for root in roots:
        root.parent, root.matrix_parent_inverse = empty, Matrix.Translation(-made.instance_offset)
    rigs = [obj for obj in made.all_objects if obj.type == "ARMATURE"]
    return rigs[0] if len(rigs) == 1 else empty


def _override_linked(
    selected: bpy.types.Object, scene: bpy.types.Scene, view_layer: bpy.types.ViewLayer
) -> bpy.types.Object:
    """The collection that was linked into the scene with the object, or else the object with what hangs on it."""
    local = [collection for collection in (scene.collection, *bpy.data.collections) if collection.library is None]
    linked = [
        c for parent in local for c in parent.children if c.library is not None and selected in set(c.all_objects)
    ]
    root = linked[0] if linked else _root(selected)
    if root.override_hierarchy_create(scene, view_layer, reference=None, do_fully_editable=True) is None:
        raise _impossible(selected)
    if not linked:
        _find_roots(root)
    made = {o.override_library.reference: o for o in scene.objects if o.override_library is not None}
    for parent in local:
        for collection in [c for c in parent.children if c in linked]:
            parent.children.unlink(collection)
        for obj in [o for o in parent.objects if o in made]:
            parent.objects.unlink(obj)
    if selected not in made:
        raise _impossible(selected)
    return made[selected]


def _find_roots(linked: bpy.types.Object) -> None:
    """Has Blender find the roots of all overrides again: nothing leads from a rig to the meshes that it drives.

    Blender 5.2 does so when any data-block is overridden; or else it deletes on the next load what still is as in the
    other file, because the root does not lead to it. `linked` may be any; its further override is removed at once.
    """
    bpy.data.objects.remove(linked.override_create(remap_local_usages=False))


def _root(obj: bpy.types.Object) -> bpy.types.Object:
    """The rig that deforms an object, and above that whatever it hangs on."""
    obj = obj.find_armature() or obj
    return _root(obj.parent) if obj.parent is not None else obj


def _around(obj: bpy.types.Object, view_layer: bpy.types.ViewLayer) -> Iterator[bpy.types.Object]:
    """All that hangs on the root of an object."""
    root = _root(obj)
    yield from (other for other in view_layer.objects if _root(other) == root)
