"""How good the video-plate pass is: `python3 build.py bench plate`.

On ../shared/plates (GRID, 360 x 288). The refiner that ships never saw s1, the driver never saw the twelve clips of s1
that are measured on; "fitted" is the refiner fitted by labial-fit to ten other clips of s1 (20 minutes, then kept).
Movies and contact sheets go to out/plate.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from model_runtime.contracts import Float32
from model_runtime.plate import drive, film, quality, retrieve
from model_runtime.plate.crop import SIDE
from model_runtime.plate.drive import Driver, Line
from model_runtime.plate.face_networks import FaceNetworks
from model_runtime.plate.redub import NewFrame, Way, _frames  # GRID's licence is the consent here; users pass the gate
from model_runtime.plate.refine import SIZE, Refiner
from model_runtime.plate.track import FaceTrack, Follower, smoothed
from training.plate import critic, faces
from training.plate.critic import sync
from training.plate.drive import Example, agreement, examples, held, lower, unseen
from training.plate.examples import Person
from training.plate.faces import RATE, Face
from training.plate.fit import RECIPE, fit, prior
from training.plate.refiner import State, export

from . import measures, viewing

ROOT = Path(__file__).resolve().parents[2]
PLATES, WORK, OUT = ROOT.parent / "shared/plates", ROOT / ".cache/plate", ROOT / "out/plate"
BANK, MOMENTS = 10, (10, 22, 34, 46, 58)
"""Clips of the bank that mouths are taken from (750 frames), and the frames of each held-out clip that are painted."""
PAIRS = 11
"""Re-dubs: a held-out clip is given the mouth of the next one."""
MINUTES = 20.0
SQUARE = SIZE / SIDE
"""Pixels of the refiner's square to the distance of the eyes."""
Ways = dict[str, Refiner | None]


@dataclass(frozen=True)
class Made:
    """A re-dubbed clip, and what is tracked in it."""

    frames: list[NewFrame]
    landmarks: Float32
    curves: Float32


def fitted(clips: Sequence[Face]) -> Refiner:
    """The refiner fitted to ten clips of s1; made once."""
    path = WORK / "fit-s1.onnx"
    if not path.is_file():
        begin = time.monotonic()
        found = fit(Person.of(clips), RECIPE, prior(), MINUTES, lambda _share, text: print(f"  {text}", flush=True))
        state = State.new(RECIPE, found.weights)
        export(state.mean, path, RECIPE, "ten clips of s1, for measuring")
        print(f"fitted in {time.monotonic() - begin:.0f} s: {found.before:.2f} to {found.after:.2f} levels\n")
    return Refiner.load(path)


def track_of(face: Face) -> FaceTrack:
    """The track of a clip without flags."""
    count = len(face.landmarks)
    return FaceTrack(
        face.landmarks, face.curves, np.ones(count, np.float32), np.zeros(count, np.int32), (), RATE, (360, 288)
    )


def painted(bank: Sequence[Face], tested: Sequence[Face], ways: Ways) -> None:
    """Prints how near frames that were painted from others are to the frames: teacher-forced."""
    person = Person.of([*bank, *tested])
    among = np.flatnonzero(person.clips < len(bank))
    print("| source | way | PSNR, new face, dB | SSIM, new face | SSIM, lips | sharpness of lips |")
    print("|---|---|---|---|---|---|")
    for source in ("nearest", "random, inner mouth nearest", "random"):
        random = np.random.default_rng(5)
        rows: dict[str, list[list[float]]] = {name: [] for name in ("still", *ways)}
        for clip in range(len(bank), len(bank) + len(tested)):
            own = np.flatnonzero(person.clips == clip)
            for moment in MOMENTS:
                frame = int(own[moment])
                main = int(person.nearest(frame, among)[0]) if source == "nearest" else int(random.choice(among))
                second = main if source == "random" else int(person.nearest(frame, among, between=True)[0])
                old = int(random.choice(own))
                made = person.painted(frame, main, second, old)
                truth = person.bank.pictures[frame].astype(np.float32)
                still = truth + made.face[..., None] * (person.bank.pictures[old] - truth)
                rows["still"].append(_compared(still, truth, made.face, made.outer))
                for name, refiner in ways.items():
                    picture = refiner.refine(made) if refiner else made.picture
                    rows[name].append(_compared(picture, truth, made.face, made.outer))
        print(f"| {source} | real | ∞ | 1 | 1 | 1 |")
        for name, values in rows.items():
            print(
                f"| {source} | {name} | " + " | ".join(f"{value:.3f}" for value in np.mean(values, axis=0)) + " |",
                flush=True,
            )


def _compared(picture: Float32, truth: Float32, face: Float32, lips: Float32) -> list[float]:
    alike = [measures.ssim(picture, truth, area) for area in (face, lips)]
    return [measures.psnr(picture, truth, face), *alike, measures.sharpness(picture, truth, lips)]


def redubbed(
    plate: Face, shapes: Float32, refiner: Refiner | None, networks: FaceNetworks, size: int | None = None
) -> Made:
    """A clip with new shapes, followed again."""
    pictures = plate.pictures()
    frames = list(_frames(lambda: iter(pictures), track_of(plate), shapes, refiner, size=size))
    return Made(frames, *faces.followed((frame.picture for frame in frames), networks))


def followed(
    pairs: Sequence[tuple[Example, Example]], ways: Ways, networks: FaceNetworks, weights: critic.Weights
) -> None:
    """Prints how well re-dubs follow the shapes of real footage, what they keep of the old mouth, and their sync."""
    print(
        "| way | opening | width | lips away, px of 128 | leak | with the old opening | flicker / plate's "
        "| sync: offset, confidence | outside the matte, levels | frames new, refined |"
    )
    print("|---|---|---|---|---|---|---|---|---|---|")
    real = [sync(weights, new.face.landmarks, new.face.curves, new.face.sound) for _, new in pairs]
    both = [_both(old, new) for old, new in pairs]
    agreed = np.mean([_agreed(own, wanted, own) for own, wanted in both], axis=0)
    by_chance = np.mean([measures.correlation(_opening(own), _opening(wanted)) for own, wanted in both])
    print(f"| real | 1 | 1 | 0 | 0 | {by_chance:.3f} | | {_synced(real)} | | |")
    still = [sync(weights, old.face.landmarks, old.face.curves, new.face.sound) for old, new in pairs]
    print(f"| still (the old film) | {_cells(agreed)} | 1 | {_synced(still)} | 0 | |")
    for name, refiner in ways.items():
        rows, found, outside, frame_ways = [], [], 0, []
        for (old, new), (own, wanted) in zip(pairs, both, strict=True):
            plate = old.face.pictures()
            made = redubbed(old.face, wanted, refiner, networks)
            rows.append([*_agreed(lower(made.landmarks), wanted, own), _flicker(made, plate)])
            found.append(sync(weights, made.landmarks, made.curves, new.face.sound))
            changes = (
                measures.outside_change(one.picture, before, one.matte)
                for one, before in zip(made.frames, plate, strict=True)
            )
            outside = max(outside, *changes)
            frame_ways += [frame.way for frame in made.frames]
        kept, better = (frame_ways.count(way) / len(frame_ways) for way in (Way.ORIGINAL, Way.REFINED))
        print(
            f"| {name} | {_cells(np.mean(rows, axis=0))} | {_synced(found)} | {outside} "
            f"| {100 * (1 - kept):.0f} %, {100 * better:.0f} % |",
            flush=True,
        )


def _both(old: Example, new: Example) -> tuple[Float32, Float32]:
    """Shapes [t, p, 2] of the old mouth, and of the new one as the old would make them, by rest and range."""
    own, shapes = lower(old.face.landmarks), lower(new.face.landmarks)
    here, there = drive.Range.of(own), drive.Range.of(shapes)
    return own, here.rest + np.float32(here.scale / there.scale) * (shapes - there.rest)


def _opening(shapes: Float32) -> Float32:
    return retrieve.mouth_measures(shapes)[:, 0]


def _agreed(got: Float32, wanted: Float32, old: Float32) -> list[float]:
    """Of shapes [t, p, 2]: correlations of opening and width, distance of the lips, leak, correlation with the old."""
    (gap, wide), (wanted_gap, wanted_wide) = (retrieve.mouth_measures(shapes)[:, :2].T for shapes in (got, wanted))
    return [
        measures.correlation(gap, wanted_gap),
        measures.correlation(wide, wanted_wide),
        SQUARE * measures.points_away(got[:, retrieve.LIPS], wanted[:, retrieve.LIPS]),
        measures.leak(gap, wanted_gap, _opening(old)),
        measures.correlation(gap, _opening(old)),
    ]


def _flicker(made: Made, plate: NDArray[np.uint8]) -> float:
    """That of a re-dub over the plate's own, where every frame is new."""
    area = np.min([frame.matte for frame in made.frames if frame.way is not Way.ORIGINAL], axis=0) > 0
    return measures.flicker(np.stack([frame.picture for frame in made.frames]), area) / measures.flicker(plate, area)


def _cells(values: Sequence[float]) -> str:
    return " | ".join(f"{value:.3f}" for value in values)


def _synced(found: Sequence[critic.Sync]) -> str:
    return f"{np.mean([abs(one.offset) for one in found]):.1f}, {np.mean([one.confidence for one in found]):.2f}"


def spoken(
    clips: Sequence[Example], pairs: Sequence[tuple[Example, Example]], driver: Driver, refiner: Refiner,
    networks: FaceNetworks, weights: critic.Weights,
) -> None:  # fmt: skip
    """Prints how audio-driven mouths agree with real footage, and what moves in silence."""
    _learned, kept, _others = held(clips)
    print("| driven by sound | opening | width |\n|---|---|---|")
    for name, values in (
        ("speaker known, clip held out", agreement(kept, driver)),
        ("the same, from the mouth track alone", agreement(kept, driver, deaf=True)),
        ("speaker never seen (four networks)", unseen(clips, WORK)),
    ):
        print(f"| {name} | {values[0]:.3f} | {values[1]:.3f} |", flush=True)
    still, moving, found, rows = [], [], [], []
    for old, new in pairs:
        own, wanted = _both(old, new)
        shapes = drive.drive(new.line, track_of(old.face), old.line, driver)
        made = redubbed(old.face, shapes, refiner, networks)
        found.append(sync(weights, made.landmarks, made.curves, new.face.sound))
        rows.append(_agreed(lower(made.landmarks), wanted, own))
        rest = drive.drive(Line(_silent(new)), track_of(old.face), None, driver)
        quiet = redubbed(old.face, rest, refiner, networks)
        still.append(_opening(lower(quiet.landmarks)).std())
        moving.append(_opening(own).std())
    opening, width, away, leak, with_old = np.mean(rows, axis=0)
    print(f"| re-dubbed, refined and followed again | {opening:.3f} | {width:.3f} |")
    print(f"\nof these re-dubs: lips away {away:.2f} px of 128, leak {leak:.3f}, with the old opening {with_old:.3f}")
    print(f"sync, offset and confidence: {_synced(found)}")
    print(f"motion in silence, of the plate's own: {100 * np.mean(still) / np.mean(moving):.1f} %\n")


def _silent(clip: Example) -> drive.MouthTrack:
    values = np.zeros_like(clip.line.mouth.values)
    values[:, drive.VISEMES.index("sil")] = 1
    return drive.MouthTrack(values, (), (), clip.line.mouth.duration)


def speed(face: Face, line: Line, driver: Driver, refiner: Refiner) -> None:
    """Prints the frames a second of the whole pass on one thread, at each size of the square; the best of three."""
    networks = FaceNetworks.load(threads=1)
    for size in (128, 256):
        rates = []
        for _ in range(3):
            begin = time.perf_counter()
            follower = Follower(networks)
            seen = [follower.see(picture) for picture in film.frames(face.path)]
            points = smoothed(np.stack([one.points for one in seen]), np.zeros(len(seen), np.int32), RATE)
            quality.flags(seen, RATE)
            shapes = drive.drive(line, track_of(face), None, driver)
            for frame in _frames(lambda: film.frames(face.path), track_of(face), shapes, refiner, size=size):
                assert frame.picture is not None
            rates.append(len(points) / (time.perf_counter() - begin))
        print(f"whole pass at {size}: {max(rates):.1f} frames a second on one thread")


def main() -> int:
    """Prints the tables and writes the sheets."""
    if not PLATES.is_dir():
        print("the plates (../shared/plates) are not here", file=sys.stderr)
        return 1
    torch.set_num_threads(1)
    OUT.mkdir(parents=True, exist_ok=True)
    networks, weights, driver = FaceNetworks.load(threads=1), critic.load(), Driver.load()
    all_faces = faces.faces(PLATES, WORK)
    clips = examples(all_faces)
    _, kept, others = held(clips)
    s1 = [face for face in all_faces if face.speaker == "s1"]
    ways: Ways = {"coarse": None, "refined, s1 never seen": Refiner.load(), "refined, fitted": fitted(s1[:BANK])}
    painted(s1[:BANK], [clip.face for clip in kept], ways)
    print()
    pairs = list(pairwise(kept))[:PAIRS]
    followed(pairs, ways, networks, weights)
    print()
    spoken(clips, pairs, driver, Refiner.load(), networks, weights)
    speed(kept[0].face, kept[1].line, driver, Refiner.load())
    for plate, voice in zip(others[:3], others[3:6], strict=True):
        made, told = viewing.redub(OUT, plate.face, voice.face)
        sheet = made.with_suffix(".png")
        viewing.sheet(sheet, [plate.face.pictures(), np.stack(list(film.frames(made)))], plate.face.landmarks)
        print(f"{made.relative_to(ROOT)}: {told['ways']}; {sheet.name}: above the old film, below the new one")
    print(viewing.blind(OUT, s1[:BANK], [clip.face for clip in kept], ways).relative_to(ROOT))
    return 0


if __name__ == "__main__":
    sys.exit(main())
