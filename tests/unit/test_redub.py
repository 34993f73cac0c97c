"""A plate's frames with a new mouth: the gate first, the rest of the picture untouched, a fallback for every frame."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from model_runtime.contracts import Contact
from model_runtime.errors import Cancelled, ConsentError, ModelError, PlateError
from model_runtime.plate import consent, drive, gate, keys, refine, trust
from model_runtime.plate.head import Head
from model_runtime.plate.quality import Flag, Trouble
from model_runtime.plate.redub import Way, redub
from model_runtime.plate.refine import WEIGHTS, Refiner

from .drawn_person import landmarks, lower_face, person, spoken

PLATE, SOUND = "ab" * 32, "cd" * 32
OPENINGS = spoken()


@pytest.fixture(scope="module")
def permission(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder, key = tmp_path_factory.mktemp("consent"), Ed25519PrivateKey.from_private_bytes(b"A" * 32)
    public, now = key.public_key().public_bytes_raw(), datetime.now(UTC)
    term = {"from": consent.timestamp(now - timedelta(1)), "until": consent.timestamp(now + timedelta(1))}
    scope = {
        "description": "Says hello.", "plates": [PLATE], "languages": ["en-us"], "media": ["cinema"],
        "lines": [{"language": "en-us", "audio": SOUND}], "territories": ["WORLD"], "term": term,
    }  # fmt: skip
    record = consent.draft("Anna Example", "The Film", scope, "anna@example.org")
    keys.write_document(folder / "a.consent.json", keys.sign(record, key))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(trust.HOME, str(folder / "home"))
        trust.trust(public, "Anna Example", trust.fingerprint(public))
        use = gate.Use(PLATE, language="en-us", audio=SOUND, media=("cinema",), territories=("DE",))
        return gate.permit(folder / "a.consent.json", use)


@pytest.fixture
def run(permission: Any) -> Callable[..., Any]:
    def made(film: Any, shapes: Any = None, refiner: Any = None, **options: Any) -> Any:
        shapes = np.roll(film.lower, 9, axis=0) if shapes is None else shapes
        return list(
            redub(lambda: iter(film.pictures), film.track, shapes, permission, PLATE, SOUND, refiner, **options)
        )

    return made


def test_the_gate_comes_before_the_plate(permission: Any) -> None:
    film, opened = person(OPENINGS), []

    def plate() -> Iterator[Any]:
        opened.append(1)
        return iter(film.pictures)

    for plate_hash, sound in (("0" * 64, SOUND), (PLATE, "0" * 64)):
        with pytest.raises(ConsentError, match="another"):
            redub(plate, film.track, film.lower, permission, plate_hash, sound, None)
    ended = dataclasses.replace(permission.use, purpose=gate.Purpose.PLATE_FIT)
    assert ended != permission.use
    with pytest.raises(TypeError, match="given by"):
        gate.Permission(ended, "Anna", "", "", datetime.now(UTC), False)
    assert not opened


def test_the_mouth_is_the_wanted_one_and_all_else_is_the_plate(run: Callable[..., Any]) -> None:
    film = person(OPENINGS)
    frames = run(film)
    assert {frame.way for frame in frames} == {Way.WARPED}
    darkest = []
    for frame, picture in zip(frames, film.pictures, strict=True):
        assert (frame.picture[frame.matte == 0] == picture[frame.matte == 0]).all()
        left, top, right, bottom = frame.box
        assert not frame.matte[:top].any()
        assert not frame.matte[:, right:].any()
        assert frame.matte[top:bottom, left:right].any()
        darkest.append((frame.picture.sum(-1) < 150).sum())
    assert np.corrcoef(darkest, np.roll(OPENINGS, 9))[0, 1] > 0.95
    assert np.corrcoef(darkest, OPENINGS)[0, 1] < 0.5


def test_flagged_frames_stay_and_say_why(run: Callable[..., Any]) -> None:
    flags = (
        Flag(Trouble.OCCLUDED, 5, 0.2),
        Flag(Trouble.TURNED, 5, 0.2),
        Flag(Trouble.BLURRED, 9, 0.36),
        Flag(Trouble.CUT, 7, 0.28),
    )
    film = person(OPENINGS, flags=flags)
    frames = run(film)
    kept = {k: frame.reason for k, frame in enumerate(frames) if frame.way is Way.ORIGINAL}
    assert kept == {5: Trouble.OCCLUDED.value, 9: Trouble.BLURRED.value}
    assert (frames[5].picture == film.pictures[5]).all()
    assert not frames[5].matte.any()
    assert frames[5].box == (0, 0, 0, 0)


def test_every_shot_takes_mouths_from_itself_and_a_short_one_stays(run: Callable[..., Any]) -> None:
    film = person(OPENINGS, shots=[0] * 20 + [1] * 4 + [2] * 16)
    frames = run(film)
    ways = [frame.way for frame in frames]
    assert ways == [Way.WARPED] * 20 + [Way.ORIGINAL] * 4 + [Way.WARPED] * 16
    assert "too few" in frames[21].reason


def test_a_mouth_that_the_plate_has_nothing_like_stays(run: Callable[..., Any]) -> None:
    film = person(OPENINGS)
    shapes = film.lower.copy()
    shapes[3] = lower_face(0.9)
    shapes[4] = np.nan
    frames = run(film, shapes)
    assert [frame.way for frame in frames[2:6]] == [Way.WARPED, Way.ORIGINAL, Way.ORIGINAL, Way.WARPED]
    assert "near enough" in frames[3].reason


def test_a_plate_without_a_usable_frame_names_the_reason(run: Callable[..., Any]) -> None:
    flags = tuple(Flag(Trouble.TWO_FACES, k, k / 25) for k in range(len(OPENINGS)))
    with pytest.raises(PlateError, match="another face"):
        run(person(OPENINGS, flags=flags))


@pytest.mark.parametrize("change", [-1, 1])
def test_a_film_that_changed_since_it_was_followed_is_refused(permission: Any, change: int) -> None:
    film = person(OPENINGS)
    pictures = film.pictures[:change] if change < 0 else [*film.pictures, film.pictures[-1]]
    with pytest.raises(PlateError, match="Start anew"):
        list(redub(lambda: iter(pictures), film.track, film.lower, permission, PLATE, SOUND, None))


def test_progress_rises_and_may_cancel(run: Callable[..., Any]) -> None:
    told: list[float] = []
    run(person(OPENINGS), progress=lambda share, what: told.append(share))
    assert told == sorted(told)
    assert told[-1] == 1.0

    def stop(share: float, _what: str) -> None:
        if share > 0.5:
            raise Cancelled("Cancelled.")

    with pytest.raises(Cancelled):
        run(person(OPENINGS), progress=stop)


@pytest.mark.parametrize(("eyes", "size"), [(60.0, (200, 170)), (130.0, (420, 340))])
def test_the_refiner_changes_the_new_face_alone(run: Callable[..., Any], eyes: float, size: tuple[int, int]) -> None:
    film = person(OPENINGS[:12], size, eyes)
    frames = run(film, refiner=Refiner.load())
    plain = run(film)
    assert all(frame.way in (Way.REFINED, Way.WARPED) for frame in frames)
    assert any((a.picture != b.picture).any() for a, b in zip(frames, plain, strict=True))
    for frame, picture in zip(frames, film.pictures, strict=True):
        assert (frame.picture[frame.matte == 0] == picture[frame.matte == 0]).all()


def test_a_spoilt_refinement_falls_back_to_what_was_painted(run: Callable[..., Any]) -> None:
    class Session:
        def run(self, _names: Any, given: dict[str, Any]) -> list[Any]:
            return [np.full((1, 3, refine.SIZE, refine.SIZE), 90.0, np.float32) + 0 * given["planes"][:, :3]]

    frames = run(person(OPENINGS[:12]), refiner=Refiner(Session(), ""))
    assert {frame.way for frame in frames} == {Way.WARPED}
    assert "beyond belief" in frames[0].reason


@pytest.mark.parametrize("load", [Refiner.load, drive.Driver.load])
def test_damaged_weights_are_named(load: Any, tmp_path: Path) -> None:
    path = tmp_path / "some.onnx"
    with pytest.raises(ModelError, match=r"some\.onnx"):
        load(path)
    name = "refiner" if load == Refiner.load else "drive"
    path.write_bytes((WEIGHTS / f"{name}.onnx").read_bytes() + b"x")
    path.with_suffix(".json").write_bytes((WEIGHTS / f"{name}.json").read_bytes())
    with pytest.raises(ModelError, match="damaged"):
        load(path)


def test_lips_meet_in_a_contact_and_only_there() -> None:
    shapes = np.repeat(lower_face(0.15)[None].astype(np.float32), 20, axis=0)
    actor = drive.Range(lower_face(0.0).astype(np.float32), 0.2, 0.005)
    times = np.arange(20) / 25
    contacts = (
        Contact("closure", "m", 0.2, 0.21),
        Contact("labiodental", "f", 0.5, 0.56),
        Contact("closure", "p", 3, 3.1),
    )
    gaps = drive.opening(drive.with_contacts(shapes, contacts, times, actor))
    closed, bitten = np.flatnonzero(gaps < 0.01), np.flatnonzero((gaps > 0.01) & (gaps < 0.05))
    assert closed.tolist() == [5]
    assert set(bitten) == {13, 14}
    assert np.allclose(np.delete(gaps, [5, 13, 14]), 0.15, atol=1e-4)


def test_the_plates_own_mouth_sets_rest_and_range() -> None:
    film = landmarks(OPENINGS, np.full(40, 90 + 40j), np.full(40, 60 + 0j))
    shapes = Head.of(film).to_head(film[:, list(drive.face_points.LOWER)])
    actor = drive.Range.of(shapes)
    assert actor.closed == pytest.approx(np.percentile(OPENINGS, 5), abs=1e-3)
    assert actor.scale == pytest.approx(np.percentile(OPENINGS, 95) - np.percentile(OPENINGS, 5), abs=1e-3)
    assert drive.opening(actor.rest[None])[0] < 0.02
