"""What is baked is what Blender shows: shape keys, bones, drivers and constraints, at any rate, closures on frames."""

from __future__ import annotations

from pathlib import Path
from types import ModuleType
from typing import Any

import bpy
import numpy as np
import pytest

from .conftest import DEMO_LINE, generate, load_character
from .exporting import character, module, state
from .mouth import Mouth, evaluated_points
from .scene import actions


def baked(fps: float, **more: Any) -> Any:
    """The one line of the selected character."""
    (action,) = actions()
    return module("bake").bake(character(), action, fps, "clip", **more)


def shown(clip: Any, times: np.ndarray, mesh: bpy.types.Object) -> dict[str, np.ndarray]:
    """The values of the keys as the scene shows them at some seconds."""
    scene, found = bpy.context.scene, []
    for seconds in times:
        frame = 1.0 + seconds * scene.render.fps
        scene.frame_set(int(frame), subframe=frame % 1.0)
        found.append([mesh.data.shape_keys.key_blocks[name].value for name in clip.weights[mesh.name].names])
    return dict(zip(clip.weights[mesh.name].names, np.array(found).T, strict=True))


@pytest.mark.parametrize("fps", [24.0, 60.0, 29.97, 120.0])
def test_keys_are_those_that_the_scene_shows(head: bpy.types.Object, short_line: Path, fps: float) -> None:
    generate(short_line)
    before = state()
    clip = baked(fps)
    assert state() == before
    assert clip.duration == pytest.approx(clip.frames / fps, abs=1.01 / fps) and clip.duration >= 1.6
    steps = np.unique(np.linspace(0, clip.frames - 1, 30).astype(int))
    held = {frame for frame, _ in clip.contacts}
    steps = np.array([step for step in steps if step not in held])  # those may be moved into the contact
    wanted = shown(clip, clip.times[steps], head)
    moving = [name for name, values in wanted.items() if np.ptp(values) > 0.05]
    assert len(moving) > 5
    for column, name in enumerate(clip.weights[head.name].names):
        assert clip.weights[head.name].values[steps, column] == pytest.approx(wanted[name], abs=2e-3), name


def test_bones_turn_as_the_scene_shows(head: bpy.types.Object, short_line: Path) -> None:
    generate(short_line, life=True)
    clip, armature = baked(60.0), head.find_armature()
    assert {"jaw"} <= set(clip.bones)
    for step in range(0, clip.frames, 11):
        frame = 1.0 + clip.times[step] * 24.0
        bpy.context.scene.frame_set(int(frame), subframe=frame % 1.0)
        for name, basis in clip.bones.items():
            assert np.abs(np.array(armature.pose.bones[name].matrix_basis) - basis[step]).max() < 2e-3


def driven_and_constrained(head: bpy.types.Object) -> None:
    """A key that a driver makes follow jawOpen, and a bone below the head that a constraint turns with the jaw."""
    shapes = head.data.shape_keys
    curve = shapes.key_blocks["cheekPuff"].driver_add("value")
    variable = curve.driver.variables.new()
    variable.targets[0].id_type, variable.targets[0].id = "KEY", shapes
    variable.targets[0].data_path = 'key_blocks["jawOpen"].value'
    curve.driver.expression = f"{variable.name} * 0.5"
    armature = head.find_armature()
    bpy.context.view_layer.objects.active = armature
    bpy.ops.object.mode_set(mode="EDIT")
    control, follower = armature.data.edit_bones.new("control"), armature.data.edit_bones.new("follower")
    for bone in (control, follower):
        bone.head, bone.tail, bone.parent = (0, 0, 1.6), (0, -0.1, 1.6), armature.data.edit_bones["head"]
    control.use_deform = False
    bpy.ops.object.mode_set(mode="OBJECT")
    bpy.context.view_layer.objects.active = head
    copying = armature.pose.bones["follower"].constraints.new("COPY_ROTATION")
    copying.target, copying.subtarget = armature, "jaw"
    copying.target_space = copying.owner_space = "LOCAL"


def test_drivers_and_constraints_are_resolved(head: bpy.types.Object, short_line: Path) -> None:
    driven_and_constrained(head)
    generate(short_line)
    before = state()
    clip = baked(30.0, deform_only=True)
    assert state() == before
    names = clip.weights[head.name].names
    puff, jaw = (clip.weights[head.name].values[:, names.index(name)] for name in ("cheekPuff", "jawOpen"))
    assert np.ptp(jaw) > 0.1 and puff == pytest.approx(0.5 * jaw, abs=1e-5)
    assert "follower" in clip.bones and "control" not in clip.bones
    turned = module("export_check").compare.__globals__["turned"]
    assert turned(clip.bones["follower"]) == pytest.approx(turned(clip.bones["jaw"]), abs=1e-4)


def test_the_artists_work_is_neither_baked_nor_touched(head: bpy.types.Object, short_line: Path) -> None:
    driven_and_constrained(head)
    generate(short_line)
    shapes, armature = head.data.shape_keys, head.find_armature()
    armature.pose.bones["head"].keyframe_insert("rotation_quaternion", frame=1)
    armature.pose.bones["head"].rotation_quaternion = (0.9, 0.1, 0.0, 0.0)
    shapes.key_blocks["jawOpen"].value = 0.77  # over the line's key, by hand
    before = state()
    clip = baked(30.0)
    assert state() == before and shapes.key_blocks["jawOpen"].value == pytest.approx(0.77)
    assert tuple(armature.pose.bones["head"].rotation_quaternion) == pytest.approx((0.9, 0.1, 0.0, 0.0))
    assert "head" not in clip.bones
    jaw = clip.weights[head.name].values[:, clip.weights[head.name].names.index("jawOpen")]
    assert jaw[0] == 0.0 and jaw.max() < 0.77


@pytest.mark.parametrize(("scene_rate", "fps"), [(25, 24.0), (24, 30.0), (30, 24.0), (12, 60.0)])
def test_every_contact_has_a_frame(labial: ModuleType, scene_rate: int, fps: float) -> None:
    mouth = Mouth(load_character("head"))
    bpy.context.scene.render.fps = scene_rate
    generate(DEMO_LINE)
    clip = baked(fps)
    closures = [frame for frame, kind in clip.contacts if kind == "closure"]
    report = bpy.context.scene.labial.report
    assert 3 <= len(closures) <= report.closures and len(set(closures)) == len(closures)
    module("keyframes").remove(character())
    keys, armature = mouth.face.data.shape_keys.key_blocks, mouth.face.find_armature()
    gaps = []
    for frame in closures:
        weights = clip.weights[mouth.face.name]
        for name, value in zip(weights.names, weights.values[frame], strict=True):
            keys[name].value = value
        for name, basis in clip.bones.items():
            armature.pose.bones[name].matrix_basis = basis[frame].tolist()
        bpy.context.view_layer.update()
        gaps.append(mouth.gap())
    assert np.mean(np.array(gaps) < 0.03) >= 0.99, gaps


@pytest.mark.parametrize("sparse", [False, True])
def test_a_baked_action_plays_like_the_line(head: bpy.types.Object, short_line: Path, sparse: bool) -> None:
    generate(short_line)
    (line,) = actions()
    scene, frames = bpy.context.scene, range(2, 38, 5)

    def seen() -> np.ndarray:
        points = []
        for frame in frames:
            scene.frame_set(frame)
            points.append(evaluated_points(head))
        return np.array(points)

    wanted = seen()
    scene.labial_export.sparse, scene.labial_export.fps = sparse, 48.0
    assert bpy.ops.labial.bake() == {"FINISHED"}
    made = bpy.data.actions[f"{character().name}_hello_en-us"]
    assert made.use_fake_user and "labial" not in made and line.name in bpy.data.actions
    curves = [c for slot in made.slots for c in made.layers[0].strips[0].channelbag(slot).fcurves]
    longest = max(len(curve.keyframe_points) for curve in curves)
    assert longest < 30 if sparse else longest == baked(48.0).frames > 1.6 * 48
    for owner in (head.data.shape_keys, head.find_armature()):
        data = owner.animation_data
        slot = next(s for s in made.slots if s.target_id_type == ("KEY" if owner != head.find_armature() else "OBJECT"))
        data.action, data.action_slot = made, slot
    assert np.abs(seen() - wanted).max() < 1e-4


def test_rates_that_cannot_be_baked_are_named(head: bpy.types.Object, short_line: Path) -> None:
    generate(short_line)
    for fps in (23.0, 121.0):
        with pytest.raises(Exception, match=f"{fps:g} frames a second cannot be baked. Choose 24 to 120"):
            baked(fps)


def test_a_line_without_length_is_named(head: bpy.types.Object, short_line: Path) -> None:
    generate(short_line)
    (action,) = actions()
    for slot in action.slots:
        for curve in action.layers[0].strips[0].channelbag(slot).fcurves:
            while len(curve.keyframe_points) > 1:
                curve.keyframe_points.remove(curve.keyframe_points[-1])
    with pytest.raises(Exception, match="“hello” has no length. Generate it again"):
        baked(60.0)
