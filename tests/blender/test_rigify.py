"""A head without shape keys on a Rigify face of either generation: it speaks through the rig's own controls."""

from __future__ import annotations

import importlib
import subprocess
import sys
from pathlib import Path
from types import ModuleType

import bpy
import numpy as np
import pytest

from .bone_face import lowered_by_jaw, weigh
from .conftest import MODULE, generate, load_character
from .mouth import Array, Mouth, evaluated_points
from .scene import actions, curves

UPPER, LOWER = ("DEF-lip.T", "DEF-nose", "DEF-cheek"), ("DEF-lip.B", "DEF-jaw", "DEF-chin")
HEAD = "DEF-spine.006"
"""What carries all that no bone of the face is near to."""


def face_rig(path: Path, generation: str) -> bpy.types.Object:
    """A rig of `make_rigify.py` in the scene."""
    subprocess.run(
        [sys.executable, Path(__file__).with_name("make_rigify.py"), path, generation], check=True, timeout=120
    )
    with bpy.data.libraries.load(str(path)) as (_, here):
        here.objects = ["rig"]
    bpy.context.collection.objects.link(here.objects[0])
    return here.objects[0]


def bind(face: bpy.types.Object, rig: bpy.types.Object, lowered: Array, mouth: Mouth) -> None:
    """Puts the mouth where the rig has it, and hangs every point on the bones of its lip; lowered: [points] in 0-1."""
    vertices = face.data.vertices
    places = evaluated_points(face)[np.concatenate([mouth.lower, mouth.upper])]
    bones = {bone.name: (np.array(bone.head_local), np.array(bone.tail_local)) for bone in rig.data.bones}
    corner, top, bottom = bones["DEF-lip.T.L.001"][1], bones["DEF-lip.T.L"][0], bones["DEF-lip.B.L"][0]
    scale = 2.0 * corner[0] / mouth.width
    centre = np.array([0.0, corner[1], 0.5 * (top[2] + bottom[2])])
    middle = np.array([0.0, places[np.abs(places[:, 0]).argmax(), 1], places[:, 2].mean()])
    face.parent = None
    face.modifiers.remove(face.modifiers["Armature"])
    points = (np.array([v.co for v in vertices]) - middle) * scale + centre
    vertices.foreach_set("co", points.astype(np.float32).ravel())
    weigh(face, rig, lowered, UPPER, LOWER, HEAD)


@pytest.mark.parametrize("generation", ["super_face", "skin"])
def test_a_rigify_face_speaks_through_its_controls(
    labial: ModuleType, short_line: Path, tmp_path: Path, generation: str
) -> None:
    face = load_character("head")
    mouth = Mouth(face)
    lowered = lowered_by_jaw(face)
    face.shape_key_clear()
    others = [face.parent, *(part for part in face.parent.children if part is not face)]
    rig = face_rig(tmp_path / "rig.blend", generation)
    bind(face, rig, lowered, mouth)
    for other in others:
        bpy.data.objects.remove(other)
    bpy.context.view_layer.objects.active = rig
    bpy.context.view_layer.update()
    generate(short_line)
    report, scene = bpy.context.scene.labial.report, bpy.context.scene
    assert report.proven == report.closures >= 2, report.notes
    (action,) = actions()
    paths = [path for slot in curves(action).values() for path in slot]
    assert 'pose.bones["jaw_master"].rotation_quaternion[1]' in paths
    assert any(path.startswith('pose.bones["lip.B') for path in paths)
    assert not any(path.split('"')[1].startswith(("DEF-", "MCH-", "ORG-")) for path in paths)
    gaps = []
    for frame in range(1, 40):
        scene.frame_set(frame)
        gaps.append(mouth.gap())
    assert max(gaps) - min(gaps) > 0.08
    character = importlib.import_module(f"{MODULE}.addon.character").find_character(rig, bpy.context.view_layer)
    rig_map = importlib.import_module(f"{MODULE}.addon.generate").mapped(character, bpy.context.view_layer)[1]
    assert "jaw: jaw_master;" in rig_map.coverage
