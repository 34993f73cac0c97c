"""A person who is drawn, not filmed: skin with spots that move with head and jaw, lips, teeth, and the true landmarks.

Lengths are in distances of the eyes, in the head's own frame (see model_runtime.plate.head).
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from model_runtime.plate import face_points
from model_runtime.plate.face_networks import CURVES
from model_runtime.plate.track import FaceTrack

LIPS = 0.85
"""How far the closed lips lie below the eyes."""
FIXED = {
    8: (0, -0.08), 9: (0, -0.18), 151: (0, -0.35), 168: (0, 0), 6: (0, 0.08), 197: (0, 0.17), 195: (0, 0.27),
    33: (-0.5, 0), 133: (-0.17, 0.02), 362: (0.17, 0.02), 263: (0.5, 0), 127: (-0.8, 0.02), 356: (0.8, 0.02),
    10: (0, -0.62), 1: (0, 0.46), 2: (0, 0.58), 94: (0, 0.53), 98: (-0.12, 0.54), 327: (0.12, 0.54),
    48: (-0.16, 0.47), 278: (0.16, 0.47), 129: (-0.2, 0.48), 358: (0.2, 0.48), 50: (-0.45, 0.42), 280: (0.45, 0.42),
    101: (-0.32, 0.35), 330: (0.32, 0.35),
}  # fmt: skip
"""Forehead, eyes and nose."""
SKIN, RED, TEETH, DARK = ([200, 155, 135], [165, 80, 80], [215, 205, 190], [50, 25, 25])


@dataclass(frozen=True)
class DrawnPerson:
    """opening, width [t]: gap between the lips and half the width of the mouth; place, turn complex [t]: the head.

    size: width and height of the film. light: levels of each colour, times this. noise: its grain, in levels.
    """

    opening: npt.NDArray[np.float64]
    width: npt.NDArray[np.float64]
    place: npt.NDArray[np.complex128]
    turn: npt.NDArray[np.complex128]
    size: tuple[int, int] = (128, 120)
    light: npt.NDArray[np.float64] = field(default_factory=lambda: np.ones(3))
    noise: float = 1.0
    seed: int = 0

    @classmethod
    def speaking(
        cls, count: int, eyes: float = 48.0, size: tuple[int, int] = (128, 120), **more: object
    ) -> DrawnPerson:
        """Moves the lips, and the head a little; eyes: their distance in pixels."""
        at = np.arange(count)
        opening = 0.09 * (1 - np.cos(at * 0.7))
        width = 0.36 + 0.04 * np.sin(at * 0.45)
        place = size[0] / 2 + 1j * (size[1] / 2 - 0.8 * eyes) + 0.03 * eyes * np.exp(0.3j * at)
        return cls(opening, width, place, eyes * np.exp(0.05j * np.sin(at * 0.2)), size, **more)  # type: ignore[arg-type]

    def __len__(self) -> int:
        return len(self.opening)

    @property
    def landmarks(self) -> npt.NDArray[np.float32]:
        """[t, 478, 3] in pixels; points of which neither head nor lower face know are 0, 0 of the head."""
        points = np.zeros((len(self), 478), np.complex128)
        for at, (x, y) in FIXED.items():
            points[:, at] = x + 1j * y
        around = np.linspace(0, 2 * np.pi, 20, endpoint=False)
        for loop, rest in ((face_points.OUTER_LIPS, 0.0), (face_points.INNER_LIPS, 1.0)):
            wide, up, down = self._rims(rest)
            high = np.where(np.sin(around) > 0, up[:, None], down[:, None])
            points[:, list(loop)] = -wide[:, None] * np.cos(around) + 1j * (LIPS - high * np.sin(around))
        arc = np.linspace(0, np.pi, len(face_points.JAW))
        self._skin(points, face_points.JAW, -0.72 * np.cos(arc) + 1j * (0.55 + 0.9 * np.sin(arc)))
        skin = np.linspace(0, 4 * np.pi, len(face_points.AROUND_MOUTH))
        reach = (0.3 + 0.1 * skin / 13) * np.where(np.sin(skin) < 0, 0.7, 1)
        self._skin(points, face_points.AROUND_MOUTH, -0.48 * np.cos(skin) + 1j * (LIPS + reach * np.sin(skin)))
        points = points * self.turn[:, None] + self.place[:, None]
        return np.stack([points.real, points.imag, 0 * points.real], axis=-1).astype(np.float32)

    def track(self, rate: float = 25.0, **more: Any) -> FaceTrack:
        """What a tracker that errs nowhere finds, one shot without flags; more: what is to be else."""
        count = len(self)
        curves, surely = np.zeros((count, len(CURVES)), np.float32), np.ones(count, np.float32)
        track = FaceTrack(self.landmarks, curves, surely, np.zeros(count, np.int32), (), rate, self.size)
        return replace(track, **more)

    def pictures(self, first: int = 0, end: int | None = None) -> npt.NDArray[np.uint8]:
        """Some of the frames [t, h, w, 3]."""
        return np.stack([self.picture(frame) for frame in range(len(self))[first:end]])

    def picture(self, frame: int) -> npt.NDArray[np.uint8]:
        """One frame [h, w, 3]."""
        rows, columns = np.mgrid[: self.size[1], : self.size[0]].astype(np.float32) + np.float32(0.5)
        at = ((columns + 1j * rows - self.place[frame]) / self.turn[frame]).astype(np.complex64)
        soft = abs(self.turn[frame])
        x, y = at.real, at.imag - self.opening[frame] * _falls(at.imag)
        spots = np.sin(13 * x + 5 * np.sin(3 * y + self.seed)) * np.sin(12 * y + 2 * np.cos(4 * x))
        colour = np.array(SKIN) + 12 * spots[..., None] * [1, 1.1, 1] - 15 * (x**2 + (y - 0.6) ** 2)[..., None]
        y = at.imag - LIPS
        teeth = np.clip((0.03 - y) * soft + 0.5, 0, 1)[..., None]
        for rest, inner in ((0.0, np.array(RED)), (1.0, DARK + teeth * np.subtract(TEETH, DARK))):
            wide, up, down = (float(one[frame]) for one in self._rims(rest))
            bow = np.sqrt(np.maximum(0, 1 - (x / wide) ** 2))
            share = np.clip(np.minimum(y + up * bow, down * bow - y) * soft + 0.5, 0, 1) * (abs(x) < wide)
            colour += share[..., None] * (inner + 5 * spots[..., None] - colour)
        noise = np.random.default_rng([self.seed, frame]).normal(0, self.noise, colour.shape[:2])[..., None]
        return np.clip(np.rint(colour * self.light + noise), 0, 255).astype(np.uint8)

    def _rims(self, inner: float) -> tuple[npt.NDArray[np.float64], ...]:
        """Half width, height above and below the line of the closed lips [t]; inner: 0 the outer rims, 1 the inner."""
        return self.width - 0.05 * inner, 0.11 - 0.11 * inner + 0 * self.opening, 0.13 * (1 - inner) + self.opening

    def _skin(
        self, points: npt.NDArray[np.complex128], chosen: tuple[int, ...], rest: npt.NDArray[np.complex128]
    ) -> None:
        down = np.repeat(rest.imag[None], len(self), axis=0)
        for _ in range(12):  # to where the picture shows the same skin
            down = rest.imag + self.opening[:, None] * _falls(down)
        points[:, list(chosen)] = rest.real + 1j * down


def _falls(y: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """How much of the jaw's fall there is at a height."""
    share = np.clip((y - LIPS + 0.15) / 0.5, 0, 1)
    return share * share * (3 - 2 * share)
