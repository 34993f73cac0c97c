"""A plate given a new line, from the consent to the signed film: gate, face, voice, mouth, mark, credentials.

What is written appears whole at the end or not at all. Nothing is read before the gate has permitted it.
"""

from __future__ import annotations

import json
import shutil
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from . import pipeline
from .acting.articulate import articulate
from .acting.styles import load_style
from .contracts import AudioClip, Float32, Progress
from .errors import AudioError, PlateError
from .hearing import audio, network
from .plate import certificate, drive, film, gate, keys, provenance, quality, redub, track, watermark
from .plate.consent import plate_hash
from .plate.film import Film
from .plate.gate import Permission, Purpose, Use
from .plate.redub import NewFrame, Way
from .plate.refine import Refiner
from .plate.voice_features import Line

CHUNK = 10 * watermark.PAIR
"""Frames that are marked at a time."""
LEAST_MARKED = watermark.LEAST_PAIRS * watermark.PAIR
FOLLOWED, PAINTED = 0.4, 0.95
"""Shares of the progress after the face is followed, and after the mouth is painted."""
KINDS = (".mp4", ".mov", ".mkv", ".png")
"""What can be written: a movie that looks like the plate (H.264), one that is it (FFV1), or numbered images."""


Box = tuple[int, int, int, int]


@dataclass(frozen=True)
class Order:
    """What is asked for. plate: a movie or a folder of images; sound: the new line, from the plate's first frame on.

    text: the words, which make the timing more exact and which the consent may name. rate: of a folder of images. kind:
    one of KINDS. refiner: a fitted network; plain: the mouth is painted, but not refined.
    """

    plate: Path
    sound: Path
    consent: Path
    out: Path
    media: tuple[str, ...]
    territories: tuple[str, ...]
    text: str = ""
    language: str = "en-us"
    style: str = "Natural"
    rate: float = 0.0
    kind: str = ".mp4"
    lips_only: bool = False
    plain: bool = False
    refiner: Path | None = None
    certificate: tuple[Path, Path] | None = None
    """The user's own, chain and key; else one made on this computer, which nobody vouches for."""


@dataclass(frozen=True)
class Revoiced:
    """What was made: the film or folder of images, its mattes and the report, all in the order's folder."""

    film: Path
    mattes: Path
    report: Path
    ways: dict[str, int]
    """How many frames are refined, warped and original."""
    notes: tuple[str, ...]
    """Sentences for the user: what was flagged, with frame and time."""


@dataclass
class Told:
    """What is learned of the frames while they are written."""

    boxes: list[Box] = field(default_factory=list)
    ways: list[tuple[Way, str]] = field(default_factory=list)


def revoice(order: Order, progress: Progress | None = None) -> Revoiced:
    """Makes the film. `progress` may raise Cancelled; then nothing stays.

    Raises ConsentError with the reason before anything is read, and AudioError, ModelError, PlateError and
    ProvenanceError naming the thing and the fix.
    """
    tell, begin = progress or (lambda share, what: None), time.perf_counter()
    if order.out.exists():
        raise PlateError(f"The folder {order.out} exists already; nothing is overwritten. Name another one.")
    if order.kind not in KINDS:
        raise PlateError(f"A film cannot be written as {order.kind}; choose one of {', '.join(KINDS)}.")
    permission = permit(order)
    plate_id, sound_id = permission.use.plate, permission.use.audio
    signer = certificate.own(*order.certificate) if order.certificate else certificate.local()
    refiner = None if order.plain else Refiner.load(order.refiner)
    driver = drive.Driver.load()
    line = heard(audio.load(order.sound), order)
    plate = film.opened(order.plate, order.rate)
    face = track.track(plate.pictures(), plate.rate, permission, plate_id,
                       progress=lambda share, what: tell(FOLLOWED * share, what), count=plate.count)  # fmt: skip
    notes = [*plate.notes, *quality.summary(face.flags), *_of_lengths(line, plate)]
    if permission.approval:
        notes.append(f"{permission.performer} wants to see the result before it is shown")
    shapes = drive.drive(line, face, own_line(plate, order), driver, plate.times)
    new = redub.redub(plate.pictures, face, shapes, permission, plate_id, sound_id, refiner, lips_only=order.lips_only,
                      progress=lambda share, what: tell(FOLLOWED + (PAINTED - FOLLOWED) * share, what))  # fmt: skip
    models = {"drive": driver.sha256} | ({"refiner": refiner.sha256} if refiner else {})
    order.out.parent.mkdir(parents=True, exist_ok=True)
    scratch = Path(tempfile.mkdtemp(prefix=f".{order.out.name}-", dir=order.out.parent))
    try:
        told, bits = Told(), provenance.mark_of(permission)
        marked = plate.count >= LEAST_MARKED
        if not marked:
            notes.append(f"a film of fewer than {LEAST_MARKED} frames bears no watermark")
        made = _written(order, plate, _marked(new, bits if marked else None, told), scratch)
        tell(PAINTED, "Signing")
        boxes = np.array(told.boxes, np.float32)
        for number, path in enumerate(made):
            own = boxes if len(made) == 1 else boxes[number : number + 1]
            done = provenance.Redub(permission, order.plate, models, own, bits if marked and len(made) == 1 else None)
            provenance.sign(path, done, signer)
            tell(PAINTED + (1 - PAINTED) * number / len(made), "Signing")
        report = _report(order, permission, plate, told, notes, models, time.perf_counter() - begin)
        (scratch / "report.json").write_text(json.dumps(report, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
        scratch.chmod(order.out.parent.stat().st_mode & 0o777)  # a scratch folder is for its maker's eyes only
        scratch.replace(order.out)
    except OSError as error:
        raise PlateError(f"The film cannot be written into {order.out}: {error.strerror or error}.") from error
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    made_at = order.out / (made[0].relative_to(scratch) if len(made) == 1 else made[0].parent.relative_to(scratch))
    return Revoiced(made_at, order.out / "mattes", order.out / "report.json", report["ways"], tuple(notes))


def permit(order: Order) -> Permission:
    """The gate's answer to an order, or its ConsentError; reads the files' bytes only."""
    if not order.sound.is_file():
        raise AudioError(f"There is no sound file {order.sound}. Choose another file or repair the path.")
    use = Use(plate_hash(order.plate), Purpose.REDUB, order.language, order.text, plate_hash(order.sound), order.media,
              order.territories)  # fmt: skip
    return gate.permit(order.consent, use)


def heard(clip: AudioClip, order: Order, words: bool = True) -> Line:
    """A sound as what drives a mouth. Raises AudioError on silence."""
    speech = pipeline.listen(clip, order.text if words else None, order.language)
    return Line(articulate(speech, load_style(order.style)), clip, network.shared().hear(clip))


def own_line(plate: Film, order: Order) -> Line | None:
    """What the plate itself says, if it has a sound in which somebody speaks."""
    sound = plate.sound()
    try:
        return None if sound is None else heard(sound, order, words=False)
    except AudioError:
        return None


def _of_lengths(line: Line, plate: Film) -> list[str]:
    assert line.clip is not None
    ends = float(plate.times[-1]) + 1 / plate.rate
    over = line.clip.duration - ends
    return [f"the line is {over:.2f} s longer than the plate; its end is not shown"] if over > 1 / plate.rate else []


def _marked(new: Iterator[NewFrame], bits: int | None, told: Told) -> Iterator[NewFrame]:
    """The frames with the watermark, chunk by chunk; a last chunk that is too short joins the one before."""
    key, held, start = keys.mark_key() if bits is not None else b"", [], 0
    for frame in new:
        told.ways.append((frame.way, frame.reason))
        told.boxes.append(_box(frame, told.boxes[-1] if told.boxes else None))
        held.append(frame)
        if len(held) == CHUNK + LEAST_MARKED:
            yield from _mark(held[:CHUNK], told.boxes[start : start + CHUNK], key, bits, start)
            held, start = held[CHUNK:], start + CHUNK
    yield from _mark(held, told.boxes[start:], key, bits, start)


def _mark(frames: list[NewFrame], boxes: list[Box], key: bytes, bits: int | None, start: int) -> list[NewFrame]:
    if bits is None:
        return frames
    masks: Float32 = np.stack([frame.matte for frame in frames]).astype(np.float32) / np.float32(255)
    pictures = watermark.mark(np.stack([frame.picture for frame in frames]), boxes, key, bits, masks, start)
    return [
        NewFrame(picture, frame.matte, frame.box, frame.way, frame.reason)
        for picture, frame in zip(pictures, frames, strict=True)
    ]


def _box(frame: NewFrame, last: Box | None) -> Box:
    """Where the mark is looked for: the new mouth, or where it was last, for every frame has to have a place."""
    left, top, right, bottom = frame.box
    if right - left >= 8 and bottom - top >= 8:
        return frame.box
    height, width = frame.picture.shape[:2]
    return last or (width // 4, height // 4, width - width // 4, height - height // 4)


def _written(order: Order, plate: Film, new: Iterator[NewFrame], folder: Path) -> list[Path]:
    """Writes pictures and mattes as they come; the files of the new film, which are still to be signed."""
    mattes = folder / "mattes"
    mattes.mkdir()
    name = order.plate.stem

    def matted() -> Iterator[NewFrame]:
        for number, frame in enumerate(new):
            film.write_image(mattes / f"{name}.{number:06d}.png", frame.matte)
            yield frame

    if order.kind == ".png":
        (folder / "frames").mkdir()
        paths = []
        for number, frame in enumerate(matted()):
            paths.append(folder / "frames" / f"{name}.{number:06d}.png")
            film.write_image(paths[-1], frame.picture)
        return paths
    path = folder / f"{name}{order.kind}"
    film.write_movie(path, (frame.picture for frame in matted()), plate.times, order.sound)
    return [path]


def _report(
    order: Order, permission: Permission, plate: Film, told: Told, notes: list[str], models: dict[str, str],
    seconds: float,
) -> dict[str, Any]:  # fmt: skip
    ways = [way for way, _ in told.ways]
    return {
        "schema": "labial-revoiced/1",
        "plate": {"name": order.plate.name, "sha256": permission.use.plate, "frames": plate.count, "rate": plate.rate},
        "sound": {"name": order.sound.name, "sha256": permission.use.audio},
        "language": order.language,
        "consent": permission.consent_hash,
        "approval": permission.approval,
        "models": models,
        "ways": {way.value: ways.count(way) for way in Way},
        "notes": notes,
        "stretches": [
            {
                "way": way.value,
                "reason": reason,
                "first": first,
                "last": end - 1,
                "seconds": round(float(plate.times[first]), 3),
            }
            for (way, reason), first, end in _stretches(told.ways)
        ],
        "boxes": told.boxes,
        "took": round(seconds, 2),
    }


def _stretches(ways: list[tuple[Way, str]]) -> Iterator[tuple[tuple[Way, str], int, int]]:
    """Frames in a row that came about in the same way: way and reason, the first, and the one after the last."""
    changes = [0, *(k for k in range(1, len(ways)) if ways[k] != ways[k - 1]), len(ways)]
    for first, end in pairwise(changes):
        if first < end:
            yield ways[first], first, end
