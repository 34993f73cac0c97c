"""Where each vertex of the face lies relative to mouth, jaw, eyes and brows: the smooth weights that move it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .face import Face
from .mouth import HALF_WIDTH, LINE_CURVE, LINE_HEIGHT, LIP_LOOPS, RISE_POWER, UPPER_HEIGHT

Array = NDArray[np.float64]

HINGE = np.array([0.0, 14.0, 142.0])
"""A point on the jaw's axis, which runs along X; near the ears."""
JAW_ANGLE = np.radians(20.0)
"""Rotation of the jaw bone that belongs to jawOpen = 1."""

LIP_BEND = 0.009
"""Curve of the lips seen from above: y = LIP_BEND * x^2."""
ROLL = {
    "skin1": (0.08, 0.0), "skin2": (0.22, 0.2), "edge": (0.45, 0.5), "border": (0.62, 1.6), "slope": (0.6, 3.4),
    "belly": (0.42, 3.4), "crest": (0.2, 2.5), "front": (0.0, 1.5),
}  # fmt: skip
"""A rolled lip, by loop: share of the way towards the mouth line, millimetres backwards."""
TIP = {
    "edge": 0.3, "border": 0.45, "slope": 0.75, "belly": 1.0, "crest": 1.0, "front": 1.0, "contact": 1.0, "back": 1.0,
    "vestibule": 0.9, "cheek": 0.3,
}  # fmt: skip
"""How far each loop follows a lip's rim."""


def smooth(value: Array, low: float, high: float) -> Array:
    """0 below `low`, 1 above `high` (which may be the smaller), an S-curve between."""
    x = np.clip((value - low) / (high - low), 0.0, 1.0)
    return x * x * (3.0 - 2.0 * x)


def _lens(rise: Array) -> Array:
    """Height of an ellipse over the mouth line, 0 at the corners and 1 in the middle."""
    return np.sqrt(1.0 - np.square(1.0 - np.abs(rise) ** RISE_POWER))


class Fields:
    """Weights per vertex of a face; every displacement is built from them."""

    def __init__(self, face: Face) -> None:
        self.face = face
        self.points = face.points
        self.rise = self._rise()
        edge = self.points[face.mouth["edge"]]
        self.distance = np.linalg.norm(self.points[:, None] - edge[None], axis=-1).min(axis=1)
        self.depth = np.ones(len(self.points))
        for name in LIP_LOOPS:
            self.distance[face.mouth[name]] = 0.0
        for name, share in (("vestibule", 0.9), ("cheek", 0.55), ("palate", 0.12), ("throat", 0.0), ("end", 0.0)):
            self.distance[face.mouth[name]] = 0.0
            self.depth[face.mouth[name]] = share
        self.left = smooth(self.points[:, 0], -0.4 * HALF_WIDTH, 0.4 * HALF_WIDTH)
        lens = _lens(self.rise)
        self.upper = np.where(self.rise > 0, lens, 0.0)
        self.lower = np.where(self.rise < 0, lens, 0.0)
        self.jaw = self._jaw()

    def _rise(self) -> Array:
        """Signed position round the mouth: 1 middle of the upper lip, 0 corners, -1 middle of the lower lip."""
        face = self.face
        signed = face.columns.rise * np.where(face.columns.side >= 0, 1.0, -1.0)
        offset = self.points - [0.0, 0.0, LINE_HEIGHT]
        angle = np.arctan2(offset[:, 2], np.abs(offset[:, 0]))
        half = len(face.rim) // 4
        order = [face.rim[k] for k in range(-half, half + 1)]
        rise = np.interp(angle, angle[order], signed[[k % len(signed) for k in range(-half, half + 1)]])
        for name, loop in face.mouth.items():
            if name != "end":
                rise[loop] = signed
        return rise

    def _jaw(self) -> Array:
        """How much of the jaw's rotation a vertex follows."""
        p = self.points
        opening = 0.5 - 0.5 * np.sign(self.rise) * _lens(self.rise)
        spread = smooth(np.abs(self.rise), 0.0, 0.5)
        skin = np.where(self.rise > 0, 0.5 - 0.5 * spread, 0.5 + 0.5 * spread)
        near = np.exp(-((self.distance / 14.0) ** 2))
        weight = near * opening + (1.0 - near) * skin
        weight = weight * smooth(p[:, 1], HINGE[1] + 4.0, HINGE[1] - 46.0)
        throat = smooth(p[:, 1] - 0.5 * (p[:, 2] - 66.0), 0.0, -52.0) * smooth(p[:, 2], 36.0, 70.0)
        under = smooth(p[:, 2], 100.0, 78.0)
        weight = weight * (1.0 - under * (1.0 - throat))
        inside = self.face.mouth
        for name in ("cheek", "palate", "throat"):
            weight[inside[name]] = opening[inside[name]]
        weight[inside["end"]] = smooth(p[inside["end"], 2], LINE_HEIGHT + 10.0, LINE_HEIGHT - 14.0)
        return weight

    def reach(self, radius: float) -> Array:
        """1 on the lips, fading over about `radius` mm of skin and into the mouth."""
        return np.exp(-((self.distance / radius) ** 2)) * self.depth

    def ball(self, centre: tuple[float, float, float], radius: float) -> Array:
        """A Gaussian round a point and its mirror image."""
        near = self.points.copy()
        near[:, 0] = np.abs(near[:, 0])
        return np.exp(-np.sum((near - np.asarray(centre)) ** 2, axis=1) / radius**2)

    def corner(self, radius: float) -> Array:
        """A Gaussian round the mouth's corners that also fades into the mouth."""
        corner = self.points[self.face.mouth["contact"][0]]
        return self.ball((corner[0], corner[1], corner[2]), radius) * self.depth

    def arc(self, radius: float) -> Array:
        """Rises smoothly along the lips from their middle to the corners, fading round the corners."""
        return self.corner(radius) * np.minimum(np.abs(self.points[:, 0]) / HALF_WIDTH, 1.0) ** 2.1

    def pushed(self, weight: Array, x: float = 0.0, y: float = 0.0, z: float = 0.0) -> Array:
        """Displacement along the axes, mm; x is outwards on both sides."""
        outward = np.tanh(self.points[:, 0] / 9.0)
        return np.stack([x * weight * outward, y * weight, z * weight], axis=-1)

    def narrowed(self, weight: Array, share: float) -> Array:
        """Scale towards the middle by `share`, sliding forwards along the lips' curve."""
        x = self.points[:, 0]
        moved = np.zeros_like(self.points)
        moved[:, 0] = -share * weight * x
        moved[:, 1] = LIP_BEND * (np.square(x * (1.0 - share * weight)) - np.square(x))
        return moved

    def levelled(self, weight: Array) -> Array:
        """Takes the upward curve out of the mouth line."""
        across = np.minimum(np.abs(self.points[:, 0]) / HALF_WIDTH, 1.0)
        return self.pushed(weight * np.square(across), z=-LINE_CURVE)

    def tipped(self, which: Array, y: float, z: float) -> Array:
        """Moves a lip's rim by y and z mm while its outer edge lags behind."""
        share = np.exp(-((self.distance / 6.0) ** 2)) * 0.25 * self.depth
        for name, part in TIP.items():
            share[self.face.mouth[name]] = part
        return self.pushed(share * which, y=y, z=z)

    def swollen(self, weight: Array, amount: float) -> Array:
        """Out along the skin's normal by `amount` mm."""
        centre = np.array([0.0, -14.0, 130.0])
        away = self.points - centre
        return amount * weight[:, None] * away / np.linalg.norm(away, axis=1, keepdims=True)

    def rolled(self, which: Array, amount: float) -> Array:
        """Curl a lip inwards (1) or outwards (-1) about its contact band, which stays."""
        face = self.face
        moved = np.zeros_like(self.points)
        contact = self.points[face.mouth["contact"]]
        for name, (tuck, back) in ROLL.items():
            loop = face.mouth[name]
            away = self.points[loop] - contact
            limit = np.minimum(1.0, UPPER_HEIGHT / np.maximum(np.abs(away[:, 2]), 1e-9))
            moved[loop, 2] = -tuck * away[:, 2] * np.where(name.startswith("skin"), limit, 1.0)
            moved[loop, 1] = back
        return amount * which[:, None] * moved

    def opened_jaw(self) -> Array:
        """The jaw's rotation about the hinge, weighted."""
        offset = self.points - HINGE
        cos, sin = np.cos(JAW_ANGLE), np.sin(JAW_ANGLE)
        turned = offset.copy()
        turned[:, 1] = cos * offset[:, 1] - sin * offset[:, 2]
        turned[:, 2] = sin * offset[:, 1] + cos * offset[:, 2]
        return self.jaw[:, None] * (turned - offset)
