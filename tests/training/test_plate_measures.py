"""What the bench of the plate pass measures is what its docstrings say, on pictures and curves with known answers."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.plate import measures

SIZE = 40


@pytest.fixture
def random() -> np.random.Generator:
    return np.random.default_rng(3)


@pytest.fixture
def area() -> np.ndarray:
    """A square in the middle; its soft edge does not count."""
    area = np.zeros((SIZE, SIZE), np.float32)
    area[11:29, 11:29] = 0.4
    area[12:28, 12:28] = 1
    return area


@pytest.fixture
def truth(random: np.random.Generator) -> np.ndarray:
    return random.uniform(0, 255, (SIZE, SIZE, 3)).astype(np.float32)


def grey(level: float) -> np.ndarray:
    return np.full((SIZE, SIZE, 3), level, np.float32)


def test_five_levels_away_is_34_decibels_and_only_the_area_counts(truth: np.ndarray, area: np.ndarray) -> None:
    picture = truth + 100
    picture[area > 0.5] = truth[area > 0.5] + 5
    assert measures.psnr(picture, truth, area) == pytest.approx(20 * np.log10(255 / 5), abs=1e-3)


def test_likeness_of_even_pictures_is_that_of_their_levels(area: np.ndarray) -> None:
    wanted = (2 * 60 * 90 + measures.C1) / (60**2 + 90**2 + measures.C1)
    assert measures.ssim(grey(60), grey(90), area) == pytest.approx(wanted, abs=1e-5)


def by_the_book(a: np.ndarray, b: np.ndarray, row: int, column: int) -> float:
    """Equations 14 to 16 and 13 of Wang et al. 2004 at one pixel, with the 11 x 11 window written out."""
    along = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2))
    window = np.outer(along, along) / along.sum() ** 2
    x, y = (one[row - 5 : row + 6, column - 5 : column + 6] for one in (a, b))
    mx, my = (window * x).sum(), (window * y).sum()
    vx, vy = (window * (x - mx) ** 2).sum(), (window * (y - my) ** 2).sum()
    both = (window * (x - mx) * (y - my)).sum()
    c1, c2 = (0.01 * 255) ** 2, (0.03 * 255) ** 2
    return (2 * mx * my + c1) * (2 * both + c2) / ((mx**2 + my**2 + c1) * (vx + vy + c2))


def test_likeness_is_that_of_the_paper(truth: np.ndarray, area: np.ndarray, random: np.random.Generator) -> None:
    picture = truth + random.normal(0, 40, truth.shape).astype(np.float32)
    a, b = (one.astype(float) @ (0.299, 0.587, 0.114) for one in (picture, truth))
    wanted = np.mean([by_the_book(a, b, row, column) for row, column in zip(*np.nonzero(area > 0.5), strict=True)])
    assert 0.5 < wanted < 0.99
    assert measures.ssim(picture, truth, area) == pytest.approx(wanted, abs=1e-5)


def test_half_the_contrast_is_half_as_sharp(truth: np.ndarray, area: np.ndarray) -> None:
    assert measures.sharpness(truth, truth, area) == pytest.approx(1)
    assert measures.sharpness(0.5 * truth + 30, truth, area) == pytest.approx(0.5, abs=1e-4)
    smeared = (truth + np.roll(truth, 1, axis=0) + np.roll(truth, 1, axis=1)) / 3
    assert measures.sharpness(smeared, truth, area) < 0.7


def test_steady_motion_does_not_flicker_and_a_blinking_pixel_does() -> None:
    blinking = np.zeros((6, 4, 4, 3), np.uint8)
    blinking[::2, 0, 0] = 10
    here, all_of_it = np.zeros((4, 4), bool), np.ones((4, 4), bool)
    here[0, 0] = True
    assert measures.flicker(blinking, here) == pytest.approx(20)
    assert measures.flicker(blinking, all_of_it) == pytest.approx(20 / 16)
    rising = np.repeat(np.arange(0, 60, 10, dtype=np.uint8), 48).reshape(6, 4, 4, 3)
    assert measures.flicker(rising, all_of_it) == 0


def test_correlation_forgets_size_and_offset(random: np.random.Generator) -> None:
    curve = random.normal(size=200)
    assert measures.correlation(curve, 3 * curve - 7) == pytest.approx(1)
    assert measures.correlation(curve, -curve) == pytest.approx(-1)


def test_leak_is_the_part_that_the_old_mouth_has(random: np.random.Generator) -> None:
    wanted, old = random.normal(size=(2, 4_000))
    old += 0.5 * wanted
    assert measures.leak(old, wanted, old) == pytest.approx(1)
    assert measures.leak(2 * wanted, wanted, old) == pytest.approx(0, abs=1e-6)
    assert measures.leak(wanted + 1e-3 * old, wanted, old) < 0.01
    apart = random.normal(size=4_000)
    mixed = wanted + 0.2 * apart
    assert measures.leak(mixed, wanted, apart) == pytest.approx(measures.correlation(mixed, apart), abs=0.05)
    assert measures.leak(mixed, wanted, apart) == pytest.approx(0.2 / np.hypot(1, 0.2), abs=0.02)


def test_distance_of_points_is_their_mean(random: np.random.Generator) -> None:
    points = random.normal(size=(5, 8, 2))
    assert measures.points_away(points, points + np.array([3, 4])) == pytest.approx(5)
    moved = points.copy()
    moved[:, 0, 1] += 8
    assert measures.points_away(points, moved) == pytest.approx(1)


def test_outside_of_the_matte_one_changed_level_is_seen() -> None:
    plate = np.full((6, 6, 3), 100, np.uint8)
    new, matte = plate.copy(), np.zeros((6, 6), np.uint8)
    matte[2:4, 2:4] = 1
    new[2:4, 2:4] = 255
    assert measures.outside_change(new, plate, matte) == 0
    new[0, 5, 2] = 99
    assert measures.outside_change(new, plate, matte) == 1
