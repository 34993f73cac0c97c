"""Locks, limits and constraints of bones: a face speaks within them, and what is held is named."""

from __future__ import annotations

import math
from pathlib import Path
from types import ModuleType

import bpy
import numpy as np
import pytest

from .bone_face import bone_face
from .conftest import generate, load_character
from .scene import actions, curves

FRAMES = range(1, 40)


def limit(rig: bpy.types.Object, bone: str, kind: str, **ends: float) -> bpy.types.Constraint:
    """A local Limit Rotation or Limit Location, as min_x=-0.1, max_x=0.2."""
    constraint = rig.pose.bones[bone].constraints.new(f"LIMIT_{kind}")
    constraint.owner_space = "LOCAL"
    for name, value in ends.items():
        setattr(constraint, name, value)
        axis = name[-1]
        uses = (f"use_limit_{axis}",) if kind == "ROTATION" else (f"use_{name}",)
        for use in uses:
            setattr(constraint, use, True)
    return constraint


def keyed(bone: str, prop: str) -> dict[int, bpy.types.FCurve]:
    """The curves of a bone's property by axis."""
    path = f'pose.bones["{bone}"].{prop}'
    (action,) = actions()
    found = [c for slot in action.slots for c in action.layers[0].strips[0].channelbag(slot).fcurves]
    return {c.array_index: c for c in found if c.data_path == path}


def values(curve: bpy.types.FCurve) -> np.ndarray:
    return np.array([curve.evaluate(frame) for frame in FRAMES])


def turned(rig: bpy.types.Object, bone: str) -> np.ndarray:
    """How far the evaluated bone turns from rest, radians, over the line."""
    found = []
    for frame in FRAMES:
        bpy.context.scene.frame_set(frame)
        evaluated = rig.evaluated_get(bpy.context.evaluated_depsgraph_get())
        local = evaluated.convert_space(
            pose_bone=evaluated.pose.bones[bone], matrix=evaluated.pose.bones[bone].matrix,
            from_space="POSE", to_space="LOCAL",
        )  # fmt: skip
        found.append(local.to_quaternion().angle)
    return np.array(found)


def spoken(sound: Path) -> None:
    generate(sound)
    report = bpy.context.scene.labial.report
    assert report.proven == report.closures >= 2, report.notes


def test_a_face_of_bones_speaks_without_limits(labial: ModuleType, short_line: Path) -> None:
    _, rig, mouth = bone_face()
    spoken(short_line)
    assert turned(rig, "jaw").max() > 0.1
    gaps = []
    for frame in FRAMES:
        bpy.context.scene.frame_set(frame)
        gaps.append(mouth.gap())
    assert max(gaps) > 0.15


@pytest.mark.parametrize("mode", ["ZXY", "AXIS_ANGLE"])
def test_a_jaw_opens_in_every_mode_of_rotation(labial: ModuleType, short_line: Path, mode: str) -> None:
    _, rig, _ = bone_face()
    generate(short_line)
    wanted = turned(rig, "jaw")
    bpy.ops.labial.clear()
    rig.pose.bones["jaw"].rotation_mode = mode
    spoken(short_line)
    assert wanted.max() > 0.1 and turned(rig, "jaw") == pytest.approx(wanted, abs=0.01)


@pytest.mark.parametrize("mode", ["QUATERNION", "XYZ"])
def test_a_limited_jaw_is_keyed_to_its_limit_and_not_beyond(labial: ModuleType, short_line: Path, mode: str) -> None:
    _, rig, _ = bone_face()
    rig.pose.bones["jaw"].rotation_mode = mode
    limit(rig, "jaw", "ROTATION", min_x=-0.07, max_x=0.07)
    spoken(short_line)
    found = keyed("jaw", "rotation_quaternion" if mode == "QUATERNION" else "rotation_euler")
    widest = max(np.abs(values(curve)).max() for index, curve in found.items() if mode == "XYZ" or index)
    angle = 2.0 * math.atan(widest) if mode == "QUATERNION" else widest
    assert 0.01 < angle < 0.0715, "within the way that there is: no key where nothing moves any more"
    assert turned(rig, "jaw").max() == pytest.approx(angle, abs=0.002)


def test_a_limit_on_one_side_leaves_the_other(labial: ModuleType, short_line: Path) -> None:
    _, rig, _ = bone_face()
    spoken(short_line)
    free = {axis: values(curve) for axis, curve in keyed("jaw", "rotation_quaternion").items() if axis}
    axis = max(free, key=lambda a: float(np.abs(free[a]).max()))
    opens = float(np.sign(free[axis][np.abs(free[axis]).argmax()]))
    bpy.ops.labial.clear()
    ends = {f"min_{'xyz'[axis - 1]}": min(0.0, opens), f"max_{'xyz'[axis - 1]}": max(0.0, opens)}
    limit(rig, "jaw", "ROTATION", **ends)
    spoken(short_line)
    assert values(keyed("jaw", "rotation_quaternion")[axis]) == pytest.approx(free[axis], abs=0.02)


def test_a_lip_stays_within_its_limit_of_location(labial: ModuleType, short_line: Path) -> None:
    _, rig, _ = bone_face()
    names = [b.name for b in rig.pose.bones if b.name.startswith("lip_")]
    spoken(short_line)
    (action,) = actions()
    free = {path for slot in curves(action).values() for path in slot if "location" in path}
    assert free
    bpy.ops.labial.clear()
    for name in names:
        limit(
            rig,
            name,
            "LOCATION",
            **{f"{end}_{axis}": way for axis in "xyz" for end, way in (("min", -5e-4), ("max", 5e-4))},
        )
    generate(short_line)
    for name in names:
        for curve in keyed(name, "location").values():
            assert np.abs(values(curve)).max() < 5.3e-4


def test_locked_channels_are_never_keyed(labial: ModuleType, short_line: Path) -> None:
    _, rig, _ = bone_face()
    for bone in rig.pose.bones:
        if bone.name.startswith("lip_"):
            bone.lock_location = (True, False, True)
    rig.pose.bones["jaw"].lock_rotation = (False, True, True)
    generate(short_line)
    (action,) = actions()
    paths = {path for slot in curves(action).values() for path in slot}
    assert any('"jaw"' in path for path in paths)
    assert not [path for path in paths if "lip_" in path and not path.endswith("location[1]")]
    assert not [path for path in paths if '"jaw"' in path and path.endswith(("[2]", "[3]"))]


def test_a_jaw_that_must_not_turn_is_moved(labial: ModuleType, short_line: Path) -> None:
    _, rig, mouth = bone_face()
    rig.pose.bones["jaw"].lock_rotation = (True, True, True)
    generate(short_line)
    assert not keyed("jaw", "rotation_quaternion") and keyed("jaw", "location")
    gaps = []
    for frame in FRAMES:
        bpy.context.scene.frame_set(frame)
        gaps.append(mouth.gap())
    assert max(gaps) - min(gaps) > 0.08


def held(rig: bpy.types.Object, bone: str) -> None:
    """Copy Rotation of another bone, wholly."""
    constraint = rig.pose.bones[bone].constraints.new("COPY_ROTATION")
    constraint.target, constraint.subtarget, constraint.name = rig, "head", "Follow Head"
    constraint.owner_space = constraint.target_space = "LOCAL"


def test_a_held_control_is_named_and_not_keyed(labial: ModuleType, short_line: Path) -> None:
    _, rig, _ = bone_face()
    constraint = rig.pose.bones["lip_top"].constraints.new("COPY_LOCATION")
    constraint.target, constraint.subtarget, constraint.name = rig, "head", "Stay"
    generate(short_line)
    notes = bpy.context.scene.labial.report.notes
    assert "lip_top does not follow its keys: its constraint “Stay” holds it." in notes
    assert not keyed("lip_top", "location") and keyed("jaw", "rotation_quaternion")


def test_lips_speak_where_the_jaw_is_held(labial: ModuleType, short_line: Path) -> None:
    _, rig, _ = bone_face()
    held(rig, "jaw")
    spoken(short_line)
    notes = bpy.context.scene.labial.report.notes
    assert "jaw does not follow its keys: its constraint “Follow Head” holds it." in notes
    assert not keyed("jaw", "rotation_quaternion")


def test_a_face_that_is_held_altogether_says_so(labial: ModuleType, short_line: Path) -> None:
    _, rig, _ = bone_face()
    for bone in rig.pose.bones:
        if bone.name != "head":
            constraint = bone.constraints.new("COPY_TRANSFORMS")
            constraint.target, constraint.subtarget, constraint.name = rig, "head", "Frozen"
            constraint.owner_space = constraint.target_space = "LOCAL"
    with pytest.raises(RuntimeError, match="does not follow its keys: its constraint “Frozen” holds it"):
        generate(short_line)
    assert not actions()


def test_a_weak_constraint_holds_nothing(labial: ModuleType, short_line: Path) -> None:
    _, rig, _ = bone_face()
    held(rig, "jaw")
    rig.pose.bones["jaw"].constraints[0].influence = 0.3
    spoken(short_line)
    assert keyed("jaw", "rotation_quaternion")
    assert "does not follow" not in bpy.context.scene.labial.report.notes


def test_a_held_jaw_bone_beside_keys_is_named(labial: ModuleType, short_line: Path) -> None:
    face = load_character("head")
    held(face.parent, "jaw")
    spoken(short_line)
    assert "jaw does not follow its keys" in bpy.context.scene.labial.report.notes
    assert not keyed("jaw", "rotation_quaternion")


def test_teeth_go_as_far_as_their_limit(labial: ModuleType, short_line: Path) -> None:
    face = load_character("head")
    spoken(short_line)
    free = 2.0 * np.arctan(np.abs(values(keyed("jaw", "rotation_quaternion")[1])))
    bpy.ops.labial.clear()
    assert free.max() > 0.08
    limit(face.parent, "jaw", "ROTATION", min_x=-0.05, max_x=0.05)
    spoken(short_line)
    found = 2.0 * np.arctan(np.abs(values(keyed("jaw", "rotation_quaternion")[1])))
    assert found == pytest.approx(np.minimum(free, 0.05), abs=0.006)


def test_measuring_leaves_a_posed_control_as_it_was(labial: ModuleType, short_line: Path) -> None:
    _, rig, _ = bone_face()
    held(rig, "lip_top")
    pose = rig.pose.bones["lip_top"]
    pose.location, pose.rotation_quaternion = (0.001, 0.002, 0.003), (0.9, 0.1, 0.2, 0.3)
    bpy.context.view_layer.update()
    before = tuple(pose.location), tuple(pose.rotation_quaternion)
    bpy.ops.labial.edit_mapping()
    assert (tuple(pose.location), tuple(pose.rotation_quaternion)) == before
