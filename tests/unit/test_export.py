"""Exported files, read again by readers that know nothing of the writers: values, names, frame rate, closures."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import struct
import subprocess
import sys
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import jsonschema
import numpy as np
import pytest
from numpy.typing import NDArray

from model_runtime import delivery, track_file
from model_runtime.acting.articulate import articulate
from model_runtime.acting.styles import load_style
from model_runtime.contracts import (
    CHANNELS,
    NATURAL,
    VISEMES,
    Contact,
    MouthTrack,
    Phone,
    Speech,
    Style,
    frozen_array,
)
from model_runtime.errors import LipSyncError, TrackFileError
from model_runtime.export import unity
from model_runtime.export.formats import ENGINES, FORMATS, FROM_BLENDER, load_engine
from model_runtime.phones import PHONES, VISEME_OF

ROOT = Path(__file__).resolve().parents[2]
RIGS = ROOT / "presets/rigs"
CURVES = ("livelink", "unity", "godot", "unreal_csv", "unreal_json", "audio2face", "vrma", "ovr", "live2d")
RENAMED = ("unity", "godot", "unreal_csv", "unreal_json", "audio2face", "vrma")
RATES = (24.0, 30.0, 60.0, 29.97)

TOLERANCE = 1e-4
"""Of a whole shape. Files round values and times to a millionth, glTF holds times in single precision."""
HEADER = (
    "Timecode BlendShapeCount EyeBlinkLeft EyeLookDownLeft EyeLookInLeft EyeLookOutLeft EyeLookUpLeft EyeSquintLeft "
    "EyeWideLeft EyeBlinkRight EyeLookDownRight EyeLookInRight EyeLookOutRight EyeLookUpRight EyeSquintRight "
    "EyeWideRight JawForward JawLeft JawRight JawOpen MouthClose MouthFunnel MouthPucker MouthLeft MouthRight "
    "MouthSmileLeft MouthSmileRight MouthFrownLeft MouthFrownRight MouthDimpleLeft MouthDimpleRight MouthStretchLeft "
    "MouthStretchRight MouthRollLower MouthRollUpper MouthShrugLower MouthShrugUpper MouthPressLeft MouthPressRight "
    "MouthLowerDownLeft MouthLowerDownRight MouthUpperUpLeft MouthUpperUpRight BrowDownLeft BrowDownRight BrowInnerUp "
    "BrowOuterUpLeft BrowOuterUpRight CheekPuff CheekSquintLeft CheekSquintRight NoseSneerLeft NoseSneerRight "
    "TongueOut HeadYaw HeadPitch HeadRoll LeftEyeYaw LeftEyePitch LeftEyeRoll RightEyeYaw RightEyePitch RightEyeRoll"
)
"""Of the files of Live Link Face, as PyLiveLinkFace orders them."""


class Reading(NamedTuple):
    """What a reader found: every curve as (seconds, values), and the frame rate if the file tells it."""

    curves: dict[str, tuple[NDArray[np.float64], NDArray[np.float64]]]
    duration: float
    fps: float | None = None

    def at(self, name: str, times: NDArray[np.float64]) -> NDArray[np.float64]:
        """A curve as an engine plays it, straight between its keys; one that is not in the file rests."""
        if name not in self.curves:
            return np.zeros(len(times))
        return np.asarray(np.interp(times, *self.curves[name]))


def line(seconds: float = 60.0, style: Style = NATURAL) -> MouthTrack:
    """A line of random phones, a third of them p b m, at the speed of quick speech."""
    random = np.random.default_rng(7)
    phones, at = [Phone("sil", 0.0, 0.2)], 0.2
    while at < seconds - 0.3:
        vowel = len(phones) % 2
        symbol = str(random.choice(list("aieouæɔʌ") if vowel else ["p", "b", "m", "m", "t", "s", "f", "h", "k", "ʃ"]))
        length = float(random.uniform(0.04, 0.13))
        phones.append(Phone(symbol, at, at + length))
        at += length
    phones.append(Phone("sil", at, seconds))
    loudness = frozen_array(np.full(round(seconds * 100), -20.0))
    return articulate(Speech(tuple(phones), seconds, loudness), style)


@pytest.fixture(scope="module")
def track() -> MouthTrack:
    return line()


@pytest.fixture(scope="module")
def short() -> MouthTrack:
    return line(2.0)


def evenly(names: Sequence[str], rows: Any, fps: float) -> Reading:
    values = np.array(rows, dtype=np.float64).reshape(-1, len(names))
    times = np.arange(len(values)) / fps
    curves = {name: (times, column) for name, column in zip(names, values.T, strict=True)}
    return Reading(curves, float(times[-1]), fps)


def read_livelink(data: bytes, fps: float) -> Reading:
    rows = list(csv.DictReader(io.StringIO(data.decode())))
    names = [name for name in rows[0] if name not in ("Timecode", "BlendShapeCount")]
    assert list(rows[0]) == HEADER.split() and len(names) == 61
    assert all(row["BlendShapeCount"] == "61" and None not in row for row in rows)
    frames = []
    for row in rows:
        hours, minutes, seconds, frame = row["Timecode"].split(":")
        assert float(frame) < round(fps) and int(seconds) < 60
        frames.append((int(hours) * 3600 + int(minutes) * 60 + int(seconds)) * round(fps) + float(frame))
    assert frames == list(range(len(rows)))
    return evenly(names, [[float(row[name]) for name in names] for row in rows], fps)


def read_unity(data: bytes, fps: float) -> Reading:
    """Every line of the clip's curves must be one of those that Unity writes."""
    text = data.decode()
    assert text.startswith("%YAML 1.1\n%TAG !u! tag:unity3d.com,2011:\n--- !u!74 &7400000\nAnimationClip:\n")
    key = (
        r"      - serializedVersion: 3\n        time: (\S+)\n        value: (\S+)\n        inSlope: (\S+)\n"
        r"        outSlope: (\S+)\n        tangentMode: 69\n        weightedMode: 0\n        inWeight: 0.33333334\n"
        r"        outWeight: 0.33333334\n"
    )
    curve = (
        rf"  - curve:\n      serializedVersion: 2\n      m_Curve:\n((?:{key})+)      m_PreInfinity: 2\n"
        r"      m_PostInfinity: 2\n      m_RotationOrder: 4\n    attribute: (.+)\n    path: (.+)\n    classID: 137\n"
        r"    script: \{fileID: 0\}\n"
    )
    found, sections = {}, []
    for section in ("m_FloatCurves", "m_EditorCurves"):
        block = re.search(rf"^  {section}:\n((?:{curve})*)  m_", text, re.MULTILINE)
        assert block
        sections.append(block[1])
    assert sections[0] == sections[1]
    for match in re.finditer(curve, sections[0]):
        attribute, path = (json.loads(s) if s.startswith('"') else s for s in match.groups()[-2:])
        assert attribute.startswith("blendShape.") and path == "Body"
        keys = np.array(re.findall(key, match[1]), dtype=np.float64)
        rises = np.diff(keys[:, 1]) / np.diff(keys[:, 0])
        assert np.allclose(keys[1:, 2], rises, 1e-3, 0.05) and np.allclose(keys[:-1, 3], rises, 1e-3, 0.05)
        found[attribute.removeprefix("blendShape.")] = (keys[:, 0], keys[:, 1])
    rate = re.search(r"^  m_SampleRate: (\S+)$", text, re.MULTILINE)
    stop = re.search(r"^    m_StopTime: (\S+)$", text, re.MULTILINE)
    assert rate and stop
    return Reading(found, float(stop[1]), float(rate[1]))


def read_godot(data: bytes, fps: float) -> Reading:
    """A strict reader of the part of Godot's text resources that animations use."""
    head, _, body = data.decode().partition("\n\n[resource]\n")
    assert head == '[gd_resource type="Animation" format=3]'
    values: dict[str, Any] = {}
    for row in body.splitlines():
        name, _, text = row.partition(" = ")
        assert name and name not in values
        packed = re.fullmatch(r"PackedFloat32Array\((.*)\)", text)
        path = re.fullmatch(r"NodePath\((.*)\)", text)
        values[name] = [float(n) for n in packed[1].split(", ")] if packed else json.loads(path[1] if path else text)
    found, number = {}, 0
    while f"tracks/{number}/type" in values:
        part = {name: values.pop(f"tracks/{number}/{name}") for name in
                ("type", "imported", "enabled", "path", "interp", "loop_wrap", "keys")}  # fmt: skip
        keys = np.array(part["keys"]).reshape(-1, 3)
        assert part["type"] == "blend_shape" and part["enabled"] and part["interp"] == 1 and (keys[:, 1] == 1).all()
        node, _, name = part["path"].partition(":")
        assert node == "Body"
        found[name] = (keys[:, 0], keys[:, 2])
        number += 1
    assert sorted(values) == ["length", "resource_name", "step"]
    return Reading(found, values["length"], 1.0 / values["step"])


def read_unreal_csv(data: bytes, fps: float) -> Reading:
    head, *rows = csv.reader(io.StringIO(data.decode()))
    assert head[0] == "---" and all(len(row) == len(head) for row in rows)
    times = np.array(head[1:], dtype=np.float64)
    return Reading({row[0]: (times, np.array(row[1:], dtype=np.float64)) for row in rows}, float(times[-1]))


def read_unreal_json(data: bytes, fps: float) -> Reading:
    found = {}
    for row in json.loads(data):
        name = row.pop("Name")
        found[name] = (np.array([float(t) for t in row]), np.array(list(row.values()), dtype=np.float64))
    return Reading(found, max(float(times[-1]) for times, _ in found.values()))


def read_audio2face(data: bytes, fps: float) -> Reading:
    made = json.loads(data)
    assert (made["numFrames"], made["numPoses"]) == np.shape(made["weightMat"])
    assert made["numPoses"] == len(made["facsNames"])
    return evenly(made["facsNames"], made["weightMat"], made["exportFps"])


def read_ovr(data: bytes, fps: float) -> Reading:
    made = json.loads(data)
    assert made["visemes"] == list(VISEMES) and made["length"] == pytest.approx(len(made["entries"]) / fps)
    assert [entry["frameNumber"] for entry in made["entries"]] == list(range(len(made["entries"])))
    return evenly(VISEMES, [entry["Visemes"] for entry in made["entries"]], made["frameRate"])


def read_vrma(data: bytes, fps: float) -> Reading:
    """By the glTF 2.0 and VRMC_vrm_animation specifications, step by step."""
    magic, version, size = struct.unpack_from("<4sII", data)
    assert (magic, version, size) == (b"glTF", 2, len(data))
    length, kind = struct.unpack_from("<I4s", data, 12)
    assert kind == b"JSON" and length % 4 == 0
    made = json.loads(data[20 : 20 + length])
    size, kind = struct.unpack_from("<I4s", data, 20 + length)
    binary = data[28 + length :]
    assert kind == b"BIN\0" and len(binary) == size and size - made["buffers"][0]["byteLength"] in range(4)

    def array(index: int) -> NDArray[np.float32]:
        accessor = made["accessors"][index]
        view, width = made["bufferViews"][accessor["bufferView"]], {"SCALAR": 1, "VEC3": 3}[accessor["type"]]
        assert accessor["componentType"] == 5126 and view["byteOffset"] % 4 == 0
        values = np.frombuffer(binary, "<f4", accessor["count"] * width, view["byteOffset"]).reshape(-1, width)
        assert view["byteLength"] == values.nbytes
        assert np.allclose(values.min(0), accessor["min"]) and np.allclose(values.max(0), accessor["max"])
        return values

    extension = made["extensions"]["VRMC_vrm_animation"]
    assert made["extensionsUsed"] == ["VRMC_vrm_animation"] and extension["specVersion"] == "1.0"
    _check_skeleton(made["nodes"], extension["humanoid"]["humanBones"], made["scenes"][0]["nodes"])
    expressions = extension["expressions"]
    assert not set(expressions.get("custom", {})) & set(expressions.get("preset", {}))
    members = {**expressions.get("preset", {}), **expressions.get("custom", {})}
    named = {member["node"]: name for name, member in members.items()}
    (animation,) = made["animations"]
    found, end = {}, 0.0
    for channel in animation["channels"]:
        sampler = animation["samplers"][channel["sampler"]]
        assert channel["target"]["path"] == "translation" and sampler["interpolation"] == "LINEAR"
        times, places = array(sampler["input"])[:, 0], array(sampler["output"])
        assert (np.diff(times) > 0).all() and not places[:, 1:].any()
        name = named[channel["target"]["node"]]
        assert made["nodes"][channel["target"]["node"]]["name"] == name
        found[name] = (times.astype(np.float64), places[:, 0].astype(np.float64))
        end = max(end, float(times[-1]))
    return Reading(found, end)


def _check_skeleton(nodes: Sequence[dict[str, Any]], bones: dict[str, Any], roots: Sequence[int]) -> None:
    """The required bones of VRM 1 are there, every node hangs in the scene once, and the T stands on the ground."""
    sides = ("UpperArm", "LowerArm", "Hand", "UpperLeg", "LowerLeg", "Foot")
    assert set(bones) == {"hips", "spine", "head", *(side + part for side in ("left", "right") for part in sides)}
    seen = [*roots, *(child for node in nodes for child in node.get("children", []))]
    assert sorted(seen) == list(range(len(nodes)))
    places: dict[str, NDArray[np.float64]] = {}

    def place(index: int, origin: NDArray[np.float64]) -> None:
        here = origin + nodes[index].get("translation", (0, 0, 0))
        places[nodes[index]["name"]] = here
        for child in nodes[index].get("children", []):
            place(child, here)

    place(bones["hips"]["node"], np.zeros(3))
    assert 0.0 < places["leftFoot"][1] < 0.1 < places["hips"][1] < places["spine"][1] < places["head"][1]
    assert places["leftHand"][0] > 0.5 > -0.5 > places["rightHand"][0]
    assert places["leftHand"][1] == pytest.approx(places["leftUpperArm"][1])


def read_live2d(data: bytes, fps: float) -> Reading:
    """By the specification of motion3.json: a point, then straight segments; the vowels under VRM's names."""
    made = json.loads(data)
    meta, curves = made["Meta"], {}
    vowels = {"ParamA": "aa", "ParamI": "ih", "ParamU": "ou", "ParamE": "ee", "ParamO": "oh"}
    assert made["Version"] == 3 and meta["CurveCount"] == len(made["Curves"]) == 7 and not meta["UserDataCount"]
    points = 0
    for curve in made["Curves"]:
        segments = curve["Segments"]
        assert curve["Target"] == "Parameter" and not any(segments[2::3]) and len(segments) % 3 == 2
        points += len(segments[::3])
        later = [part for k in range(2, len(segments), 3) for part in segments[k + 1 : k + 3]]
        times, values = np.array(segments[:2] + later, dtype=float).reshape(-1, 2).T
        assert (np.diff(times) > 0).all() and times[-1] <= meta["Duration"] + 1e-5
        curves[vowels.get(curve["Id"], curve["Id"])] = (times, values)
    assert (meta["TotalPointCount"], meta["TotalSegmentCount"]) == (points, points - 7)
    return Reading(curves, meta["Duration"], meta["Fps"])


READERS: dict[str, Callable[[bytes, float], Reading]] = {
    "livelink": read_livelink,
    "unity": read_unity,
    "godot": read_godot,
    "unreal_csv": read_unreal_csv,
    "unreal_json": read_unreal_json,
    "audio2face": read_audio2face,
    "vrma": read_vrma,
    "ovr": read_ovr,
    "live2d": read_live2d,
}


def written(track: MouthTrack, format_id: str, folder: Path, fps: float | None = None, **more: Any) -> Reading:
    path = folder / f"line{load_engine(format_id).suffix}"
    delivery.export(track, format_id, path, fps=fps, **more)
    assert [made.name for made in folder.iterdir()] == [path.name]
    return READERS[format_id](path.read_bytes(), load_engine(format_id).fps if fps is None else fps)


def channels_at(track: MouthTrack, times: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    at = np.arange(len(track.values)) / 100
    return {name: np.interp(times, at, track.values[:, i]) for i, name in enumerate(CHANNELS)}


def test_every_format_has_an_engine_preset_that_fits_the_schema() -> None:
    schema = json.loads((ROOT / "presets/schemas/engine.schema.json").read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    files = sorted(ENGINES.glob("*.json"))
    assert {path.stem for path in files} == {*FORMATS, *FROM_BLENDER} and set(READERS) == set(CURVES) < set(FORMATS)
    for path in files:
        data = json.loads(path.read_text(encoding="utf-8"))
        jsonschema.validate(data, schema)
        assert load_engine(path.stem).id == path.stem == data["id"]
        assert data["rig"] == "" or (RIGS / f"{data['rig']}.json").exists()
        for spoil in data:
            with pytest.raises(jsonschema.ValidationError):
                jsonschema.validate({name: value for name, value in data.items() if name != spoil}, schema)
    suffixes = [load_engine(name).suffix for name in FORMATS]
    assert len(set(suffixes)) == len(suffixes)


@pytest.mark.parametrize(("name", "value"), [("schema", "labial-engine/9"), ("names", "kebab"), ("fps", None)])
def test_a_damaged_engine_preset_is_named(tmp_path: Path, name: str, value: object) -> None:
    data = json.loads((ENGINES / "unity.json").read_text(encoding="utf-8"))
    (tmp_path / "unity.json").write_text(json.dumps({**data, name: value}))
    with pytest.raises(TrackFileError, match=r"unity\.json"):
        load_engine("unity", tmp_path)


@pytest.mark.parametrize("fps", RATES)
@pytest.mark.parametrize("format_id", CURVES)
def test_values_names_rate_and_length_come_back(track: MouthTrack, tmp_path: Path, format_id: str, fps: float) -> None:
    engine, reading = load_engine(format_id), written(track, format_id, tmp_path, fps)
    frames = int(np.ceil(track.duration * fps - 1e-6))
    times = np.arange(frames + 1) / fps
    free = np.ones(len(times), dtype=bool)
    for contact in track.contacts:  # frames near a contact may show it; those are looked at below
        free[(times > contact.start - 2 / fps) & (times < contact.end + 2 / fps)] = False
    assert free.mean() > 0.1
    channels, preset = channels_at(track, times), json.loads((RIGS / f"{engine.rig}.json").read_text(encoding="utf-8"))
    expected: dict[str, NDArray[np.float64]] = {}
    for channel, row in preset["channels"].items():
        for name, weight in row.items():
            expected[name] = expected.get(name, np.zeros(len(times))) + weight * channels[channel]
    spell = {"pascal": lambda name: name[0].upper() + name[1:], "bare": lambda name: name[7:], "same": str}
    for name, values in expected.items():
        error = np.abs(reading.at(spell[engine.names](name), times) / engine.scale - values.clip(0, 1))[free]
        assert error.max() < TOLERANCE, name
    assert reading.duration == pytest.approx(frames / fps, abs=1e-5)
    assert reading.fps is None or reading.fps == pytest.approx(fps, rel=1e-4)
    others = set(reading.curves) - {spell[engine.names](name) for name in expected}
    own = {"sil", "ParamMouthOpenY", "ParamMouthForm"}
    assert all(not reading.curves[name][1].any() for name in others - own)
    assert engine.scale == (100.0 if format_id == "unity" else 1.0)
    assert max(values.max() for _, values in reading.curves.values()) <= engine.scale


@pytest.mark.parametrize("format_id", CURVES)
def test_each_frame_is_what_was_sampled(short: MouthTrack, tmp_path: Path, format_id: str) -> None:
    engine, reading = load_engine(format_id), written(short, format_id, tmp_path)
    made = delivery.motion(short, engine, "line", engine.fps)
    for name, values in zip(made.names, made.values.T, strict=True):
        assert np.abs(reading.at(name, made.times) - values).max() / engine.scale < TOLERANCE, name
    kept = {name for name, values in zip(made.names, made.values.T, strict=True) if values.any()}
    if format_id in ("unity", "godot", "unreal_csv", "unreal_json"):
        assert set(reading.curves) == kept


def closed(reading: Reading, track: MouthTrack, fps: float, name: str, whole: float) -> float:
    """The share of p b m of which some frame shows the name at its whole value."""
    times = np.arange(int(np.ceil(track.duration * fps - 1e-6)) + 1) / fps
    values = reading.at(name, times)

    def shown(contact: Contact) -> bool:
        near = (times > contact.start - 1 / fps) & (times < contact.end + 1 / fps)
        return bool(values[near].max() > 0.995 * whole)

    return float(np.mean([shown(contact) for contact in track.contacts if contact.kind == "closure"]))


@pytest.mark.parametrize("fps", RATES)
@pytest.mark.parametrize("format_id", [name for name in CURVES if name not in ("vrma", "live2d")])
def test_lips_close_on_a_frame(track: MouthTrack, tmp_path: Path, format_id: str, fps: float) -> None:
    assert sum(contact.kind == "closure" for contact in track.contacts) > 100
    reading = written(track, format_id, tmp_path, fps)
    name = {"ovr": "PP", "livelink": "MouthClose", "unreal_csv": "MouthClose", "unreal_json": "MouthClose"}
    whole = 1.0 if format_id == "ovr" else 0.06 * load_engine(format_id).scale
    assert closed(reading, track, fps, name.get(format_id, "mouthClose"), whole) >= 0.99


@pytest.mark.parametrize("fps", [24.0, 30.0, 60.0])
def test_a_mouth_of_live2d_shuts_and_opens(track: MouthTrack, tmp_path: Path, fps: float) -> None:
    reading = written(track, "live2d", tmp_path, fps)
    times, opening = reading.curves["ParamMouthOpenY"]
    inverted = Reading({"closed": (times, 1.0 - opening)}, reading.duration)
    assert closed(inverted, track, fps, "closed", 1.0) >= 0.99 and opening.max() > 0.5
    _, form = reading.curves["ParamMouthForm"]
    assert -1.0 <= form.min() < -0.3 and 0.3 < form.max() <= 1.0


def test_a_style_that_holds_its_poses_is_held(tmp_path: Path) -> None:
    slow = line(40.0, load_style("Stop-motion"))
    assert slow.style.hold_frames == 2
    reading = written(slow, "ovr", tmp_path, 24.0)
    for _, values in reading.curves.values():
        assert (values[0 : len(values) // 2 * 2 : 2] == values[1::2]).all()
    assert closed(reading, slow, 12.0, "PP", 1.0) >= 0.99
    assert np.mean(reading.curves["PP"][1] > 0.99) < 0.5


@pytest.mark.parametrize("fps", [24.0, 30.0, 60.0])
def test_vowels_of_vrm_rest_where_lips_close(track: MouthTrack, tmp_path: Path, fps: float) -> None:
    reading = written(track, "vrma", tmp_path, fps)
    times = np.arange(int(np.ceil(track.duration * fps)) + 1) / fps
    open_vowels = np.max([reading.at(name, times) for name in ("aa", "ee", "oh")], axis=0)
    inverted = Reading({"closed": (times, 1.0 - open_vowels)}, reading.duration)
    assert closed(inverted, track, fps, "closed", 0.99) >= 0.99
    assert open_vowels.max() > 0.5


@pytest.mark.parametrize("format_id", RENAMED)
def test_names_of_the_character_in_any_script(short: MouthTrack, tmp_path: Path, format_id: str) -> None:
    engine = load_engine(format_id)
    shape = "aa" if engine.rig == "vrm1" else "jawOpen"
    plain = written(short, format_id, tmp_path)
    renamed = written(short, format_id, tmp_path, names={shape: '顎 "開",ä'})
    times = np.arange(100) / engine.fps
    assert engine.spelled(shape) not in renamed.curves
    assert (renamed.at('顎 "開",ä', times) == plain.at(engine.spelled(shape), times)).all()


@pytest.mark.parametrize("format_id", RENAMED)
def test_another_rig(short: MouthTrack, tmp_path: Path, format_id: str) -> None:
    reading = written(short, format_id, tmp_path, rig="oculus15")
    names = {load_engine(format_id).spelled(f"viseme_{viseme}") for viseme in VISEMES[1:]}
    assert set(reading.curves) <= names and len(reading.curves) > 5


def test_every_mesh_gets_its_curves(short: MouthTrack, tmp_path: Path) -> None:
    for format_id, pattern in (("unity", r"^    path: (.+)$"), ("godot", r'NodePath\("(.+):')):
        path = tmp_path / format_id
        delivery.export(short, format_id, path, paths=["Rig/Kopf", "Zähne"])
        found = [json.loads(f'"{name.strip(chr(34))}"') for name in re.findall(pattern, path.read_text("utf-8"), re.M)]
        assert set(found) == {"Rig/Kopf", "Zähne"} and found.count("Rig/Kopf") == found.count("Zähne")


@pytest.mark.parametrize("text", ["no", "True", "null", "1e5", "y", "", "a: b", "a #b", " a", "a\nb", "- a", "顎"])
def test_what_yaml_would_read_otherwise_is_quoted(text: str) -> None:
    assert (
        unity.scalar(text) == json.dumps(text, ensure_ascii=False) and unity.scalar("Rig/jaw_L.001") == "Rig/jaw_L.001"
    )


def test_the_documentation_names_every_format() -> None:
    text = (ROOT / "docs/export.md").read_text(encoding="utf-8")
    assert all(f"`{name}`" in text and f"`{load_engine(name).suffix}`" in text for name in FORMATS)


def test_weights_of_ovr_fill_up_to_one(short: MouthTrack, tmp_path: Path) -> None:
    reading = written(short, "ovr", tmp_path)
    total = np.sum([values for _, values in reading.curves.values()], axis=0)
    assert list(reading.curves) == list(VISEMES) and (total > 1.0 - 1e-5).all()
    assert reading.curves["sil"][1][0] == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize("fps", [12.0, 24.0, 30.0])
def test_drawings_of_moho(track: MouthTrack, tmp_path: Path, fps: float) -> None:
    delivery.export(track, "moho", tmp_path / "line.dat", fps=fps)
    head, *rows = (tmp_path / "line.dat").read_text(encoding="utf-8").splitlines()
    found = [(int(frame), shape) for frame, shape in map(str.split, rows)]
    frames = [frame for frame, _ in found]
    assert head == "MohoSwitch1" and found[0] == (1, "rest") and found[-1][1] == "rest"
    assert frames == sorted(set(frames)) and frames[-1] <= track.duration * fps + 1
    assert {shape for _, shape in found} <= {"rest", "MBP", "FV", "etc", "AI", "E", "O", "U"}
    said = [event for event in track.events if event.viseme == "PP"]
    drawn = [max(row for row in found if row[0] <= frame + 1)[1] for frame in range(frames[-1])]

    def shown(start: float) -> bool:
        return "MBP" in drawn[int(start * fps + 1e-6) :][:2]

    assert np.mean([shown(event.start) for event in said]) >= 0.99


def test_drawings_of_spine_are_those_of_moho(track: MouthTrack, tmp_path: Path) -> None:
    delivery.export(track, "moho", tmp_path / "line.dat", fps=24.0)
    delivery.export(track, "spine", tmp_path / "line.spine.json", fps=24.0)
    made = json.loads((tmp_path / "line.spine.json").read_text(encoding="utf-8"))
    rows = made["animations"]["line"]["slots"]["mouth"]["attachment"]
    assert {slot["name"] for slot in made["slots"]} == {"mouth"} and made["slots"][0]["bone"] == made["bones"][0][
        "name"
    ]
    drawn = [line.split() for line in (tmp_path / "line.dat").read_text(encoding="utf-8").splitlines()[1:]]
    assert [(round(row["time"] * 24) + 1, row["name"]) for row in rows] == [(int(at), name) for at, name in drawn]


def test_the_table_of_rhubarb(track: MouthTrack, tmp_path: Path) -> None:
    delivery.export(track, "rhubarb", tmp_path / "line.tsv")
    rows = list(csv.reader((tmp_path / "line.tsv").open(encoding="utf-8"), delimiter="\t"))
    starts = [float(start) for start, _ in rows]
    assert starts == sorted(starts) and starts[0] == 0.0 and starts[-1] == track.duration
    assert {shape for _, shape in rows} <= set("ABCDEFGHX") and rows[-1][1] == "X"


def test_phones_are_those_that_were_said() -> None:
    said = [Phone(symbol, i * 0.1, (i + 1) * 0.1) for i, symbol in enumerate(("sil", *PHONES[1:], "sil"))]
    end = len(said) * 0.1
    track = articulate(Speech(tuple(said), end, frozen_array(np.full(round(end * 100), -20.0))))
    heard = delivery.speech(track).phones
    assert all(a.end == b.start for a, b in pairwise(heard))
    assert heard[0].start == 0.0 and heard[-1].end == track.duration
    for phone in said:
        middle = 0.5 * (phone.start + phone.end)
        (found,) = (other for other in heard if other.start <= middle < other.end)
        assert VISEME_OF[found.symbol] == VISEME_OF[phone.symbol]


@pytest.mark.parametrize("format_id", FORMATS)
def test_silence_is_written(tmp_path: Path, format_id: str) -> None:
    quiet = articulate(Speech((Phone("sil", 0.0, 0.5),), 0.5, frozen_array(np.full(50, -80.0))))
    delivery.export(quiet, format_id, tmp_path / "quiet")
    assert (tmp_path / "quiet").stat().st_size > 0


@pytest.mark.parametrize("format_id", FORMATS)
def test_a_track_without_length_is_refused(short: MouthTrack, tmp_path: Path, format_id: str) -> None:
    for values, duration in ((short.values[:0], 0.0), (short.values[:1], 0.0), (short.values[:0], 1.0)):
        empty = MouthTrack(values, (), (), duration)
        with pytest.raises(LipSyncError, match="track of line has no length"):
            delivery.export(empty, format_id, tmp_path / f"line{load_engine(format_id).suffix}")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("format_id", "more", "says"), [
    ("unity", {"fps": 0.0}, "0 frames a second"),
    ("unity", {"fps": float("nan")}, "nan frames a second"),
    ("unity", {"rig": "arkit51"}, "no rig preset arkit51.*arkit52"),
    ("unity", {"names": {"jawopen": "Jaw"}}, "has no jawopen.*jawOpen"),
    ("unity", {"names": {"jawOpen": "mouthClose"}}, "Two shapes would be called mouthClose"),
    ("livelink", {"names": {"jawOpen": "Jaw"}}, "names of Live Link Face CSV are fixed.*--names"),
    ("livelink", {"rig": "vrm1"}, "Live Link Face CSV takes only arkit52.*--rig vrm1"),
    ("moho", {"rig": "vrm1"}, "takes only its own shapes"),
    ("vrma", {"paths": ["Face"]}, "VRM 1 animation addresses no meshes.*--path"),
    ("godot", {"names": {"jawOpen": "a:b"}}, "Godot cannot address Body:a:b.*--names"),
    ("maya", {}, "no format maya.*livelink, unity"),
])  # fmt: skip
def test_what_does_not_fit_is_named_with_its_fix(
    short: MouthTrack, tmp_path: Path, format_id: str, more: dict[str, Any], says: str
) -> None:
    with pytest.raises(LipSyncError, match=says):
        delivery.export(short, format_id, tmp_path / "line", **more)
    assert not list(tmp_path.iterdir())


def test_a_target_that_cannot_be_written_is_named(short: MouthTrack, tmp_path: Path) -> None:
    (tmp_path / "folder.anim").mkdir()
    for path in (tmp_path / "nowhere" / "line.anim", tmp_path / "folder.anim"):
        with pytest.raises(LipSyncError, match=f"{re.escape(str(path))} cannot be written.*another"):
            delivery.export(short, "unity", path)
    assert [path.name for path in tmp_path.iterdir()] == ["folder.anim"]


def test_an_earlier_file_stays_whole(short: MouthTrack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "line.anim"
    path.write_text("before")

    def full(*_: object) -> None:
        raise OSError("No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(LipSyncError, match="No space left"):
        delivery.export(short, "unity", path)
    assert path.read_text() == "before" and list(tmp_path.iterdir()) == [path]


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    """python -m model_runtime export …"""
    command = [sys.executable, "-m", "model_runtime", "export", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, encoding="utf-8", check=False)


def test_the_command_line(short: MouthTrack, tmp_path: Path) -> None:
    source = tmp_path / "Zeile ä.mouth.json"
    track_file.write(short, source)
    (tmp_path / "map.json").write_text('{"jawOpen": "Kiefer"}', encoding="utf-8")
    done = run(source, "--to", "unity", "--fps", 30, "--names", tmp_path / "map.json")
    assert done.returncode == 0, done.stderr
    data = (tmp_path / "Zeile ä.anim").read_bytes()
    assert '  m_Name: "Zeile ä"\n' in data.decode() and "Kiefer" in read_unity(data, 30.0).curves
    assert run(source, "--to", "vrma", "-o", tmp_path / "x.vrma").returncode == 0 and (tmp_path / "x.vrma").exists()
    (tmp_path / "bad.json").write_text("[1]", encoding="utf-8")
    for arguments, says in (
        ((source, "--to", "unity", "--names", tmp_path / "bad.json"), "bad.json"),
        ((tmp_path / "none.mouth.json", "--to", "unity"), "none.mouth.json"),
    ):
        failed = run(*arguments)
        assert failed.returncode == 2 and says in failed.stderr and "Traceback" not in failed.stderr
