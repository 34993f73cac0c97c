"""The face of a plate is followed through every frame, and what a new mouth cannot go into is flagged; real footage."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageFilter

from model_runtime import pipeline
from model_runtime.errors import Cancelled, ConsentError, ModelError, PlateError
from model_runtime.hearing import audio
from model_runtime.plate import detect, face_networks, face_points, film, gate, quality, track, trust
from model_runtime.plate.face_networks import CONTRACT, CURVES, FaceNetworks
from model_runtime.plate.picture_square import Square, sample
from model_runtime.plate.quality import Trouble

from ..anna import allows

av = pytest.importorskip("av")
PLATE = "ab" * 32


@pytest.fixture(scope="module")
def networks(face_folder: Path) -> FaceNetworks:
    return FaceNetworks.load(face_folder)


@pytest.fixture(scope="module")
def permission(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """The gate's, to fit a network to the recording `PLATE`."""
    folder = tmp_path_factory.mktemp("consent")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(trust.HOME, str(folder / "home"))
        record = allows(folder, PLATE, {"text": "Hello"}, plate_fit=True)
        return gate.permit(record, gate.Use(PLATE, gate.Purpose.PLATE_FIT))


@pytest.fixture(scope="module")
def plate(shared: Path) -> Callable[..., Any]:
    """Frames of a GRID clip, uint8 [t, 288, 360, 3]."""

    def read(name: str, count: int = 75) -> Any:
        return np.stack(list(itertools.islice(film.frames(shared / f"plates/{name}.mpg"), count)))

    return read


@pytest.fixture(scope="module")
def follow(networks: FaceNetworks, permission: Any) -> Callable[..., track.FaceTrack]:
    return lambda pictures: track.track(pictures, 25.0, permission, PLATE, networks)


@pytest.fixture(scope="module")
def followed(plate: Any, follow: Any) -> Callable[[str], track.FaceTrack]:
    """The track of a whole clip, made once."""
    return functools.cache(lambda name: follow(plate(name)))


VOWELS = ("æ", "a", "ɛ", "e", "ɔ", "o", "aɪ", "aʊ", "eɪ", "oʊ")
SPEAKER, OTHER = "grid_speakers/lrwp9a", "grid_speakers/lwbsza"


@pytest.mark.parametrize("name", [SPEAKER, "grid_speakers/swiz3n", "grid_s1/bbbs5s"])
def test_every_frame_of_a_good_plate_is_tracked(name: str, followed: Any) -> None:
    found = followed(name)
    assert found.landmarks.shape == (75, 478, 3) and found.landmarks.dtype == np.float32
    assert found.curves.shape == (75, len(CURVES)) and found.curves.min() >= 0 and found.curves.max() <= 1
    assert found.found.all() and found.confidence.min() > 0.9 and not found.flags
    assert found.size == (360, 288) and not found.shots.any()
    low, high = found.landmarks[..., :2].min((0, 1)), found.landmarks[..., :2].max((0, 1))
    assert np.all(low > 0) and np.all(high < [360, 288])
    assert not found.landmarks.flags.writeable


def test_the_lips_of_the_track_lie_on_red_lips(plate: Any, follow: Any) -> None:
    """The vermilion, midway between the two rims, is redder than the skin right above and below it."""
    lips, skin = [11, 12, 15, 16, 72, 302, 85, 315], [164, 167, 393, 18, 83, 313]
    pictures = plate(SPEAKER, 25)
    for picture, points in zip(pictures, follow(pictures).landmarks, strict=True):
        columns, rows = np.rint(points[[*lips, *skin], :2]).astype(int).T
        colours = picture[rows, columns].astype(float)
        redness = colours[:, 0] / colours.sum(1)
        assert redness[: len(lips)].mean() > redness[len(lips) :].mean() + 0.02


def test_lips_are_shut_where_closures_are_heard(followed: Any, shared: Path) -> None:
    """p b m that Labial hears in the sound of some clips, against the lips that it sees in their pictures."""
    shut, open_ = [], []
    for name in ("grid_s1/bbbs5s", "grid_s1/bbir6n", "grid_speakers/bbaf2n", "grid_speakers/lbbc2a"):
        with av.open(str(shared / f"plates/{name}.mpg")) as movie:
            rate = movie.streams.audio[0].rate
            blocks = [frame.to_ndarray() for frame in movie.decode(audio=0)]
        samples = np.concatenate(blocks, axis=1).mean(0) / np.float32(32768 if blocks[0].dtype == np.int16 else 1)
        speech = pipeline.listen(audio.from_samples(samples, rate, name), "")
        opening = face_points.opening(followed(name).landmarks)
        for phone in speech.phones:
            near = opening[max(0, round(phone.start * 25) - 1) : round(phone.end * 25) + 2]
            if phone.symbol in ("p", "b", "m"):
                shut.append(near.min())
            elif phone.symbol in VOWELS:
                open_.append(near.max())
    assert len(shut) >= 6 and len(open_) >= 6
    assert np.quantile(shut, 0.8) < 0.3 * np.median(open_)


def test_the_curves_open_with_the_lips(followed: Any) -> None:
    found = followed(SPEAKER)
    opening = face_points.opening(found.landmarks)
    assert np.corrcoef(opening, found.curves[:, CURVES.index("jawOpen")])[0, 1] > 0.8


def test_a_frame_without_a_face_is_lost_and_the_face_found_again(plate: Any, follow: Any) -> None:
    pictures = plate(SPEAKER, 20)
    pictures[8:11] = 60
    found = follow(pictures)
    assert found.flagged(Trouble.LOST) == [8, 9, 10]
    assert np.isnan(found.landmarks[8:11]).all() and np.isnan(found.curves[8:11]).all()
    assert found.found.sum() == 17 and (found.confidence[8:11] < 0.5).all()
    lost = next(flag for flag in found.flags if flag.trouble is Trouble.LOST)
    assert lost.seconds == pytest.approx(8 / 25)
    assert "frames 8-10 (0.32-0.40 s): no face is seen" in quality.summary(found.flags)


def test_a_cut_is_flagged_and_nothing_is_smoothed_over_it(plate: Any, follow: Any) -> None:
    one, other = plate(SPEAKER, 12), plate(OTHER, 12)
    found = follow(np.concatenate([one, other]))
    assert found.flagged(Trouble.CUT) == [12] and found.found.all()
    assert found.shots.tolist() == [0] * 12 + [1] * 12
    apart = np.concatenate([follow(one).landmarks, follow(other).landmarks])
    assert np.abs(found.landmarks - apart)[..., :2].max() < 1.0


@pytest.mark.parametrize(("width", "small"), [(360, False), (120, True)])
def test_a_mouth_of_few_pixels_is_flagged(width: int, small: bool, plate: Any, follow: Any) -> None:
    pictures = []
    for picture in plate(SPEAKER, 3):
        scaled = Image.fromarray(picture).resize((width, width * 288 // 360), Image.Resampling.BOX)
        pictures.append(np.full((288, 360, 3), 90, np.uint8))
        pictures[-1][-scaled.height :, :width] = np.asarray(scaled)
    found = follow(pictures)
    assert found.found.all() and found.flagged(Trouble.SMALL) == ([0, 1, 2] if small else [])
    if small:
        value = next(flag.value for flag in found.flags if flag.trouble is Trouble.SMALL)
        assert 10 < value < quality.LEAST_MOUTH


def test_blurred_frames_are_flagged(plate: Any, follow: Any) -> None:
    pictures = plate(SPEAKER, 20)
    for frame in (7, 8):
        pictures[frame] = np.asarray(Image.fromarray(pictures[frame]).filter(ImageFilter.GaussianBlur(2.5)))
    found = follow(pictures)
    assert found.found.all() and found.flagged(Trouble.BLURRED) == [7, 8]


@pytest.mark.parametrize("tone", ["hand", "microphone"])
def test_what_is_before_the_mouth_is_flagged(tone: str, plate: Any, follow: Any) -> None:
    """A disc of the forehead's own colour, or a dark one, over the mouth in five of 25 frames."""
    pictures = plate(SPEAKER, 25)
    points = follow(pictures).landmarks
    rows, columns = np.mgrid[:288, :360]
    for frame in range(10, 15):
        (x, y), width = points[frame, 13, :2], face_points.mouth_width(points[frame])
        forehead = pictures[frame][tuple(np.rint(points[frame, 151, 1::-1]).astype(int))]
        hidden = ((columns - x) / width) ** 2 + ((rows - y) / (0.7 * width)) ** 2 < 1
        pictures[frame][hidden] = forehead if tone == "hand" else 30
    found = follow(pictures)
    lost = found.flagged(Trouble.LOST)
    assert sorted({*found.flagged(Trouble.OCCLUDED), *lost}) == [10, 11, 12, 13, 14]


def test_another_face_beside_is_flagged(plate: Any, follow: Any) -> None:
    pictures = np.concatenate([plate(SPEAKER, 3), plate(OTHER, 3)], axis=2)
    assert follow(pictures).flagged(Trouble.TWO_FACES) == [0, 1, 2]


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_phone_film_on_its_side_is_tracked_and_flagged(turns: int, plate: Any, follow: Any) -> None:
    pictures = plate(SPEAKER, 4)
    upright, turned = follow(pictures), follow(np.ascontiguousarray(np.rot90(pictures, turns, (1, 2))))
    assert turned.found.all() and turned.flagged(Trouble.LYING) == [0, 1, 2, 3] and not upright.flags
    assert face_points.opening(turned.landmarks) == pytest.approx(face_points.opening(upright.landmarks), abs=0.02)


def test_a_small_face_in_a_large_picture_is_found(plate: Any, networks: FaceNetworks) -> None:
    """A twentieth of the picture's height, which the detector cannot see in the whole."""
    large = np.full((1600, 1280, 3), 90, np.uint8)
    large[1000:1144, 700:880] = plate(SPEAKER, 1)[0, ::2, ::2]
    assert not detect.detect(networks, large)
    seen = track.Follower(networks).see(large)
    assert seen.found and np.all(np.abs(seen.points[1, :2] - [790, 1072]) < 72)


def test_noise_is_no_face(follow: Any) -> None:
    pictures = np.random.default_rng(0).integers(0, 255, (2, 288, 360, 3), dtype=np.uint8)
    found = follow(pictures)
    assert not found.found.any() and found.flagged(Trouble.LOST) == [0, 1]


def test_a_turned_head_is_flagged(plate: Any, networks: FaceNetworks) -> None:
    """The landmarks of a real face, turned about the neck's axis in depth."""
    seen = track.Follower(networks).see(plate(SPEAKER, 1)[0])
    assert abs(face_points.angles(seen.points).yaw) < 15
    for degrees in (-50, 50):
        cosine, sine = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
        turn = np.array([[cosine, 0, sine], [0, 1, 0], [-sine, 0, cosine]], np.float32)
        away = dataclasses.replace(seen, points=(seen.points - seen.points[1]) @ turn + seen.points[1])
        assert abs(abs(face_points.angles(away.points).yaw) - 50) < 15
        assert [flag.trouble for flag in quality.flags([seen, away], 25.0)] == [Trouble.TURNED]


def test_smoothing_takes_the_tremble_out_and_leaves_the_lips(plate: Any, networks: FaceNetworks) -> None:
    follower = track.Follower(networks)
    points = np.stack([follower.see(picture).points for picture in plate(SPEAKER, 40)])
    shaken = points + np.random.default_rng(1).normal(0, 0.5, (40, 1, 3)).astype(np.float32)
    shots = np.zeros(40, np.int32)
    steady = track.smoothed(shaken, shots, 25.0)
    roughness = [float(np.diff(path[:, 1, :2], 2, axis=0).std()) for path in (shaken, steady)]
    assert roughness[1] < 0.5 * roughness[0]
    lips = [face_points.opening(path) for path in (points, track.smoothed(points, shots, 25.0))]
    assert np.abs(lips[0] - lips[1]).max() < 0.005
    moved = points + np.linspace(0, 60, 40, dtype=np.float32)[:, None, None] ** [[[1, 1, 0]]]
    assert np.abs(track.smoothed(moved.astype(np.float32), shots, 25.0) - moved)[..., :2].max() < 1.5


def test_without_consent_for_this_recording_nothing_is_tracked(permission: Any, networks: FaceNetworks) -> None:
    with pytest.raises(ConsentError, match="another recording"):
        track.track(iter([]), 25.0, permission, "cd" * 32, networks)


def test_it_can_be_cancelled_and_tells_how_far_it_is(plate: Any, permission: Any, networks: FaceNetworks) -> None:
    told = []

    def progress(share: float, _text: str) -> None:
        told.append(share)
        if len(told) == 3:
            raise Cancelled("cancelled")

    with pytest.raises(Cancelled):
        track.track(plate(SPEAKER, 8), 25.0, permission, PLATE, networks, progress, 8)
    assert told == [0, 1 / 8, 2 / 8]


def test_a_plate_without_frames_is_refused(permission: Any, networks: FaceNetworks) -> None:
    with pytest.raises(PlateError, match="no frames"):
        track.track(iter([]), 25.0, permission, PLATE, networks)


@pytest.mark.parametrize("damage", ["weights", "schema", "input", "json", "missing"])
def test_damaged_networks_are_refused(damage: str, face_folder: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(face_folder, tmp_path / "face")
    contract = json.loads((folder / CONTRACT).read_text())
    if damage == "weights":
        data = bytearray((folder / "landmarks.onnx").read_bytes())
        data[len(data) // 2] ^= 1
        (folder / "landmarks.onnx").write_bytes(data)
    elif damage == "missing":
        (folder / "blendshapes.onnx").unlink()
    elif damage == "schema":
        contract["schema"] = "labial-face/0"
    elif damage == "input":
        contract["networks"]["detector"]["input"] = [1, 192, 192, 3]
    (folder / CONTRACT).write_text(json.dumps(contract) if damage != "json" else "{")
    with pytest.raises(ModelError, match="damaged|missing|version|cannot be read"):
        FaceNetworks.load(folder)


def test_missing_networks_say_how_to_get_them(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(face_networks, "PLACES", (tmp_path / "face",))
    with pytest.raises(ModelError, match=r"labial-full.*build\.py models"):
        FaceNetworks.load()


def test_a_square_is_sampled_where_it_lies() -> None:
    rows, columns = np.mgrid[:50, :80]
    picture = np.stack([columns, rows, columns + rows], -1).astype(np.uint8)
    square = Square(40.0, 25.0, 20.0, 0.5)
    grid = (np.arange(16, dtype=np.float32) + np.float32(0.5)) / 16
    expected = square.to_picture(np.stack(np.meshgrid(grid, grid), -1)) - 0.5
    assert sample(picture, square, 16)[..., :2] == pytest.approx(expected, abs=1e-3)
    pooled = sample(picture, Square(40.0, 25.0, 40.0), 8)
    assert pooled[..., 0] == pytest.approx(np.tile(np.arange(8) * 5.0 + 22, (8, 1)), abs=0.01)
    assert pooled[..., 1] == pytest.approx(np.tile(np.arange(8) * 5.0 + 7, (8, 1)).T, abs=0.01)
    large = np.kron(picture[..., :1], np.ones((9, 9, 3), np.uint8))
    assert sample(large, Square(360.0, 225.0, 360.0), 8)[..., 0] == pytest.approx(pooled[..., 0], abs=0.6)
    black = sample(picture, Square(0.0, 0.0, 20.0), 16, black=True)
    assert not black[:8].any() and not black[:, :8].any() and black[9:, 9:].any()
