"""The light of the plate's frame on a mouth that comes from another one."""

from __future__ import annotations

import numpy as np

from ..contracts import Float32

FAINT, STRONG = 0.03, 0.6
"""Between them, the mask has its ring: skin that both pictures show."""
DARK, FAR = np.float32(40), 0.08
"""Levels that are added before logarithms; the logarithm from the median at which a pixel counts half."""
STIFF = 0.02
"""Resistance against a slope of the light across the mouth, in shares of the ring's weight."""


def matched(new: Float32, plate: Float32, mask: Float32) -> Float32:
    """new [n, n, 3] with the plate's light: what the mask's ring differs by, as a gain with a slope over the picture.

    Levels 0-255, sRGB: another exposure or white balance is a gain of each channel there as well, for a power of a
    product is the product of powers. Least squares of the logarithms over the ring, with a resistance against slopes;
    what is far from the median counts less.
    """
    where = np.nonzero((mask > FAINT) & (mask < STRONG))
    if len(where[0]) < 8:
        return new
    size = np.float32(len(mask))
    away = np.log((plate[where] + DARK) / (np.maximum(new[where], 0) + DARK))
    weight = 1 / (1 + (np.abs(away - np.median(away, axis=0)).mean(-1) / FAR) ** 2)
    middle = [float(np.average(axis, weights=weight)) / size for axis in where]
    plane = np.stack([np.ones(len(away)), where[0] / size - middle[0], where[1] / size - middle[1]], axis=-1)
    system = (plane * weight[:, None]).T @ plane + np.diag([0, STIFF, STIFF]) * weight.sum()
    fit = np.linalg.solve(system, (plane * weight[:, None]).T @ away).astype(np.float32)
    along = (np.arange(len(mask), dtype=np.float32)) / size
    down, across = ((along - np.float32(one))[:, None] for one in middle)
    gain = np.exp(fit[0] + (down * fit[1])[:, None] + (across * fit[2])[None])
    lit: Float32 = (new + DARK) * gain - DARK
    return lit
