"""A plate gets its new mouth only with consent, only in the mouth, and the film where that cannot be done well."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

from model_runtime.errors import Cancelled, ConsentError, PlateError
from model_runtime.plate import face_points, gate, mask, trust
from model_runtime.plate.crop import Crop
from model_runtime.plate.gate import Permission, Purpose, Use
from model_runtime.plate.head import Head
from model_runtime.plate.quality import Flag, Trouble
from model_runtime.plate.redub import LEAST_BANK, NewFrame, Way, redub
from model_runtime.plate.refine import SIZE, WEIGHTS, Refiner
from model_runtime.plate.track import FaceTrack

from ..anna import allows
from ..drawn_person import DrawnPerson

PLATE, SOUND = "ab" * 32, "cd" * 32
COUNT = 10


@pytest.fixture(scope="module")
def permit(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Purpose], Permission]:
    """Asks the gate for a purpose; Anna allows the line and a fit."""
    folder = tmp_path_factory.mktemp("consent")

    def ask(purpose: Purpose) -> Permission:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv(trust.HOME, str(folder / "home"))
            record = allows(folder, PLATE, {"text": "Hello", "audio": SOUND}, plate_fit=True)
            return gate.permit(record, Use(PLATE, purpose, "en-us", "Hello", SOUND, ("cinema",), ("FR",)))

    return ask


@pytest.fixture(scope="module")
def permission(permit: Any) -> Permission:
    return permit(Purpose.REDUB)


@pytest.fixture(scope="module")
def person() -> DrawnPerson:
    return DrawnPerson.speaking(COUNT)


@pytest.fixture(scope="module")
def pictures(person: DrawnPerson) -> Any:
    return person.pictures()


def said(person: DrawnPerson, by: int = 4) -> Any:
    """What the plate's own mouth does, some frames later."""
    lower = person.landmarks[:, list(face_points.LOWER)]
    return np.roll(Head.of(person.landmarks).to_head(lower), by, axis=0)


@pytest.fixture
def new(person: DrawnPerson, pictures: Any, permission: Permission) -> Callable[..., list[NewFrame]]:
    """The frames of the drawn person redubbed; whatever is not given is as it should be."""

    def run(
        track: FaceTrack | None = None, shapes: Any = None, plate: Any = None, refiner: Any = None, **more: Any
    ) -> Any:
        shapes = said(person) if shapes is None else shapes
        opened = plate or (lambda: iter(pictures))
        return list(redub(opened, track or person.track(), shapes, permission, PLATE, SOUND, refiner, **more))

    return run


@pytest.mark.parametrize(
    ("purpose", "plate", "sound", "told"),
    [
        (Purpose.PLATE_FIT, PLATE, SOUND, "fit a network"),
        (Purpose.REDUB, SOUND, SOUND, "another recording"),
        (Purpose.REDUB, PLATE, PLATE, "another sound"),
    ],
    ids=["purpose", "plate", "sound"],
)
def test_without_consent_to_just_this_nothing_is_opened(
    purpose: Purpose, plate: str, sound: str, told: str, permit: Any, person: DrawnPerson
) -> None:
    opened = []
    with pytest.raises(ConsentError, match=told):
        redub(lambda: opened.append(1) or [], person.track(), said(person), permit(purpose), plate, sound, None)
    assert not opened


@pytest.mark.parametrize(("lips_only", "rate"), [(False, 12.0), (True, 60.0)])
def test_only_the_mouth_is_new_and_it_says_the_new_line(
    lips_only: bool, rate: float, new: Any, person: DrawnPerson, pictures: Any
) -> None:
    frames = new(person.track(rate), lips_only=lips_only)
    assert len(frames) == COUNT and {frame.way for frame in frames} == {Way.WARPED}
    crop, away = Crop.around(person.landmarks), []
    for at, (frame, picture) in enumerate(zip(frames, pictures, strict=True)):
        assert frame.picture.shape == picture.shape and frame.picture.dtype == frame.matte.dtype == np.uint8
        assert (frame.picture[frame.matte == 0] == picture[frame.matte == 0]).all()
        left, top, right, bottom = frame.box
        assert (
            frame.matte[top:bottom, left:right].any(0).all()
            and frame.matte.sum() == frame.matte[top:bottom, left:right].sum()
        )
        wanted = (at - 4) % COUNT
        inside = mask.ring(crop.lower[wanted, mask.OUTER], crop.size) > 0.5
        truth = crop.cut(pictures[wanted], wanted)
        away.append([np.abs(crop.cut(one, at) - truth)[inside].mean() for one in (frame.picture, picture)])
    assert np.mean(away, axis=0)[0] < 0.25 * np.mean(away, axis=0)[1]
    chin = person.landmarks[0, face_points.CHIN, :2].astype(int)
    assert bool(frames[0].matte[chin[1], chin[0]]) is not lips_only


def test_flagged_frames_keep_the_film_and_say_why(new: Any, person: DrawnPerson, pictures: Any) -> None:
    points = person.landmarks
    points[7] = np.nan
    flags = (Flag(Trouble.CUT, 1, 0.04), Flag(Trouble.OCCLUDED, 3, 0.12), Flag(Trouble.LOST, 7, 0.28))
    frames = new(person.track(landmarks=points, flags=flags), said(person))
    for at, frame in enumerate(frames):
        trouble = {3: Trouble.OCCLUDED, 7: Trouble.LOST}.get(at)
        assert frame.way is (Way.ORIGINAL if trouble else Way.WARPED)
        if trouble:
            assert frame.reason == trouble.value and frame.box == (0, 0, 0, 0) and not frame.matte.any()
            assert (frame.picture == pictures[at]).all()


def test_a_mouth_comes_from_its_own_shot_and_a_short_shot_stays(permission: Permission) -> None:
    """Ten light frames, nine dark ones, and one too few."""
    lengths = (COUNT, LEAST_BANK + 1, LEAST_BANK - 1)
    people = [DrawnPerson.speaking(n, light=np.full(3, light)) for n, light in zip(lengths, (1, 0.4, 1), strict=True)]
    pictures = np.concatenate([one.pictures() for one in people])
    parts = [np.concatenate([getattr(one, name) for one in people]) for name in ("opening", "width", "place", "turn")]
    whole = DrawnPerson(*parts)
    track = whole.track(shots=np.repeat(np.arange(3, dtype=np.int32), lengths))
    frames = list(redub(lambda: iter(pictures), track, said(whole), permission, PLATE, SOUND, None))
    ways = [frame.way for frame in frames]
    assert ways == [Way.WARPED] * sum(lengths[:2]) + [Way.ORIGINAL] * lengths[2] and "too few" in frames[-1].reason
    levels = [frame.picture[frame.matte == 255].mean() for frame in frames[: sum(lengths[:2])]]
    assert min(levels[:COUNT]) > 90 and max(levels[COUNT:]) < 75


@pytest.mark.parametrize(("change", "told"), [(np.nan, "no shape"), (0.5, "near enough")])
def test_a_shape_that_cannot_be_had_leaves_that_frame(change: float, told: str, new: Any, person: DrawnPerson) -> None:
    shapes = said(person)
    shapes[5, mask.INNER.start + 10 :, 1] += change
    ways = [(frame.way, frame.reason) for frame in new(shapes=shapes)]
    assert ways[5][0] is Way.ORIGINAL and told in ways[5][1]
    assert {way for way, _ in ways[:5] + ways[6:]} == {Way.WARPED}


class Network:
    """In place of a loaded network: changes the painted picture [3, n, n] as it is told to."""

    def __init__(self, change: Callable[[Any], Any]) -> None:
        self.change = change

    def run(self, _outputs: None, inputs: dict[str, Any]) -> list[Any]:
        picture = inputs["planes"][0, :3]
        assert picture.shape == (3, SIZE, SIZE)
        return [self.change(picture)[None].astype(np.float32)]


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (lambda picture: 0.02 * picture, ""),
        (lambda picture: np.full_like(picture, 120), "beyond belief"),
        (lambda picture: np.full_like(picture, np.nan), "beyond belief"),
        (lambda picture: 0.97 * (picture.mean((1, 2), keepdims=True) - picture), "blurred|beyond belief"),
        (lambda picture: np.random.default_rng(0).normal(0, 40, picture.shape), "noisy"),
    ],
    ids=["little", "much", "nothing", "blur", "noise"],
)
def test_a_mouth_that_refining_spoils_stays_as_it_was_painted(change: Any, reason: str, new: Any) -> None:
    found, painted = new(refiner=Refiner(Network(change), "")), new()
    for frame, plain in zip(found, painted, strict=True):
        same = (frame.picture == plain.picture).all()
        if reason:
            assert frame.way is Way.WARPED and same and any(part in frame.reason for part in reason.split("|"))
        else:
            assert frame.way is Way.REFINED and not frame.reason and not same
            assert (frame.matte == plain.matte).all() and (frame.picture == plain.picture)[frame.matte == 0].all()


@pytest.mark.skipif(not (WEIGHTS / "refiner.onnx").is_file(), reason="the refiner's weights are not here")
def test_the_shipped_network_refines(new: Any, pictures: Any) -> None:
    frames = new(refiner=Refiner.load())
    assert {frame.way for frame in frames} == {Way.REFINED}
    for frame, picture in zip(frames, pictures, strict=True):
        assert (frame.picture[frame.matte == 0] == picture[frame.matte == 0]).all()


def test_a_plate_on_which_no_frame_can_be_used_is_refused(new: Any, person: DrawnPerson) -> None:
    flags = tuple(Flag(Trouble.BLURRED, frame, frame / 25) for frame in range(COUNT))
    with pytest.raises(PlateError, match="the mouth is blurred"):
        new(person.track(flags=flags))


@pytest.mark.parametrize("passes", [(-1, 0), (1, 0), (0, -1), (0, 1)])
def test_a_film_that_changed_is_refused(passes: tuple[int, int], new: Any, pictures: Any) -> None:
    """passes: how many frames more there are when it is read the first time, and the second."""
    opened = iter([np.resize(pictures, (COUNT + more, *pictures.shape[1:])) for more in passes])
    with pytest.raises(PlateError, match=f"had {COUNT} frames"):
        new(plate=lambda: iter(next(opened)))


def test_a_film_of_another_size_is_refused(new: Any, pictures: Any) -> None:
    with pytest.raises(PlateError, match="128 x 120"):
        new(plate=lambda: iter(pictures[:, ::2, ::2]))


def test_the_film_is_read_twice_and_not_held(person: DrawnPerson, pictures: Any, permission: Permission) -> None:
    opened, alive = [], weakref.WeakSet()
    most = 0

    class Frame(np.ndarray):  # type: ignore[type-arg]
        """Can be counted."""

        __hash__ = object.__hash__  # type: ignore[assignment]

    def plate() -> Iterator[Any]:
        nonlocal most
        opened.append(len(opened))
        for picture in pictures:
            frame = picture.copy().view(Frame)
            alive.add(frame)
            gc.collect()
            most = max(most, len(alive))
            yield frame
            del frame

    count = 0
    for _ in redub(plate, person.track(), said(person), permission, PLATE, SOUND, None):
        count += 1
        assert opened == [0, 1]
    assert count == COUNT and 1 <= most <= 4


def test_it_tells_how_far_it_is_and_can_be_cancelled(new: Any) -> None:
    told: list[float] = []
    new(progress=lambda share, _text: told.append(share))
    assert told == sorted(told) and told[0] == 0 and told[-1] == 1 and len(set(told)) > COUNT
    for number in (3, COUNT + 3):
        calls = iter(range(number))

        def stop(_share: float, _text: str, calls: Iterator[int] = calls) -> None:
            if next(calls, None) is None:
                raise Cancelled("cancelled")

        with pytest.raises(Cancelled):
            new(progress=stop)


def test_a_close_up_is_worked_on_at_512(permission: Permission) -> None:
    """A mouth of a film in 4K: the square is larger than its pixels, and what is not mouth is still the film."""
    person = DrawnPerson.speaking(LEAST_BANK, 345.0, (560, 600))
    pictures = person.pictures()
    assert Crop.around(person.landmarks).size == 512 < Crop.around(person.landmarks).square(0).side
    frames = list(redub(lambda: iter(pictures), person.track(), said(person), permission, PLATE, SOUND, None))
    points = Head.of(person.landmarks).to_plate(said(person))
    for at, frame in enumerate(frames):
        assert frame.way is Way.WARPED and frame.picture.shape == (600, 560, 3)
        assert (frame.picture[frame.matte == 0] == pictures[at][frame.matte == 0]).all()
        x, y = points[at, [mask.INNER.start + 5, mask.INNER.start + 15]].mean(0).astype(int)
        wanted = (at - 4) % LEAST_BANK
        dark = frame.picture[y, x].mean() < 100
        assert dark == (person.opening[wanted] > 0.08) or 0.03 < person.opening[wanted] < 0.13
