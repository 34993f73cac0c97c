"""Which bones of a rig an animator moves to speak, told by their names and locks."""

from __future__ import annotations

import re

import bpy

from ..model_runtime.contracts import Target

_JAW = re.compile(r"(^|[^a-z])(jaw|mandible|jawroot|jawbone)([^a-z]|$)", re.IGNORECASE)
_CONTROL = re.compile(r"(^|[^a-z])(lips?|mouth|oris\d*|corner)([^a-z]|$)", re.IGNORECASE)
"""Bones that move lips by being moved."""
_JAWS = 3
"""So many bones with the name of a jaw are looked at."""
_UPPER = re.compile(r"upper|tip$", re.IGNORECASE)
_HELPER = re.compile(r"^(ORG|DEF|MCH|VIS|TAN|ACT|BB|P|N)-|_end$|_retain$|_offset$|_ret_bone|_track$", re.IGNORECASE)
_SIDE = re.compile(r"[._-][lrx]$", re.IGNORECASE)
"""Of a single letter, as Auto-Rig Pro writes it behind everything else."""


def is_helper(name: str) -> bool:
    """Whether a bone belongs to the inner works of a rig: of Rigify, CloudRig or Auto-Rig Pro."""
    return bool(_HELPER.search(_SIDE.sub("", name)))


def is_locked(bone: bpy.types.PoseBone, kind: str, axis: int) -> bool:
    """Whether the artist has locked a channel of a bone."""
    return bool((bone.lock_rotation if kind == "rotation" else bone.lock_location)[axis])


def lip_controls(armature: bpy.types.Object) -> tuple[Target, ...]:
    """Bones that may move the lips, along each of their free axes; helper bones only where there are no others."""
    named = [bone for bone in armature.pose.bones if _CONTROL.search(spaced(bone.name))]
    bones = [bone for bone in named if not is_helper(bone.name)] or named
    return tuple(target for bone in bones for target in _ways(armature, bone))


def jaw_bones(armature: bpy.types.Object) -> tuple[Target, ...]:
    """Bones that may be the jaw, the likeliest first, as targets of ±1 radian: masters, then controls, then helpers.

    One that must not be turned is moved instead.
    """
    bones = [bone for bone in armature.pose.bones if _JAW.search(spaced(bone.name))]
    bones.sort(
        key=lambda b: (is_helper(b.name) or bool(_UPPER.search(b.name)), "master" not in b.name.lower(), len(b.name))
    )
    found: list[Target] = []
    for bone in bones[:_JAWS]:
        if all(is_locked(bone, "rotation", axis) for axis in range(3)):
            found += _ways(armature, bone)
        else:
            found.append(Target("rotation", bone.name, (armature.name,), -1.0, 1.0))
    return tuple(found)


def spaced(name: str) -> str:
    """A name with its words apart: upperLip as upper Lip."""
    return re.sub(r"([a-z])([A-Z])", r"\1 \2", name)


def _ways(armature: bpy.types.Object, bone: bpy.types.PoseBone) -> list[Target]:
    """A bone along each axis that is not locked."""
    reach = 0.5 * bone.length
    return [
        Target("location", bone.name, (armature.name,), -reach, reach, axis)
        for axis in range(3) if not is_locked(bone, "location", axis)
    ]  # fmt: skip
