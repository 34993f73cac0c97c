"""Rigs of standards of which no file was at hand, imitated from what is known of them: names, and who drives what."""

from __future__ import annotations

from types import ModuleType

import bpy
import numpy as np
import pytest

from .bone_face import Names, bone_face, lowered_by_jaw
from .conftest import DEMO_LINE, generate
from .mouth import Mouth
from .scene import actions, curves
from .test_characters import mapped
from .test_zoo import control_board, driven

AUTO_RIG_PRO = Names(
    "c_skull_01.x", "c_jawbone.x",
    ("c_lips_top.x", "c_lips_bot.x", "c_lips_top{side}", "c_lips_bot{side}", "c_lips_smile{side}"), (".l", ".r"),
    ("c_tong_01.x", "c_tong_02.x", "c_tong_03.x"),
    ("c_lips_top_retain.x", "c_lips_bot_offset.x", "jaw_ret_bone.x", "jawbone_track.x"),
)  # fmt: skip
SECOND_LIFE = Names(
    "mHead", "mFaceJaw",
    ("mFaceLipUpperCenter", "mFaceLipLowerCenter", "mFaceLipUpper{side}", "mFaceLipLower{side}",
     "mFaceLipCorner{side}"),
    ("Left", "Right"), ("mFaceTongueBase", "mFaceTongueTip"),
)  # fmt: skip
METAHUMAN_SKELETON = Names(
    "head", "FACIAL_C_Jaw",
    ("FACIAL_C_LipUpper", "FACIAL_C_LipLower", "FACIAL_{side}_LipUpper", "FACIAL_{side}_LipLower",
     "FACIAL_{side}_LipCorner"),
    ("L", "R"), ("FACIAL_C_Tongue1", "FACIAL_C_Tongue2", "FACIAL_C_Tongue3"),
)  # fmt: skip
CLOUD_RIG = Names(
    "DEF-Head", "MSTR-Jaw",
    ("CTR-Lip_Top", "CTR-Lip_Bottom", "CTR-Lip_Top_Side{side}", "CTR-Lip_Bottom_Side{side}", "CTR-Lip_Corner{side}"),
    helpers=("MCH-Jaw", "TAN-Lip_Top", "P-Lip_Top", "ACT-Mouth"),
)  # fmt: skip


@pytest.mark.parametrize(
    "names", [AUTO_RIG_PRO, SECOND_LIFE, METAHUMAN_SKELETON, CLOUD_RIG], ids=lambda names: names.jaw
)
def test_a_face_of_bones_speaks_through_its_controls(labial: ModuleType, names: Names) -> None:
    _, rig, mouth = bone_face(names)
    _, rig_map = mapped(rig)
    assert f"jaw: {names.jaw}" in rig_map.coverage
    generate(DEMO_LINE)
    report = bpy.context.scene.labial.report
    assert report.proven == report.closures >= 8, report.notes
    (action,) = actions()
    keyed = {path.split('"')[1] for slot in curves(action).values() for path in slot}
    assert names.jaw in keyed and not keyed & set(names.helpers)
    assert keyed >= set(names.tongue[-1:])
    corners = {names.lips[4].format(side=side) for side in names.sides}
    assert keyed & corners and keyed <= {bone.name for bone in rig.pose.bones}
    assert _widest(mouth) > 0.15


def _widest(mouth: Mouth) -> float:
    gaps = []
    for frame in range(1, 180, 3):
        bpy.context.scene.frame_set(frame)
        gaps.append(mouth.gap())
    return max(gaps)


VISEMES = {
    "V_Open": {"mouthLowerDownLeft": 0.2, "mouthLowerDownRight": 0.2},
    "V_Explosive": {"mouthClose": 0.15, "mouthPressLeft": 0.5, "mouthPressRight": 0.5},
    "V_Dental_Lip": {"mouthRollLower": 0.7},
    "V_Tight_O": {"mouthFunnel": 1.0},
    "V_Tight": {"mouthPucker": 1.0},
    "V_Wide": {"mouthStretchLeft": 1.0, "mouthStretchRight": 1.0},
    "V_Affricate": {"mouthFunnel": 0.7},
    "V_Lip_Open": {"mouthLowerDownLeft": 0.5, "mouthLowerDownRight": 0.5, "mouthUpperUpLeft": 0.5,
                   "mouthUpperUpRight": 0.5},
}  # fmt: skip


def lips_without_jaw(head: bpy.types.Object) -> None:
    """As Character Creator exports: keys shape the lips, and the bone that carries skin and teeth opens the mouth."""
    lowered = lowered_by_jaw(head)
    rig, blocks = head.parent, head.data.shape_keys.key_blocks
    rest = np.array([point.co for point in blocks["Basis"].data])
    moves = {key.name: np.array([point.co for point in key.data]) - rest for key in blocks[1:]}
    for mesh in rig.children:
        for key in list(mesh.data.shape_keys.key_blocks[1:]) if mesh.data.shape_keys else ():
            mesh.shape_key_remove(key)
    for name, mix in VISEMES.items():
        key = head.shape_key_add(name=name)
        key.data.foreach_set("co", (rest + sum(w * moves[part] for part, w in mix.items())).astype(np.float32).ravel())
        key.value = 0.0
    rig.data.bones["jaw"].name, rig.data.bones["head"].name = "CC_Base_JawRoot", "CC_Base_Head"
    jaw = head.vertex_groups.get("CC_Base_JawRoot") or head.vertex_groups.new(name="CC_Base_JawRoot")
    for index, share in enumerate(lowered):
        jaw.add([index], float(share), "REPLACE")
        head.vertex_groups["CC_Base_Head"].add([index], 1.0 - float(share), "REPLACE")
    bpy.context.view_layer.objects.active = head
    bpy.context.view_layer.update()


def test_a_jaw_that_keys_leave_to_a_bone_is_turned(head: bpy.types.Object) -> None:
    mouth = Mouth(head)
    lips_without_jaw(head)
    _, rig_map = mapped(head)
    assert rig_map.preset == "reallusion_8_7" and "jaw bone: CC_Base_JawRoot" in rig_map.coverage
    generate(DEMO_LINE)
    report = bpy.context.scene.labial.report
    assert report.proven == report.closures >= 8, report.notes
    (action,) = actions()
    found = {path: curve for slot in curves(action).values() for path, curve in slot.items()}
    turn = found['pose.bones["CC_Base_JawRoot"].rotation_quaternion[1]']
    degrees = [np.degrees(2.0 * np.arctan(abs(turn.evaluate(frame)))) for frame in range(1, 180)]
    opening = [found['key_blocks["V_Open"].value'].evaluate(frame) for frame in range(1, 180)]
    assert max(degrees) > 5.0 and degrees == pytest.approx(18.0 * np.array(opening), abs=0.8)
    assert _widest(mouth) > 0.15


def test_a_jaw_that_keys_open_is_not_turned_as_well(head: bpy.types.Object) -> None:
    """The same character whose importer has put the jaw into the keys."""
    mouth, whole = Mouth(head), np.array([point.co for point in head.data.shape_keys.key_blocks["jawOpen"].data])
    lips_without_jaw(head)
    head.data.shape_keys.key_blocks["V_Open"].data.foreach_set("co", whole.astype(np.float32).ravel())
    _, rig_map = mapped(head)
    assert rig_map.preset == "reallusion_8_7"
    generate(DEMO_LINE)
    (action,) = actions()
    assert not [path for slot in curves(action).values() for path in slot if "JawRoot" in path]
    assert _widest(mouth) > 0.15


def faceit(head: bpy.types.Object) -> str:
    """A board of sliders within their limits, two ways where opposites are."""
    opposite = {"mouthStretchLeft": "mouthPucker", "mouthStretchRight": "mouthPucker"}
    names = list(dict.fromkeys(opposite.get(key.name, key.name) for key in _keys(head)))
    board = control_board([f"c_{name}_slider" for name in names])
    board.name = "FaceitControlRig"
    for bone in board.pose.bones:
        constraint = bone.constraints.new("LIMIT_LOCATION")
        constraint.owner_space = "LOCAL"
        for axis in "xyz":
            for end, way in (("min", -0.02), ("max", 0.02)):
                setattr(constraint, f"use_{end}_{axis}", True)
                setattr(constraint, f"{end}_{axis}", way if axis == "y" else 0.0)
    for key in _keys(head):
        _slides(
            key, board, f"c_{opposite.get(key.name, key.name)}_slider", "LOC_Y", -50 if key.name in opposite else 50
        )
    return "arkit52"


def mb_lab(head: bpy.types.Object) -> str:
    """A bone for each phoneme moves several keys of other names along its x."""
    mixes = {"AI": {"jawOpen": 0.6, "mouthStretchLeft": 0.2, "mouthStretchRight": 0.2}, "E": {"jawOpen": 0.3,
             "mouthStretchLeft": 0.5, "mouthStretchRight": 0.5}, "O": {"jawOpen": 0.4, "mouthFunnel": 0.6}, "U":
             {"mouthPucker": 0.9, "mouthFunnel": 0.2}, "CDGKNRSYZ": {"jawOpen": 0.1, "mouthShrugUpper": 0.2}, "FV":
             {"mouthRollLower": 0.7, "mouthUpperUpLeft": 0.1, "mouthUpperUpRight": 0.1}, "TH": {"jawOpen": 0.2,
             "tongueOut": 0.4}, "L": {"jawOpen": 0.2, "mouthUpperUpLeft": 0.1}, "WQ": {"mouthPucker": 0.8,
             "jawOpen": 0.05}, "CH": {"mouthFunnel": 0.5, "jawOpen": 0.05}, "MBP": {"mouthPressLeft": 0.5,
             "mouthPressRight": 0.5, "mouthRollLower": 0.2}}  # fmt: skip
    board = control_board([f"ph_{name}" for name in [*mixes, "REST"]])
    for mesh in head.parent.children:
        for key in list(mesh.data.shape_keys.key_blocks[1:]) if mesh.data.shape_keys else ():
            uses = [(name, mix[key.name]) for name, mix in mixes.items() if key.name in mix]
            if not uses:
                mesh.shape_key_remove(key)
                continue
            driver = driven(key)
            driver.expression = " + ".join(f"{weight}*clamp(10*{name})" for name, weight in uses)
            for name, _ in uses:
                _reads(driver, board, f"ph_{name}", "LOC_X", name)
            key.name = f"shape {key.name.encode().hex()}"
    return "preston_blair"


def _keys(head: bpy.types.Object) -> list[bpy.types.ShapeKey]:
    meshes = [o for o in head.parent.children if o.type == "MESH" and o.data.shape_keys]
    return [key for mesh in meshes for key in mesh.data.shape_keys.key_blocks[1:]]


def _slides(key: bpy.types.ShapeKey, board: bpy.types.Object, bone: str, channel: str, factor: float) -> None:
    driver = driven(key)
    driver.expression = f"clamp({factor} * var, 0, 1)"
    _reads(driver, board, bone, channel, "var")


def _reads(driver: bpy.types.Driver, board: bpy.types.Object, bone: str, channel: str, name: str) -> None:
    variable = driver.variables.new()
    variable.name, variable.type = name, "TRANSFORMS"
    target = variable.targets[0]
    target.id, target.bone_target = board, bone
    target.transform_type, target.transform_space = channel, "LOCAL_SPACE"


@pytest.mark.parametrize("build", [faceit, mb_lab], ids=lambda build: build.__name__)
def test_a_control_rig_is_keyed_and_not_the_keys(head: bpy.types.Object, build: object) -> None:
    mouth = Mouth(head)
    preset = build(head)
    bpy.context.view_layer.objects.active = head
    bpy.context.view_layer.update()
    _, rig_map = mapped(head)
    assert rig_map.preset == preset
    generate(DEMO_LINE)
    report = bpy.context.scene.labial.report
    assert report.proven == report.closures >= 8, report.notes
    (action,) = actions()
    found = {path: curve for slot in curves(action).values() for path, curve in slot.items()}
    assert not [path for path in found if "key_blocks" in path]
    if build is faceit:
        heights = [p.co.y for path, c in found.items() if "_slider" in path for p in c.keyframe_points]
        assert min(heights) < -0.001 and max(map(abs, heights)) < 0.0201
    assert _widest(mouth) > 0.1
