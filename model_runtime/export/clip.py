"""A baked line of one character: what every exporter of the add-on starts from."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import ceil

import numpy as np
from numpy.typing import NDArray

from ..contracts import ContactKind, Float32
from ..errors import LipSyncError

PARTS = ("character", "line", "language", "take")
"""What a pattern of names may hold, in braces."""
_FORBIDDEN = re.compile(r'[<>:"/\\|?*\x00-\x1f]+')
"""What some file system does not take in a name."""
_STILL = 1e-6


@dataclass(frozen=True)
class Weights:
    """The shape keys of one mesh: values float32 [frames, names], 1 being a whole shape."""

    names: tuple[str, ...]
    values: Float32

    @property
    def moves(self) -> bool:
        """Whether any value changes."""
        return bool(np.ptp(self.values, axis=0).max(initial=0.0) > _STILL)


@dataclass(frozen=True)
class Clip:
    """Frame k lies at k / fps seconds from the beginning of the line's sound.

    weights: by the name of the mesh object. bones: by name, the turn and way of a bone against its rest, in its own
    axes, below the parent that is kept: float32 [frames, 4, 4]. Bones that do not move are left out.
    held: a value lasts until the next one (stop motion). contacts: the frames at which lips must touch. notes: what of
    the line no engine can hold, a sentence each.
    """

    name: str
    fps: float
    weights: Mapping[str, Weights]
    bones: Mapping[str, Float32] = field(default_factory=dict)
    held: bool = False
    contacts: tuple[tuple[int, ContactKind], ...] = ()
    line: str = ""
    notes: tuple[str, ...] = ()

    @property
    def frames(self) -> int:
        """How many there are."""
        every = [len(w.values) for w in self.weights.values()] + [len(b) for b in self.bones.values()]
        return max(every, default=0)

    @property
    def duration(self) -> float:
        """Seconds from the first frame to the last."""
        return max(0, self.frames - 1) / self.fps

    @property
    def times(self) -> NDArray[np.float64]:
        """Seconds of every frame."""
        return np.arange(self.frames) / self.fps

    def spelled(self, names: Mapping[str, str]) -> Clip:
        """With shape keys renamed; those that are not in `names` stay."""
        weights = {mesh: Weights(tuple(names.get(n, n) for n in w.names), w.values) for mesh, w in self.weights.items()}
        return replace(self, weights=weights)


def sample_times(
    duration: float, fps: float, contacts: Sequence[tuple[float, float]]
) -> tuple[NDArray[np.float64], tuple[int, ...]]:
    """Seconds at which a line is sampled, and for each contact the sample that shows it.

    Samples lie at whole frames from 0 to the end. contacts: (first, last) second at which each is closed; one that
    falls between two samples gets the nearest one, whose time moves into it.
    """
    times = np.arange(ceil(duration * fps - 1e-6) + 1) / fps
    shown, taken = [], set[int]()
    for first, last in contacts:
        middle = 0.5 * (first + last) * fps
        near = [k for k in range(int(middle) - 1, int(middle) + 3) if 0 <= k < len(times)] or [len(times) - 1]
        near.sort(key=lambda k: abs(k - middle))
        own = next((k for k in near[:3] if k not in taken), near[0])
        taken.add(own)
        times[own] = np.clip(own / fps, first, last)
        shown.append(own)
    return times, tuple(shown)


def needed_frames(values: Float32, tolerance: float) -> NDArray[np.int64]:
    """The frames between which straight lines stay within `tolerance` of values [frames, n]; all if it is 0.

    The line between two frames is divided at the one that lies furthest off it (Douglas and Peucker 1973).
    """
    if tolerance <= 0.0 or len(values) < 3:
        return np.arange(len(values))
    kept, open_spans = {0, len(values) - 1}, [(0, len(values) - 1)]
    while open_spans:
        first, last = open_spans.pop()
        share = np.linspace(0.0, 1.0, last - first + 1)[:, None]
        off = np.abs(values[first : last + 1] - (values[first] * (1.0 - share) + values[last] * share)).max(axis=1)
        worst = int(off.argmax())
        if off[worst] > tolerance:
            kept.add(first + worst)
            open_spans += [(first, first + worst), (first + worst, last)]
    return np.array(sorted(kept), dtype=np.int64)


def clip_name(pattern: str, parts: Mapping[str, str]) -> str:
    """The name of a clip and its file. Raises LipSyncError on a pattern that holds something else than `PARTS`."""
    try:
        name = pattern.format_map({part: parts.get(part, "") for part in PARTS})
    except (KeyError, ValueError, IndexError, AttributeError) as error:
        parts_known = ", ".join(f"{{{part}}}" for part in PARTS)
        raise LipSyncError(
            f"The name pattern “{pattern}” cannot be used ({error}). It may hold {parts_known}."
        ) from error
    plain = re.sub(r"_{2,}", "_", _FORBIDDEN.sub("_", name)).strip("_. ")
    if not plain:
        raise LipSyncError(f"The name pattern “{pattern}” gives an empty name. Add {{line}} to it.")
    return plain


def require_own_names(names: Sequence[str], what: str, fix: str) -> None:
    """Raises LipSyncError if a name stands twice, in any case: engines and file systems take them for one."""
    folded = [name.casefold() for name in names]
    twice = sorted({name for name in names if folded.count(name.casefold()) > 1})
    if twice:
        raise LipSyncError(f"Two {what} would be called {', '.join(twice[:4])}. {fix}")
