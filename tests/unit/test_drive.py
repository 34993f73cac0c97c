"""The lower face that a line asks of a plate: the plate's own rest and range, closures at any rate, rest in silence."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model_runtime import pipeline
from model_runtime.acting.articulate import articulate
from model_runtime.contracts import CHANNELS, FRAME_RATE, NATURAL, MouthTrack, Phone, Speech, frozen_array
from model_runtime.errors import PlateError
from model_runtime.hearing import network
from model_runtime.plate import drive, face_points, film, retrieve
from model_runtime.plate.face_networks import FaceNetworks
from model_runtime.plate.head import Head
from model_runtime.plate.track import FaceTrack, Follower, smoothed
from model_runtime.plate.voice_features import Line

from ..drawn_person import DrawnPerson

WORDS = (("sil", 0.8), ("m", 0.08), ("a", 0.2), ("p", 0.08), ("aɪ", 0.25), ("f", 0.1), ("oʊ", 0.25), ("b", 0.06),
         ("a", 0.2), ("v", 0.07), ("u", 0.2), ("t", 0.06), ("i", 0.2), ("sil", 0.9))  # fmt: skip
SPOKEN = (0.8, 2.55)
"""Seconds between the silences."""
HELD_OUT = ("bwag5s", "lrwz2n")
"""Clips of s1 that the network did not learn from."""


def says(*symbols_and_lengths: tuple[str, float]) -> MouthTrack:
    phones, time = [], 0.0
    for symbol, length in symbols_and_lengths:
        phones.append(Phone(symbol, time, time + length))
        time += length
    return articulate(Speech(tuple(phones), time, frozen_array(np.full(int(time * FRAME_RATE), -20.0))), NATURAL)


def silent(seconds: float) -> MouthTrack:
    values = np.zeros((int(seconds * FRAME_RATE), len(CHANNELS)))
    values[:, CHANNELS.index("sil")] = 1
    return MouthTrack(frozen_array(values), (), (), seconds)


LINE = Line(says(*WORDS))
OTHER = Line(says(("sil", 0.4), *WORDS[6:-1], *WORDS[1:6], ("sil", 0.5)))


def spoken(count: int) -> Any:
    """Openings of a mouth that opens and closes, in distances of the eyes."""
    return 0.09 * (1 - np.cos(np.arange(count) / 3)) + 0.002


def film_of(openings: Any, rate: float = 25.0, eyes: float = 60.0) -> FaceTrack:
    """The track of a drawn person, at any rate; eyes: pixels between them."""
    count = len(openings)
    time = np.arange(count)
    place, turn = 100 + 2 * np.sin(time / 9) + 34j, eyes * np.exp(0.03j * np.sin(time / 11))
    return DrawnPerson(np.asarray(openings), np.full(count, 0.33), place, turn, (200, 170)).track(rate)


TRACK = film_of(spoken(90))


def actor_of(track: FaceTrack) -> drive.Range:
    return drive.Range.of(shapes_of(track)[track.found])


def shapes_of(track: FaceTrack) -> Any:
    return Head.of(track.landmarks).to_head(track.landmarks[:, list(face_points.LOWER)])


def test_a_line_opens_the_mouth_within_the_plates_own_range() -> None:
    gaps, actor = drive.opening(drive.drive(LINE, TRACK)), actor_of(TRACK)
    vowels = [round(25 * (phone + 0.1)) for phone in (0.88, 2.0 - 0.18)]  # the middles of both a
    assert all(gaps[vowel] > actor.closed + 0.35 * actor.scale for vowel in vowels)
    assert gaps.max() < actor.closed + 1.6 * actor.scale


def test_who_opens_the_mouth_twice_as_far_is_driven_twice_as_far() -> None:
    quiet, loud = (film_of(factor * spoken(90)) for factor in (1.0, 2.0))
    moved = [drive.opening(drive.drive(LINE, track)) - actor_of(track).closed for track in (quiet, loud)]
    assert moved[1].std() / moved[0].std() == pytest.approx(2, rel=0.1)


def test_a_film_of_twice_the_size_gives_the_same_shapes() -> None:
    small, large = (drive.drive(LINE, film_of(spoken(90), eyes=eyes)) for eyes in (60.0, 120.0))
    assert np.abs(small - large).max() < 1e-4


@pytest.mark.parametrize("rate", [5.0, 12.0, 23.976, 25.0, 30.0, 59.94, 120.0])
def test_lips_meet_in_each_closure_at_any_rate(rate: float) -> None:
    track = film_of(spoken(int(3.5 * rate)), rate)
    gaps, actor = drive.opening(drive.drive(LINE, track)), actor_of(track)
    times = np.arange(len(gaps)) / rate
    assert [contact.phone for contact in LINE.mouth.contacts] == ["m", "p", "f", "b", "v"]
    for contact in LINE.mouth.contacts:
        limit = actor.closed + (0 if contact.kind == "closure" else drive.BITTEN * actor.scale)
        near = np.abs(times - contact.apex) <= max(drive.FOUND_WITHIN, 0.51 / rate)
        assert gaps[near].min() <= limit + 1e-3, contact


def test_the_lower_lip_and_the_chin_do_most_of_a_closure() -> None:
    contact = LINE.mouth.contacts[0]
    open_ = dataclasses.replace(LINE.mouth, contacts=())
    frame = round(contact.apex * 25)
    free, held = (drive.drive(Line(mouth), TRACK) for mouth in (open_, LINE.mouth))
    near = slice(frame - 2, frame + 3)
    risen = (free - held)[near, :, 1]
    lower, upper = risen[:, drive.INNER_LOWER[4]].max(), -risen[:, drive.INNER_UPPER[4]].min()
    assert lower > upper > 0
    assert 0 < risen[:, drive.JAW].max() <= lower
    assert np.allclose(risen[:, drive.OUTER_LOWER[4]], risen[:, drive.INNER_LOWER[4]], atol=1e-6)


def test_in_silence_the_mouth_is_at_rest_and_does_not_tremble() -> None:
    actor, own = actor_of(TRACK), drive.opening(shapes_of(TRACK)).std()
    rest = drive.drive(Line(silent(4)), TRACK, OTHER)
    assert np.allclose(rest, actor.rest, atol=1e-6)
    gaps = drive.opening(drive.drive(LINE, TRACK))
    times = np.arange(len(gaps)) / 25
    quiet = (times < SPOKEN[0] - 0.6) | (times > SPOKEN[1] + 0.6)
    assert quiet.sum() > 10 and gaps[quiet].std() <= 0.01 * own


def test_after_a_line_that_is_shorter_than_the_plate_the_mouth_rests() -> None:
    track = film_of(spoken(250))
    shapes = drive.drive(LINE, track)
    assert len(shapes) == 250
    assert np.allclose(shapes[round(25 * 3.3) :], actor_of(track).rest, atol=1e-6)


def test_an_artist_who_changes_the_track_changes_the_mouth() -> None:
    values = LINE.mouth.values.copy()
    first, end = 95, 105  # within an a
    values[first:end] *= 0.2
    values[first:end, CHANNELS.index("PP")] = 0.8
    changed = drive.drive(Line(dataclasses.replace(LINE.mouth, values=frozen_array(values))), TRACK)
    before, after = drive.opening(drive.drive(LINE, TRACK)), drive.opening(changed)
    assert after[25] < 0.8 * before[25]
    assert np.allclose(after[55:], before[55:], atol=1e-4)


def test_frames_without_a_face_are_driven_like_their_neighbours() -> None:
    points = TRACK.landmarks.copy()
    points[[0, 1, 30, 31, 89]] = np.nan
    lost = dataclasses.replace(TRACK, landmarks=points)
    shapes, whole = drive.drive(LINE, lost, OTHER), drive.drive(LINE, TRACK, OTHER)
    assert np.isfinite(shapes).all() and shapes.shape == whole.shape == (90, len(face_points.LOWER), 2)
    assert np.abs(shapes - whole).max() < 0.02


def test_a_plate_of_one_frame_is_driven() -> None:
    assert np.isfinite(drive.drive(LINE, film_of(spoken(1)), OTHER)).all()


def test_a_plate_without_a_face_says_so() -> None:
    nobody = dataclasses.replace(TRACK, landmarks=np.full_like(TRACK.landmarks, np.nan))
    with pytest.raises(PlateError, match="No face"):
        drive.drive(LINE, nobody)


@pytest.mark.parametrize("rate", [12.0, 25.0, 30.0])
def test_lips_never_cross(rate: float) -> None:
    shapes = drive.drive(LINE, film_of(spoken(int(3.5 * rate)), rate))
    assert (shapes[:, drive.INNER_LOWER, 1] - shapes[:, drive.INNER_UPPER, 1]).min() > -1e-5


def test_times_may_vary_from_frame_to_frame() -> None:
    times = np.sort(np.random.default_rng(1).uniform(0, 3.5, 90))
    shapes = drive.drive(LINE, TRACK, times=times)
    even = drive.drive(LINE, dataclasses.replace(TRACK, rate=90 / 3.5))
    assert (
        np.corrcoef(drive.opening(even), np.interp(np.arange(90) * 3.5 / 90, times, drive.opening(shapes)))[0, 1] > 0.9
    )


def spoken_by(offsets: Any, count: int) -> FaceTrack:
    """A track whose lower face moves by offsets [t, len(LOWER), 2] in head coordinates from a closed mouth."""
    track = film_of(np.zeros(count))
    head, points = Head.of(track.landmarks), track.landmarks.copy()
    points[:, list(face_points.LOWER), :2] = head.to_plate(shapes_of(track) + offsets)
    return dataclasses.replace(track, landmarks=points)


def test_a_plates_own_sound_teaches_how_this_actor_speaks() -> None:
    """An actor who also pulls the mouth wide where the average one opens it."""
    count, driver = 130, drive.Driver.load()
    times = np.arange(count) / 25
    wider = np.zeros((len(face_points.LOWER), 2), np.float32)
    wider[0, 0], wider[10, 0] = -0.5, 0.5  # the corners of the mouth

    def real(line: Line) -> Any:
        average = driver.shapes(line, times)
        return 0.15 * (average + drive.opening(average)[:, None, None] * wider)

    own = Line(says(*WORDS[:-1], *WORDS[6:-1], *WORDS[1:6], *WORDS[-1:]))
    track, truth = spoken_by(real(own), count), real(LINE)
    spoken_now = (times > SPOKEN[0]) & (times < SPOKEN[1])
    errors = []
    for heard in (None, own):
        width = retrieve.mouth_measures(drive.drive(LINE, track, heard, driver))[spoken_now, 1]
        errors.append(1 - np.corrcoef(width, (truth[:, 10, 0] - truth[:, 0, 0])[spoken_now])[0, 1])
    assert errors[1] < 0.5 * errors[0]


def test_a_sound_that_is_not_the_plates_teaches_nothing() -> None:
    count = 130
    random = np.random.default_rng(3)
    track = film_of(np.abs(np.convolve(random.normal(0, 0.1, count), np.ones(5) / 5, "same")) + 0.01)
    plain, fitted = drive.drive(LINE, track), drive.drive(LINE, track, LINE)
    assert np.abs(drive.opening(fitted) - drive.opening(plain)).mean() < 0.35 * actor_of(track).scale


def followed(path: Path, face_folder: Path) -> tuple[list[float], list[float]]:
    """How well opening and width of a clip's mouth go with what its sound asks for: by all that is heard in it, and by
    the mouth's curves alone."""
    follower = Follower(FaceNetworks.load(face_folder))
    seen = [follower.see(picture) for picture in film.frames(path)]
    points = smoothed(np.stack([one.points for one in seen]), np.zeros(len(seen), np.int32), 25.0)
    track = FaceTrack(points, np.stack([one.curves for one in seen]), np.ones(len(seen), np.float32),
                      np.zeros(len(seen), np.int32), (), 25.0, (360, 288))  # fmt: skip
    clip = film.opened(path).sound()
    assert clip is not None
    line = Line(articulate(pipeline.listen(clip), NATURAL), clip, network.shared().hear(clip))
    real = retrieve.mouth_measures(shapes_of(track))

    def likeness(given: Line) -> list[float]:
        driven = retrieve.mouth_measures(drive.drive(given, track))
        return [float(np.corrcoef(driven[:, k], real[:, k])[0, 1]) for k in (0, 1)]

    return likeness(line), likeness(Line(line.mouth))


def test_the_mouth_of_real_footage_is_followed(shared: Path, face_folder: Path) -> None:
    """Clips of GRID that the network did not learn from, driven by what Labial hears in them.

    From the curves alone the width of a single clip is little more than a guess, so it is held to the mean.
    """
    pytest.importorskip("av")
    found = np.array([followed(shared / f"plates/grid_s1/{name}.mpg", face_folder) for name in HELD_OUT])
    openings, widths = found[:, :, 0], found[:, :, 1]
    assert (openings > (0.8, 0.7)).all()
    assert (widths[:, 0] > 0.6).all()
    assert widths[:, 1].mean() > 0.4
