"""A mouth is painted where it belongs, in the light and grain of its frame, from the frames that show it best."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model_runtime.plate import colour, detail, face_points, film, mask, retrieve, warp
from model_runtime.plate.coarse import Coarse, coarse
from model_runtime.plate.crop import Crop, linear
from model_runtime.plate.face_networks import FaceNetworks
from model_runtime.plate.head import Head
from model_runtime.plate.refine import WEIGHTS, Refiner
from model_runtime.plate.track import Follower

from ..drawn_person import DrawnPerson

COUNT = 14
OPEN, SHUT = 4, 0
"""Frames of the drawn person."""


@pytest.fixture(scope="module")
def person() -> DrawnPerson:
    return DrawnPerson.speaking(COUNT)


@pytest.fixture(scope="module")
def crop(person: DrawnPerson) -> Crop:
    return Crop.around(person.landmarks)


@pytest.fixture(scope="module")
def bank(person: DrawnPerson, crop: Crop) -> retrieve.Bank:
    cuts = np.array([np.clip(np.rint(crop.cut(person.picture(k), k)), 0, 255) for k in range(COUNT)], np.uint8)
    return retrieve.bank_of(crop, cuts, np.arange(COUNT, dtype=np.int32))


def painted(crop: Crop, bank: retrieve.Bank, frame: int, shape: int, source: int, **more: Any) -> Coarse:
    plate = bank.pictures[frame].astype(np.float32)
    return coarse(plate, crop.lower[frame], crop.nose[frame], crop.lower[shape], bank, source, source, **more)


def area(loop: Any) -> float:
    """Of a polygon [k, 2], by the shoelace."""
    x, y = loop.astype(float).T
    return abs(float((x * np.roll(y, -1) - y * np.roll(x, -1)).sum())) / 2


def test_the_heads_frame_has_the_eyes_at_its_ends_and_goes_there_and_back(person: DrawnPerson) -> None:
    head, points = Head.of(person.landmarks), person.landmarks[:, :, :2]
    there = head.to_head(points)
    assert there[:, [33, 263]] == pytest.approx(np.tile(np.float32([[-0.5, 0], [0.5, 0]]), (COUNT, 1, 1)), abs=1e-4)
    assert head.to_plate(there) == pytest.approx(points, abs=1e-3)


@pytest.mark.parametrize("turn", [2.5, np.exp(0.5j), 0.3 * np.exp(-2j)])
def test_where_and_how_large_a_head_is_does_not_change_its_shape(person: DrawnPerson, turn: complex) -> None:
    path = np.arange(COUNT) * (3 - 2j)
    moved = dataclasses.replace(person, place=person.place * turn + path, turn=person.turn * turn)
    heads = [Head.of(one.landmarks).to_head(one.landmarks) for one in (person, moved)]
    assert heads[1] == pytest.approx(heads[0], abs=1e-3)


def test_a_frame_without_a_face_leaves_the_others_as_they_are(person: DrawnPerson) -> None:
    points = person.landmarks
    points[5] = np.nan
    head, whole = Head.of(points), Head.of(person.landmarks)
    assert np.isnan(head.turn[5]) and np.delete(head.turn - whole.turn, 5) == pytest.approx(0, abs=1e-3)


@pytest.mark.parametrize(("eyes", "size"), [(60, 128), (120, 256), (300, 512), (900, 512)])
def test_the_square_is_the_least_that_loses_no_pixel(eyes: float, size: int) -> None:
    found = Crop.around(DrawnPerson.speaking(3, eyes).landmarks)
    assert found.size == size and found.square(1).side == pytest.approx(1.5 * eyes, rel=1e-3)
    assert found.lower[:, mask.MASKED].min() > 0 and found.lower[:, mask.MASKED].max() < size


@pytest.mark.parametrize(("size", "shift", "share"), [(128, 0, 0.95), (256, 0, 1), (256, 25, 1)])
def test_what_is_cut_out_and_put_back_unchanged_changes_nothing(
    person: DrawnPerson, size: int, shift: float, share: float
) -> None:
    """shift: pixels to the right and down, so that a part of the square is outside of the picture; share: of what is
    new, how much stays within two levels."""
    person = dataclasses.replace(person, place=person.place + shift * (1 + 1j), noise=0.3)
    crop, picture = Crop.around(person.landmarks, size), person.picture(OPEN)
    face = mask.face_mask(crop.lower[OPEN], crop.lower[OPEN], size)
    result, matte = crop.paste(picture, OPEN, crop.cut(picture, OPEN), face)
    away = np.abs(result.astype(int) - picture)
    assert np.quantile(away[matte > 0], share) <= 2 and not away[matte == 0].any() and matte.max() == 255
    other, _ = crop.paste(picture, OPEN, np.full((size, size, 3), 9, np.float32), face)
    assert (other[matte == 255] == 9).all() and (other[matte == 0] == picture[matte == 0]).all()
    points = person.landmarks[OPEN, list(face_points.MASKED), :2]
    inside = (points > 0).all(-1) & (points < [*person.size]).all(-1)
    columns, rows = points[inside].astype(int).T
    assert matte[rows, columns].min() > 180


@pytest.mark.parametrize("size", [128, 512])
@pytest.mark.parametrize(("old", "new"), [(SHUT, OPEN), (OPEN, SHUT), (OPEN, OPEN)])
def test_a_flow_brings_points_onto_others(crop: Crop, size: int, old: int, new: int) -> None:
    """Where two points come to lie on one, and a little beside them at the corners, the bend is a compromise."""
    scale = np.float32(size / crop.size)
    chosen = [*range(1, 10), *range(11, 20), *mask.MASKED[40:]]
    source, target = (crop.lower[frame, chosen] * scale for frame in (old, new))
    bent = warp.flow(source, target, size)
    missed = np.linalg.norm(linear(bent, *target.T) - source, axis=1)
    assert np.quantile(missed, 0.8) < 0.3 * scale and missed.max() < 0.6 * scale
    if old == new:
        centres = np.stack(np.meshgrid(*[np.arange(size) + 0.5] * 2), axis=-1)
        np.testing.assert_allclose(bent, centres, atol=0.01)


@pytest.mark.parametrize("lips_only", [False, True])
def test_the_mask_covers_both_mouths_and_ends_before_the_border(crop: Crop, lips_only: bool) -> None:
    face = mask.face_mask(crop.lower[SHUT], crop.lower[OPEN], crop.size, lips_only)
    covered = np.arange(20) if lips_only else mask.MASKED
    for frame in (SHUT, OPEN):
        columns, rows = crop.lower[frame, covered].astype(int).T
        assert face[rows, columns].min() > (0.5 if lips_only else 0.75)
    assert not face[[0, -1]].any() and not face[:, [0, -1]].any() and face.min() == 0 and face.max() == 1
    chin = crop.lower[OPEN, face_points.LOWER.index(face_points.CHIN)].astype(int)
    assert (face[chin[1], chin[0]] > 0.75) is not np.bool_(lips_only)


@pytest.mark.parametrize("part", [mask.OUTER, mask.INNER])
@pytest.mark.parametrize("tilt", [0.0, 0.25])
def test_the_ring_of_the_lips_has_their_area(crop: Crop, part: slice, tilt: float) -> None:
    loop = crop.lower[OPEN, part] - 64
    turned = loop @ np.float32([[np.cos(tilt), np.sin(tilt)], [-np.sin(tilt), np.cos(tilt)]]) + 64
    assert mask.ring(turned, crop.size).sum() == pytest.approx(area(turned), rel=0.04)


@pytest.mark.parametrize(
    ("cast", "slope", "left"), [((0.8, 1.1, 1.25), 0.0, 0.1), ((1, 1, 1), 0.25, 0.5), ((0.9, 1, 1.1), -0.2, 0.5)]
)
def test_the_light_of_the_frame_is_taken_over(
    crop: Crop, bank: retrieve.Bank, cast: Any, slope: float, left: float
) -> None:
    """left: what share of the difference may stay."""
    plate = bank.pictures[SHUT].astype(np.float32)
    face = mask.face_mask(crop.lower[SHUT], crop.lower[SHUT], crop.size)
    across = np.exp(slope * np.linspace(-1, 1, crop.size, dtype=np.float32))[None, :, None]
    new = plate * np.float32(cast) * across
    inside = face > 0.5
    away = [np.abs(one - plate)[inside].mean() for one in (new, colour.matched(new, plate, face))]
    assert away[1] < left * away[0] and np.abs(colour.matched(plate, plate, face) - plate).max() < 1e-3


def test_a_change_inside_the_mouth_does_not_change_its_light(crop: Crop, bank: retrieve.Bank) -> None:
    new = bank.pictures[OPEN].astype(np.float32)
    face = mask.face_mask(crop.lower[OPEN], crop.lower[OPEN], crop.size)
    plate = new.copy()
    plate[face > 0.7] = 0
    np.testing.assert_allclose(colour.matched(new, plate, face), new, atol=0.01)


@pytest.mark.parametrize("much", [1.0, 0.02])
def test_the_frame_itself_is_picked_where_it_is_there(crop: Crop, much: float) -> None:
    """much: how much the lips move; of a still face as well."""
    lower = crop.lower[0] + np.float32(much) * (crop.lower - crop.lower[0])
    for features in (retrieve.features(lower, crop.nose, 128), retrieve.inner_features(lower, 128)):
        distinct = np.unique(features.round(7), axis=0, return_index=True)[1]
        picks = retrieve.pick(features[distinct], features, np.zeros((COUNT, COUNT), np.float32))
        assert features[picks] == pytest.approx(features[distinct], abs=1e-6)


def test_picks_stay_with_the_film_where_a_jump_costs_more_than_it_brings() -> None:
    film, random = np.arange(30, dtype=np.float32)[:, None] / 10, np.random.default_rng(0)
    wanted = film[5:20] + random.normal(0, 0.15, (15, 1)).astype(np.float32)
    numbers = np.arange(30)
    jumps = (numbers[None] != numbers[:, None] + 1).astype(np.float32)
    free, dear = (retrieve.pick(wanted, film, jumps * price) for price in (0, 3))
    assert (np.diff(free) != 1).sum() > 5 and (np.diff(dear) == 1).all() and abs(dear[0] - 5) <= 1


def test_a_step_of_the_film_is_no_jump_and_another_shot_is_one(bank: retrieve.Bank) -> None:
    other = dataclasses.replace(bank, pictures=bank.pictures // 2, frames=bank.frames + 100)
    both = retrieve.Bank(
        *(np.concatenate([getattr(one, name) for one in (bank, other)]) for name in bank.__annotations__)
    )
    jumps = retrieve.jumps(both)
    steps = jumps[np.arange(COUNT - 1), np.arange(1, COUNT)]
    assert np.median(steps) < 0.05 and steps.max() < 0.2 and jumps[:COUNT, COUNT:].min() > 0.7


@pytest.mark.parametrize(("frame", "shape", "source"), [(SHUT, OPEN, 5), (OPEN, 10, 11), (2, 2, 2)])
def test_a_painted_mouth_is_the_wanted_one(
    crop: Crop, bank: retrieve.Bank, frame: int, shape: int, source: int
) -> None:
    """The frame whose shape is wanted is the truth, for the person's head hardly turns."""
    found, truth, old = painted(crop, bank, frame, shape, source), bank.pictures[shape], bank.pictures[frame]
    lips = (found.outer > 0.5) | (mask.ring(crop.lower[frame, mask.OUTER], crop.size) > 0.5)
    away, still = (np.abs(one - truth.astype(np.float32))[lips].mean() for one in (found.picture, old))
    assert away < max(2.5, 0.3 * still)
    assert (found.picture[found.face == 0] == old[found.face == 0]).all()
    assert np.abs(found.between - found.picture)[found.inner > 0.9].max() < 3


def test_an_open_mouth_comes_from_an_open_one_though_the_face_is_shut(crop: Crop, bank: retrieve.Bank) -> None:
    plate = bank.pictures[SHUT].astype(np.float32)
    inner = painted(crop, bank, OPEN, OPEN, OPEN).inner > 0.9
    dark = [
        coarse(plate, crop.lower[SHUT], crop.nose[SHUT], crop.lower[OPEN], bank, SHUT, second).picture[inner].mean()
        for second in (SHUT, OPEN)
    ]
    truth = bank.pictures[OPEN][inner].mean()
    assert abs(dark[1] - truth) < 5 < 20 < abs(dark[0] - truth)


@pytest.mark.parametrize("sensor", [2.0, 5.0])
def test_the_grain_of_the_plate_is_restored(crop: Crop, bank: retrieve.Bank, sensor: float) -> None:
    soft = bank.pictures[:5].mean(0).astype(np.float32)
    plate = soft + np.random.default_rng(0).normal(0, sensor, soft.shape[:2])[..., None].astype(np.float32)
    face = mask.face_mask(crop.lower[SHUT], crop.lower[SHUT], crop.size)
    outer = mask.ring(crop.lower[SHUT, mask.OUTER], crop.size)
    skin = (face > 0.9) & (outer == 0)
    results = [detail.grained(soft, plate, face, outer, frame) for frame in (3, 3, 4)]
    assert detail.grain(results[0], skin) == pytest.approx(detail.grain(plate, skin), rel=0.2)
    assert (results[0][face == 0] == soft[face == 0]).all() and np.abs(results[0] - soft).max() < 6 * sensor
    assert (results[0] == results[1]).all() and (results[0] != results[2]).any()
    np.testing.assert_allclose(detail.grained(plate, soft, face, outer, 3), plate, atol=1e-3)


def test_blurred_lips_are_made_as_sharp_as_is_wanted_and_no_others(crop: Crop, bank: retrieve.Bank) -> None:
    lips, picture = mask.ring(crop.lower[OPEN, mask.OUTER], crop.size), bank.pictures[OPEN].astype(np.float32)
    padded = np.pad(picture, ((1, 1), (1, 1), (0, 0)), "edge")
    soft = 0.8 * picture + 0.2 * (padded[2:, 1:-1] + padded[:-2, 1:-1]) / 2
    wanted = detail.sharpness(picture, lips)
    result = detail.sharpened(soft, lips, wanted)
    assert detail.sharpness(soft, lips) < 0.9 * wanted
    assert detail.sharpness(result, lips) == pytest.approx(wanted, rel=0.08)
    assert (result[lips == 0] == soft[lips == 0]).all()
    assert detail.sharpened(picture, lips, 0.5 * wanted) is picture


@pytest.mark.skipif(not (WEIGHTS / "refiner.onnx").is_file(), reason="the refiner's weights are not here")
@pytest.mark.parametrize("size", [128, 256])
def test_refining_changes_nothing_outside_of_the_new_face(crop: Crop, bank: retrieve.Bank, size: int) -> None:
    found, times = painted(crop, bank, SHUT, OPEN, 5), size // 128
    large = {
        name: np.kron(getattr(found, name), np.ones((times, times), np.float32)) for name in ("face", "outer", "inner")
    }
    large |= {name: getattr(found, name).repeat(times, 0).repeat(times, 1) for name in ("picture", "between")}
    found = Coarse(**large, sharpness=found.sharpness)
    refined = Refiner.load().refine(found)
    assert (refined[found.face == 0] == found.picture[found.face == 0]).all()
    assert refined.shape == found.picture.shape and refined.min() >= 0 and refined.max() <= 255
    assert np.abs(refined - found.picture)[found.outer > 0.5].mean() > 0.1


def test_a_filmed_mouth_is_painted_from_other_frames_of_it(shared: Path, face_folder: Path) -> None:
    """Frames of GRID, each from the most similar that is more than ten frames away, against what was filmed."""
    pytest.importorskip("av")
    follower = Follower(FaceNetworks.load(face_folder))
    pictures = list(film.frames(shared / "plates/grid_s1/bbbs5s.mpg"))[5:29]
    landmarks = np.stack([follower.see(picture).points for picture in pictures])
    crop, numbers = Crop.around(landmarks), np.arange(len(pictures), dtype=np.int32)
    cuts = np.array([np.clip(np.rint(crop.cut(pictures[k], k)), 0, 255) for k in numbers], np.uint8)
    bank, away = retrieve.bank_of(crop, cuts, numbers), []
    features = retrieve.features(crop.lower, crop.nose, crop.size)
    for frame in (0, 6, 17, 23):
        far = numbers[abs(numbers - frame) > 10]
        source = far[((features[far] - features[frame]) ** 2).sum(1).argmin()]
        found = painted(crop, bank, frame, frame, source)
        lips = found.outer > 0.5
        away.append(
            [np.abs(one - cuts[frame].astype(np.float32))[lips].mean() for one in (found.picture, cuts[source])]
        )
    assert np.mean(away, axis=0)[0] < 0.8 * np.mean(away, axis=0)[1]
