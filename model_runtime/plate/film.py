"""The frames of a movie or image outside Blender, through the package av."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from ..errors import ProvenanceError

if TYPE_CHECKING:
    from av.container import InputContainer


def frames(path: Path) -> Iterator[npt.NDArray[np.uint8]]:
    """Frame after frame, uint8 [height, width, 3], sRGB as stored. Raises ProvenanceError if it is no film."""
    try:
        import av
    except ImportError as error:
        raise ProvenanceError("Reading a movie needs the package av: python -m pip install av") from error
    try:
        film: InputContainer
        with av.open(str(path)) as film:
            for frame in film.decode(video=0):
                yield frame.to_ndarray(format="rgb24")
    except (av.FFmpegError, IndexError) as error:
        raise ProvenanceError(f"{path.name} cannot be read as a film: {error}.") from error
