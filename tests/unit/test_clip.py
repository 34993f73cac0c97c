"""Baked clips: samples and names, bones without shear, files compared with what was to be in them."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_runtime import delivery
from model_runtime.contracts import Phone, Speech, frozen_array
from model_runtime.errors import LipSyncError
from model_runtime.export import gltf, reread, turns
from model_runtime.export.clip import Clip, Weights, clip_name, needed_frames, require_own_names, sample_times
from model_runtime.export.compare import LIMIT, compare
from model_runtime.export.formats import FORMATS, load_engine
from model_runtime.export.motion import Motion

FPS = 30.0
SPEECH = Speech((Phone("sil", 0.0, 0.2), Phone("m", 0.2, 0.5), Phone("a", 0.5, 1.0)), 1.0, frozen_array([]))


def clip(**more: Any) -> Clip:
    """A second of two keys on a mesh, and of a bone that turns about X."""
    phase = np.linspace(0.0, 2.0 * np.pi, 31)
    values = np.stack([0.5 - 0.5 * np.cos(phase), 0.25 * np.sin(phase) ** 2, np.zeros(31)], axis=1)
    angles = 0.2 * np.sin(phase)
    basis = turns.composed(
        np.zeros((31, 3)), np.stack([np.cos(angles / 2), np.sin(angles / 2), 0 * angles, 0 * angles], axis=1),
        np.ones((31, 3)),
    )  # fmt: skip
    weights = {"Face": Weights(("jawOpen", "mouthClose", "still"), frozen_array(values))}
    return replace(Clip("line", FPS, weights, {"jaw": frozen_array(basis)}), **more)


# Samples


@given(
    st.floats(0.2, 30.0), st.sampled_from([24.0, 29.97, 30.0, 60.0, 120.0]),
    st.lists(st.tuples(st.floats(0.0, 1.0), st.floats(0.0, 0.05)), max_size=6),
)  # fmt: skip
def test_every_contact_gets_a_sample(duration: float, fps: float, places: list[tuple[float, float]]) -> None:
    spaced = [(k + share) / 6.0 * duration for k, (share, _) in enumerate(places)]
    contacts = [(start, min(duration, start + length)) for start, (_, length) in zip(spaced, places, strict=True)]
    times, shown = sample_times(duration, fps, contacts)
    assert len(shown) == len(contacts) and times[0] >= 0.0
    even = np.arange(len(times)) / fps
    assert (len(times) - 1) / fps >= duration - 1e-5 and (len(times) - 2) / fps < duration
    moved = np.flatnonzero(times != even)
    assert set(moved.tolist()) <= set(shown)
    for (first, last), own in zip(contacts, shown, strict=True):
        others = [k for k, other in enumerate(shown) if other == own]
        assert len(others) > 1 or first - 1e-9 <= times[own] <= last + 1e-9
        assert abs(own / fps - 0.5 * (first + last)) <= 2.0 / fps + 0.5 * (last - first)


def test_a_sample_that_lies_in_a_contact_stays() -> None:
    times, shown = sample_times(1.0, 24.0, [(0.45, 0.55), (0.7001, 0.7002)])
    assert shown == (12, 17) and times[12] == 0.5 and times[17] == pytest.approx(0.7002)


@given(st.lists(st.floats(0.0, 1.0), min_size=2, max_size=60), st.sampled_from([0.001, 0.01, 0.1]))
def test_lines_between_needed_frames_stay_near(values: list[float], tolerance: float) -> None:
    column = np.array(values)[:, None]
    frames = needed_frames(frozen_array(column), tolerance)
    drawn = np.interp(np.arange(len(values)), frames, column[frames, 0])
    assert frames[0] == 0 and frames[-1] == len(values) - 1
    assert np.abs(drawn - column[:, 0]).max() <= tolerance + 1e-6
    assert len(needed_frames(frozen_array(column), 0.0)) == len(values)


def test_a_straight_line_needs_its_ends() -> None:
    assert needed_frames(frozen_array(np.linspace(0, 1, 500)[:, None]), 0.001).tolist() == [0, 499]


# Names


@pytest.mark.parametrize(("parts", "pattern", "name"), [
    ({"character": "Zoë", "line": "hi", "language": "de"}, "{character}_{line}_{language}", "Zoë_hi_de"),
    ({"line": "a/b:c", "take": ""}, "{line}_{take}", "a_b_c"),
    ({"line": "..", "character": "顎"}, "{line}{character}", "顎"),
    ({"line": 'x"|y'}, "{line}.{language}", "x_y"),
])  # fmt: skip
def test_names_of_clips(parts: dict[str, str], pattern: str, name: str) -> None:
    assert clip_name(pattern, parts) == name


@pytest.mark.parametrize("pattern", ["{who}", "{", "{line.real.x}", "{0}"])
def test_a_pattern_that_cannot_be_used_is_named(pattern: str) -> None:
    with pytest.raises(LipSyncError, match="cannot be used.*{character}, {line}, {language}, {take}"):
        clip_name(pattern, {"line": "x"})


def test_names_that_are_empty_or_stand_twice_are_refused() -> None:
    with pytest.raises(LipSyncError, match="gives an empty name. Add {line}"):
        clip_name("{take}", {})
    with pytest.raises(LipSyncError, match="Two clips would be called Hi, hi. Add"):
        require_own_names(["hi", "Hi", "x"], "clips", "Add {language}.")


ARKIT = (
    "JawOpen", "mouth_close", "mouthFunnel", "mouthPucker", "mouth_lower_down_L", "mouthLowerDown_R", "mouth_smile_L",
    "eyeLookUpLeft", "Hut",
)  # fmt: skip


def test_names_of_a_convention() -> None:
    found = delivery.renaming(ARKIT, "arkit", {"Hut": "Hat"})
    assert found["JawOpen"] == "jawOpen" and found["mouth_smile_L"] == "mouthSmileLeft" and found["Hut"] == "Hat"
    pascal = delivery.renaming(ARKIT, "arkit_pascal")
    assert pascal["mouth_close"] == "MouthClose" and pascal["eyeLookUpLeft"] == "EyeLookUpLeft" and "Hut" not in pascal
    assert delivery.renaming(ARKIT, "same") == {}
    visemes = [name.removeprefix("viseme_") for name in delivery.renaming(["viseme_" + v for v in VISEMES], "oculus")]
    assert visemes == list(VISEMES)


VISEMES = ("sil", "PP", "FF", "TH", "DD", "kk", "CH", "SS", "nn", "RR", "aa", "E", "I", "O", "U")


@pytest.mark.parametrize(("convention", "custom", "says"), [
    ("oculus", {}, "shape keys are not those of Oculus.*Keep their names"),
    ("klingon", {}, "no convention klingon. Choose one of same, arkit"),
    ("same", {"Nase": "Nose"}, "no shape key Nase. Take it out"),
])  # fmt: skip
def test_names_that_do_not_fit_are_told(convention: str, custom: dict[str, str], says: str) -> None:
    with pytest.raises(LipSyncError, match=says):
        delivery.renaming(ARKIT, convention, custom)


# Bones


def rotation(axis: int, angle: float) -> np.ndarray:
    made, (i, j) = np.eye(4), [k for k in range(3) if k != axis]
    made[i, i] = made[j, j] = np.cos(angle)
    made[j, i] = np.sin(angle) * (-1) ** axis
    made[i, j] = -made[j, i]
    return made


def test_matrices_come_back_from_way_turn_and_size() -> None:
    rng = np.random.default_rng(7)
    for _ in range(20):
        matrix = np.eye(4)
        for axis, angle in enumerate(rng.uniform(-3, 3, 3)):
            matrix = matrix @ rotation(axis, angle)
        matrix[:3, :3] *= rng.uniform(0.3, 3.0, 3)
        matrix[:3, 3] = rng.normal(size=3)
        way, turn, size = turns.decomposed(matrix[None])
        again = turns.composed(*(part.astype(np.float64) for part in (way, turn, size)))
        assert again[0] == pytest.approx(matrix, abs=1e-5)


def test_neighbouring_turns_lie_on_one_side() -> None:
    spins = np.stack([rotation(2, angle) for angle in np.linspace(0.0, 4.0 * np.pi, 200)])
    turn = turns.decomposed(spins)[1]
    assert (np.sum(turn[1:] * turn[:-1], axis=1) > 0.9).all()


def test_joints_below_a_skewed_bone_stay_where_they_are() -> None:
    stretch = np.diag([1.0, 1.8, 1.0, 1.0])
    rest = np.stack([np.eye(4)] * 3)
    rest[1, :3, 3], rest[2, :3, 3] = (0, 1, 0), (0, 1, 1)
    parent = stretch
    child = rest[1] @ rotation(0, 0.6)  # not stretched, below one that is
    grandchild = child @ np.linalg.inv(rest[1]) @ rest[2] @ rotation(1, 0.3)
    poses = frozen_array(np.stack([parent, child, grandchild])[None])
    bases, lost = turns.without_shear(poses, frozen_array(rest), (-1, 0, 1))
    assert lost[0] < 1e-6 < 0.1 < lost[1]
    shown = []
    for i, above in enumerate((-1, 0, 1)):
        before = shown[above] @ np.linalg.inv(rest[above]) if above >= 0 else np.eye(4)
        shown.append(before @ rest[i] @ bases[i][0])
        assert shown[i][:3, 3] == pytest.approx(poses[0, i, :3, 3], abs=1e-5)


def test_eulers_turn_in_their_order() -> None:
    angles = np.array([[0.4, -1.1, 2.0]])
    for order in ("XYZ", "XZY", "YXZ", "YZX", "ZXY", "ZYX"):
        turn = turns.euler_quaternions(angles, order)
        wanted = np.eye(4)
        for letter in order:
            axis = "XYZ".index(letter)
            wanted = rotation(axis, angles[0, axis]) @ wanted
        made = turns.composed(np.zeros((1, 3)), turn, np.ones((1, 3)))[0]
        assert made == pytest.approx(wanted, abs=1e-6), order


# Comparison


def test_a_reading_that_is_the_same_passes() -> None:
    compared = compare(clip(), clip())
    assert compared.passed and compared.error == compared.turn_error == 0.0
    assert (compared.curves, compared.bones, compared.duration, compared.fps) == (2, 1, 1.0, FPS)


def changed(**more: Any) -> Clip:
    whole = clip()
    face = whole.weights["Face"]
    return replace(whole, **{**more, "weights": more.get("weights", {"Face": face})})


def test_what_a_file_lacks_is_told() -> None:
    face = clip().weights["Face"]
    assert "not in the file" in compare(clip(), None).problems[0]
    lacking = changed(weights={"Face": Weights(face.names[1:], frozen_array(face.values[:, 1:]))})
    assert compare(clip(), lacking).problems == ("jawOpen of Face is not in the file.",)
    assert compare(clip(), changed(bones={})).problems == ("The bone jaw is not in the file.",)
    short = changed(weights={"Face": Weights(face.names, frozen_array(face.values[:20]))}, bones={})
    assert any("lasts 0.633 s in the file, not 1.000 s" in problem for problem in compare(clip(), short).problems)
    off = changed(weights={"Face": Weights(face.names, frozen_array(face.values + 2 * LIMIT))})
    assert not compare(clip(), off).passed and compare(clip(), off).error == pytest.approx(2 * LIMIT, rel=1e-3)
    turned = clip().bones["jaw"].copy()
    turned[5:] = turned[5:] @ rotation(1, 0.02)
    assert not compare(clip(), changed(bones={"jaw": frozen_array(turned)})).passed
    assert compare(clip(), changed(weights={"Face": Weights(face.names[:2], frozen_array(face.values[:, :2]))})).passed


# glTF


def bare() -> bytes:
    """A face of three keys and a jaw below a head, without geometry."""
    content = {
        "asset": {"version": "2.0"},
        "nodes": [
            {"name": "Face", "mesh": 0, "skin": 0},
            {"name": "jaw", "rotation": [0.5, 0.5, 0.5, 0.5], "translation": [0, 0.1, 0]},
        ],
        "meshes": [{"primitives": [], "extras": {"targetNames": ["mouthClose", "jawOpen", "still"]}}],
        "skins": [{"joints": [1]}],
    }
    return gltf.glb(content, b"")


def read(data: bytes) -> dict[str, Any]:
    content, binary = gltf.parts(data)
    (animation,) = content["animations"]

    def floats(index: int) -> np.ndarray:
        accessor = content["accessors"][index]
        view = content["bufferViews"][accessor["bufferView"]]
        width = {"SCALAR": 1, "VEC3": 3, "VEC4": 4}[accessor["type"]]
        return np.frombuffer(binary, "<f4", accessor["count"] * width, view["byteOffset"]).reshape(-1, width)

    return {
        channel["target"]["path"]: (floats(sampler["input"]), floats(sampler["output"]), sampler["interpolation"])
        for channel in animation["channels"] for sampler in [animation["samplers"][channel["sampler"]]]
    }  # fmt: skip


def test_weights_lie_in_the_order_of_the_file() -> None:
    times, values, kind = read(gltf.with_animations(bare(), [clip()]))["weights"]
    rows = values.reshape(-1, 3)
    assert rows == pytest.approx(clip().weights["Face"].values[:, [1, 0, 2]]) and kind == "LINEAR"
    assert times[:, 0] == pytest.approx(np.arange(31) / FPS)
    assert read(gltf.with_animations(bare(), [clip(held=True)]))["weights"][2] == "STEP"


def test_bones_turn_from_their_own_rest() -> None:
    found = read(gltf.with_animations(bare(), [clip()]))
    assert "translation" not in found and "scale" not in found
    x, y, z, w = found["rotation"][1].T.astype(np.float64)
    shown = turns.composed(np.zeros((31, 3)), np.stack([w, x, y, z], axis=1), np.ones((31, 3)))
    rest = turns.composed(np.zeros((1, 3)), np.full((1, 4), 0.5), np.ones((1, 3)))[0]
    assert shown == pytest.approx(rest @ clip().bones["jaw"], abs=1e-5)


def test_a_mesh_that_is_not_in_the_file_is_named() -> None:
    with pytest.raises(LipSyncError, match="shape keys of Beard are not in the exported file"):
        gltf.with_animations(bare(), [clip(weights={"Beard": clip().weights["Face"]})])
    with pytest.raises(LipSyncError, match="no binary glTF"):
        gltf.parts(b"glTX" + b"\0" * 20)


# Text formats


def motion(names: tuple[str, ...], whole: float) -> Motion:
    values = np.zeros((31, len(names)))
    values[:, 0] = (0.5 - 0.5 * np.cos(np.linspace(0, 2 * np.pi, 31))) * whole
    return Motion("line", names, frozen_array(values), FPS, SPEECH, ("Face",))


NAMES = {"live2d": ("aa", "ee"), "livelink": ("JawOpen", "MouthClose"), "ovr": ("aa", "PP")}


@pytest.mark.parametrize("format_id", reread.READERS)
def test_a_reader_finds_what_was_written_and_what_was_not(format_id: str) -> None:
    made = motion(NAMES.get(format_id, ("jawOpen", "顎")), load_engine(format_id).scale)
    data = FORMATS[format_id](made)
    assert reread.compare_file(data, format_id, made).passed
    worse = replace(made, values=frozen_array(made.values * 0.97))
    assert reread.compare_file(data, format_id, worse).error == pytest.approx(0.03, abs=2e-3)
    other = replace(made, names=("elsewhere", made.names[1]))
    assert reread.compare_file(data, format_id, other).problems == ("elsewhere is not in the file.",)
    longer = replace(made, values=frozen_array(np.concatenate([made.values] * 2)))
    assert any("lasts" in problem for problem in reread.compare_file(data, format_id, longer).problems)


@pytest.mark.parametrize("format_id", reread.DRAWN)
def test_drawings_are_checked(format_id: str) -> None:
    made = motion(("x",), 1.0)
    data = FORMATS[format_id](made)
    assert reread.compare_file(data, format_id, made).passed
    contact = {"moho": b"MBP", "spine": b'"MBP"', "rhubarb": b"\tA"}[format_id]
    other = {"moho": b"rest", "spine": b'"rest"', "rhubarb": b"\tX"}[format_id]
    unknown = {"moho": b"XYZ", "spine": b'"XYZ"', "rhubarb": b"\tQ"}[format_id]
    lost = reread.compare_file(data.replace(contact, other), format_id, made).problems
    assert lost == ("1 of 1 closures are not drawn.",)
    assert (
        "is no shape of the format" in reread.compare_file(data.replace(contact, unknown), format_id, made).problems[0]
    )
    if format_id != "spine":
        twice = data + data.removeprefix(b"MohoSwitch1\n")
        assert "The times do not rise." in reread.compare_file(twice, format_id, made).problems


def test_keys_of_a_sparse_clip_are_few(tmp_path: Path) -> None:
    made = motion(("jawOpen",), 100.0)
    few = replace(made, tolerance=2.0)
    assert len(FORMATS["unity"](few)) < 0.8 * len(FORMATS["unity"](made))
    assert reread.compare_file(FORMATS["unity"](few), "unity", made).error <= 0.0201


def test_meshes_get_the_curves_that_they_have() -> None:
    made = replace(
        motion(("jawOpen", "tongueOut"), 1.0), paths=("Face", "Tongue"), carried={"Tongue": frozenset(["x"])}
    )
    assert made.tracks() == [("Face", 0), ("Face", 1)]
    text = FORMATS["unity"](replace(made, carried={"Tongue": frozenset(["jawOpen"])})).decode()
    assert text.count("path: Tongue") == text.count("path: Face") == 2  # in m_FloatCurves and m_EditorCurves
    assert json.loads(FORMATS["audio2face"](made))["numPoses"] == 2
