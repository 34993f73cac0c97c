"""What every exporter writes: named values at a steady rate, and the phones that they show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from ..contracts import Float32, Speech, frozen_array
from .clip import needed_frames


@dataclass(frozen=True)
class Motion:
    """A line as one format spells it: values float32 [frames, names] in the format's unit, frame k at k / fps seconds.

    paths: the meshes that carry the names, as the engine addresses them; carried: path -> the names that its mesh has,
    all where it is not listed. speech: the phones with acoustic times. tolerance: how far lines between keys may lie
    from the values, where a format has keys of their own for each name.
    """

    title: str
    names: tuple[str, ...]
    values: Float32
    fps: float
    speech: Speech
    paths: tuple[str, ...] = ("",)
    carried: Mapping[str, frozenset[str]] = field(default_factory=dict)
    tolerance: float = 0.0

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
        return replace(self, names=names, values=frozen_array(self.values[:, kept]))

    def tracks(self) -> list[tuple[str, int]]:
        """(path, column) of every mesh and name that it has."""
        return [
            (path, column) for path in self.paths for column, name in enumerate(self.names)
            if path not in self.carried or name in self.carried[path]
        ]  # fmt: skip

    def keys(self, column: int) -> NDArray[np.int64]:
        """The frames that a linear curve needs: both ends, and every frame that differs from one beside it."""
        if self.tolerance:
            return needed_frames(self.values[:, [column]], self.tolerance)
        differs = np.diff(self.values[:, column]) != 0
        return np.flatnonzero(np.concatenate([[True], differs]) | np.concatenate([differs, [True]]))


def plain(number: float) -> str:
    """A number to a millionth, without digits that say nothing."""
    return f"{round(float(number), 6) + 0.0:.6f}".rstrip("0").rstrip(".")
