"""Which frames of the plate show a mouth most like the one that is wanted.

Two picks a frame: one for the whole lower face, one for what is seen between the lips, so that an open mouth can be
had from a plate whose nearest face is closed. Each is the cheapest path (Viterbi 1967) through the nearest candidates:
a pick costs how far its shape is from the wanted one, a step how far the picture jumps.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..contracts import Float32
from . import mask
from .crop import Crop

CANDIDATES = 24
JUMP = 1.0
"""What a jump to a wholly different picture costs, in units of the usual distance between two shapes of the plate."""
THUMBNAIL = 16
OPENING, WIDTH, THICKNESS, HELD = 3.0, 1.5, 1.0, 0.7
"""Weights of what a warp mends worst, and of how the head is held; the lips' points together count 1."""
LIPS = slice(mask.OUTER.start, mask.INNER.stop)


@dataclass(frozen=True)
class Bank:
    """Frames to take mouths from: pictures uint8 [b, size, size, 3], their points and number of the frame.

    lower [b, len(LOWER), 2] and nose [b, len(NOSE), 2] in pixels of the square.
    """

    pictures: npt.NDArray[np.uint8]
    lower: Float32
    nose: Float32
    frames: npt.NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.frames)


def features(lower: Float32, nose: Float32, size: int) -> Float32:
    """What faces are compared by [t, f], in shares of the square's side: lips, and the nose for how the head is held.

    lower [t, len(LOWER), 2], nose [t, len(NOSE), 2]: pixels of the square.
    """
    outer, inner = lower[:, mask.OUTER] / size, lower[:, mask.INNER] / size
    middle = outer.mean(1, keepdims=True)
    points = (np.concatenate([outer, inner], axis=1) - middle).reshape(len(lower), -1) / np.sqrt(40)
    measures = mouth_measures(lower) / size * np.array([OPENING, WIDTH, THICKNESS, THICKNESS], np.float32)
    held = (nose / size).reshape(len(nose), -1) * np.float32(HELD / np.sqrt(nose.shape[1]))
    return np.concatenate([points, measures, held], axis=1).astype(np.float32)


def inner_features(lower: Float32, size: int) -> Float32:
    """The same for what is seen between the lips [t, f]: the inner loop alone, and how far it is open."""
    inner = lower[:, mask.INNER] / size
    points = (inner - inner.mean(1, keepdims=True)).reshape(len(lower), -1) / np.sqrt(20)
    measures = mouth_measures(lower)[:, :2] / size * np.array([OPENING, WIDTH], np.float32)
    return np.concatenate([points, measures], axis=1).astype(np.float32)


def mouth_measures(lower: Float32) -> Float32:
    """Opening, width, thickness of the upper and the lower lip [t, 4] of shapes [t, len(LOWER), 2], in their units."""
    outer, inner = lower[:, mask.OUTER], lower[:, mask.INNER]
    pairs = (
        (inner[:, 5], inner[:, 15]),
        (outer[:, 0], outer[:, 10]),
        (outer[:, 5], inner[:, 5]),
        (inner[:, 15], outer[:, 15]),
    )
    return np.stack([np.linalg.norm(a - b, axis=-1) for a, b in pairs], axis=-1).astype(np.float32)


def pick(wanted: Float32, bank: Float32, jumps: Float32, candidates: int = CANDIDATES) -> npt.NDArray[np.int32]:
    """The bank's index for every frame [t].

    wanted [t, f] and bank [b, f]: features. jumps [b, b]: what a step from one to another costs, of that it costs to
    stay with the film.
    """
    usual = float(np.median(np.linalg.norm(bank - np.median(bank, axis=0), axis=1))) + 1e-6
    away = np.sqrt(np.maximum(0, _squares(wanted, bank))) / usual
    near = np.argsort(away, axis=1, kind="stable")[:, :candidates]
    cost = np.take_along_axis(away, near, axis=1)
    total, back = cost[0], np.zeros(near.shape, np.int32)
    for frame in range(1, len(wanted)):
        step = total[:, None] + JUMP * jumps[near[frame - 1][:, None], near[frame][None]]
        back[frame] = step.argmin(0)
        total = cost[frame] + step.min(0)
    path = np.zeros(len(wanted), np.int32)
    at = int(total.argmin())
    for frame in range(len(wanted) - 1, -1, -1):
        path[frame], at = near[frame, at], back[frame, at]
    return path


def jumps(bank: Bank) -> Float32:
    """How far the picture jumps from each frame of the bank to each other [b, b]: 0 as in the film, 1 the usual jump.

    The film's own next frame is compared with the one that would come instead.
    """
    size = bank.pictures.shape[1] // THUMBNAIL
    shape = (len(bank), THUMBNAIL, size, THUMBNAIL, size, 3)
    small = bank.pictures[:, : THUMBNAIL * size, : THUMBNAIL * size].reshape(shape).mean((2, 4), dtype=np.float32)
    flat = small.reshape(len(bank), -1)
    numbers = np.arange(len(bank))
    follows = np.minimum(numbers + np.append(np.diff(bank.frames) == 1, False), len(bank) - 1)
    away = np.sqrt(np.maximum(0, _squares(flat[follows], flat)))
    own = np.sqrt(((flat[follows] - flat) ** 2).sum(1))
    usual = float(np.median(away)) + 1e-6
    jump: Float32 = np.maximum(0, (away - np.median(own)) / usual).astype(np.float32)
    return jump


def _squares(a: Float32, b: Float32) -> Float32:
    """Squared distances of rows of a [i, f] and b [j, f]; float64, for those of near rows are lost in float32."""
    one, other = a.astype(np.float64), b.astype(np.float64)
    squares = (one * one).sum(1)[:, None] + (other * other).sum(1)[None] - 2 * one @ other.T
    near: Float32 = squares.astype(np.float32)
    return near


def bank_of(crop: Crop, cuts: npt.NDArray[np.uint8], frames: npt.NDArray[np.int32]) -> Bank:
    """The bank of some frames of a film; cuts uint8 [b, size, size, 3]: their squares."""
    return Bank(cuts, crop.lower[frames], crop.nose[frames], frames)
