"""What is wrong with the frames of a plate for a new mouth: flags with frame and time, from what was seen in each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum

import numpy as np

from ..contracts import Float32
from . import face_points
from .picture_square import Picture, Square, sample

FARTHEST_YAW, FARTHEST_PITCH, FARTHEST_ROLL = 35.0, 30.0, 45.0
"""Degrees."""
LEAST_MOUTH = 24.0
"""Pixels between the corners."""
LEAST_PRESENCE = 0.9
LEAST_SHARPNESS, SHARPNESS_DROP = 0.006, 0.25
"""A mouth is blurred below the first, and below this share of what is usual in its shot."""
FARTHEST_SKIN, HIDDEN_SHARE = 3.5, 0.12
"""Something is before the mouth if this share of the points around it are so many usual deviations from the usual."""
DARKEST, LEAST_DEVIATION = 8.0, 0.03
"""Levels that are added before logarithms; the least that counts as a point's usual deviation."""
CUT, CUT_RATIO, CUT_MEMORY = 4.0, 6.0, 12
"""A cut: the small picture differs by so many levels and by so many times the median of the last differences."""
THUMBNAIL = 32


class Trouble(Enum):
    """Kinds of flags, and what each says."""

    LOST = "no face is seen"
    TWO_FACES = "another face is as near"
    TURNED = "the face is turned too far away"
    LYING = "the picture lies on its side"
    OCCLUDED = "something is before the mouth"
    SMALL = "the mouth is too small"
    BLURRED = "the mouth is blurred"
    CUT = "a new shot begins"


@dataclass(frozen=True)
class Flag:
    """A trouble in one frame: its number from 0, its time in seconds, and the value that was measured."""

    trouble: Trouble
    frame: int
    seconds: float
    value: float = 0.0


@dataclass(frozen=True)
class Seen:
    """What one frame shows. points [478, 3] in pixels; without a face they and skin are NaN.

    presence: 0-1, of the network. others: faces beside this one that are at least half as large. skin [k, 3] and
    sharpness: see the functions. cut: a new shot begins here.
    """

    points: Float32
    curves: Float32
    presence: float
    others: int
    skin: Float32
    sharpness: float
    cut: bool

    @property
    def found(self) -> bool:
        """Whether there is a face."""
        return bool(np.isfinite(self.points[0, 0]))


class Cuts:
    """Looks at the pictures of a film one after the other and says where a new shot begins."""

    def __init__(self) -> None:
        self._last: Float32 | None = None
        self._differences: list[float] = []

    def is_cut(self, picture: Picture) -> bool:
        """Whether this picture, uint8 [h, w, 3], begins a new shot; the first one does not."""
        height, width = picture.shape[:2]
        small = sample(picture, Square(width / 2, height / 2, max(width, height)), THUMBNAIL)
        last, self._last = self._last, small
        if last is None:
            return False
        difference = float(np.abs(small - last).mean())
        usual = float(np.median(self._differences)) if self._differences else 0.0
        self._differences = [*self._differences, difference][-CUT_MEMORY:]
        return difference > max(CUT, CUT_RATIO * usual)


def skin(picture: Picture, points: Float32) -> Float32:
    """Logarithms of the colours around the mouth over that of forehead and nose [k, 3]: light changes both alike."""
    around = _colours(picture, points, face_points.AROUND_MOUTH)
    above = _colours(picture, points, face_points.ABOVE_MOUTH)
    ratio: Float32 = np.log(around + DARKEST) - np.log(above.mean(0) + DARKEST)
    return ratio


def _colours(picture: Picture, points: Float32, chosen: Sequence[int]) -> Float32:
    """Mean levels of 5 x 5 pixels, of 40 across the mouth, around some of the points [k, 3]."""
    height, width = picture.shape[:2]
    step = max(1.0, float(face_points.mouth_width(points)) / 40)
    offsets = np.stack(np.meshgrid(np.arange(-2, 3), np.arange(-2, 3)), -1).reshape(-1, 1, 2) * step
    at = np.rint(points[None, list(chosen), :2] + offsets).astype(int)
    x, y = np.clip(at[..., 0], 0, width - 1), np.clip(at[..., 1], 0, height - 1)
    levels: Float32 = picture[y, x].astype(np.float32).mean(0)
    return levels


def sharpness(picture: Picture, points: Float32) -> float:
    """Variance of the Laplacian in the mouth over four times that of the picture, at the film's own size.

    Larger mouths than 64 pixels are shrunk to that, so that it does not matter how large the film is.
    """
    around = points[face_points.OUTER_LIPS, :2]
    (x, y), side = around.mean(0), float(np.ptp(around[:, 0])) * 1.4
    size = int(np.clip(side, 8, 90))
    grey = sample(picture, Square(float(x), float(y), side), size).mean(-1)
    laplacian = grey[1:-1, 2:] + grey[1:-1, :-2] + grey[2:, 1:-1] + grey[:-2, 1:-1] - 4 * grey[1:-1, 1:-1]
    return float(laplacian.var() / (4 * grey.var() + 1e-6))


def flags(seen: Sequence[Seen], rate: float) -> tuple[Flag, ...]:
    """Every trouble of every frame, in the order of the frames; what is usual is measured in each shot."""
    found = np.array([one.found for one in seen])
    shots = np.cumsum([one.cut for one in seen])
    levels, sharp = np.stack([one.skin for one in seen]), np.array([one.sharpness for one in seen])
    strange, blur = np.zeros(len(seen)), np.ones(len(seen))
    for shot in np.unique(shots[found]):
        here = found & (shots == shot)
        strange[here] = strangeness(levels[here])
        blur[here] = sharp[here] / max(LEAST_SHARPNESS, SHARPNESS_DROP * float(np.median(sharp[here])))
    return tuple(
        Flag(trouble, frame, frame / rate, round(value, 4))
        for frame, one in enumerate(seen)
        for trouble, value in _troubles(one, float(blur[frame]), float(strange[frame]))
    )


def strangeness(colours: Float32) -> Float32:
    """How far the skin around the mouth [t, k, 3] is from that of most frames, in usual deviations [t].

    Each point has its own usual deviation; what counts is the one that `HIDDEN_SHARE` of the points exceed.
    """
    away = np.abs(colours - np.median(colours, axis=0)).mean(-1)
    away /= np.maximum(LEAST_DEVIATION, np.median(away, axis=0))
    strange: Float32 = np.quantile(away, 1 - HIDDEN_SHARE, axis=1)
    return strange


def summary(all_flags: Sequence[Flag]) -> list[str]:
    """A sentence for each stretch of frames with the same trouble, such as "frames 10-14 (0.40-0.56 s): ..."."""
    stretches: list[list[Flag]] = []
    for flag in sorted(all_flags, key=lambda flag: (list(Trouble).index(flag.trouble), flag.frame)):
        last = stretches[-1][-1] if stretches else None
        if last and last.trouble is flag.trouble and flag.frame == last.frame + 1:
            stretches[-1].append(flag)
        else:
            stretches.append([flag])
    return [_sentence(stretch[0], stretch[-1]) for stretch in stretches]


def _sentence(first: Flag, last: Flag) -> str:
    if first is last:
        return f"frame {first.frame} ({first.seconds:.2f} s): {first.trouble.value}"
    times = f"{first.seconds:.2f}-{last.seconds:.2f} s"
    return f"frames {first.frame}-{last.frame} ({times}): {first.trouble.value}"


def _troubles(one: Seen, blur: float, strange: float) -> list[tuple[Trouble, float]]:
    cut = [(Trouble.CUT, 0.0)] if one.cut else []
    if not one.found:
        return [*cut, (Trouble.LOST, one.presence)]
    yaw, pitch, roll = face_points.angles(one.points)
    width = float(face_points.mouth_width(one.points))
    turned = max(abs(yaw) / FARTHEST_YAW, abs(pitch) / FARTHEST_PITCH)
    checks = (
        (Trouble.TWO_FACES, one.others, one.others > 0),
        (Trouble.TURNED, yaw if abs(yaw) / FARTHEST_YAW == turned else pitch, turned > 1),
        (Trouble.LYING, roll, abs(roll) > FARTHEST_ROLL),
        (Trouble.OCCLUDED, strange, strange > FARTHEST_SKIN or one.presence < LEAST_PRESENCE),
        (Trouble.SMALL, width, width < LEAST_MOUTH),
        (Trouble.BLURRED, one.sharpness, blur < 1),
    )
    return cut + [(trouble, float(value)) for trouble, value, wrong in checks if wrong]
