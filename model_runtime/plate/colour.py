"""The light of the plate's frame on a mouth that comes from another one."""

from __future__ import annotations

import numpy as np

from ..contracts import Float32

FAINT, STRONG = 0.03, 0.6
"""Between them, the mask has its ring: skin that both pictures show."""
STIFF = 0.02
"""Resistance against a slope of the light across the mouth, in shares of the ring's weight."""


def matched(new: Float32, plate: Float32, mask: Float32) -> Float32:
    """new [n, n, 3] with the plate's light: the difference in the mask's ring, as a plane over the picture, added.

    Levels 0-255. Least squares over the ring, with a resistance against slopes; a far difference counts less.
    """
    where = np.nonzero((mask > FAINT) & (mask < STRONG))
    if len(where[0]) < 8:
        return new
    size = np.float32(len(mask))
    away = plate[where] - new[where]
    weight = 1 / (1 + (np.abs(away - np.median(away, axis=0)).mean(-1) / 8) ** 2)
    middle = [float(np.average(axis, weights=weight)) / size for axis in where]
    plane = np.stack([np.ones(len(away)), where[0] / size - middle[0], where[1] / size - middle[1]], axis=-1)
    system = (plane * weight[:, None]).T @ plane + np.diag([0, STIFF, STIFF]) * weight.sum()
    fit = np.linalg.solve(system, (plane * weight[:, None]).T @ away).astype(np.float32)
    along = (np.arange(len(mask), dtype=np.float32)) / size
    down, across = ((along - np.float32(one))[:, None] for one in middle)
    lit: Float32 = new + fit[0] + (down * fit[1])[:, None] + (across * fit[2])[None]
    return lit
