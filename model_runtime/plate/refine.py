"""The network that makes a painted mouth believable: teeth, inner lips, light. onnxruntime alone.

It works on 128 pixels across. Of larger squares it gets the picture shrunk, and what it changes is enlarged and added:
the fine grain of the plate's own pixels stays.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ..contracts import Float32
from ..errors import ModelError
from .coarse import Coarse
from .detail import sharpened
from .warp import between

SCHEMA = "labial-refiner/1"
WEIGHTS = Path(__file__).parent / "weights"
SIZE = 128
CHANNELS = 9
"""Painted picture 3, what is seen between the lips 3, new face, outer lips, inner lips."""


def stacked(painted: Coarse) -> npt.NDArray[np.uint8]:
    """What the network is given: uint8 [9, n, n], levels 0-255, masks as well."""
    masks = np.stack([painted.face, painted.outer, painted.inner], axis=-1) * 255
    planes = np.concatenate([painted.picture, painted.between, masks], axis=-1)
    levels: npt.NDArray[np.uint8] = np.clip(np.rint(planes), 0, 255).astype(np.uint8)
    return levels.transpose(2, 0, 1)


@dataclass(frozen=True)
class Refiner:
    """A loaded network, and its hash for the film's credentials."""

    session: Any
    sha256: str

    @classmethod
    def load(cls, path: Path | None = None, threads: int = 1) -> Refiner:
        """The shipped network, or one that was fitted to a plate: path of its .onnx; its contract lies beside it.

        Raises ModelError naming what is missing, damaged or of another version.
        """
        path = path or WEIGHTS / "refiner.onnx"
        try:
            contract = json.loads(path.with_suffix(".json").read_text(encoding="utf-8"))
            data = path.read_bytes()
        except (OSError, ValueError) as error:
            raise ModelError(f"The network that refines mouths, {path}, cannot be read ({error}).") from error
        digest = hashlib.sha256(data).hexdigest()
        if contract.get("schema") != SCHEMA or contract.get("sha256") != digest:
            raise ModelError(f"{path} is damaged or of another version than this Labial. Install or fit it again.")
        try:
            import onnxruntime
        except (ImportError, OSError) as error:
            raise ModelError(f"Refining needs the package onnxruntime, which cannot be loaded: {error}.") from error
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.inter_op_num_threads = 1
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        return cls(onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"]), digest)

    def refine(self, painted: Coarse) -> Float32:
        """The refined square, float32 [n, n, 3], levels 0-255, equal to the painted one where the face is not new.

        Its lips are brought back to the sharpness of those that they were painted from.
        """
        planes = stacked(painted)
        size = planes.shape[1]
        step = size // SIZE
        parts = [planes[:, i::step, j::step] for i in range(step) for j in range(step)]
        pooled = np.stack(parts).mean(0, dtype=np.float32)
        change = self.session.run(None, {"planes": pooled[None]})[0][0]
        if size != SIZE:
            spread = between(SIZE, size, size / SIZE, size / SIZE / 2)
            change = spread @ change @ spread.T
        refined = np.clip(painted.picture + painted.face[..., None] * change.transpose(1, 2, 0), 0, 255)
        return sharpened(refined, painted.outer, painted.sharpness)
