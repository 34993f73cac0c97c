"""What is measured on pictures, float32 [n, n, 3], levels 0-255, within areas, float32 [n, n], 0-1; and on mouths."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from model_runtime.contracts import Float32
from model_runtime.plate import detail
from model_runtime.plate.detail import GREY

SIGMA, REACH = 1.5, 3.5
"""Of SSIM's window: Gaussian of 1.5 pixels, 11 x 11 (Wang et al. 2004)."""
C1, C2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2


def psnr(picture: Float32, truth: Float32, area: Float32) -> float:
    """dB over an area: 10 log10(255² / mean squared difference)."""
    inside = area > 0.5
    return float(10 * np.log10(255**2 / max(1e-9, float(((picture - truth)[inside] ** 2).mean()))))


def ssim(picture: Float32, truth: Float32, area: Float32) -> float:
    """Structural similarity of the grey pictures, mean over an area (Wang, Bovik, Sheikh, Simoncelli 2004)."""
    a, b = (one.astype(np.float64) @ GREY for one in (picture, truth))

    def mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
        smooth: NDArray[np.float64] = gaussian_filter(values, SIGMA, truncate=REACH)
        return smooth

    ma, mb = mean(a), mean(b)
    va, vb, cov = mean(a * a) - ma * ma, mean(b * b) - mb * mb, mean(a * b) - ma * mb
    found = (2 * ma * mb + C1) * (2 * cov + C2) / ((ma * ma + mb * mb + C1) * (va + vb + C2))
    return float(found[area > 0.5].mean())


def sharpness(picture: Float32, truth: Float32, area: Float32) -> float:
    """Deviation of the grey Laplacian (four neighbours) over an area, as a share of the truth's."""
    return detail.sharpness(picture, area) / max(1e-6, detail.sharpness(truth, area))


def flicker(frames: NDArray[np.uint8], area: NDArray[np.bool_]) -> float:
    """Mean absolute second difference over time of an area [h, w] of frames [t, h, w, 3], levels."""
    moving = frames[:, area].astype(np.float32)
    return float(np.abs(np.diff(moving, 2, axis=0)).mean())


def correlation(one: Float32, other: Float32) -> float:
    """Pearson's, of two curves [t]."""
    return float(np.corrcoef(one, other)[0, 1])


def leak(made: Float32, wanted: Float32, old: Float32) -> float:
    """How much of the old mouth is in the new one [t]: 0 none, 1 where it is the old one.

    The weight of the old curve where the made one is explained by both, each in its own deviations (a standardised
    coefficient of least squares): their correlation, but for what the old one has in common with the wanted one.
    """
    made, wanted, old = ((curve - curve.mean()) / max(1e-9, float(curve.std())) for curve in (made, wanted, old))
    return float(np.linalg.lstsq(np.stack([wanted, old], axis=1), made, rcond=None)[0][1])


def points_away(one: Float32, other: Float32) -> float:
    """Mean distance of points [t, p, 2], in their units."""
    return float(np.linalg.norm(one - other, axis=-1).mean())


def outside_change(new: NDArray[np.uint8], plate: NDArray[np.uint8], matte: NDArray[np.uint8]) -> int:
    """The largest difference in levels where the matte [h, w] is 0, of pictures [h, w, 3]."""
    away = np.abs(new.astype(int) - plate.astype(int)).max(-1)
    return int(away[matte == 0].max(initial=0))
