"""A face drawn by formulas, with the landmarks that a tracker would find: nobody's footage is needed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from model_runtime.plate import face_points
from model_runtime.plate.head import Head
from model_runtime.plate.quality import Flag
from model_runtime.plate.track import FaceTrack

MOUTH, WIDTH, UPPER, UNDER = 0.9, 0.28, 0.09, 0.12
"""In head coordinates: height of the mouth's middle, half its width, and the thickness of the lips."""


def lower_face(opening: float) -> Any:
    """The lower face in head coordinates [len(LOWER), 2], its lips parted by `opening`."""
    angles = np.linspace(np.pi, -np.pi, 21)[:-1]  # from the person's right corner over the upper lip and back

    def loop(width: float, up: float, down: float) -> Any:
        rise = np.sin(angles)
        return np.stack([width * np.cos(angles), MOUTH - np.where(rise > 0, up, down) * rise], axis=-1)

    outer = loop(WIDTH, opening / 2 + UPPER, opening / 2 + UNDER)
    inner = loop(0.85 * WIDTH, opening / 2, opening / 2)
    along = np.linspace(np.pi, 0, len(face_points.JAW))
    jaw = np.stack([0.72 * np.cos(along), 0.7 + (0.75 + opening / 3) * np.sin(along)], axis=-1)
    around = np.linspace(0, 2 * np.pi, len(face_points.AROUND_MOUTH), endpoint=False)
    skin = np.stack([0.45 * np.cos(around), MOUTH + 0.03 + (0.3 + opening / 4) * np.sin(around)], axis=-1)
    return np.concatenate([outer, inner, jaw, skin])


def landmarks(openings: Any, place: Any, turn: Any) -> Any:
    """float32 [t, 478, 3]: lips parted by `openings` [t], the head at place + turn h in the plate, complex [t]."""
    random = np.random.default_rng(0)
    points = random.uniform(-0.6, 0.6, (478, 2))
    points[[face_points.RIGHT_EYE, face_points.LEFT_EYE]] = [[-0.5, 0], [0.5, 0]]
    points[list(face_points.NOSE)] = random.uniform([-0.3, 0.3], [0.3, 0.6], (len(face_points.NOSE), 2))
    points[face_points.FOREHEAD], points[face_points.CHIN] = (0, -0.5), (0, 1.45)
    whole = np.repeat(points[None], len(openings), axis=0)
    whole[:, list(face_points.LOWER)] = [lower_face(opening) for opening in openings]
    flat = (whole[..., 0] + 1j * whole[..., 1]) * np.asarray(turn)[:, None] + np.asarray(place)[:, None]
    return np.stack([flat.real, flat.imag, np.zeros_like(flat.real)], axis=-1).astype(np.float32)


def draw(size: tuple[int, int], opening: float, place: complex, turn: complex) -> Any:
    """The frame, uint8 [h, w, 3], of a width and a height."""
    columns, rows = np.meshgrid(np.arange(size[0]) + 0.5, np.arange(size[1]) + 0.5)
    head = (columns + 1j * rows - place) / turn
    x, y = head.real, head.imag
    pattern = 8 * np.sin(23 * x + 5 * y) + 6 * np.cos(31 * y - 11 * x)
    picture = np.stack([190 + pattern, 140 + pattern, 115 + pattern], axis=-1)
    across = np.clip(1 - (x / WIDTH) ** 2, 0, None) ** 0.5
    up = MOUTH - across * (opening / 2 + UPPER)
    down = MOUTH + across * (opening / 2 + UNDER)
    picture[(y > up) & (y < down)] = (170, 70, 70)
    inside = np.clip(1 - (x / (0.85 * WIDTH)) ** 2, 0, None) ** 0.5 * opening / 2
    hollow = np.abs(y - MOUTH) < inside
    picture[hollow] = (40, 15, 15)
    picture[hollow & (y < MOUTH - inside / 2)] = (225, 220, 210)
    picture[np.abs(x) > 0.8] = (60, 90, 160)
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8)


@dataclass(frozen=True)
class Person:
    """Some frames of a drawn person, and the track of them."""

    pictures: list[Any]
    track: FaceTrack
    openings: Any

    @property
    def lower(self) -> Any:
        """The lower face in head coordinates [t, len(LOWER), 2]."""
        points = self.track.landmarks
        return Head.of(points).to_head(points[:, list(face_points.LOWER)])


def person(
    openings: Any, size: tuple[int, int] = (200, 170), eyes: float = 60.0, flags: tuple[Flag, ...] = (),
    shots: Any = None,
) -> Person:  # fmt: skip
    """Says what the lips do [t]; the head drifts a little. eyes: pixels between them."""
    count = len(openings)
    time = np.arange(count)
    place = size[0] / 2 + 2 * np.sin(time / 9) + 1j * (size[1] * 0.2 + np.cos(time / 7))
    turn = eyes * np.exp(0.03j * np.sin(time / 11))
    pictures = [draw(size, *values) for values in zip(openings, place, turn, strict=True)]
    shots = np.zeros(count, np.int32) if shots is None else np.asarray(shots, np.int32)
    curves, sure = np.zeros((count, 52), np.float32), np.ones(count, np.float32)
    return Person(
        pictures, FaceTrack(landmarks(openings, place, turn), curves, sure, shots, flags, 25.0, size), openings
    )


def spoken(count: int = 40) -> Any:
    """Openings of a mouth that opens and closes, in distances of the eyes."""
    return 0.09 * (1 - np.cos(np.arange(count) / 3)) + 0.002
