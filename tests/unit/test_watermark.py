"""The mark in the mouth region: unseen, outlives H.264, is not found where it is not, stays inside the boxes."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model_runtime.errors import ProvenanceError
from model_runtime.plate import watermark
from model_runtime.plate.watermark import BITS, THRESHOLD, false_positives, mark, read

ROOT = Path(__file__).resolve().parents[2]
PLATES = ROOT.parent / "shared/plates"
KEY, WORD = b"k" * 32, 0xB5E2
SIZE = (360, 288)
MOUTH, BOX = np.array([172.0, 205.0]), np.array([84.0, 68.0])
"""Where the man of GRID's s1 has his mouth, in pixels, and a region around it."""


def ffmpeg(*arguments: object, given: bytes = b"") -> bytes:
    command = ["ffmpeg", "-v", "error", "-y", "-threads", "1", *map(str, arguments)]
    return subprocess.run(command, input=given, capture_output=True, check=True).stdout


def decoded(movie: Path, size: tuple[int, int]) -> Any:
    data = ffmpeg("-i", movie, "-f", "rawvideo", "-pix_fmt", "rgb24", "-")
    return np.frombuffer(data, np.uint8).reshape(-1, size[1], size[0], 3)


def encoded(frames: Any, folder: Path, crf: int, size: tuple[int, int] = SIZE) -> Any:
    """The frames after H.264 at a quality, and at another size if one is given."""
    movie = folder / "x.mp4"
    height, width = frames.shape[1:3]
    ffmpeg(
        "-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}", "-r", 25, "-i", "-", "-c:v", "libx264",
        "-threads", 1, "-vf", f"scale={size[0]}:{size[1]}", "-crf", crf, "-pix_fmt", "yuv420p", movie,
        given=frames.tobytes(),
    )  # fmt: skip
    return decoded(movie, size)


def followed(count: int, centre: Any = MOUTH, box: Any = BOX, seed: int = 0) -> Any:
    """Boxes that follow a head which sways a little [count, 4]."""
    path = centre + np.cumsum(np.random.default_rng(seed).normal(0, 0.2, (count, 2)), axis=0)
    return np.concatenate([path - box / 2, path + box / 2], axis=1)


def psnr(one: Any, other: Any) -> float:
    return float(10 * np.log10(255**2 / np.mean((one.astype(float) - other) ** 2)))


def wrong_bits(bits: int) -> int:
    return (bits ^ WORD).bit_count()


@pytest.fixture(scope="module")
def clips() -> list[Any]:
    """Two plates of one man, uint8 [75, 288, 360, 3]."""
    if not PLATES.exists() or not shutil.which("ffmpeg"):
        pytest.skip("the plates (../shared/plates) or ffmpeg are not here")
    return [decoded(PLATES / f"grid_s1/{name}.mpg", SIZE) for name in ("bgin1s", "brbm8p")]


def drawn(count: int = 24, seed: int = 0) -> Any:
    """A film of moving noise, uint8 [count, 64, 80, 3]."""
    noise = np.random.default_rng(seed).normal(0, 25, (count + 8, 64, 80, 3)).cumsum(0)
    return np.clip(128 + (noise[8:] - noise[:-8]) / 2, 0, 255).astype(np.uint8)


@pytest.mark.parametrize(("crf", "size"), [(23, SIZE), (28, SIZE), (23, (240, 192))])
def test_all_bits_outlive_compression_and_scaling(clips: list[Any], tmp_path: Path, crf: int, size: Any) -> None:
    """With the boxes of a second tracking that differs by 0.7 pixels."""
    for frames in clips:
        boxes = followed(len(frames))
        again = boxes + np.random.default_rng(1).normal(0, 0.7, boxes.shape)
        film = encoded(mark(frames, boxes, KEY, WORD), tmp_path, crf, size)
        found = read(film, again * (size[0] / SIZE[0]), KEY)
        assert found.marked and wrong_bits(found.bits) == 0, found


def test_the_mark_is_still_found_when_scaled_and_compressed_hard(clips: list[Any], tmp_path: Path) -> None:
    boxes = followed(75)
    film = encoded(mark(clips[0], boxes, KEY, WORD), tmp_path, 28, (240, 192))
    found = read(film, boxes / 1.5, KEY)
    assert found.marked and wrong_bits(found.bits) <= 2, found


def test_it_is_not_seen(clips: list[Any]) -> None:
    frames, boxes = clips[0], followed(75)
    marked = mark(frames, boxes, KEY, WORD)
    left, top, right, bottom = np.rint(boxes[0]).astype(int)
    assert psnr(marked, frames) > 57 and psnr(marked[0, top:bottom, left:right], frames[0, top:bottom, left:right]) > 44
    assert np.abs(marked.astype(int) - frames).max() <= 12


def test_unmarked_films_do_not_read_as_marked(clips: list[Any], tmp_path: Path) -> None:
    """3000 keys on six crops, mouths and others, as they are and compressed: fewer than the bound at every score."""
    films = [clips[0], encoded(clips[1], tmp_path, 23)]
    places = [(MOUTH, BOX), (np.array([60.0, 60.0]), np.array([100.0, 90.0])), (np.array([170, 120.0]), BOX / 2)]
    seen = [watermark.look(film, followed(75, centre, box)) for film in films for centre, box in places]
    scores = np.array([watermark.judge(d, number.to_bytes(2, "big")).score for d in seen for number in range(3000)])
    assert np.mean(scores) == pytest.approx(BITS, rel=0.03)
    assert np.mean(scores >= THRESHOLD) <= 1 / 1000
    for score in (32, 36, 40, 44):
        assert np.mean(scores >= score) < false_positives(score)


def test_the_bound_is_what_is_promised() -> None:
    assert false_positives(THRESHOLD) < 1 / 1000 and false_positives(BITS) == 1
    assert false_positives(40) == pytest.approx(2.5**8 * np.exp(-12))


@pytest.mark.parametrize("bits", [0, 1, 0x8000, 0xFFFF, WORD])
def test_any_word_is_read_back(bits: int) -> None:
    frames, boxes = drawn(), followed(24, np.array([40.0, 32.0]), np.array([64.0, 48.0]))
    found = read(mark(frames, boxes, KEY, bits), boxes, KEY)
    assert found.marked and found.bits == bits


def test_another_key_reads_nothing() -> None:
    frames, boxes = drawn(), followed(24, np.array([40.0, 32.0]), np.array([64.0, 48.0]))
    marked = mark(frames, boxes, KEY, WORD)
    assert read(marked, boxes, KEY).marked
    assert not read(marked, boxes, b"another").marked and not read(frames, boxes, KEY).marked


def test_a_film_that_lost_its_head_is_read_where_it_goes_on() -> None:
    frames, boxes = drawn(60), followed(60, np.array([40.0, 32.0]), np.array([64.0, 48.0]))
    marked = mark(frames, boxes, KEY, WORD)
    for cut in (0, 7, 18):
        found, start = watermark.search(watermark.look(marked[cut:], boxes[cut:]), KEY, 40)
        assert (found.bits, start) == (WORD, cut) and 41 * false_positives(found.score) < 1e-6
    found, _ = watermark.search(watermark.look(frames, boxes), KEY, 40)
    assert 41 * false_positives(found.score) > 1e-3


def test_a_film_can_be_marked_part_by_part() -> None:
    frames, boxes = drawn(36), followed(36, np.array([40.0, 32.0]), np.array([64.0, 48.0]))
    parts = [mark(frames[at : at + 12], boxes[at : at + 12], KEY, WORD, start=at) for at in (0, 12, 24)]
    assert np.array_equal(np.concatenate(parts), mark(frames, boxes, KEY, WORD))


def test_pixels_outside_stay_identical() -> None:
    """Also where a box hangs over the frame's edge, and outside a mask; frames that fill no pair stay whole."""
    frames = drawn(27)
    boxes = np.tile(np.array([-10.0, 20.0, 30.0, 60.0]), (27, 1))
    mask = np.zeros(frames.shape[:3], np.float32)
    mask[:, :, 5:25] = 1
    for given, columns in ((None, slice(30, None)), (mask, slice(25, None))):
        marked = mark(frames, boxes, KEY, WORD, given)
        assert np.array_equal(marked[:, :, columns], frames[:, :, columns])
        assert np.array_equal(marked[:, :20], frames[:, :20]) and np.array_equal(marked[24:], frames[24:])
        assert (marked[:24, 20:60, 5:25] != frames[:24, 20:60, 5:25]).any(axis=(1, 2, 3)).all()
    assert np.array_equal(mark(frames, boxes, KEY, WORD, mask)[:, :, :5], frames[:, :, :5])


def test_what_cannot_be_marked_is_named() -> None:
    frames, boxes = drawn(), followed(24, np.array([40.0, 32.0]), np.array([64.0, 48.0]))
    with pytest.raises(ProvenanceError, match="at least 12 frames; these are 11"):
        mark(frames[:11], boxes[:11], KEY, WORD)
    mistakes = [
        lambda: mark(frames, boxes, KEY, 1 << 16),
        lambda: mark(frames, boxes, KEY, 1, start=5),
        lambda: mark(frames, boxes[:13], KEY, 1),
        lambda: mark(frames[..., 0], boxes, KEY, 1),
        lambda: read(frames, boxes * 0.01, KEY),
    ]
    for wrong in mistakes:
        with pytest.raises(ValueError, match=r"frames are|boxes are|16 bits|multiple"):
            wrong()
