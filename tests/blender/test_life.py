"""Life beside the mouth: eyes blink, the head nods, all of it comes to rest, and the lips are those of before."""

from __future__ import annotations

from types import ModuleType

import bpy
import numpy as np
import pytest

from .conftest import DEMO_LINE, generate, load_character


def values(obj: bpy.types.Object, name: str) -> np.ndarray:
    """A shape key at every frame of the scene."""
    scene, found = bpy.context.scene, []
    for frame in range(1, scene.frame_end + 8):
        scene.frame_set(frame)
        found.append(obj.data.shape_keys.key_blocks[name].value)
    return np.array(found)


@pytest.mark.parametrize("character", ["head", "cc0_head_arkit_oculus"])
def test_a_lively_line_blinks_and_nods_and_comes_to_rest(labial: ModuleType, character: str) -> None:
    face = load_character(character)
    settings = bpy.context.scene.labial
    generate(DEMO_LINE)
    still = values(face, "eyeBlinkLeft")
    jaw = values(face, "jawOpen")
    settings.life = True
    generate(DEMO_LINE)
    lids = values(face, "eyeBlinkLeft")
    assert still.max() == 0.0 and lids.max() > 0.9
    assert lids[0] < 0.02 and lids[-1] < 0.02 and np.median(lids) < 0.02
    np.testing.assert_allclose(values(face, "jawOpen"), jaw, atol=1e-5)
    report = settings.report
    assert report.proven == report.closures > 0 and report.touched == report.touches > 0 and not report.notes


def test_the_head_nods_down_and_returns(head: bpy.types.Object) -> None:
    rig = head.find_armature()
    bpy.context.scene.labial.life = True
    generate(DEMO_LINE)
    scene, heights = bpy.context.scene, []
    for frame in range(1, scene.frame_end + 10):
        scene.frame_set(frame)
        heights.append(rig.evaluated_get(bpy.context.evaluated_depsgraph_get()).pose.bones["head"].vector.normalized())
    lean = np.array(heights)
    travel = np.linalg.norm(lean - lean[0], axis=1)
    assert 0.01 < travel.max() < 0.2 and travel[-1] < 1e-3
    assert lean[:, 1].min() < lean[0, 1] - 0.01, "a nod leans forward"


@pytest.mark.parametrize(
    ("character", "bone", "above"),
    [
        ("cc0_head_arkit_oculus", "spine01", "head"),
        ("cc0_head_rigify", "chest", "head"),
        ("godette_vrmaddon", "chest_Armature", "head_Armature"),
    ],
)
def test_the_chest_lifts_to_breathe_in_and_sinks_again(
    labial: ModuleType, character: str, bone: str, above: str
) -> None:
    face = load_character(character)
    rig = next(obj for obj in bpy.data.objects if obj.type == "ARMATURE" and bone in obj.pose.bones)
    settings = bpy.context.scene.labial
    settings.life, settings.head = True, 0.0
    generate(DEMO_LINE)
    scene, forward = bpy.context.scene, []
    for frame in range(1, scene.frame_end + 10):
        scene.frame_set(frame)
        turned = rig.evaluated_get(bpy.context.evaluated_depsgraph_get())
        forward.append((turned.matrix_world @ turned.pose.bones[above].head)[:])
    moved = np.array(forward) - forward[0]
    height = np.linalg.norm(moved, axis=1)
    assert height.max() > 1e-4 * face.dimensions.z and height[-1] < 0.05 * height.max()
    highest = moved[height.argmax()]
    assert highest[1] > 0.0, "the characters look along -y: a chest that lifts takes the head back"
    action = next(action for action in bpy.data.actions if "labial" in action)
    paths = {c.data_path for slot in action.slots for c in action.layers[0].strips[0].channelbag(slot).fcurves}
    assert any(f'"{bone}"' in path for path in paths)


def test_a_dial_at_zero_keys_nothing(head: bpy.types.Object) -> None:
    settings = bpy.context.scene.labial
    settings.life, settings.blink, settings.head, settings.mood = True, 0.0, 0.0, 0.0
    generate(DEMO_LINE)
    action = next(action for action in bpy.data.actions if "labial" in action)
    paths = {c.data_path for slot in action.slots for c in action.layers[0].strips[0].channelbag(slot).fcurves}
    assert not any("eyeBlink" in path or '"head"' in path for path in paths)
    assert any("browInnerUp" in path for path in paths)
