"""What the mark in the mouth region outlives: `python3 build.py bench watermark`.

The plates of ../shared/plates (GRID, 360 x 288, 3 s), a region of 84 x 68 pixels around the mouth that follows a head
swaying by random steps of 0.2 pixels; read with boxes that are off by 0.7 pixels, as those of a second tracking. H.264
is libx264 of the system's ffmpeg. The rows of three times the size are the same films enlarged.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from model_runtime.plate import film, watermark

PLATES = Path(__file__).resolve().parents[2] / "shared/plates"
MOUTH, BOX, SIZE = np.array([172.0, 205.0]), np.array([84.0, 68.0]), np.array([360, 288])
KEY, WORD = b"benchmark", 0xB5E2
KEYS = 1000
JOINABLE = 12
"""So many of the clips, the first ones, are of one man."""
Frames = NDArray[np.uint8]
Boxes = NDArray[np.float64]


class Attack(NamedTuple):
    """What happens to a film."""

    crf: int
    """H.264 quality; lower is better."""
    scale: float
    joined: int = 1
    """Clips of one man, before they are marked."""
    enlarged: int = 1
    """Times, before it is marked."""


ATTACKS = (Attack(18, 1), Attack(23, 1), Attack(28, 1), Attack(23, 1 / 1.5), Attack(28, 1 / 1.5),
           Attack(28, 1 / 1.5, joined=2), Attack(23, 1, enlarged=3), Attack(28, 1 / 1.5, enlarged=3))  # fmt: skip


def followed(count: int, centre: NDArray[np.float64], box: NDArray[np.float64], seed: int) -> Boxes:
    """Boxes of a head that sways a little [count, 4]."""
    path = centre + np.cumsum(np.random.default_rng(seed).normal(0, 0.2, (count, 2)), axis=0)
    return np.concatenate([path - box / 2, path + box / 2], axis=1)


def ffmpeg(frames: Frames, *options: str) -> Frames:
    """The frames after an ffmpeg command whose output is read again."""
    height, width = frames.shape[1:3]
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "film.mkv"
        raw = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", "25", "-i", "-"]
        command = ["ffmpeg", "-v", "error", "-threads", "1", *raw, *options, str(out)]
        subprocess.run(command, input=frames.tobytes(), check=True)
        return np.stack(list(film.frames(out)))


def attacked(frames: Frames, attack: Attack) -> Frames:
    """The film compressed, and scaled before."""
    width, height = (int(side * attack.scale) // 2 * 2 for side in frames.shape[2:0:-1])
    codec = ["-c:v", "libx264", "-threads", "1", "-crf", str(attack.crf), "-pix_fmt", "yuv420p"]
    return ffmpeg(frames, "-vf", f"scale={width}:{height}", *codec)


def psnr(one: Frames, other: Frames) -> float:
    """Peak signal-to-noise ratio in dB."""
    return float(10 * np.log10(255**2 / np.mean((one.astype(np.float32) - other) ** 2)))


def survived(clips: list[Frames]) -> Iterator[str]:
    """A row for every attack: films found, bits that were right, lowest score, PSNR of the region and of the frame."""
    for attack in ATTACKS:
        right, scores, region, whole = [], [], [], []
        films = clips if attack.enlarged == 1 else clips[::10]
        if attack.joined > 1:
            films = [np.concatenate(clips[at : at + attack.joined]) for at in range(0, JOINABLE, attack.joined)]
        for number, clip in enumerate(films):
            size = SIZE * attack.enlarged
            lossless = ["-vf", f"scale={size[0]}:{size[1]}:flags=lanczos", "-c:v", "ffv1", "-pix_fmt", "bgr0"]
            frames = clip if attack.enlarged == 1 else ffmpeg(clip, *lossless)
            boxes = followed(len(frames), MOUTH, BOX, number) * attack.enlarged
            marked = watermark.mark(frames, boxes, KEY, WORD)
            again = boxes + np.random.default_rng(number).normal(0, 0.7, boxes.shape)
            found = watermark.read(attacked(marked, attack), again * attack.scale, KEY)
            right.append(watermark.BITS - (found.bits ^ WORD).bit_count())
            scores.append(found.score)
            left, top, end, bottom = np.rint(boxes[0]).astype(int)
            region.append(psnr(marked[0, top:bottom, left:end], frames[0, top:bottom, left:end]))
            whole.append(psnr(marked, frames))
        found_ones = sum(score >= watermark.THRESHOLD for score in scores)
        yield (
            f"| {size[0]} x {size[1]}, {3 * attack.joined} s, CRF {attack.crf}"
            f"{', 1.5 x smaller' if attack.scale < 1 else ''} "
            f"| {found_ones}/{len(scores)} | {sum(count == watermark.BITS for count in right)}/{len(right)} "
            f"| {np.mean(right):.2f} | {min(scores):.0f}-{max(scores):.0f} "
            f"| {np.mean(region):.1f} | {np.mean(whole):.1f} |"
        )


def mistaken(clips: list[Frames]) -> Iterator[str]:
    """A row for some scores: how many unmarked crops reach them, and the bound."""
    rng, scores = np.random.default_rng(0), []
    for clip in clips:
        for _ in range(3):
            box = rng.uniform(40, 120, 2)
            seen = watermark.look(clip, followed(len(clip), rng.uniform(box / 2, SIZE - box / 2), box, len(scores)))
            scores += [watermark.judge(seen, number.to_bytes(2, "big")).score for number in range(KEYS)]
    for score in (32.0, 40.0, watermark.THRESHOLD):
        reached = int(np.sum(np.array(scores) >= score))
        yield f"| {score:.0f} | {reached} of {len(scores)} | {watermark.false_positives(score):.1e} |"


def main() -> int:
    """Prints both tables."""
    paths = sorted(PLATES.glob("grid_s1/*.mpg"))[::7] + sorted(PLATES.glob("grid_speakers/*.mpg"))
    if not paths:
        print("the plates (../shared/plates) are not here", file=sys.stderr)
        return 1
    clips = [np.stack(list(film.frames(path))) for path in paths]
    clips = [clip for clip in clips if clip.shape[1:3] == (SIZE[1], SIZE[0])]
    print(
        "| film | found | all 16 bits | bits right | scores | PSNR region, dB | frame |\n|---|---|---|---|---|---|---|"
    )
    for row in survived(clips):
        print(row, flush=True)
    print("\n| score | unmarked crops that reach it | bound |\n|---|---|---|")
    for row in mistaken(clips):
        print(row, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
