"""A clip beside what a reader found in its file: the largest errors, and what is missing."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from ..contracts import Float32
from .clip import Clip

LIMIT = 0.005
"""Share of a whole shape by which a value may differ; the same in radians for a bone's turn."""
_STILL = 1e-4


@dataclass(frozen=True)
class Comparison:
    """One clip as read again. error: share of a whole shape; turn_error: radians; problems: a sentence each."""

    clip: str
    error: float = 0.0
    turn_error: float = 0.0
    curves: int = 0
    bones: int = 0
    duration: float = 0.0
    fps: float = 0.0
    problems: tuple[str, ...] = field(default=())

    @property
    def passed(self) -> bool:
        """Whether the file holds what was baked."""
        return not self.problems and self.error <= LIMIT and self.turn_error <= LIMIT


def compare(clip: Clip, found: Clip | None, scale: float = 1.0) -> Comparison:
    """A clip beside its reading, sampled at the clip's frames. scale: the file's value of a whole shape.

    Bones are compared by how far each turns from its rest: importers choose the axes of bones anew.
    """
    if found is None:
        return Comparison(clip.name, problems=(f"The clip {clip.name} is not in the file.",))
    problems, errors, curves = [], [0.0], 0
    for mesh, weights in clip.weights.items():
        there = found.weights.get(mesh)
        column = {name: i for i, name in enumerate(there.names)} if there else {}
        for name, values in zip(weights.names, weights.values.T, strict=True):
            moves = np.ptp(values) > _STILL
            if moves and name not in column:
                problems.append(f"{name} of {mesh} is not in the file.")
            elif moves and there is not None:
                curves += 1
                errors.append(_largest(values, there.values[:, column[name]] / scale))
    turns = [0.0]
    for bone, basis in clip.bones.items():
        if bone in found.bones:
            turns.append(_largest(turned(basis), turned(found.bones[bone])))
        elif np.ptp(turned(basis)) > LIMIT:
            problems.append(f"The bone {bone} is not in the file.")
    if abs(found.duration - clip.duration) > 0.5 / clip.fps:
        problems.append(f"The clip {clip.name} lasts {found.duration:.3f} s in the file, not {clip.duration:.3f} s.")
    bones = len(clip.bones.keys() & found.bones.keys())
    return Comparison(
        clip.name, max(errors), max(turns), curves, bones, found.duration, found.fps, tuple(problems)
    )  # fmt: skip


def turned(basis: Float32) -> Float32:
    """How far matrices [n, 4, 4] turn from rest, radians [n]: the same in whatever axes."""
    rotations = basis[:, :3, :3].astype(np.float64)
    rotations /= np.linalg.norm(rotations, axis=1, keepdims=True)
    twist = rotations - np.swapaxes(rotations, 1, 2)
    sine = 0.5 * np.linalg.norm([twist[:, 2, 1], twist[:, 0, 2], twist[:, 1, 0]], axis=0)
    cosine = 0.5 * (np.trace(rotations, axis1=1, axis2=2) - 1.0)
    return np.asarray(np.arctan2(sine, cosine), dtype=np.float32)


def _largest(wanted: Float32, found: Float32) -> float:
    count = min(len(wanted), len(found))
    return float(np.abs(wanted[:count].astype(np.float64) - found[:count]).max(initial=0.0))
