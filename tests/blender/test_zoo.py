"""Characters as people have them, made of the sample head: with nothing set but the sound, lips close and open."""

from __future__ import annotations

import importlib
import math
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import bpy
import numpy as np
import pytest

from .conftest import MODULE, generate
from .mouth import evaluated_points
from .scene import actions, curves

Change = Callable[[bpy.types.Object], None]


def keys(head: bpy.types.Object) -> list[bpy.types.ShapeKey]:
    """All keys of the head but the basis, of all its meshes."""
    meshes = [o for o in head.parent.children_recursive if o.type == "MESH" and o.data.shape_keys]
    return [key for mesh in meshes for key in mesh.data.shape_keys.key_blocks[1:]]


def driven(key: bpy.types.ShapeKey) -> bpy.types.Driver:
    """A new driver of a key, without variables."""
    return key.driver_add("value").driver


def reads(driver: bpy.types.Driver, owner: bpy.types.ID, path: str, name: str = "var") -> None:
    variable = driver.variables.new()
    variable.name = name
    if isinstance(owner, bpy.types.Armature):
        variable.targets[0].id_type = "ARMATURE"
    elif isinstance(owner, bpy.types.Key):
        variable.targets[0].id_type = "KEY"
    variable.targets[0].id, variable.targets[0].data_path = owner, path


def dial(owner: bpy.types.bpy_struct, name: str, high: float = 1.0, default: float = 0.0) -> None:
    """A custom property with a range."""
    owner[name] = default
    owner.id_properties_ui(name).update(min=0.0, max=high, soft_min=0.0, soft_max=high, default=default)
    owner.id_data.update_tag()


def new_bones(rig: bpy.types.Object, names: list[str]) -> None:
    """Small bones beside the head."""
    bpy.context.view_layer.objects.active = rig
    bpy.ops.object.mode_set(mode="EDIT")
    for number, name in enumerate(names):
        bone = rig.data.edit_bones.new(name)
        bone.head = (0.3, 0.0, 0.01 * number)
        bone.tail = (0.3, 0.0, 0.01 * number + 0.01)
    bpy.ops.object.mode_set(mode="OBJECT")
    bpy.context.view_layer.update()


def control_board(names: list[str]) -> bpy.types.Object:
    """An armature that deforms nothing."""
    board = bpy.data.objects.new("Board", bpy.data.armatures.new("Board"))
    bpy.context.collection.objects.link(board)
    new_bones(board, names)
    return board


def upper_case(head: bpy.types.Object) -> None:
    for key in keys(head):
        key.name = key.name.upper()


def a_lead(head: bpy.types.Object) -> None:
    for key in keys(head):
        key.name = f"Hero:{key.name}"


def two_meshes(head: bpy.types.Object) -> None:
    """A second mesh of the same keys, as eyelashes or a beard are."""
    beard = head.copy()
    beard.data, beard.name = head.data.copy(), "Beard"
    bpy.context.collection.objects.link(beard)


def keys_on_two_meshes(head: bpy.types.Object) -> None:
    """The vowels on one mesh, what closes the lips on both, as a body with a separate face has them."""
    two_meshes(head)
    for key in list(bpy.data.objects["Beard"].data.shape_keys.key_blocks[1:]):
        if not key.name.startswith("mouth"):
            bpy.data.objects["Beard"].shape_key_remove(key)


def properties_of_the_rig(head: bpy.types.Object) -> None:
    for key in keys(head):
        if key.name not in head.parent:
            dial(head.parent, key.name)
        driver = driven(key)
        driver.type = "SUM"
        reads(driver, head.parent, f'["{key.name}"]')


def properties_in_percent(head: bpy.types.Object) -> None:
    """The names of the properties tell, those of the keys do not; 100 is whole; a switch makes all of it work."""
    dial(head.parent, "influence", default=1.0)
    for number, key in enumerate(keys(head)):
        if key.name not in head.parent:
            dial(head.parent, key.name, 100.0)
        driver = driven(key)
        driver.expression = "clamp(var / 100) * influence"
        reads(driver, head.parent, f'["{key.name}"]')
        reads(driver, head.parent, '["influence"]', "influence")
        key.name = f"morph_{number:03}"


def a_chain_of_properties(head: bpy.types.Object) -> None:
    """As Daz characters come: the rig's property drives one of its data, with a share of another, and that the keys."""
    rig = head.parent
    dial(rig, "mood")
    for key in keys(head):
        final = f"{key.name}(fin)"
        if key.name not in rig:
            dial(rig, key.name)
            rig.data[final] = 0.0
            between = rig.data.driver_add(f'["{final}"]').driver
            between.expression = "u + 0.2*v"
            reads(between, rig, f'["{key.name}"]', "u")
            reads(between, rig, '["mood"]', "v")
        driver = driven(key)
        driver.type = "SUM"
        reads(driver, rig.data, f'["{final}"]')


def visemes_of_daz(head: bpy.types.Object) -> None:
    """As Genesis comes: no key has the name of a viseme; a property for each moves two of them, some the jaw bone."""
    rig, bone = head.parent, head.parent.pose.bones["jaw"]
    visemes = {"aa": "AA", "E": "EH", "RR": "ER", "FF": "F", "I": "IY", "kk": "K", "nn": "L", "PP": "M", "O": "OW",
               "SS": "S", "CH": "SH", "DD": "T", "TH": "TH", "U": "UW"}  # fmt: skip
    bone.rotation_mode = "XYZ"
    turn = bone.driver_add("rotation_euler", 0).driver
    turn.expression = "0.2 * AA + 0.1 * OW"
    for mesh in head.parent.children:
        for key in list(mesh.data.shape_keys.key_blocks[1:]) if mesh.data.shape_keys else ():
            viseme = visemes.get(key.name.removeprefix("viseme_"))
            if viseme is None:
                mesh.shape_key_remove(key)
                continue
            name = f"eCTRLv{viseme}"
            if name not in rig:
                dial(rig, name)
            half = mesh.shape_key_add(name=f"pJCM_{key.name}_b")
            for point, whole, rest in zip(half.data, key.data, key.relative_key.data, strict=True):
                point.co = rest.co + 0.5 * (whole.co - rest.co)
            key.name, half.value = f"pJCM_{key.name}_a", 0.0
            for part, share in ((key, 0.5), (half, 1.0)):
                driver = driven(part)
                driver.expression = f"{share} * var"
                reads(driver, rig, f'["{name}"]')
    for viseme in ("AA", "OW"):
        reads(turn, rig, f'["eCTRLv{viseme}"]', viseme)


def properties_of_bones(head: bpy.types.Object) -> None:
    bone = head.parent.pose.bones["head"]
    for key in keys(head):
        if key.name not in bone:
            dial(bone, key.name)
        driver = driven(key)
        driver.type = "SUM"
        reads(driver, head.parent, f'pose.bones["head"]["{key.name}"]')


def sliders(head: bpy.types.Object) -> None:
    """A board of bones, each a key: up by 2 cm is whole."""
    board = control_board(list(dict.fromkeys(f"c_{key.name}" for key in keys(head))))
    for key in keys(head):
        driver = driven(key)
        driver.expression = "min(1, max(0, 50 * var))"
        variable = driver.variables.new()
        variable.type = "TRANSFORMS"
        target = variable.targets[0]
        target.id, target.bone_target = board, f"c_{key.name}"
        target.transform_type, target.transform_space = "LOC_Y", "LOCAL_SPACE"


OPPOSITE = {
    "mouthStretchLeft": "c_mouthPucker", "mouthStretchRight": "c_mouthPucker", "mouthFrownLeft": "c_mouthSmileLeft",
    "mouthFrownRight": "c_mouthSmileRight", "mouthShrugLower": "c_mouthRollLower",
}  # fmt: skip


def sliders_both_ways(head: bpy.types.Object) -> None:
    """As control rigs have them: up is one key, down another."""
    others = [key.name for key in keys(head) if key.name not in OPPOSITE]
    board = control_board(list(dict.fromkeys(f"c_{name}" for name in others)))
    for key in keys(head):
        driver = driven(key)
        way = -1 if key.name in OPPOSITE else 1
        driver.expression = f"clamp({way * 40} * var, 0, 1)"
        variable = driver.variables.new()
        variable.type = "TRANSFORMS"
        target = variable.targets[0]
        target.id, target.bone_target = board, OPPOSITE.get(key.name, f"c_{key.name}")
        target.transform_type, target.transform_space = "LOC_Y", "LOCAL_SPACE"


def dials_of_bones(head: bpy.types.Object) -> None:
    """Bones of the rig that turn, half a turn for a whole key, both sides on one."""
    rig = head.parent
    names = {key.name: f"c_{key.name.removesuffix('Left').removesuffix('Right')}" for key in keys(head)}
    new_bones(rig, list(dict.fromkeys(names.values())))
    for bone in rig.pose.bones:
        bone.rotation_mode = "XYZ" if bone.name.startswith("c_m") else bone.rotation_mode
    for key in keys(head):
        driver = driven(key)
        variable = driver.variables.new()
        variable.type, driver.expression = "TRANSFORMS", "-var / 1.5"
        target = variable.targets[0]
        target.id, target.bone_target = rig, names[key.name]
        target.transform_type, target.transform_space = "ROT_Z", "LOCAL_SPACE"


def keys_that_follow_keys(head: bpy.types.Object) -> None:
    """A beard that follows the face."""
    two_meshes(head)
    for key in bpy.data.objects["Beard"].data.shape_keys.key_blocks[1:]:
        driver = driven(key)
        driver.type = "SUM"
        reads(driver, head.data.shape_keys, f'key_blocks["{key.name}"].value')


def tiny(head: bpy.types.Object) -> None:
    head.parent.scale = (0.01, 0.01, 0.01)


def huge(head: bpy.types.Object) -> None:
    head.parent.scale = (100.0, 100.0, 100.0)


def lying(axis: int) -> Change:
    """Turned by 90 degrees."""

    def turn(head: bpy.types.Object) -> None:
        head.parent.rotation_euler[axis] = math.radians(90.0)

    turn.__name__ = f"lying_{'xyz'[axis]}"
    return turn


def on_an_empty(head: bpy.types.Object) -> None:
    root = bpy.data.objects.new("Root", None)
    bpy.context.collection.objects.link(root)
    root.location, root.rotation_euler, root.scale = (3.0, -2.0, 1.0), (0.3, 0.2, 2.0), (2.0, 2.0, 2.0)
    head.parent.parent = root


def meshes_without_points(head: bpy.types.Object) -> None:
    """One is empty, of the other a mask shows nothing."""
    for mesh in (bpy.data.meshes.new("Left over"), bpy.data.objects["Labial Head Hair"].data.copy()):
        made = bpy.data.objects.new(mesh.name, mesh)
        bpy.context.collection.objects.link(made)
        made.parent = head.parent
        mask = made.modifiers.new("Mask", "MASK")
        mask.vertex_group = made.vertex_groups.new(name="Shown").name


def names_that_say_nothing(head: bpy.types.Object) -> None:
    for number, key in enumerate(keys(head)):
        key.name = f"k_{number:03}"


def sliders_that_say_nothing(head: bpy.types.Object) -> None:
    """Nine keys and the nine bones that move them."""
    kept = ("jawOpen", "mouthClose", "mouthFunnel", "mouthPucker", "mouthSmileLeft", "mouthSmileRight",
            "mouthLowerDownLeft", "mouthLowerDownRight", "mouthRollLower")  # fmt: skip
    for mesh in head.parent.children:
        for key in list(mesh.data.shape_keys.key_blocks[1:]) if mesh.data.shape_keys else ():
            if key.name not in kept:
                mesh.shape_key_remove(key)
    names_that_say_nothing(head)
    sliders(head)


ZOO = (
    upper_case, a_lead, two_meshes, keys_on_two_meshes, properties_of_the_rig, properties_in_percent,
    a_chain_of_properties, visemes_of_daz, properties_of_bones, sliders, sliders_both_ways, dials_of_bones,
    keys_that_follow_keys, tiny, huge,
    lying(0), lying(1), lying(2), on_an_empty, meshes_without_points, names_that_say_nothing,
    sliders_that_say_nothing,
)  # fmt: skip
CONTROLLED = (
    properties_of_the_rig, properties_in_percent, a_chain_of_properties, visemes_of_daz, properties_of_bones, sliders,
    sliders_both_ways, dials_of_bones, sliders_that_say_nothing,
)  # fmt: skip
"""Where no key may be written."""


def check_line(face: bpy.types.Object, sound: Path) -> None:
    """Generates; all closures are proven, the mouth opens, and there is nothing to complain about."""
    generate(sound)
    report, scene = bpy.context.scene.labial.report, bpy.context.scene
    assert report.proven == report.closures >= 2 and not report.notes, report.notes
    scene.frame_set(0)
    rest, furthest = evaluated_points(face), 0.0
    for frame in range(1, 40, 3):
        scene.frame_set(frame)
        furthest = max(furthest, float(np.linalg.norm(evaluated_points(face) - rest, axis=1).max()))
    assert furthest > 0.02 * np.ptp(rest, axis=0).max(), "the mouth stays shut"


@pytest.mark.parametrize("change", ZOO, ids=lambda change: change.__name__)
def test_it_speaks(head: bpy.types.Object, short_line: Path, change: Change) -> None:
    change(head)
    bpy.context.view_layer.objects.active = head
    bpy.context.view_layer.update()
    check_line(head, short_line)
    (action,) = actions()
    written = {path for slot in curves(action).values() for path in slot}
    if change in CONTROLLED:
        assert not [path for path in written if "key_blocks" in path]
    assert bpy.ops.labial.clear() == {"FINISHED"}
    assert not actions()


@pytest.mark.parametrize(("kind", "settings"), [
    ("EDGE_SPLIT", {}), ("WELD", {"merge_threshold": 0.002}), ("DECIMATE", {"ratio": 0.5}), ("BEVEL", {"width": 0.001}),
])  # fmt: skip
def test_modifiers_that_make_other_points_in_each_pose(
    head: bpy.types.Object, short_line: Path, kind: str, settings: dict[str, float]
) -> None:
    modifier = head.modifiers.new("Other points", kind)
    for name, value in settings.items():
        setattr(modifier, name, value)
    generate(short_line)
    report = bpy.context.scene.labial.report
    assert report.proven == report.closures >= 2 and not report.notes, report.notes
    assert modifier.show_viewport


def test_a_key_moved_by_a_scene_or_by_time_is_named(head: bpy.types.Object, short_line: Path) -> None:
    by_time = driven(head.data.shape_keys.key_blocks["mouthPucker"])
    by_time.expression = "0.1*sin(frame)"
    generate(short_line)
    assert "mouthPucker is driven and cannot be keyed" in bpy.context.scene.labial.report.notes


def test_a_key_moved_by_another_character_is_named(head: bpy.types.Object, short_line: Path) -> None:
    bpy.ops.labial.add_head()
    other = bpy.context.object
    dial(other, "pucker")
    driver = driven(head.data.shape_keys.key_blocks["mouthPucker"])
    driver.type = "SUM"
    reads(driver, other, '["pucker"]')
    bpy.context.view_layer.objects.active = head
    generate(short_line)
    assert "mouthPucker is driven and cannot be keyed" in bpy.context.scene.labial.report.notes
    assert other.animation_data is None


def test_daz_is_known_by_its_properties(head: bpy.types.Object) -> None:
    visemes_of_daz(head)
    module = importlib.import_module(f"{MODULE}.addon.character")
    character = module.find_character(head, bpy.context.view_layer)
    assert not [target for target in character.targets if target.name == "jaw"], "its turn is driven"
    rig_map = importlib.import_module(f"{MODULE}.addon.generate").mapped(character, bpy.context.view_layer)[1]
    assert rig_map.preset == "daz"


@pytest.mark.parametrize(("expression", "value"), [
    ("var", 0.5), ("-2 * var + 1", 0.0), ("clamp(var * 4, 0, 1)", 1.0), ("var if var > 0.4 else 0", 0.5),
    ("max(0, min(1, pow(var, 2)))", 0.25), ("smoothstep(0, 1, var)", 0.5), ("var > 0.4 and other < 1", 1.0),
    ("frame / 24", None), ("noise.random()", None), ("self.location.x", None), ("var / 0", None), ("var +", None),
    ("__import__('os').getcwd()", None), ("'a' * 9", None),
])  # fmt: skip
def test_expressions_of_drivers(labial: ModuleType, expression: str, value: float | None) -> None:
    module = importlib.import_module(f"{MODULE}.addon.expressions")
    assert module.evaluated(expression, {"var": 0.5, "other": 0.25}) == value


def test_a_slider_is_whole_where_its_key_is(head: bpy.types.Object, short_line: Path) -> None:
    sliders(head)
    bpy.context.view_layer.objects.active = head
    module = importlib.import_module(f"{MODULE}.addon.character")
    character = module.find_character(head, bpy.context.view_layer)
    (jaw,) = [target for target in character.targets if "jawOpen" in target.aliases]
    assert (jaw.kind, jaw.name, jaw.objects, jaw.axis) == ("location", "c_jawOpen", ("Board",), 1)
    assert (jaw.minimum, jaw.maximum, jaw.sign) == pytest.approx((0.0, 1.0, 0.02))


def test_a_slider_goes_both_ways(head: bpy.types.Object, short_line: Path) -> None:
    """Each frame shows what the curves of keys alone would: the stretch below zero, the pucker above."""
    generate(short_line)
    names = ("mouthPucker", "mouthStretchLeft")
    plain = {name: shown(head, name) for name in names}
    bpy.ops.labial.clear()
    sliders_both_ways(head)
    bpy.context.view_layer.objects.active = head
    bpy.context.view_layer.update()
    module = importlib.import_module(f"{MODULE}.addon.character")
    character = module.find_character(head, bpy.context.view_layer)
    ways = {t.aliases: t.sign for t in character.targets if t.name == "c_mouthPucker"}
    assert ways == {
        ("mouthPucker", "c_mouthPucker"): pytest.approx(0.025),
        ("mouthStretchLeft", "mouthStretchRight", "c_mouthPucker back"): pytest.approx(-0.025),
    }  # fmt: skip
    generate(short_line)
    (action,) = actions()
    (curve,) = [c for slot in curves(action).values() for path, c in slot.items() if "c_mouthPucker" in path]
    heights = [point.co.y for point in curve.keyframe_points]
    assert min(heights) < -0.001 and max(heights) > 0.001
    balance = plain["mouthPucker"] - plain["mouthStretchLeft"]
    assert shown(head, "mouthPucker") == pytest.approx(np.maximum(balance, 0.0), abs=0.06)
    assert shown(head, "mouthStretchLeft") == pytest.approx(np.maximum(-balance, 0.0), abs=0.06)


def shown(head: bpy.types.Object, name: str) -> np.ndarray:
    """The values of a key over the line."""
    found = []
    for frame in range(1, 40):
        bpy.context.scene.frame_set(frame)
        evaluated = head.evaluated_get(bpy.context.evaluated_depsgraph_get())
        found.append(evaluated.data.shape_keys.key_blocks[name].value)
    return np.array(found)
