"""The mouth of a plate made to say a new line: what was followed and what is wanted become new frames.

Every shot is its own bank. A frame whose face is flagged stays as it was filmed; where the refined mouth fails its
check the one that was only painted stands, and where that fails, the film. Each frame says which it is, and why.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import Enum

import numpy as np
import numpy.typing as npt

from ..contracts import Float32, Progress
from ..errors import PlateError
from . import detail, retrieve
from .coarse import Coarse, coarse
from .crop import Crop
from .gate import Permission, Purpose
from .picture_square import Picture
from .quality import Trouble
from .refine import Refiner
from .retrieve import Bank
from .track import FaceTrack

LARGEST_BANK = 1_500
"""Frames of a shot that mouths are taken from at most: a minute at 25 frames a second."""
STRETCH = 50
"""Of longer shots, stretches of so many frames are taken, evenly spread."""
LEAST_BANK = 8
FARTHEST_CHANGE = 40.0
"""Levels by which refining may change the lips on average: more is not a mouth any more."""
SOFTEST, HARSHEST = 0.4, 3.0
"""What share of the painted lips' fine detail the refined ones may have."""
FARTHEST_SHAPE = 0.12
"""How far lips may be stretched from the nearest of the bank, in shares of the square: beyond, a warp smears."""
FIRST_PASS = 0.25
"""Share of the progress that making the bank is."""


class Way(Enum):
    """How the mouth of a frame came about."""

    REFINED = "refined"
    WARPED = "warped"
    ORIGINAL = "original"


@dataclass(frozen=True)
class NewFrame:
    """A frame of the new film: picture uint8 [h, w, 3]; matte uint8 [h, w], 255 where it is wholly new.

    Outside of the matte the picture is the plate's. box: left, top, right, bottom of the matte in pixels, 0 0 0 0 if
    nothing is new. reason: why it is not refined.
    """

    picture: Picture
    matte: npt.NDArray[np.uint8]
    box: tuple[int, int, int, int]
    way: Way
    reason: str = ""


@dataclass(frozen=True)
class Shot:
    """A shot's frames with their bank and picks: position of a frame among `frames` -> index into the bank."""

    frames: npt.NDArray[np.int64]
    bank: Bank
    main: npt.NDArray[np.int32]
    second: npt.NDArray[np.int32]


def redub(
    plate: Callable[[], Iterable[Picture]], track: FaceTrack, shapes: Float32, permission: Permission, plate_hash: str,
    audio_hash: str, refiner: Refiner | None, *, size: int | None = None, lips_only: bool = False,
    progress: Progress | None = None,
) -> Iterator[NewFrame]:  # fmt: skip
    """The frames of the new film, one by one.

    plate: opens the frames uint8 [h, w, 3] anew each time; it is read twice. track: of the same frames; shapes: what
    `drive` wants, [t, len(LOWER), 2] in head coordinates. refiner: None leaves the mouth as it was painted. size: of
    the square, by default the least that loses no pixel; lips_only: chin and beard stay the plate's. Raises
    ConsentError before anything is read, PlateError if no face is usable or the film changed since it was followed.
    """
    permission.check(Purpose.REDUB, plate_hash, audio_hash)
    return _frames(plate, track, shapes, refiner, size=size, lips_only=lips_only, progress=progress)


def _frames(
    plate: Callable[[], Iterable[Picture]], track: FaceTrack, shapes: Float32, refiner: Refiner | None, *,
    size: int | None = None, lips_only: bool = False, progress: Progress | None = None,
) -> Iterator[NewFrame]:  # fmt: skip
    reasons, count = unusable(track), len(track.landmarks)
    usable = np.array([frame for frame in range(count) if frame not in reasons], int)
    if not len(usable):
        most = Counter(reasons.values()).most_common(1)[0][0]
        raise PlateError(f"No frame of the plate can be given a new mouth; in most of them {most}.")
    crop = Crop.around(track.landmarks, size)
    wanted = crop.from_head(shapes)
    tell = progress or (lambda share, what: None)
    shots = _shots(plate, track, crop, wanted, usable, lambda share: tell(FIRST_PASS * share, "Reading the plate"))
    for frame, picture in enumerate(_checked(plate, track)):
        tell(FIRST_PASS + (1 - FIRST_PASS) * frame / count, "Painting the mouth")
        shot = shots.get(int(track.shots[frame]))
        if frame in reasons or shot is None:
            yield _original(picture, reasons.get(frame, "the shot has too few usable frames to take mouths from"))
        else:
            yield _painted(picture, frame, crop, wanted[frame], shot, refiner, lips_only)
    tell(1.0, "Painting the mouth")


def unusable(track: FaceTrack) -> dict[int, str]:
    """Frames that keep the mouth that was filmed, and the first trouble of each."""
    reasons: dict[int, str] = {}
    for flag in track.flags:
        if flag.trouble is not Trouble.CUT:
            reasons.setdefault(flag.frame, flag.trouble.value)
    return reasons


def _checked(plate: Callable[[], Iterable[Picture]], track: FaceTrack) -> Iterator[Picture]:
    seen, count = 0, len(track.landmarks)
    for picture in plate():
        seen += 1
        if seen > count:
            break
        if picture.shape[1::-1] != track.size:
            then, now = (f"{width} x {height}" for width, height in (track.size, picture.shape[1::-1]))
            raise PlateError(f"The plate was {then} when its face was followed; frame {seen - 1} is {now}. Start anew.")
        yield picture
    if seen != count:
        raise PlateError(f"The plate had {count} frames when its face was followed, and has {seen} now. Start anew.")


def _shots(
    plate: Callable[[], Iterable[Picture]], track: FaceTrack, crop: Crop, wanted: Float32,
    usable: npt.NDArray[np.int64], tell: Callable[[float], None],
) -> dict[int, Shot]:  # fmt: skip
    """The shots that have enough usable frames, by their number."""
    groups = {int(number): usable[track.shots[usable] == number] for number in np.unique(track.shots[usable])}
    groups = {number: frames for number, frames in groups.items() if len(frames) >= LEAST_BANK}
    chosen = {number: _spread(frames) for number, frames in groups.items()}
    taken = {int(frame) for frames in chosen.values() for frame in frames}
    cuts: dict[int, npt.NDArray[np.uint8]] = {}
    for frame, picture in enumerate(_checked(plate, track)):
        tell(frame / len(track.landmarks))
        if frame in taken:
            cuts[frame] = np.clip(np.rint(crop.cut(picture, frame)), 0, 255).astype(np.uint8)
    shots = {}
    for number, frames in chosen.items():
        bank = retrieve.bank_of(crop, np.array([cuts.pop(int(frame)) for frame in frames]), frames.astype(np.int32))
        jumps, asked = retrieve.jumps(bank), groups[number]
        whole = retrieve.pick(
            retrieve.features(wanted[asked], crop.nose[asked], crop.size),
            retrieve.features(bank.lower, bank.nose, crop.size),
            jumps,
        )
        between = retrieve.pick(
            retrieve.inner_features(wanted[asked], crop.size), retrieve.inner_features(bank.lower, crop.size), jumps
        )
        shots[number] = Shot(asked, bank, whole, between)
    return shots


def _spread(frames: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    if len(frames) <= LARGEST_BANK:
        return frames
    stretches = np.array_split(frames, len(frames) // STRETCH)
    kept = np.linspace(0, len(stretches) - 1, LARGEST_BANK // STRETCH).astype(int)
    return np.concatenate([stretches[k] for k in kept])


def _original(picture: Picture, reason: str) -> NewFrame:
    return NewFrame(picture, np.zeros(picture.shape[:2], np.uint8), (0, 0, 0, 0), Way.ORIGINAL, reason)


def _painted(
    picture: Picture, frame: int, crop: Crop, wanted: Float32, shot: Shot, refiner: Refiner | None, lips_only: bool
) -> NewFrame:
    at = int(np.searchsorted(shot.frames, frame))
    main, second = int(shot.main[at]), int(shot.second[at])
    if reason := _too_far(wanted, shot.bank, main, crop.size):
        return _original(picture, reason)
    kept = np.searchsorted(shot.bank.frames, frame)
    known = kept < len(shot.bank) and shot.bank.frames[kept] == frame
    plate = shot.bank.pictures[kept].astype(np.float32) if known else crop.cut(picture, frame)
    painted = coarse(plate, crop.lower[frame], crop.nose[frame], wanted, shot.bank, main, second, lips_only)
    new, way, reason = painted.picture, Way.WARPED, "" if refiner else "no network was asked to refine it"
    if refiner is not None:
        refined = refiner.refine(painted)
        reason = _spoilt(refined, painted)
        if not reason:
            new, way = refined, Way.REFINED
    new = detail.grained(new, plate, painted.face, painted.outer, frame)
    result, matte = crop.paste(picture, frame, new, painted.face)
    rows, columns = np.flatnonzero(matte.any(1)), np.flatnonzero(matte.any(0))
    if not len(rows):
        return _original(picture, "the mouth is outside of the picture")
    return NewFrame(
        result, matte, (int(columns[0]), int(rows[0]), int(columns[-1]) + 1, int(rows[-1]) + 1), way, reason
    )


def _too_far(wanted: Float32, bank: Bank, main: int, size: int) -> str:
    if not np.isfinite(wanted).all():
        return "there is no shape for the mouth"
    lips = retrieve.LIPS
    away = np.linalg.norm(wanted[lips] - bank.lower[main][lips], axis=-1).max() / size
    return "the plate has no mouth that is near enough to the wanted one" if away > FARTHEST_SHAPE else ""


def _spoilt(refined: Float32, painted: Coarse) -> str:
    """Why a refined mouth cannot be shown; "" if it can."""
    lips = painted.outer > 0
    if not lips.any():
        return ""
    change = float(np.abs(refined - painted.picture)[lips].mean())
    share = detail.sharpness(refined, painted.outer) / (painted.sharpness + 1e-3)
    if not np.isfinite(change) or change > FARTHEST_CHANGE:
        return "refining changed the mouth beyond belief"
    if not SOFTEST < share < HARSHEST:
        return "refining blurred the mouth" if share <= SOFTEST else "refining made the mouth noisy"
    return ""
