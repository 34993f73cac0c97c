"""Visemes that are Actions, each a pose of the rig's bones: the line is keyed on the bones."""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType

import bpy
import numpy as np
import pytest

from .bone_face import bone_face
from .conftest import DEMO_LINE, MODULE, generate
from .scene import actions, curves
from .test_characters import mapped

Pose = Mapping[str, tuple[float, tuple[float, float, float]]]
"""Bone -> turn about its x, and way in its own space."""

OPEN: Pose = {"jaw": (0.35, (0.0, 0.0, 0.0))}
WIDE: Pose = {"jaw": (0.1, (0.0, 0.0, 0.0)), "lip_corner.L": (0.0, (0.004, 0.0, 0.0)),
              "lip_corner.R": (0.0, (-0.004, 0.0, 0.0))}  # fmt: skip
ROUND: Pose = {"jaw": (0.08, (0.0, 0.0, 0.0)), "lip_corner.L": (0.0, (-0.006, 0.003, 0.0)),
               "lip_corner.R": (0.0, (0.006, 0.003, 0.0)), "lip_top": (0.0, (0.0, 0.004, 0.0)),
               "lip_bottom": (0.0, (0.0, 0.004, 0.0))}  # fmt: skip
HALF: Pose = {"jaw": (0.2, (0.0, 0.0, 0.0))}
PRESSED: Pose = {"lip_bottom": (0.0, (0.0, -0.001, 0.0)), "lip_top": (0.0, (0.0, -0.001, 0.0))}
TUCKED: Pose = {"lip_bottom": (0.0, (0.0, -0.004, 0.0))}
VOWELS = {"A": OPEN, "I": WIDE, "U": ROUND, "E": HALF, "O": ROUND}
OCULUS = {"PP": PRESSED, "FF": TUCKED, "TH": HALF, "DD": WIDE, "kk": HALF, "CH": ROUND, "SS": WIDE, "nn": WIDE,
          "RR": ROUND, "aa": OPEN, "E": HALF, "I": WIDE, "O": ROUND, "U": ROUND}  # fmt: skip


def pose_action(rig: bpy.types.Object, name: str, pose: Pose, mode: str) -> bpy.types.Action:
    """A pose as an artist keeps it: all bones of the face keyed at frame 1, in an Action of its own."""
    data = rig.animation_data or rig.animation_data_create()
    data.action = action = bpy.data.actions.new(name)
    for bone in rig.pose.bones:
        if bone.name == "head":
            continue
        turn, way = pose.get(bone.name, (0.0, (0.0, 0.0, 0.0)))
        bone.rotation_mode, bone.location = mode, way
        if mode == "QUATERNION":
            bone.rotation_quaternion = (np.cos(turn / 2), np.sin(turn / 2), 0.0, 0.0)
            bone.keyframe_insert("rotation_quaternion", frame=1)
        else:
            bone.rotation_euler = (turn, 0.0, 0.0)
            bone.keyframe_insert("rotation_euler", frame=1)
        bone.keyframe_insert("location", frame=1)
    data.action = None
    for bone in rig.pose.bones:
        bone.location, bone.rotation_quaternion, bone.rotation_euler = (0, 0, 0), (1, 0, 0, 0), (0, 0, 0)
    return action


def posed_face(poses: Mapping[str, Pose], prefix: str = "", mode: str = "QUATERNION") -> bpy.types.Object:
    """A face of bones with an Action for each pose; every second one is marked as an asset."""
    _, rig, _ = bone_face()
    jaw = rig.pose.bones["jaw"]
    way = 1.0 if _lowers(jaw) else -1.0
    for number, (name, pose) in enumerate(poses.items()):
        turned = {bone: (way * turn, place) for bone, (turn, place) in pose.items()}
        action = pose_action(rig, prefix + name, turned, mode)
        if number % 2:
            action.asset_mark()
    bpy.context.view_layer.update()
    return rig


def _lowers(jaw: bpy.types.PoseBone) -> bool:
    """Whether a turn about x lowers the end of the jaw."""
    jaw.rotation_quaternion = (1.0, 0.1, 0.0, 0.0)
    bpy.context.view_layer.update()
    lower = jaw.tail.z
    jaw.rotation_quaternion = (1.0, 0.0, 0.0, 0.0)
    bpy.context.view_layer.update()
    return lower < jaw.tail.z


@pytest.mark.parametrize("mode", ["QUATERNION", "XYZ"])
@pytest.mark.parametrize(("poses", "prefix", "preset"), [(OCULUS, "viseme_", "oculus15"), (VOWELS, "Mouth_", "aiueo")])
def test_a_face_speaks_in_poses(
    labial: ModuleType, poses: Mapping[str, Pose], prefix: str, preset: str, mode: str
) -> None:
    rig = posed_face(poses, prefix, mode)
    before = {action.name for action in bpy.data.actions}
    measured, rig_map = mapped(rig)
    assert rig_map.preset == preset and "declared shapes" in rig_map.coverage
    generate(DEMO_LINE)
    report = bpy.context.scene.labial.report
    assert report.proven == report.closures >= 8, report.notes
    (action,) = actions()
    paths = {path.partition("[")[0] + path.split('"')[1] for slot in curves(action).values() for path in slot}
    assert "pose.bonesjaw" in paths and "pose.boneslip_corner.L" in paths
    assert {a.name for a in bpy.data.actions} - before == {action.name}, "the poses are as they were"
    assert rig.animation_data.action == action
    assert widest(measured) > 0.2
    assert bpy.ops.labial.clear() == {"FINISHED"}
    for bone in rig.pose.bones:
        assert tuple(bone.location) == (0, 0, 0) and tuple(bone.rotation_euler) == (0, 0, 0)


def widest(measured: object) -> float:
    """The largest gap of the lips over the line, in widths."""
    points_of = importlib.import_module(f"{MODULE}.addon.posing").points_of
    gaps = []
    for frame in range(1, 180, 3):
        bpy.context.scene.frame_set(frame)
        gaps.append(measured.lips.gap(points_of(bpy.data.objects[measured.mesh], bpy.context.view_layer)))
    return max(gaps)


@pytest.mark.parametrize("mode", ["QUATERNION", "XYZ"])
def test_a_pose_at_full_weight_is_the_pose(labial: ModuleType, mode: str) -> None:
    """The preview of aa shows what the Action shows, turned about two axes at once."""
    rig = posed_face(OCULUS, "viseme_", mode)
    pose = bpy.data.actions["viseme_aa"]
    curve = next(
        c for c in pose.layers[0].strips[0].channelbags[0].fcurves
        if "jaw" in c.data_path and "rotation" in c.data_path and c.array_index == (3 if mode == "QUATERNION" else 2)
    )  # fmt: skip
    curve.keyframe_points[0].co.y = 0.15
    rig.animation_data.action = pose
    rig.animation_data.action_slot = pose.slots[0]
    bpy.context.scene.frame_set(1)
    wanted = {bone.name: np.array(bone.matrix) for bone in rig.pose.bones}
    rig.animation_data.action = None
    for bone in rig.pose.bones:
        bone.location, bone.rotation_quaternion, bone.rotation_euler = (0, 0, 0), (1, 0, 0, 0), (0, 0, 0)
    bpy.context.view_layer.update()
    assert bpy.ops.labial.edit_mapping() == {"FINISHED"}
    settings = bpy.context.scene.labial.mapping
    settings.channel = "aa"
    assert [item.name for item in settings.weights] == ["viseme_aa.group"]
    settings.preview = True
    for name, matrix in wanted.items():
        assert np.array(rig.pose.bones[name].matrix) == pytest.approx(matrix, abs=1e-5), name
    settings.preview = False
    assert all(tuple(bone.location) == (0, 0, 0) for bone in rig.pose.bones)


def test_actions_that_move_and_poses_of_others_are_no_visemes(labial: ModuleType, short_line: Path) -> None:
    rig = posed_face(VOWELS)
    for name in VOWELS:
        bag = bpy.data.actions[name].layers[0].strips[0].channelbags[0]
        point = bag.fcurves[0].keyframe_points.insert(20, 0.5)
        assert point.co.x == 20
    generate(short_line)
    assert actions()[0]["labial"]["preset"] == "fitted"
    assert rig.animation_data.action == actions()[0]


def test_keys_of_a_standard_are_preferred_to_fewer_poses(head: bpy.types.Object, short_line: Path) -> None:
    """Poses of the five vowels on a rig whose face has the keys of ARKit."""
    for name in VOWELS:
        pose_action(head.parent, name, {"jaw": (0.2, (0.0, 0.0, 0.0))}, "QUATERNION")
    bpy.context.view_layer.objects.active = head
    bpy.context.view_layer.update()
    generate(short_line)
    assert actions()[0]["labial"]["preset"] == "arkit52"
