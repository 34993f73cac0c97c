"""Audio2Face blend shape JSON: facsNames, and in weightMat a row of weights 0-1 for every frame."""

from __future__ import annotations

import json

from .motion import Motion


def encode(motion: Motion) -> bytes:
    """All names, whether they move or not: readers go by their number."""
    data = {
        "exportFps": motion.fps,
        "trackPath": motion.title,
        "numPoses": len(motion.names),
        "numFrames": len(motion.values),
        "facsNames": list(motion.names),
        "weightMat": [[round(float(value), 6) for value in row] for row in motion.values],
    }
    return json.dumps(data, ensure_ascii=False).encode()
