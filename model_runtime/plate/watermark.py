"""A keyed mark of 16 bits inside the mouth region, which outlives compression and scaling of the film.

The region of every frame is described by cosines over its box. Frames go in pairs of groups; in each pair the key
draws a sign for every cosine, which is added to the first group and taken from the second, so that what stands still
cancels out. Every cosine carries one of the bits. Reading takes the differences of the groups' means, d, and per bit

    T = Σ s c / √(Σ c²),   c = d / σ held to ±1,   s = the key's signs,   σ = the median |d| of that cosine.

A bit is the sign of its T; the score is the sum of the T². For a film that was not marked with the key, the signs are
independent of the film, so each T is a normalised sum of random signs, and whatever the film is,

    P(score ≥ x) ≤ (x / 16)⁸ exp(-(x - 16) / 2)

(Chernoff's bound with E exp(λT²) ≤ (1 - 2λ)^(-1/2), which holds for sums of random signs as for the normal
distribution). At THRESHOLD that is 1 in 1350, and where the normal
distribution is good, as in films of seconds, 1 in 20 000.
"""

from __future__ import annotations

import hashlib
import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ..errors import ProvenanceError

BITS = 16
THRESHOLD = 48.0
GROUP = 3
"""Frames of a group; a pair has two."""
LOWEST, HIGHEST = 4.0, 12.0
"""Half-waves across the box of the cosines that are used: below is the mouth's motion, above is what codecs drop."""
STRENGTH = 1.7
"""Root mean square of what is added in the middle of the box, in levels of 0-255."""
EDGE = 0.15
"""Part of the box over which the mark fades, on each side."""
LEAST_PAIRS = 2

Float = npt.NDArray[np.float32]
Frames = npt.NDArray[np.uint8]
LUMA = np.array([0.299, 0.587, 0.114], np.float32)
"""Rec. 601, which is near enough to what any codec keeps best."""


class Reading(NamedTuple):
    """What was read: bit k is digit 2ᵏ of `bits`."""

    bits: int
    score: float

    @property
    def marked(self) -> bool:
        """Whether the key's mark is there; the bits mean something only then."""
        return self.score >= THRESHOLD


def false_positives(score: float) -> float:
    """An upper bound of how many unmarked films reach a score, whatever they show."""
    if score <= BITS:
        return 1.0
    return math.exp(BITS / 2 * math.log(score / BITS) - (score - BITS) / 2)


def mark(frames: Frames, boxes: npt.ArrayLike, key: bytes, bits: int, mask: Float | None = None) -> Frames:
    """The frames with the mark; pixels outside the boxes stay as they are.

    frames: uint8 [t, h, w, 3]; boxes: left, top, right, bottom in pixels [t, 4]; bits: 0 to 65535; mask: float
    [t, h, w], 0-1, if only some of the box may change. Raises ProvenanceError if there are too few frames to read it.
    """
    if not 0 <= bits < 1 << BITS:
        raise ValueError(f"{bits} is no number of {BITS} bits")
    boxes = _checked(frames, boxes)
    values = np.array([1 if bits >> bit & 1 else -1 for bit in range(BITS)], np.float32)
    amplitudes = _signs(key, len(frames) // (2 * GROUP)) * values[BIT_OF]
    amplitudes = np.repeat(np.stack([amplitudes, -amplitudes], 1), GROUP, axis=1).reshape(-1, len(WAVES))
    marked = frames.copy()
    for index, drawn in enumerate(amplitudes):
        region, (across, down) = _basis(boxes[index], frames.shape[1:3])
        added = _draw(drawn, across, down)
        if mask is not None:
            added *= mask[index][region]
        place = marked[index][region]
        place[:] = np.clip(np.rint(place + added[..., None]), 0, 255)
    return marked


def read(frames: Frames, boxes: npt.ArrayLike, key: bytes) -> Reading:
    """The bits and the score of frames uint8 [t, h, w, 3] with their boxes [t, 4], from the first one that was marked.

    Raises ProvenanceError if there are too few frames.
    """
    return judge(differences(frames, boxes), key)


def differences(frames: Frames, boxes: npt.ArrayLike) -> Float:
    """What is seen without a key: each cosine's difference in every pair of groups [pairs, cosines], in levels."""
    boxes = _checked(frames, boxes)
    pairs = len(frames) // (2 * GROUP)
    seen = np.stack([_coefficients(frames[index], boxes[index]) for index in range(pairs * 2 * GROUP)])
    groups = seen.reshape(pairs, 2, GROUP, -1).mean(2)
    return groups[:, 0] - groups[:, 1]


def judge(seen: Float, key: bytes) -> Reading:
    """Reads the `differences` of a film with a key."""
    scale = np.median(np.abs(seen), axis=0)
    held = np.clip(seen / np.maximum(scale, 1e-6), -1, 1)
    agreeing = np.bincount(BIT_OF, (held * _signs(key, len(seen))).sum(0), BITS)
    total = np.bincount(BIT_OF, (held**2).sum(0), BITS)
    sums = agreeing / np.sqrt(np.maximum(total, 1e-12))
    return Reading(sum(1 << bit for bit in range(BITS) if sums[bit] > 0), float((sums**2).sum()))


def _waves() -> npt.NDArray[np.int64]:
    """Half-waves across and down of every cosine [k, 2], a multiple of BITS of them, neighbours in different bits."""
    top = int(HIGHEST)
    grid = np.stack(np.meshgrid(np.arange(top + 1), np.arange(top + 1)), -1).reshape(-1, 2)
    radius = np.hypot(*grid.T)
    inside = grid[(radius >= LOWEST) & (radius <= HIGHEST)]
    order = np.lexsort((inside[:, 0], np.hypot(*inside.T)))
    return inside[order[: len(order) // BITS * BITS]]


WAVES = _waves()
BIT_OF = np.arange(len(WAVES)) % BITS
"""The bit that each cosine carries."""


def _signs(key: bytes, pairs: int) -> Float:
    """The key's signs [pairs, cosines], drawn with SHAKE-256."""
    count = pairs * len(WAVES)
    stream = hashlib.shake_256(b"labial-mark/1" + key).digest(-(-count // 8))
    signs = np.unpackbits(np.frombuffer(stream, np.uint8), count=count).astype(np.float32) * 2 - 1
    return signs.reshape(pairs, -1)


def _basis(box: Float, size: tuple[int, ...]) -> tuple[tuple[slice, slice], tuple[Float, Float]]:
    """Rows and columns of the box that are in the frame, and the cosines there: [columns, waves], [rows, waves]."""
    spans, waves = [], []
    for low, high, end in ((box[0], box[2], size[1]), (box[1], box[3], size[0])):
        first, last = max(0, math.ceil(low - 0.5)), min(end, math.floor(high - 0.5) + 1)
        place = (np.arange(first, max(first, last), dtype=np.float32) + 0.5 - low) / (high - low)
        fade = np.clip(np.minimum(place, 1 - place) / EDGE, 0, 1)
        window = np.sin(fade * np.pi / 2) ** 2
        waves.append(
            (np.cos(np.pi * place[:, None] * np.arange(int(HIGHEST) + 1)) * window[:, None]).astype(np.float32)
        )
        spans.append(slice(first, max(first, last)))
    return (spans[1], spans[0]), (waves[0], waves[1])


def _draw(amplitudes: Float, across: Float, down: Float) -> Float:
    grid = np.zeros((int(HIGHEST) + 1,) * 2, np.float32)
    grid[WAVES[:, 1], WAVES[:, 0]] = amplitudes * (2 * STRENGTH / math.sqrt(len(WAVES)))
    return down @ grid @ across.T


def _coefficients(frame: Frames, box: Float) -> Float:
    """How much of every cosine the box shows [k], in levels."""
    region, (across, down) = _basis(box, frame.shape[:2])
    luma = frame[region] @ LUMA
    seen = down.T @ luma @ across
    return seen[WAVES[:, 1], WAVES[:, 0]] / max(1, luma.size)


def _checked(frames: Frames, boxes: npt.ArrayLike) -> Float:
    boxes = np.asarray(boxes, np.float32)
    if frames.dtype != np.uint8 or frames.ndim != 4 or frames.shape[3] != 3:
        raise ValueError("frames are uint8 [t, h, w, 3]")
    if boxes.shape != (len(frames), 4) or not np.all(boxes[:, 2:] - boxes[:, :2] >= 8):
        raise ValueError("boxes are left, top, right, bottom of every frame, at least 8 pixels wide and high")
    if len(frames) < LEAST_PAIRS * 2 * GROUP:
        raise ProvenanceError(f"A mark needs at least {LEAST_PAIRS * 2 * GROUP} frames; these are {len(frames)}.")
    return boxes
