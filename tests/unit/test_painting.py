"""The pieces that a new mouth is made of: head, square, warp, masks, light, picks, detail; on a drawn face."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from model_runtime.plate import coarse, colour, detail, face_points, mask, retrieve, warp
from model_runtime.plate.crop import SIZES, Crop
from model_runtime.plate.head import Head

from .drawn_person import landmarks, lower_face, person, spoken


@pytest.fixture(scope="module")
def film() -> Any:
    return person(spoken())


@pytest.fixture(scope="module")
def crop(film: Any) -> Crop:
    return Crop.around(film.track.landmarks)


@pytest.fixture(scope="module")
def bank(film: Any, crop: Crop) -> retrieve.Bank:
    cuts = np.array([np.rint(np.clip(crop.cut(one, k), 0, 255)) for k, one in enumerate(film.pictures)], np.uint8)
    return retrieve.bank_of(crop, cuts, np.arange(len(cuts), dtype=np.int32))


def test_a_face_that_moves_turns_and_grows_is_the_same_in_head_coordinates() -> None:
    openings = spoken(12)
    still = landmarks(openings, np.full(12, 100 + 50j), np.full(12, 60 + 0j))
    moved = landmarks(openings, 90 + 40j + 5 * np.arange(12), (70 + np.arange(12)) * np.exp(0.1j * np.arange(12)))
    shapes = [Head.of(points).to_head(points[:, list(face_points.LOWER)]) for points in (still, moved)]
    assert np.abs(shapes[0] - shapes[1]).max() < 1e-4
    assert np.allclose(shapes[0][3], lower_face(openings[3]), atol=1e-4)


def test_to_plate_undoes_to_head(film: Any) -> None:
    points = film.track.landmarks[..., :2]
    head = Head.of(film.track.landmarks)
    assert np.abs(head.to_plate(head.to_head(points)) - points).max() < 1e-3


@pytest.mark.parametrize(("eyes", "size"), [(60.0, 128), (120.0, 256), (300.0, 512), (500.0, 512)])
def test_the_square_loses_no_pixel_up_to_512(eyes: float, size: int) -> None:
    openings = spoken(4)
    crop = Crop.around(landmarks(openings, np.full(4, 900 + 300j), np.full(4, eyes + 0j)))
    assert crop.size == size
    assert crop.size in SIZES
    assert crop.square(0).side == pytest.approx(1.5 * eyes, rel=1e-3)


def test_pasting_what_was_cut_changes_nothing_outside_the_matte_and_hardly_anything_inside(
    film: Any, crop: Crop
) -> None:
    picture, full = film.pictures[7], np.ones((crop.size, crop.size), np.float32)
    same, matte = crop.paste(
        picture, 7, crop.cut(picture, 7), full * mask.face_mask(crop.lower[7], crop.lower[7], crop.size)
    )
    assert (same[matte == 0] == picture[matte == 0]).all()
    assert matte.max() == 255
    assert np.abs(same.astype(int) - picture)[matte > 0].mean() < 1.5
    new, matte = crop.paste(picture, 7, np.zeros((crop.size, crop.size, 3), np.float32), full)
    assert (new[matte == 255] == 0).all()
    assert (new[matte == 0] == picture[matte == 0]).all()


def test_a_flow_brings_points_where_they_shall_be_and_leaves_the_edge() -> None:
    random = np.random.default_rng(2)
    source = random.uniform(30, 98, (30, 2)).astype(np.float32)
    target = (source + random.normal(0, 2, source.shape)).astype(np.float32)
    bent = warp.flow(source, target, 128)
    away = [np.linalg.norm(bent[int(y), int(x)] - from_) for (x, y), from_ in zip(target, source, strict=True)]
    assert np.median(away) < 1.5  # the pixel that a point lies in, not the point itself
    assert np.abs(bent[0, 0] - 0.5).max() < 0.5
    still = warp.flow(source, source, 128)
    rows, columns = np.mgrid[:128, :128]
    assert np.abs(still - np.stack([columns, rows], axis=-1) - 0.5).max() < 1e-3


def test_the_mask_covers_both_mouths_and_not_the_border(crop: Crop) -> None:
    shut, wide = int(crop.lower.shape[0] * 0), 9
    whole = mask.face_mask(crop.lower[shut], crop.lower[wide], crop.size)
    for frame in (shut, wide):
        points = crop.lower[frame][mask.MASKED]
        inside = points[((points > 14) & (points < crop.size - 14)).all(1)].astype(int)
        assert len(inside) > 40
        assert (whole[inside[:, 1], inside[:, 0]] > 0.6).all()
    assert not whole[0].any()
    assert not whole[:, 0].any()
    lips = mask.face_mask(crop.lower[shut], crop.lower[wide], crop.size, lips_only=True)
    assert 0 < lips.sum() < whole.sum() / 3


@pytest.mark.parametrize("part", [mask.OUTER, mask.INNER])
def test_the_area_in_a_loop_of_lips_is_its_polygon(crop: Crop, part: slice) -> None:
    loop = crop.lower[9][part]
    x, y = loop.T
    area = 0.5 * abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1)))  # Gauss's shoelace
    assert mask.ring(loop, crop.size).sum() == pytest.approx(area, rel=0.06)


def test_another_light_is_matched_in_the_ring() -> None:
    random = np.random.default_rng(1)
    plate = random.uniform(60, 180, (64, 64, 3)).astype(np.float32)
    away = np.minimum(np.arange(64), 63 - np.arange(64))
    soft = np.clip(np.minimum.outer(away, away) / 20, 0, 1).astype(np.float32)
    slope = np.linspace(0.9, 1.1, 64, dtype=np.float32)[:, None, None]
    other = (plate + 40) * np.array([1.2, 1.0, 0.8], np.float32) * slope - 40
    assert np.abs(other - plate).mean() > 12
    assert np.abs(colour.matched(other, plate, soft) - plate).mean() < 2  # slopes are resisted


def test_picks_are_the_same_frame_if_it_is_there_and_the_film_goes_on_where_jumps_cost(
    bank: retrieve.Bank, crop: Crop
) -> None:
    own = retrieve.features(bank.lower, bank.nose, crop.size)
    assert (retrieve.pick(own, own, np.zeros((len(own), len(own)), np.float32)) == np.arange(len(own))).all()
    jumps = retrieve.jumps(bank)
    follows = jumps[np.arange(len(own) - 1), np.arange(1, len(own))]
    assert follows.mean() < 0.25 * jumps.mean()
    trembling = own + np.random.default_rng(0).normal(0, 0.3 * own.std(), own.shape).astype(np.float32)
    calm = retrieve.pick(trembling, own, 50 * jumps)
    wild = retrieve.pick(trembling, own, 0 * jumps)
    assert (np.diff(calm) == 1).sum() > (np.diff(wild) == 1).sum()


def test_a_closed_mouth_is_painted_open_with_what_the_plate_has_between_its_lips(
    film: Any, crop: Crop, bank: retrieve.Bank
) -> None:
    shut, wide = int(np.argmin(film.openings)), int(np.argmax(film.openings))
    plate = bank.pictures[shut].astype(np.float32)
    painted = coarse.coarse(plate, crop.lower[shut], crop.nose[shut], crop.lower[wide], bank, wide, wide)
    truth = bank.pictures[wide].astype(np.float32)
    inside = painted.inner > 0.5
    assert np.abs(plate - truth)[inside].mean() > 60
    assert np.abs(painted.picture - truth)[inside].mean() < 12
    assert (painted.picture[painted.face == 0] == plate[painted.face == 0]).all()


def test_grain_and_sharpness_come_back() -> None:
    random = np.random.default_rng(4)
    smooth = np.repeat(np.linspace(80, 150, 96, dtype=np.float32)[None, :, None], 96, axis=0).repeat(3, axis=2)
    plate = smooth + random.normal(0, 3, (96, 96, 1)).astype(np.float32)
    full, none = np.ones((96, 96), np.float32), np.zeros((96, 96), np.float32)
    grained = detail.grained(smooth, plate, full, none, 5)
    area = np.ones((96, 96), bool)
    assert detail.grain(grained, area) == pytest.approx(detail.grain(plate, area), rel=0.2)
    assert (detail.grained(plate, smooth, full, none, 5) == plate).all()
    bars = np.where(np.arange(96) // 8 % 2, 60.0, 160.0).astype(np.float32)
    edges = np.ones((96, 1, 3), np.float32) * bars[None, :, None]
    soft = (edges + np.roll(edges, 1, 1) + np.roll(edges, -1, 1)) / 3
    wanted = 1.3 * detail.sharpness(soft, full)
    assert detail.sharpness(detail.sharpened(soft, full, wanted), full) == pytest.approx(wanted, rel=0.1)
    assert (detail.sharpened(edges, full, wanted) == edges).all()
