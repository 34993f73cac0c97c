"""The sample head as a user gets it: its keys by name, and its lips and teeth measured on the evaluated meshes."""

from __future__ import annotations

import importlib
import math
from types import ModuleType

import bpy
import numpy as np
import pytest
from numpy.typing import NDArray

Array = NDArray[np.float64]

SIDED = (
    "browDown", "browOuterUp", "cheekSquint", "eyeBlink", "eyeLookDown", "eyeLookIn", "eyeLookOut", "eyeLookUp",
    "eyeSquint", "eyeWide", "mouthDimple", "mouthFrown", "mouthLowerDown", "mouthPress", "mouthSmile", "mouthStretch",
    "mouthUpperUp", "noseSneer",
)  # fmt: skip
MIDDLE = (
    "browInnerUp", "cheekPuff", "jawForward", "jawLeft", "jawOpen", "jawRight", "mouthClose", "mouthFunnel",
    "mouthLeft", "mouthPucker", "mouthRight", "mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper",
)  # fmt: skip
ARKIT = {*MIDDLE, "tongueOut"} | {name + side for name in SIDED for side in ("Left", "Right")}
VISEMES = {
    f"viseme_{name}" for name in ("sil", "PP", "FF", "TH", "DD", "kk", "CH", "SS", "nn", "RR", "aa", "E", "I", "O", "U")
}
PARTS = ("Face", "Teeth Upper", "Teeth Lower", "Tongue", "Eyes")


class Head:
    """A built head and what the tests measure on it; lengths are shares of the mouth's width at rest."""

    def __init__(self, rig: bpy.types.Object) -> None:
        self.rig = rig
        self.parts = {child.name.removeprefix("Labial Head ").split(".")[0]: child for child in rig.children}
        self.face = self.parts["Face"]
        rest = _coordinates(self.face.data)
        self.upper, self.lower = self._touching_pairs(rest)
        across = rest[self.upper, 0]
        self.width = float(np.ptp(across))
        places = np.linspace(-0.45, 0.45, 13) * self.width
        self.columns = [np.flatnonzero(np.abs(across - place) < 0.06 * self.width) for place in places]
        self.middle = np.flatnonzero(np.abs(across) < 0.02 * self.width)

    def _touching_pairs(self, rest: Array) -> tuple[Array, Array]:
        """Vertices of the upper and the lower lip that share a place at rest, told apart by jawOpen."""
        moved = _coordinates(self.face.data.shape_keys.key_blocks["jawOpen"]) - rest
        order = np.lexsort(rest.round(7).T)
        same = np.linalg.norm(rest[order][1:] - rest[order][:-1], axis=1) < 1e-7
        first, second = order[:-1][same], order[1:][same]
        swap = moved[first, 2] < moved[second, 2]
        return np.where(swap, second, first), np.where(swap, first, second)

    def pose(self, jaw: float = 0.0, **keys: float) -> None:
        """Set the named keys on every mesh that has them, all others to 0, and turn the jaw bone (degrees)."""
        for part in self.rig.children:
            if part.data.shape_keys:
                for block in part.data.shape_keys.key_blocks:
                    block.value = keys.get(block.name, 0.0)
        bone = self.rig.pose.bones["jaw"]
        bone.rotation_mode = "XYZ"
        bone.rotation_euler = (math.radians(jaw), 0.0, 0.0)
        bpy.context.view_layer.update()

    def gaps(self) -> Array:
        """Distance between the lips at thirteen places along the mouth, where each place is tightest."""
        points = evaluated(self.face)
        gap = np.linalg.norm(points[self.upper] - points[self.lower], axis=1) / self.width
        return np.array([gap[column].min() for column in self.columns])

    def opening(self) -> float:
        """Height of the opening in the middle of the mouth."""
        points = evaluated(self.face)
        return float(np.min(points[self.upper[self.middle], 2] - points[self.lower[self.middle], 2]) / self.width)


def evaluated(part: bpy.types.Object) -> Array:
    """Vertices [n, 3] after shape keys and modifiers; the first ones are those of the cage."""
    deformed = part.evaluated_get(bpy.context.evaluated_depsgraph_get())
    points = _coordinates(deformed.to_mesh())
    deformed.to_mesh_clear()
    return points


def _coordinates(data: bpy.types.Mesh | bpy.types.ShapeKey) -> Array:
    vertices = data.data if isinstance(data, bpy.types.ShapeKey) else data.vertices
    points = np.empty(3 * len(vertices), dtype=np.float32)
    vertices.foreach_get("co", points)
    return points.reshape(-1, 3).astype(np.float64)


@pytest.fixture
def sample_head(labial: ModuleType) -> ModuleType:
    return importlib.import_module(f"{labial.__name__}.addon.sample_head")


@pytest.fixture
def head(sample_head: ModuleType, clean_scene: bpy.types.Scene) -> Head:
    return Head(sample_head.build_head(bpy.context))


def test_parts_and_keys_have_their_names(head: Head) -> None:
    assert head.rig.name == "Labial Head"
    assert {bone.name for bone in head.rig.data.bones} == {"head", "jaw"}
    assert set(PARTS) <= set(head.parts)
    keys = {name: part.data.shape_keys.key_blocks for name, part in head.parts.items() if part.data.shape_keys}
    assert len(ARKIT) == 52
    assert set(keys["Face"].keys()) == {"Basis"} | ARKIT - {"tongueOut"} | VISEMES
    assert {"tongueOut", "viseme_TH", "viseme_DD", "viseme_nn"} <= set(keys["Tongue"].keys())
    for blocks in keys.values():
        for block in blocks:
            assert (block.value, block.slider_min, block.slider_max) == (0.0, 0.0, 1.0), block.name


def test_every_key_is_finite_and_moves_something(head: Head) -> None:
    for part in head.parts.values():
        rest = _coordinates(part.data)
        assert np.isfinite(rest).all(), part.name
        for block in part.data.shape_keys.key_blocks if part.data.shape_keys else ():
            points = _coordinates(block)
            assert np.isfinite(points).all(), block.name
            moved = np.linalg.norm(points - rest, axis=1).max()
            assert moved < 0.06, block.name
            still = block.name in ("Basis", "viseme_sil") or (part is head.face and block.name.startswith("eyeLook"))
            assert still or moved > 0.001, block.name


def test_sided_keys_mirror_each_other(head: Head) -> None:
    rest = _coordinates(head.face.data)
    blocks = head.face.data.shape_keys.key_blocks
    for name in SIDED:
        left, right = (_coordinates(blocks[name + side]) - rest for side in ("Left", "Right"))
        assert np.linalg.norm(left, axis=1).sum() == pytest.approx(np.linalg.norm(right, axis=1).sum(), rel=0.01), name
        if not name.startswith("eyeLook"):
            weights = np.linalg.norm(left, axis=1)
            assert weights @ rest[:, 0] > 0.0, f"{name}Left is on the character's right"


def test_lips_touch_at_rest_and_in_a_closure(head: Head) -> None:
    assert 0.04 < head.width < 0.07
    head.pose()
    assert head.gaps().max() < 0.005
    head.pose(viseme_PP=1.0)
    assert head.gaps().max() < 0.01


def test_jaw_opens_and_mouth_close_undoes_it(head: Head) -> None:
    head.pose(jawOpen=1.0)
    assert head.opening() > 0.5
    chin = evaluated(head.face)[:, 2].copy()
    head.pose(jawOpen=1.0, mouthClose=1.0)
    assert head.gaps().max() < 0.03
    head.pose()
    dropped = evaluated(head.face)[:, 2] - chin
    assert dropped.max() > 0.4 * head.width
    head.pose(jawOpen=0.5, mouthClose=0.5)
    assert head.gaps().max() < 0.03


def test_lower_teeth_and_tongue_follow_the_jaw_bone(head: Head) -> None:
    rest = {name: evaluated(head.parts[name])[:, 2].mean() for name in ("Teeth Upper", "Teeth Lower", "Tongue")}
    head.pose(jaw=20.0)
    moved = {name: evaluated(head.parts[name])[:, 2].mean() - height for name, height in rest.items()}
    assert moved["Teeth Upper"] == pytest.approx(0.0, abs=1e-6)
    assert moved["Teeth Lower"] < -0.4 * head.width
    assert moved["Tongue"] < -0.2 * head.width


def test_lower_lip_reaches_the_upper_teeth_in_f(head: Head) -> None:
    teeth = evaluated(head.parts["Teeth Upper"])

    def reach() -> float:
        lip = evaluated(head.face)[head.lower[head.middle]]
        return float(np.linalg.norm(lip[:, None] - teeth[None], axis=-1).min() / head.width)

    head.pose(viseme_aa=1.0)
    apart = reach()
    head.pose(viseme_FF=1.0)
    assert reach() < 0.05 < apart
    assert head.opening() > 0.03


def test_rounding_narrows_and_spreading_widens(head: Head) -> None:
    def width() -> float:
        return float(np.ptp(evaluated(head.face)[head.upper, 0]) / head.width)

    head.pose()
    rest = width()
    for name in ("viseme_U", "viseme_O", "mouthPucker"):
        head.pose(**{name: 1.0})
        assert width() < rest - 0.2, name
    for name in ("viseme_E", "viseme_I", "viseme_SS"):
        head.pose(**{name: 1.0})
        assert width() > rest + 0.05, name


def test_a_second_head_stands_at_the_cursor(sample_head: ModuleType, head: Head) -> None:
    bpy.context.scene.cursor.location = (0.4, 0.1, 0.2)
    rig = sample_head.build_head(bpy.context)
    assert rig is not head.rig
    assert bpy.context.view_layer.objects.active is rig
    assert [selected.name for selected in bpy.context.selected_objects] == [rig.name]
    assert tuple(rig.location) == pytest.approx((0.4, 0.1, 0.2))
    second = Head(rig)
    assert set(second.parts) == set(head.parts)
    second.pose()
    assert second.gaps().max() < 0.005
