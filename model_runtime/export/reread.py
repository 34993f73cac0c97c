"""Text formats read again, by what is known of the format and not by what wrote it: names, values, rate.

CSV and JSON are read by Python's own modules; Unity's and Godot's clips line by line.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .compare import Comparison
from .cues import PRESTON_BLAIR, RHUBARB, cues
from .live2d import VOWELS
from .motion import Motion

Floats = NDArray[np.float64]
_STILL = 1e-6


@dataclass(frozen=True)
class Reading:
    """(times, values) by name, and how long the file says that it is, and at which rate (0 where it says nothing)."""

    curves: Mapping[str, tuple[Floats, Floats]]
    duration: float
    fps: float = 0.0


def compare_file(data: bytes, format_id: str, motion: Motion) -> Comparison:
    """A file beside what was to be written. Raises ValueError or KeyError if it is not of its format."""
    if format_id in DRAWN:
        return _compare_drawings(data, format_id, motion)
    found, problems, errors = READERS[format_id](data), [], [0.0]
    called = VOWELS if format_id == "live2d" else {}
    whole = 100.0 if format_id == "unity" else 1.0
    for name, values in zip(motion.names, motion.values.T.astype(np.float64), strict=True):
        if called.get(name, name) not in found.curves:
            if np.abs(values).max() > _STILL:
                problems.append(f"{name} is not in the file.")
            continue
        times, read = found.curves[called.get(name, name)]
        errors.append(float(np.abs(np.interp(motion.times, times, read) - values).max()) / whole)
    if abs(found.duration - motion.duration) > 0.5 / motion.fps:
        problems.append(f"The clip lasts {found.duration:.3f} s in the file, not {motion.duration:.3f} s.")
    if found.fps and abs(found.fps - motion.fps) > 1e-3 * motion.fps:
        problems.append(f"The file says {found.fps:g} frames a second, not {motion.fps:g}.")
    rate = found.fps or motion.fps
    return Comparison(motion.title, max(errors), 0.0, len(errors) - 1, 0, found.duration, rate, tuple(problems))


def _compare_drawings(data: bytes, format_id: str, motion: Motion) -> Comparison:
    """Rows of a time and a shape: in order, of known shapes, as long as the line; a contact for every one spoken."""
    rows = _drawings(data, format_id, motion.fps)
    times, shapes = [at for at, _ in rows], [shape for _, shape in rows]
    vocabulary = DRAWN[format_id]
    problems = [f"{shape} is no shape of the format." for shape in sorted(set(shapes) - {*vocabulary.values()})]
    if times != sorted(set(times)):
        problems.append("The times do not rise.")
    if times[-1] > motion.speech.duration + 1.0 / motion.fps:
        problems.append(f"The last shape is at {times[-1]:.3f} s, and the line lasts {motion.speech.duration:.3f} s.")
    spoken = sum(cue.viseme == "PP" for cue in cues(motion.speech))
    drawn = sum(shape == vocabulary["PP"] for shape in shapes)
    if drawn < spoken:
        problems.append(f"{spoken - drawn} of {spoken} closures are not drawn.")
    return Comparison(motion.title, 0.0, 0.0, len(rows), 0, times[-1], motion.fps, tuple(problems))


def _drawings(data: bytes, format_id: str, fps: float) -> list[tuple[float, str]]:
    """(second, shape) of every row."""
    if format_id == "spine":
        (animation,) = json.loads(data)["animations"].values()
        return [(row["time"], row["name"]) for row in animation["slots"]["mouth"]["attachment"]]
    unit, origin = (1.0 / fps, 1.0) if format_id == "moho" else (1.0, 0.0)
    rows = [line.split() for line in data.decode().splitlines() if line != "MohoSwitch1"]
    return [((float(at) - origin) * unit, shape) for at, shape in rows]


def read_livelink(data: bytes) -> Reading:
    """Rows of a timecode and columns; the rate is how many frames the timecode counts before a second."""
    head, *rows = csv.reader(io.StringIO(data.decode()))
    codes = [row[0].split(":") for row in rows]
    frames = [float(code[3]) for code in codes]
    fps = max(frames) + 1.0 if any(code[2] != codes[0][2] for code in codes) else 0.0
    times = np.arange(len(rows)) / (fps or 60.0)
    values = np.array([list(map(float, row[2:])) for row in rows])
    return Reading({name: (times, values[:, i]) for i, name in enumerate(head[2:])}, float(times[-1]), fps)


def read_unity(data: bytes) -> Reading:
    """The float curves of a clip; of curves of one name on several meshes the last."""
    text = data.decode()
    body = text[text.index("m_FloatCurves:") : text.index("m_PPtrCurves:")]
    curves = {}
    for part in body.split("  - curve:")[1:]:
        keys = np.array(re.findall(r"^ +time: (\S+)\n +value: (\S+)$", part, re.MULTILINE), dtype=np.float64)
        name = _text(re.search(r"^    attribute: (.+)$", part, re.MULTILINE)[1]).removeprefix("blendShape.")  # type: ignore[index]
        curves[name] = (keys[:, 0], keys[:, 1])
    stop, rate = (float(re.search(rf"{key}: (\S+)", text)[1]) for key in ("m_StopTime", "m_SampleRate"))  # type: ignore[index]
    return Reading(curves, stop, rate)


def read_godot(data: bytes) -> Reading:
    """The blend shape tracks of an Animation resource."""
    text, curves = data.decode(), {}
    for path, keys in re.findall(r'NodePath\((".+?")\).*?keys = PackedFloat32Array\((.*?)\)', text, re.DOTALL):
        triples = np.array(keys.split(","), dtype=np.float64).reshape(-1, 3)
        curves[_text(path).rpartition(":")[2]] = (triples[:, 0], triples[:, 2])
    length, step = (float(re.search(rf"^{key} = (\S+)$", text, re.MULTILINE)[1]) for key in ("length", "step"))  # type: ignore[index]
    return Reading(curves, length, round(1.0 / step, 3))


def read_unreal_csv(data: bytes) -> Reading:
    """A row of times and a row a curve."""
    (_, *head), *rows = csv.reader(io.StringIO(data.decode()))
    times = np.array(head, dtype=np.float64)
    return Reading({row[0]: (times, np.array(row[1:], dtype=np.float64)) for row in rows}, float(times[-1]))


def read_unreal_json(data: bytes) -> Reading:
    """Curves of a name and a value for every time."""
    curves, last = {}, 0.0
    for row in json.loads(data):
        pairs = sorted((float(time), value) for time, value in row.items() if time != "Name")
        times, values = np.array(pairs, dtype=np.float64).T
        curves[row["Name"]], last = (times, values), max(last, float(times[-1]))
    return Reading(curves, last)


def read_audio2face(data: bytes) -> Reading:
    """facsNames and weightMat."""
    read = json.loads(data)
    rows, fps = np.array(read["weightMat"], dtype=np.float64), float(read["exportFps"])
    times = np.arange(len(rows)) / fps
    return Reading({name: (times, rows[:, i]) for i, name in enumerate(read["facsNames"])}, float(times[-1]), fps)


def read_ovr(data: bytes) -> Reading:
    """The entries of a sequence, one a frame."""
    read = json.loads(data)
    rows = np.array([entry["Visemes"] for entry in read["entries"]], dtype=np.float64)
    times, fps = np.arange(len(rows)) / read["frameRate"], float(read["frameRate"])
    return Reading({name: (times, rows[:, i]) for i, name in enumerate(read["visemes"])}, float(times[-1]), fps)


def _text(scalar: str) -> str:
    return str(json.loads(scalar)) if scalar.startswith('"') else scalar


def read_live2d(data: bytes) -> Reading:
    """The curves of a motion: a point, then type, time and value of each segment; all are straight."""
    read, curves = json.loads(data), {}
    for curve in read["Curves"]:
        points = np.array([0.0, *curve["Segments"]]).reshape(-1, 3)
        curves[curve["Id"]] = (points[:, 1], points[:, 2])
    return Reading(curves, read["Meta"]["Duration"], read["Meta"]["Fps"])


READERS: Mapping[str, Callable[[bytes], Reading]] = {
    "livelink": read_livelink,
    "unity": read_unity,
    "godot": read_godot,
    "unreal_csv": read_unreal_csv,
    "unreal_json": read_unreal_json,
    "audio2face": read_audio2face,
    "ovr": read_ovr,
    "live2d": read_live2d,
}
DRAWN: Mapping[str, Mapping[str, str]] = {"moho": PRESTON_BLAIR, "spine": PRESTON_BLAIR, "rhubarb": RHUBARB}
READ_BY: Mapping[str, str] = {
    **dict.fromkeys(("livelink", "unreal_csv"), "Python's csv"),
    **dict.fromkeys(("unreal_json", "audio2face", "ovr", "live2d", "spine"), "Python's json"),
    **dict.fromkeys(("unity", "godot", "moho", "rhubarb"), "a text reader of Labial's"),
}
