"""From any selected object to the whole character: its meshes, its rig and what on it can be keyed."""

from __future__ import annotations

from dataclasses import dataclass

import bpy

from ..model_runtime.contracts import Target
from ..model_runtime.errors import CharacterError, first_of
from .controls import jaw_bones, lip_controls
from .driven import Controls, driven_keys, find_controls
from .linked import LinkedError, require_editable
from .pose_assets import pose_groups
from .vrm import expression_groups


@dataclass(frozen=True)
class Character:
    """The names of a character's parts (never pointers: they do not survive undo) and its targets.

    warnings: what on it cannot be keyed, and why.
    """

    name: str
    meshes: tuple[str, ...]
    armature: str | None
    targets: tuple[Target, ...]
    warnings: tuple[str, ...] = ()


def find_character(selected: bpy.types.Object | None, view_layer: bpy.types.ViewLayer) -> Character:
    """The character that an object belongs to, or an empty holds or shows. Raises CharacterError naming the fix."""
    if selected is None:
        raise CharacterError("No character is selected. Click its mesh or its rig, then try again.")
    armature, meshes = _family(selected, view_layer)
    if not meshes:
        if selected not in objects_in(view_layer):
            raise CharacterError(
                f"“{selected.name}” is not in the view layer “{view_layer.name}”: include its collection, or go to its "
                "scene."
            )
        kind = selected.type.lower().replace("_", " ")
        raise CharacterError(f"“{selected.name}” ({kind}) has no mesh. Select the character's face or its rig.")
    keyed = _keyed(meshes)
    bones = jaw_bones(armature) + lip_controls(armature) if armature else ()
    require_editable(keyed, armature)
    _require_ready(keyed, armature)
    parts = [*meshes, selected, *([armature] if armature else ())]
    controls = find_controls(keyed, armature, [*parts, *(above for part in parts for above in _parents(part))])
    keys, warnings = _shape_keys(keyed, controls.stuck)
    declared, left_behind = expression_groups(armature, keys)
    poses = pose_groups(armature, keys, controls.held)
    if not keyed and not bones and not poses:
        raise CharacterError(
            f"No mesh of “{selected.name}” has shape keys, and no rig of it a jaw bone. Select the character's face."
        )
    return Character(
        name=(armature or selected).name,
        meshes=tuple(m.name for m in meshes),
        armature=armature.name if armature else None,
        targets=(
            *declared,
            *controls.targets,
            *keys,
            *left_behind,
            *poses,
            *(bone for bone in bones if not _is_held(bone, controls)),
        ),
        warnings=warnings + _solo(keyed),
    )


def objects_of(character: Character) -> list[bpy.types.Object]:
    """The mesh objects of a character. Raises CharacterError if one is gone."""
    return [_object(name) for name in character.meshes]


def require_there(character: Character) -> None:
    """Raises CharacterError if what was measured is gone or cannot be keyed now."""
    _require_ready(_keyed(objects_of(character)), _object(character.armature) if character.armature else None)


def objects_in(view_layer: bpy.types.ViewLayer) -> list[bpy.types.Object]:
    """The objects of a view layer; Blender gives None for one that a script has just removed."""
    return [obj for obj in view_layer.objects if obj]


def _object(name: str) -> bpy.types.Object:
    obj: bpy.types.Object | None = bpy.data.objects.get(name)
    if obj is None:
        raise CharacterError(f"“{name}” is not there any more. Select the character again.")
    return obj


def _keyed(meshes: list[bpy.types.Object]) -> list[bpy.types.Object]:
    """The meshes that have more shape keys than their basis."""
    return [mesh for mesh in meshes if mesh.data.shape_keys and len(mesh.data.shape_keys.key_blocks) > 1]


def _family(
    selected: bpy.types.Object, view_layer: bpy.types.ViewLayer
) -> tuple[bpy.types.Object | None, list[bpy.types.Object]]:
    """The rig, if any, and all meshes on it; those beside the selected object where it hangs on no rig itself."""
    everything, members = objects_in(view_layer), [selected]
    armature = _armature(selected)
    if armature is None:
        shown = _instanced(selected)
        root = [selected, *_parents(selected)][-1]
        members = shown or [o for o in everything if o == root or root in _parents(o)]
        everything = list(dict.fromkeys([*everything, *shown]))
        armature = _main_rig(selected, members, everything)
    meshes = [o for o in everything if o.type == "MESH" and (o in members or _is_on(o, armature))]
    return armature, meshes


def _armature(obj: bpy.types.Object) -> bpy.types.Object | None:
    """The rig that an object is, is deformed by or hangs on."""
    while obj is not None:
        if obj.type == "ARMATURE":
            return obj
        deforming = obj.find_armature()
        if deforming is not None:
            return deforming
        obj = obj.parent
    return None


def _instanced(empty: bpy.types.Object) -> list[bpy.types.Object]:
    """The objects that an empty shows as an instance of their collection, those of inner instances too."""
    if empty.instance_type != "COLLECTION" or empty.instance_collection is None:
        return []
    if empty.instance_collection.library is not None:
        raise LinkedError(
            f"“{empty.name}” shows a collection that is linked from another file: nothing of it can be keyed. Make a "
            "library override of it: Make Override in the Labial panel."
        )
    found = list(empty.instance_collection.all_objects)
    return found + [inner for obj in found for inner in _instanced(obj)]


def _main_rig(
    selected: bpy.types.Object, members: list[bpy.types.Object], everything: list[bpy.types.Object]
) -> bpy.types.Object | None:
    """Of the rigs among some objects the one with the mouth; CharacterError if several could be it."""
    weight = {}
    for rig in dict.fromkeys(r for r in map(_armature, members) if r is not None):
        meshes = [o for o in everything if o.type == "MESH" and _is_on(o, rig)]
        keys = [key for m in meshes if m.data.shape_keys for key in m.data.shape_keys.key_blocks]
        weight[rig] = len(keys) + len(jaw_bones(rig)) if meshes else 0
    ranked = sorted(weight, key=lambda rig: -weight[rig])
    rivals = [rig for rig in ranked if weight[rig] and 2 * weight[rig] > weight[ranked[0]]]
    if len(rivals) > 1:
        names = " and ".join(f"“{rig.name}”" for rig in rivals[:3])
        raise CharacterError(f"“{selected.name}” holds more than one character: {names}. Select one of them.")
    return ranked[0] if ranked else None


def _is_on(obj: bpy.types.Object, armature: bpy.types.Object | None) -> bool:
    return armature is not None and (obj.find_armature() == armature or armature in _parents(obj))


def _parents(obj: bpy.types.Object) -> list[bpy.types.Object]:
    chain = []
    while obj.parent is not None:
        obj = obj.parent
        chain.append(obj)
    return chain


def _is_held(bone: Target, controls: Controls) -> bool:
    """Whether a driver has the bone's channel, or the bone serves as a control."""
    axes = range(3) if bone.kind == "rotation" else (bone.axis,)
    return any((bone.kind, bone.name, axis) in controls.held for axis in axes)


def _shape_keys(meshes: list[bpy.types.Object], stuck: tuple[str, ...]) -> tuple[tuple[Target, ...], tuple[str, ...]]:
    """Keys of one name on several meshes are one target; driven keys and muted ones, which are named, are left out."""
    found: dict[str, list[tuple[str, float, float]]] = {}
    muted: list[str] = []
    for mesh in meshes:
        held = driven_keys(mesh.data.shape_keys)
        for key in mesh.data.shape_keys.key_blocks[1:]:
            if key.name in held:
                continue
            if key.mute:
                muted.append(key.name)
            else:
                found.setdefault(key.name, []).append((mesh.name, key.slider_min, key.slider_max))
    targets = tuple(
        Target(
            "shape_key", name, tuple(mesh for mesh, _, _ in uses),
            max(0.0, max(low for _, low, _ in uses)), min(1.0, min(high for _, _, high in uses)),
        )
        for name, uses in found.items()
    )  # fmt: skip
    return targets, tuple(_listed([*stuck], "is driven", "are driven") + _listed(muted, "is muted", "are muted"))


def _require_ready(keyed: list[bpy.types.Object], armature: bpy.types.Object | None) -> None:
    """Raises CharacterError naming what must be left or turned on before keys can be written."""
    _require_mixing(keyed)
    _require_untweaked([*keyed, *(mesh.data.shape_keys for mesh in keyed), *([armature] if armature else ())])


def _require_mixing(meshes: list[bpy.types.Object]) -> None:
    """Raises CharacterError naming a mesh whose shape keys do not mix as they are now."""
    for mesh in meshes:
        if mesh.mode == "EDIT":
            raise CharacterError(f"“{mesh.name}” is in Edit Mode. Leave it and try again: keys do not show there.")
        if not mesh.data.shape_keys.use_relative:
            raise CharacterError(
                f"The shape keys of “{mesh.name}” are absolute: they follow one another and do not mix. Turn on "
                "Relative in its Shape Keys panel."
            )


def _require_untweaked(owners: list[bpy.types.ID]) -> None:
    """Raises CharacterError naming one whose Action belongs to a strip that is being tweaked."""
    for owner in owners:
        if owner.animation_data and owner.animation_data.use_tweak_mode:
            raise CharacterError(f"A strip of “{owner.name}” is in Tweak Mode. Leave it in the NLA editor (Tab).")


def _solo(meshes: list[bpy.types.Object]) -> tuple[str, ...]:
    return tuple(
        f"“{mesh.name}” shows its active shape key alone: turn off Solo Active Shape Key to see the line."
        for mesh in meshes if mesh.show_only_shape_key
    )  # fmt: skip


def _listed(names: list[str], one: str, many: str) -> list[str]:
    if not names:
        return []
    return [f"{first_of(names)} {one if len(names) == 1 else many} and cannot be keyed."]
