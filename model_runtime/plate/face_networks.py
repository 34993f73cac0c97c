"""MediaPipe's FaceLandmarker as three ONNX networks: a detector, 478 landmarks, 52 curves.

They are not in the repository: `python3 build.py models` makes them, and the zip labial-full carries them. Beside them
lies face.json, the contract: hashes, sizes, origin and licence.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..contracts import Float32
from ..errors import ModelError

SCHEMA = "labial-face/1"
CONTRACT = "face.json"
PLACES = (Path(__file__).parent / "face", Path(__file__).parents[2] / ".cache/face")
"""Where the zip and where a checkout have them; the first that is there is used."""
INPUTS = {"detector": [1, 128, 128, 3], "landmarks": [1, 256, 256, 3], "blendshapes": [1, 146, 2]}
LANDMARKS = 478

CURVES: tuple[str, ...] = (
    "_neutral", "browDownLeft", "browDownRight", "browInnerUp", "browOuterUpLeft", "browOuterUpRight", "cheekPuff",
    "cheekSquintLeft", "cheekSquintRight", "eyeBlinkLeft", "eyeBlinkRight", "eyeLookDownLeft", "eyeLookDownRight",
    "eyeLookInLeft", "eyeLookInRight", "eyeLookOutLeft", "eyeLookOutRight", "eyeLookUpLeft", "eyeLookUpRight",
    "eyeSquintLeft", "eyeSquintRight", "eyeWideLeft", "eyeWideRight", "jawForward", "jawLeft", "jawOpen", "jawRight",
    "mouthClose", "mouthDimpleLeft", "mouthDimpleRight", "mouthFrownLeft", "mouthFrownRight", "mouthFunnel",
    "mouthLeft", "mouthLowerDownLeft", "mouthLowerDownRight", "mouthPressLeft", "mouthPressRight", "mouthPucker",
    "mouthRight", "mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper", "mouthSmileLeft",
    "mouthSmileRight", "mouthStretchLeft", "mouthStretchRight", "mouthUpperUpLeft", "mouthUpperUpRight",
    "noseSneerLeft", "noseSneerRight",
)  # fmt: skip
"""What the third network gives, in its order (face_blendshapes_graph.cc): ARKit's names without tongueOut."""

CURVE_POINTS = np.array(
    [0, 1, 4, 5, 6, 7, 8, 10, 13, 14, 17, 21, 33, 37, 39, 40, 46, 52, 53, 54, 55, 58, 61, 63, 65, 66, 67, 70, 78, 80,
     81, 82, 84, 87, 88, 91, 93, 95, 103, 105, 107, 109, 127, 132, 133, 136, 144, 145, 146, 148, 149, 150, 152, 153,
     154, 155, 157, 158, 159, 160, 161, 162, 163, 168, 172, 173, 176, 178, 181, 185, 191, 195, 197, 234, 246, 249, 251,
     263, 267, 269, 270, 276, 282, 283, 284, 285, 288, 291, 293, 295, 296, 297, 300, 308, 310, 311, 312, 314, 317, 318,
     321, 323, 324, 332, 334, 336, 338, 356, 361, 362, 365, 373, 374, 375, 377, 378, 379, 380, 381, 382, 384, 385, 386,
     387, 388, 389, 390, 397, 398, 400, 402, 405, 409, 415, 454, 466, *range(468, 478)]
)  # fmt: skip
"""The landmarks that the third network reads (face_blendshapes_graph.cc)."""


@dataclass(frozen=True)
class FaceNetworks:
    """The three networks, loaded."""

    detector: Any
    landmarks: Any
    blendshapes: Any

    @classmethod
    def load(cls, folder: Path | None = None, threads: int = 1) -> FaceNetworks:
        """Reads face.json and the three graphs. Raises ModelError naming what is missing or damaged.

        folder: that of face.json; without, the first of `PLACES` that has one. threads: for onnxruntime.
        """
        folder = folder or next((place for place in PLACES if (place / CONTRACT).is_file()), None)
        if folder is None:
            raise ModelError(
                "The networks that track faces are not installed. Install the zip labial-full, or run "
                "`python3 build.py models` in a checkout."
            )
        contract = _contract(folder)
        return cls(**{name: _session(folder, contract["networks"][name], threads) for name in INPUTS})

    def detect(self, square: Float32) -> tuple[Float32, Float32]:
        """Boxes with key points [896, 16] and logits [896] of a picture float32 [128, 128, 3], 0-255."""
        boxes, logits = self.detector.run(None, {self.detector.get_inputs()[0].name: square[None] / 127.5 - 1})
        return boxes[0], logits[0, :, 0]

    def landmark(self, square: Float32) -> tuple[Float32, float]:
        """Points [478, 3] in shares of the square and presence 0-1 of a picture float32 [256, 256, 3], 0-255."""
        name, size = self.landmarks.get_inputs()[0].name, square.shape[0]
        points, presence, _ = self.landmarks.run(None, {name: square[None] / np.float32(255)})
        logit = float(presence.reshape(()))
        return points.reshape(LANDMARKS, 3) / size, 1 / (1 + float(np.exp(-np.clip(logit, -60, 60))))

    def curve(self, points: Float32) -> Float32:
        """The curves [52], 0-1, of landmarks [478, 3] in pixels."""
        name = self.blendshapes.get_inputs()[0].name
        curves: Float32 = self.blendshapes.run(None, {name: points[None, CURVE_POINTS, :2]})[0]
        return curves.reshape(len(CURVES))


def _contract(folder: Path) -> dict[str, Any]:
    path = folder / CONTRACT
    try:
        contract: dict[str, Any] = dict(json.loads(path.read_text(encoding="utf-8")))
        inputs = {name: network["input"] for name, network in contract["networks"].items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError) as error:
        raise ModelError(f"The contract of the face networks, {path}, cannot be read ({error}).") from error
    if contract.get("schema") != SCHEMA or inputs != INPUTS:
        raise ModelError(f"The face networks in {folder} are of another version than this Labial. Make them again.")
    return contract


def _session(folder: Path, network: dict[str, Any], threads: int) -> Any:
    path = folder / network["file"]
    if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != network["sha256"]:
        raise ModelError(f"The network {path.name} in {folder} is missing or damaged. Install or make it again.")
    try:
        import onnxruntime
    except (ImportError, OSError) as error:
        raise ModelError(f"Tracking a face needs the package onnxruntime, which cannot be loaded: {error}.") from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
