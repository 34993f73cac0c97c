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
from collections.abc import Iterable
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ..errors import ProvenanceError

BITS = 16
THRESHOLD = 48.0
GROUP = 3
PAIR = 2 * GROUP
"""Frames of a group and of a pair."""
LOWEST, HIGHEST = 4.0, 12.0
"""Half-waves across the box of the cosines that are used: below is the mouth's motion, above is what codecs drop."""
STRENGTH, SIDE = 1.7, 80.0
"""Root mean square of what is added in the middle of a box of 80 x 80 pixels or less, in levels of 0-255. Larger boxes
get less, by the cube root of their side: there it is seen more easily, and outlives more."""
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


def mark(
    frames: Frames, boxes: npt.ArrayLike, key: bytes, bits: int, mask: Float | None = None, start: int = 0
) -> Frames:
    """The frames with the mark; pixels outside the boxes stay as they are, and so do frames that fill no pair.

    frames: uint8 [t, h, w, 3]; boxes: left, top, right, bottom in pixels [t, 4]; bits: 0 to 65535; mask: float
    [t, h, w], 0-1, if only some of the box may change; start: number of the first frame in the film, a multiple of six,
    if the film is marked part by part. Raises ProvenanceError if there are too few frames to read the mark again.
    """
    boxes = _checked_boxes(boxes)
    if frames.dtype != np.uint8 or frames.shape != (len(boxes), *frames.shape[1:3], 3):
        raise ValueError("frames are uint8 [t, h, w, 3], with a box for each")
    if not 0 <= bits < 1 << BITS or start % PAIR:
        raise ValueError(f"{bits} is no number of {BITS} bits, or {start} no multiple of {PAIR}")
    values = np.array([1 if bits >> bit & 1 else -1 for bit in range(BITS)], np.float32)
    amplitudes = _signs(key, start // PAIR, len(frames) // PAIR) * values[BIT_OF]
    amplitudes = np.repeat(np.stack([amplitudes, -amplitudes], 1), GROUP, axis=1).reshape(-1, len(WAVES))
    marked = frames.copy()
    for index, drawn in enumerate(amplitudes):
        region, (across, down) = _basis(boxes[index], frames.shape[1:3])
        added = _draw(drawn * _strength(boxes[index]), across, down)
        if mask is not None:
            added *= mask[index][region]
        place = marked[index][region]
        place[:] = np.clip(np.rint(place + added[..., None]), 0, 255)
    return marked


def read(frames: Iterable[Frames], boxes: npt.ArrayLike, key: bytes) -> Reading:
    """The bits and the score of frames uint8 [h, w, 3] with their boxes [t, 4], from the first one that was marked.

    Raises ProvenanceError if there are too few frames.
    """
    return judge(look(frames, boxes), key)


def look(frames: Iterable[Frames], boxes: npt.ArrayLike) -> Float:
    """What is seen without a key: how much of each cosine is in each frame's box [t, cosines], in levels."""
    boxes = _checked_boxes(boxes)
    return np.stack([_coefficients(frame, box) for frame, box in zip(frames, boxes, strict=True)])


def judge(seen: Float, key: bytes, start: int = 0) -> Reading:
    """Reads what `look` saw, if its first frame is number `start` of the marked film."""
    skipped = -start % PAIR
    pairs = (len(seen) - skipped) // PAIR
    groups = seen[skipped : skipped + pairs * PAIR].reshape(pairs, 2, GROUP, -1).mean(2)
    difference = groups[:, 0] - groups[:, 1]
    held = np.clip(difference / np.maximum(np.median(np.abs(difference), axis=0), 1e-6), -1, 1)
    agreeing = np.bincount(BIT_OF, (held * _signs(key, (start + skipped) // PAIR, pairs)).sum(0), BITS)
    sums = agreeing / np.sqrt(np.maximum(np.bincount(BIT_OF, (held**2).sum(0), BITS), 1e-12))
    return Reading(sum(1 << bit for bit in range(BITS) if sums[bit] > 0), float((sums**2).sum()))


def search(seen: Float, key: bytes, longest: int) -> tuple[Reading, int]:
    """The best reading of a film that lost up to `longest` frames at its head, and how many.

    Each number is a try of its own, so `false_positives` of the score counts that many times.
    """
    tries = ((judge(seen, key, start), start) for start in range(longest + 1))
    return max(tries, key=lambda found: found[0].score)


def _waves() -> npt.NDArray[np.int64]:
    """Half-waves across and down of every cosine [k, 2], a multiple of BITS of them, neighbours in different bits."""
    top = int(HIGHEST)
    grid = np.stack(np.meshgrid(np.arange(top + 1), np.arange(top + 1)), -1).reshape(-1, 2)
    radius = np.hypot(*grid.T)
    inside = grid[(radius >= LOWEST) & (radius <= HIGHEST)]
    order = np.lexsort((inside[:, 0], np.hypot(*inside.T)))
    kept: npt.NDArray[np.int64] = inside[order[: len(order) // BITS * BITS]]
    return kept


WAVES = _waves()
BIT_OF = np.arange(len(WAVES)) % BITS
"""The bit that each cosine carries."""


def _signs(key: bytes, first: int, pairs: int) -> Float:
    """The key's signs for some pairs [pairs, cosines], drawn with SHAKE-256."""
    count = (first + pairs) * len(WAVES)
    stream = hashlib.shake_256(b"labial-mark/1" + key).digest(-(-count // 8))
    signs = np.unpackbits(np.frombuffer(stream, np.uint8), count=count).astype(np.float32) * 2 - 1
    return signs.reshape(first + pairs, -1)[first:]


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


def _strength(box: Float) -> float:
    side = math.sqrt((box[2] - box[0]) * (box[3] - box[1]))
    return float(STRENGTH * min(1.0, SIDE / side) ** (1 / 3))


def _draw(amplitudes: Float, across: Float, down: Float) -> Float:
    side = int(HIGHEST) + 1
    grid = np.zeros((side, side), np.float32)
    grid[WAVES[:, 1], WAVES[:, 0]] = amplitudes * (2 / math.sqrt(len(WAVES)))
    drawn: Float = (down @ grid @ across.T).astype(np.float32)
    return drawn


def _coefficients(frame: Frames, box: Float) -> Float:
    """How much of every cosine the box shows [k], in levels."""
    region, (across, down) = _basis(box, frame.shape[:2])
    luma = frame[region] @ LUMA
    seen: Float = (down.T @ luma @ across / max(1, luma.size)).astype(np.float32)
    return seen[WAVES[:, 1], WAVES[:, 0]]


def _checked_boxes(boxes: npt.ArrayLike) -> Float:
    found: Float = np.asarray(boxes, np.float32)
    if found.shape != (len(found), 4) or not np.all(found[:, 2:] - found[:, :2] >= 8):
        raise ValueError("boxes are left, top, right, bottom of every frame, at least 8 pixels wide and high")
    if len(found) < LEAST_PAIRS * PAIR:
        raise ProvenanceError(f"A mark needs at least {LEAST_PAIRS * PAIR} frames; these are {len(found)}.")
    return found
