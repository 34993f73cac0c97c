"""What every exporter writes: named values at a steady rate, and the phones that they show."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..contracts import Float32, Speech, frozen_array


@dataclass(frozen=True)
class Motion:
    """A line as one format spells it: values float32 [frames, names] in the format's unit, frame k at k / fps seconds.

    paths: the meshes that carry the names, as the engine addresses them. speech: the phones with acoustic times.
    """

    title: str
    names: tuple[str, ...]
    values: Float32
    fps: float
    speech: Speech
    paths: tuple[str, ...] = ("",)

    @property
    def duration(self) -> float:
        """Seconds from the first frame to the last."""
        return (len(self.values) - 1) / self.fps

    @property
    def times(self) -> NDArray[np.float64]:
        """Seconds of every frame."""
        return np.arange(len(self.values)) / self.fps

    def moving(self) -> Motion:
        """Without the names that are zero throughout."""
        kept = np.flatnonzero(self.values.any(axis=0))
        names = tuple(self.names[i] for i in kept)
        return Motion(self.title, names, frozen_array(self.values[:, kept]), self.fps, self.speech, self.paths)

    def keys(self, column: int) -> NDArray[np.int64]:
        """The frames that a linear curve needs: both ends, and every frame that differs from one beside it."""
        differs = np.diff(self.values[:, column]) != 0
        return np.flatnonzero(np.concatenate([[True], differs]) | np.concatenate([differs, [True]]))


def plain(number: float) -> str:
    """A number to a millionth, without digits that say nothing."""
    return f"{round(float(number), 6) + 0.0:.6f}".rstrip("0").rstrip(".")
