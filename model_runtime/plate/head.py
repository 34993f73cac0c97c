"""The head's own frame, in which lips and jaw move and the head does not.

Head coordinates: the middle between the outer corners of the eyes is 0, 0; x to the picture's right along the eyes, y
down, 1 the distance of the eyes.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..contracts import Float32
from . import face_points

ROUNDS = 3
"""Of finding the mean shape of the points that speech does not move."""


@dataclass(frozen=True)
class Head:
    """Where the head is in every frame: a point h of it, as a complex number, lies in the plate at place + turn h.

    place, turn complex128 [t], pixels of the plate; NaN where there is no face.
    """

    place: npt.NDArray[np.complex128]
    turn: npt.NDArray[np.complex128]

    @classmethod
    def of(cls, landmarks: Float32) -> Head:
        """From landmarks [t, 478, 3] in pixels: the similarity nearest to the person's mean shape (Umeyama 1991)."""
        flat = landmarks[..., 0].astype(np.float64) + 1j * landmarks[..., 1]
        steady, eyes = flat[:, list(face_points.STEADY)], flat[:, [face_points.RIGHT_EYE, face_points.LEFT_EYE]]
        found = np.isfinite(steady[:, 0].real)
        steady, eyes = steady[found], eyes[found]
        place, turn = eyes.mean(1), eyes[:, 1] - eyes[:, 0]
        for _ in range(ROUNDS if found.any() else 0):
            shape = ((steady - place[:, None]) / turn[:, None]).mean(0)
            corners = ((eyes - place[:, None]) / turn[:, None]).mean(0)
            shape = (shape - corners.mean()) / (corners[1] - corners[0])
            middle, centre = shape.mean(), steady.mean(1)
            turn = (steady - centre[:, None]) @ (shape - middle).conj() / (np.abs(shape - middle) ** 2).sum()
            place = centre - turn * middle
        everywhere = np.full((2, len(found)), np.nan, np.complex128)
        everywhere[:, found] = place, turn
        return cls(*everywhere)

    def to_head(self, points: Float32) -> Float32:
        """Points [t, k, 2 or more] of the plate's frames in head coordinates [t, k, 2]."""
        with np.errstate(invalid="ignore"):  # frames without a face
            flat = (points[..., 0] + 1j * points[..., 1] - self.place[:, None]) / self.turn[:, None]
        return np.stack([flat.real, flat.imag], axis=-1).astype(np.float32)

    def to_plate(self, points: Float32) -> Float32:
        """Points [t, k, 2] in head coordinates in pixels of the plate [t, k, 2]."""
        flat = (points[..., 0] + 1j * points[..., 1]) * self.turn[:, None] + self.place[:, None]
        return np.stack([flat.real, flat.imag], axis=-1).astype(np.float32)
