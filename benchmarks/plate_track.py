"""How well and how fast the face of a plate is followed, on one thread: `python3 build.py bench track`.

The plates of ../shared/plates (GRID, 360 x 288, 3 s): all other speakers and every eighth clip of s1. Trembling is the
second difference of points that speech does not move, in shares of the distance of the eyes; a head that moves evenly
has none. The second table spoils each film in ways that make its mouth useless and counts the frames that are flagged.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from model_runtime.contracts import Float32
from model_runtime.plate import face_points, film, quality
from model_runtime.plate.face_networks import FaceNetworks
from model_runtime.plate.picture_square import Square, sample
from model_runtime.plate.quality import Seen, Trouble
from model_runtime.plate.track import Follower, smoothed

PLATES = Path(__file__).resolve().parents[2] / "shared/plates"
RATE = 25.0
SPOILT = slice(20, 30)
"""Frames that are spoilt, of every film's first 40."""
Frames = NDArray[np.uint8]
Spoil = Callable[[Frames, Float32], Frames]


def trembling(points: Float32) -> float:
    """Per cent of the distance of the eyes; points [t, 478, 3]."""
    steady = points[:, list(face_points.STEADY), :2]
    rough = np.diff(steady, 2, axis=0) / np.sqrt(6)  # of white noise, its own deviation
    return float(100 * np.sqrt(np.mean(rough**2)) / np.median(face_points.eye_distance(points)))


def covered(picture: Frames, points: Float32, colour: Float32, left: float) -> Frames:
    """A disc of a colour over the mouth, from `left` to 1 mouth widths beside its middle."""
    rows, columns = np.mgrid[: picture.shape[0], : picture.shape[1]]
    (x, y), width = points[13, :2], face_points.mouth_width(points)
    inside = (((columns - x) / width) ** 2 + ((rows - y) / (0.7 * width)) ** 2 < 1) & (columns > x + left * width)
    shade = 1 + 0.1 * np.sin((rows - y) / width * 6)[..., None]
    return np.where(inside[..., None], np.clip(colour * shade, 0, 255), picture).astype(np.uint8)


def forehead(picture: Frames, points: Float32) -> Float32:
    """Its colour."""
    x, y = np.rint(points[151, :2]).astype(int)
    return picture[y - 2 : y + 3, x - 2 : x + 3].mean((0, 1), dtype=np.float32)


def hand(picture: Frames, points: Float32) -> Frames:
    """The mouth behind the forehead's colour."""
    return covered(picture, points, forehead(picture, points), -1)


def half_hand(picture: Frames, points: Float32) -> Frames:
    """Half of the mouth behind it."""
    return covered(picture, points, forehead(picture, points), 0)


def blurred(picture: Frames, _points: Float32, sigma: float = 2.0) -> Frames:
    """Gaussian blur, pixels."""
    reach = np.arange(-6, 7)
    kernel = np.exp(-((reach / sigma) ** 2) / 2)
    kernel /= kernel.sum()
    result = picture.astype(np.float32)
    for axis in (0, 1):
        result = np.tensordot(kernel, [np.roll(result, step, axis) for step in reach], axes=1)
    return np.rint(result).astype(np.uint8)


def shrunk(picture: Frames, _points: Float32) -> Frames:
    """The picture at four tenths of its size, on grey."""
    small = sample(picture, Square(180, 144, 360), 144)[14:130]
    result = np.full_like(picture, 90)
    result[80:196, 100:244] = np.rint(small)
    return result


SPOILS: dict[str, tuple[Trouble, Spoil]] = {
    "no face": (Trouble.LOST, lambda picture, _: np.full_like(picture, 90)),
    "hand of the forehead's colour": (Trouble.OCCLUDED, hand),
    "the same over half of the mouth": (Trouble.OCCLUDED, half_hand),
    "dark microphone": (Trouble.OCCLUDED, lambda picture, at: covered(picture, at, np.full(3, 30, np.float32), -1)),
    "blur of 2 pixels": (Trouble.BLURRED, blurred),
    "mouth of 12 to 18 pixels": (Trouble.SMALL, shrunk),
    "on its side": (Trouble.LYING, lambda picture, _: np.ascontiguousarray(np.rot90(picture))),
    "another face beside": (Trouble.TWO_FACES, lambda picture, _: np.concatenate([picture, picture[:, ::-1]], axis=1)),
}


def row(networks: FaceNetworks, path: Path) -> tuple[list[Frames], list[Seen], float]:
    """Follows one plate and prints its line; returns frames, what was seen, and the seconds it took."""
    pictures = list(film.frames(path))
    follower, begin = Follower(networks), time.perf_counter()
    seen = [follower.see(picture) for picture in pictures]
    seconds = time.perf_counter() - begin
    points = np.stack([one.points for one in seen])
    found = np.isfinite(points[:, 0, 0])
    steady = smoothed(points, np.zeros(len(points), np.int32), RATE)
    opening = face_points.opening(points[found])
    flagged = len({flag.frame for flag in quality.flags(seen, RATE)})
    print(
        f"| {path.parent.name}/{path.stem} | {found.sum()}/{len(found)} | {flagged} | {trembling(points[found]):.2f} | "
        f"{trembling(steady[found]):.2f} | {np.median(face_points.mouth_width(points[found])):.0f} | "
        f"{opening.min():.3f}-{opening.max():.3f} | {len(pictures) / seconds:.1f} |",
        flush=True,
    )
    return pictures, seen, seconds


def flagged(networks: FaceNetworks, pictures: Sequence[Frames], seen: Sequence[Seen], name: str) -> tuple[int, int]:
    """In how many of the spoilt frames the trouble is flagged, and in how many of the others."""
    trouble, spoil = SPOILS[name]
    follower, count = Follower(networks), 2 * SPOILT.start
    spoilt = range(count)[SPOILT]
    films = [spoil(pictures[k], seen[k].points) if k in spoilt else pictures[k] for k in range(count)]
    flags = quality.flags([follower.see(picture) for picture in films], RATE)
    frames = [flag.frame for flag in flags if flag.trouble is trouble]
    return sum(frame in spoilt for frame in frames), sum(frame not in spoilt for frame in frames)


def main() -> int:
    """Prints both tables."""
    paths = sorted(PLATES.glob("grid_speakers/*.mpg")) + sorted(PLATES.glob("grid_s1/*.mpg"))[::8]
    if not paths:
        print("the plates (../shared/plates) are not here", file=sys.stderr)
        return 1
    networks = FaceNetworks.load(threads=1)
    print("| plate | frames tracked | flagged | trembling %, measured | smoothed | mouth, px | opening / eyes | fps |")
    print("|---|---|---|---|---|---|---|---|")
    done = [row(networks, path) for path in paths]
    frames = [len(pictures) for pictures, _, _ in done]
    rates = [count / seconds for count, (_, _, seconds) in zip(frames, done, strict=True)]
    tracked = sum(one.found for _, seen, _ in done for one in seen)
    print(f"\ntracked {tracked} of {sum(frames)} frames; frames a second on one thread: median {np.median(rates):.1f}, "
          f"best {max(rates):.1f}\n")  # fmt: skip
    print("| spoilt with | flagged, of those spoilt | of the others |\n|---|---|---|")
    for name in SPOILS:
        hits = np.array([flagged(networks, pictures, seen, name) for pictures, seen, _ in done[:9]])
        spoilt, others = 9 * len(range(2 * SPOILT.start)[SPOILT]), 9 * SPOILT.start * 2
        print(f"| {name} | {hits[:, 0].sum()}/{spoilt} | {hits[:, 1].sum()}/{others - spoilt} |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
