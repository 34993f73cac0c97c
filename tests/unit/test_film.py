"""Films outside Blender: read again and again, whole or cut off, even or not, and written without a loss."""

from __future__ import annotations

import wave
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model_runtime.errors import PlateError
from model_runtime.plate import film

av = pytest.importorskip("av")


def pictures(count: int = 12, size: tuple[int, int] = (64, 48)) -> Any:
    """Slow noise, so that codecs have something to lose."""
    random = np.random.default_rng(3)
    coarse = random.integers(40, 200, (count, size[1] // 8, size[0] // 8, 3))
    return coarse.repeat(8, 1).repeat(8, 2).astype(np.uint8)


@pytest.fixture
def sound(tmp_path: Path) -> Path:
    path = tmp_path / "line.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        tone = 9000 * np.sin(2 * np.pi * 440 * np.arange(16_000) / 16_000)
        tone[:4_000] = 0  # begins a quarter of a second late
        file.writeframes(tone.astype("<i2").tobytes())
    return path


@pytest.mark.parametrize(("kind", "loss"), [(".mkv", 0), (".mp4", 6), (".mov", 6)])
def test_what_is_written_is_read_back(tmp_path: Path, sound: Path, kind: str, loss: int) -> None:
    frames, path = pictures(25), tmp_path / f"film{kind}"
    film.write_movie(path, frames, np.arange(25) / 25, sound)
    read = film.opened(path)
    assert (read.count, read.rate, read.notes) == (25, 25.0, ())
    for _ in range(2):
        again = np.stack(list(read.pictures()))
        assert np.abs(again.astype(int) - frames).mean() <= loss
    clip = read.sound()
    assert clip is not None
    assert clip.duration == pytest.approx(1.0, abs=0.1)
    loud = np.flatnonzero(np.abs(clip.samples) > 0.1)
    assert loud[0] / 16_000 == pytest.approx(0.25, abs=0.03)


def test_a_film_without_sound_has_none(tmp_path: Path) -> None:
    film.write_movie(tmp_path / "film.mkv", pictures(), np.arange(12) / 25)
    assert film.opened(tmp_path / "film.mkv").sound() is None


@pytest.mark.parametrize("rate", [12.0, 23.976, 59.94])
def test_the_rate_is_the_films(tmp_path: Path, rate: float) -> None:
    film.write_movie(tmp_path / "film.mp4", pictures(20), np.arange(20) / rate)
    read = film.opened(tmp_path / "film.mp4")
    assert read.rate == pytest.approx(rate, rel=2e-3)
    assert read.times[-1] == pytest.approx(19 / rate, abs=1e-3)


def test_a_rate_that_varies_is_said_and_its_times_are_kept(tmp_path: Path) -> None:
    times = np.append(np.arange(10) / 25, 1 + np.arange(10) / 25)
    film.write_movie(tmp_path / "film.mp4", pictures(20), times)
    read = film.opened(tmp_path / "film.mp4")
    assert np.allclose(read.times, times, atol=2e-3)
    assert any("varies, first at frame 10" in note for note in read.notes)


def test_a_film_that_is_cut_off_ends_with_its_last_whole_frame(tmp_path: Path) -> None:
    path = tmp_path / "film.mkv"
    film.write_movie(path, pictures(40), np.arange(40) / 25)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    read = film.opened(path)
    assert 5 < read.count < 40
    assert len(list(read.pictures())) == read.count


def test_a_phones_film_is_turned_upright(tmp_path: Path) -> None:
    """MPEG-2 streams cannot say so, MP4 can: the display matrix of ISO/IEC 14496-12 in the track header."""
    path = tmp_path / "film.mp4"
    lying = pictures(6, (64, 48))
    film.write_movie(path, lying, np.arange(6) / 25)
    data = bytearray(path.read_bytes())
    at = data.index(b"tkhd") + 4 + 40
    data[at : at + 36] = np.array([0, 65536, 0, -65536, 0, 0, 0, 0, 1 << 30], ">i4").tobytes()
    path.write_bytes(data)
    upright = next(film.opened(path).pictures())
    assert upright.shape == (64, 48, 3)
    assert np.abs(upright.astype(int) - np.rot90(lying[0], -1)).mean() < 6


def test_a_folder_of_images_is_a_film_in_the_order_of_its_names(tmp_path: Path) -> None:
    frames = pictures(5)
    for number in (3, 1, 0, 4, 2):
        film.write_image(tmp_path / f"f.{number:04d}.png", frames[number])
    (tmp_path / ".hidden.png").write_bytes(b"x")
    (tmp_path / "notes.txt").write_text("x")
    read = film.opened(tmp_path, 24.0)
    assert (np.stack(list(read.pictures())) == frames).all()
    assert read.times[4] == pytest.approx(4 / 24)
    with pytest.raises(PlateError, match="rate"):
        film.opened(tmp_path)


@pytest.mark.parametrize(
    ("make", "says"),
    [(lambda path: None, "no file"), (lambda path: path.write_bytes(b"no film"), "cannot be read as a film"),
     (lambda path: path.mkdir(), "no images")],
)  # fmt: skip
def test_what_is_no_film_is_named(tmp_path: Path, make: Any, says: str) -> None:
    make(tmp_path / "film.mp4")
    with pytest.raises(PlateError, match=says):
        film.opened(tmp_path / "film.mp4")


def test_a_folder_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(PlateError, match=r"film\.mp4 cannot be written"):
        film.write_movie(tmp_path / "missing" / "film.mp4", pictures(), np.arange(12) / 25)
    with pytest.raises(PlateError, match=r"a\.png cannot be written"):
        film.write_image(tmp_path / "missing" / "a.png", pictures()[0])


def test_odd_sizes_keep_every_pixel(tmp_path: Path) -> None:
    odd = pictures(6, (64, 48))[:, :-1, :-3]
    film.write_movie(tmp_path / "film.mp4", odd, np.arange(6) / 25)
    assert next(film.opened(tmp_path / "film.mp4").pictures()).shape == (47, 61, 3)
