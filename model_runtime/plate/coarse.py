"""A new mouth from other frames of the plate: the nearest face, bent, and what is to be seen between its lips."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..contracts import Float32
from . import mask
from .colour import matched
from .detail import sharpness
from .retrieve import LIPS, Bank
from .warp import flow, warp

LIPS_MATCHED = 0.5
"""Times the area of the lips: all of it is the ring on which the colours of lips are matched."""


@dataclass(frozen=True)
class Coarse:
    """A new mouth in the square, before it is refined; all float32.

    picture, between [n, n, 3]: levels 0-255, the first pasted over the plate, the second bent by the lips alone. face,
    outer, inner [n, n], 0-1: what is new, and the areas within the outer and the inner rims of the lips. sharpness: of
    the lips that it was made of, before they were bent, in levels.
    """

    picture: Float32
    between: Float32
    face: Float32
    outer: Float32
    inner: Float32
    sharpness: float


def coarse(plate: Float32, old: Float32, nose: Float32, new: Float32, bank: Bank, main: int, second: int,
           lips_only: bool = False) -> Coarse:  # fmt: skip
    """Paints the shape `new` over a frame.

    plate [n, n, 3]: the frame's square, 0-255; old, new [len(LOWER), 2]: its own points and the wanted ones; nose
    [len(NOSE), 2]; main, second: which of the bank to take the face from, and what is between the lips.
    """
    size = len(plate)
    face = mask.face_mask(old, new, size, lips_only)
    outer, inner = (mask.ring(new[part], size) for part in (mask.OUTER, mask.INNER))
    whole = flow(np.concatenate([bank.lower[main], bank.nose[main]]), np.concatenate([new, nose]), size)
    bent = matched(warp(bank.pictures[main], whole, face), plate, face)
    lips = flow(bank.lower[second][LIPS], new[LIPS], size)
    between = matched(warp(bank.pictures[second], lips, outer), bent, outer * LIPS_MATCHED)
    if second != main:
        bent += (inner * _more_open(bank.lower[main], new))[..., None] * (between - bent)
    picture = plate + face[..., None] * (bent - plate)
    sharp = sharpness(bank.pictures[main].astype(np.float32), mask.ring(bank.lower[main][mask.OUTER], size))
    return Coarse(
        np.clip(picture, 0, 255), np.clip(between, 0, 255) * (outer > 0)[..., None], face, outer, inner, sharp
    )


def _more_open(old: Float32, new: Float32) -> float:
    """0-1: whether the inner mouth of `new` is so much wider open than that of `old` that stretching would smear it."""
    gap = [float(np.linalg.norm(shape[mask.INNER][5] - shape[mask.INNER][15])) for shape in (old, new)]
    return float(np.clip(gap[1] / (gap[0] + 1e-3) - 1.3, 0, 1))
