"""Movies and image sequences outside Blender, through the package av: frames, their times, sound; and writing them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..contracts import SAMPLE_RATE, AudioClip, frozen_array
from ..errors import PlateError
from .picture_square import Picture

if TYPE_CHECKING:
    from av.container import InputContainer

IMAGES = (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp")
"""Of a folder of images, what is a frame, in the order of the names."""
CLOCK = 90_000
"""Ticks a second of the movies that are written."""
UNEVEN = 1.5
"""A frame that lasts so many times the usual is one of a varying frame rate."""
_H264 = ("libx264", {"crf": "14", "preset": "medium"})
CODECS = {".mp4": _H264, ".mov": _H264, ".mkv": ("ffv1", {"level": "3"})}
"""What is written: H.264 that looks like its source, or FFV1, which is its source."""


@dataclass(frozen=True)
class Film:
    """A movie or a folder of images that can be read again and again.

    times float64 [frames], seconds; rate: frames a second, of a varying one the mean. notes: what is odd about it.
    """

    path: Path
    times: npt.NDArray[np.float64]
    rate: float
    notes: tuple[str, ...] = ()

    @property
    def count(self) -> int:
        """Frames."""
        return len(self.times)

    def pictures(self) -> Iterator[Picture]:
        """Frame after frame, uint8 [h, w, 3], upright; of a file that is cut off, those that are whole."""
        for number, picture in enumerate(frames(self.path)):
            if number == self.count:
                return
            yield picture

    def sound(self) -> AudioClip | None:
        """Its sound from the first frame on; None if it has none."""
        if self.path.is_dir():
            return None
        av = _av()
        with av.open(str(self.path)) as film:
            if not film.streams.audio:
                return None
            sounds = list(_decoded(film, av, audio=0))
        with av.open(str(self.path)) as film:
            first = next(_decoded(film, av, video=0)).time or 0.0
        if not sounds:
            return None
        resampler = av.AudioResampler(format="fltp", layout="stereo", rate=SAMPLE_RATE)
        parts = [part.to_ndarray() for sound in [*sounds, None] for part in resampler.resample(sound)]
        mono = np.concatenate(parts, axis=1).mean(0)  # FFmpeg's own mono of floats goes beyond 1
        shift = round(((sounds[0].time or 0.0) - first) * SAMPLE_RATE)
        placed = np.concatenate([np.zeros(max(0, shift), np.float32), mono[max(0, -shift) :]])
        return AudioClip(frozen_array(np.clip(placed, -1, 1)), self.path.stem) if len(placed) else None


def opened(path: Path, rate: float = 0.0) -> Film:
    """Looks through a movie or folder without keeping its frames.

    rate: frames a second of a folder of images; a movie says its own. Raises PlateError naming what is wrong.
    """
    if path.is_dir():
        count = len(_images(path))
        if not count:
            raise PlateError(f"The folder {path.name} has no images ({', '.join(IMAGES)}).")
        if rate <= 0:
            raise PlateError(f"{path.name} is a folder of images: say how many of them are shown a second (the rate).")
        return Film(path, np.arange(count) / rate, rate)
    if not path.is_file():
        raise PlateError(f"There is no file {path}. Choose another one or repair the path.")
    av = _av()
    try:
        with av.open(str(path)) as film:
            stream = film.streams.video[0]
            marks = sorted(
                float(part.pts * part.time_base) for part in _packets(film, av, stream) if part.pts is not None
            )
            rate = float(stream.average_rate or stream.guessed_rate or 0)
    except (av.FFmpegError, IndexError) as error:
        raise PlateError(f"{path.name} cannot be read as a film: {error}.") from error
    times = np.array(marks) - (marks[0] if marks else 0)
    whole = sum(1 for _ in frames(path))
    if not whole or not len(times):
        raise PlateError(f"{path.name} has no frame that can be read.")
    notes = []
    if whole < len(times):
        notes.append(f"the file is damaged or cut off after frame {whole - 1} ({times[whole - 1]:.2f} s)")
    times = np.append(times, times[-1] + (np.arange(max(0, whole - len(times))) + 1) / (rate or 25))[:whole]
    steps = np.diff(times)
    usual = float(np.median(steps)) if len(steps) else 1 / (rate or 25)
    uneven = np.flatnonzero((steps > UNEVEN * usual) | (steps < usual / UNEVEN))
    if len(uneven):
        notes.append(f"the frame rate varies, first at frame {uneven[0] + 1} ({times[uneven[0] + 1]:.2f} s)")
    return Film(path, times, round(1 / usual, 3), tuple(notes))


def frames(path: Path) -> Iterator[Picture]:
    """Frame after frame of a movie, an image or a folder of images, uint8 [height, width, 3], sRGB as stored, upright.

    A file that is cut off ends with its last whole frame. Raises PlateError if nothing of it can be read.
    """
    av = _av()
    for part in _images(path) if path.is_dir() else [path]:
        seen = 0
        try:
            film: InputContainer
            with av.open(str(part)) as film:
                to_rgb = av.video.reformatter.VideoReformatter()  # frames alone would each set one up: 2 ms
                for frame in _decoded(film, av, video=0):
                    picture = to_rgb.reformat(frame, format="rgb24").to_ndarray()
                    turns = round(getattr(frame, "rotation", 0) / 90) % 4
                    yield np.ascontiguousarray(np.rot90(picture, turns)) if turns else picture
                    seen += 1
        except (av.FFmpegError, IndexError) as error:
            raise PlateError(f"{part.name} cannot be read as a film: {error}.") from error
        if not seen:
            raise PlateError(f"{part.name} cannot be read as a film: it has no frame that is whole.")


def write_movie(
    path: Path, pictures: Iterable[Picture], times: npt.NDArray[np.float64], sound: Path | None = None
) -> None:
    """Writes pictures uint8 [h, w, 3] with their times in seconds, and a sound from the first frame on.

    What it is written as goes by the name (CODECS). Raises PlateError if it cannot be written.
    """
    av = _av()
    codec, options = CODECS[path.suffix.lower()]
    rate = Fraction(round(1000 / float(np.median(np.diff(times)) if len(times) > 1 else 0.04)), 1000)
    try:
        with av.open(str(path), "w") as film:
            stream: Any = None
            voice = film.add_stream("flac" if codec == "ffv1" else "aac", 48_000, layout="stereo") if sound else None
            for number, picture in enumerate(pictures):
                if stream is None:
                    stream = film.add_stream(codec, rate, options=options)
                    stream.height, stream.width = picture.shape[:2]
                    even = not (stream.height % 2 or stream.width % 2)
                    stream.pix_fmt = "bgr0" if codec == "ffv1" else "yuv420p" if even else "yuv444p"
                    stream.time_base = stream.codec_context.time_base = Fraction(1, CLOCK)
                frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
                frame.pts, frame.time_base = round(times[number] * CLOCK), Fraction(1, CLOCK)
                film.mux(stream.encode(frame))
            film.mux(stream.encode(None))
            if sound is not None:
                _add_sound(av, film, voice, sound, float(times[-1]) + 1 / float(rate))
    except (av.FFmpegError, OSError) as error:
        raise PlateError(f"{path.name} cannot be written: {error}.") from error


def _add_sound(av: Any, film: Any, voice: Any, sound: Path, seconds: float) -> None:
    """The first `seconds` of a sound file."""
    resampler = av.AudioResampler(format=voice.format.name, layout="stereo", rate=48_000)
    with av.open(str(sound)) as source:
        for part in [*source.decode(audio=0), None]:
            if part is not None and part.time is not None and part.time >= seconds:
                continue
            for frame in resampler.resample(part):
                film.mux(voice.encode(frame))
    film.mux(voice.encode(None))


def write_image(path: Path, picture: npt.NDArray[np.uint8]) -> None:
    """A PNG of a picture uint8 [h, w, 3], or of a matte [h, w]. Raises PlateError if it cannot be written."""
    av = _av()
    kind = "rgb24" if picture.ndim == 3 else "gray"
    codec = av.CodecContext.create("png", "w")
    codec.height, codec.width, codec.pix_fmt, codec.time_base = *picture.shape[:2], kind, Fraction(1, 25)
    packets = codec.encode(av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), format=kind)) + codec.encode(None)
    try:
        path.write_bytes(b"".join(bytes(packet) for packet in packets))
    except OSError as error:
        raise PlateError(f"{path.name} cannot be written: {error.strerror or error}.") from error


def _images(folder: Path) -> list[Path]:
    return sorted(path for path in folder.iterdir() if path.suffix.lower() in IMAGES and not path.name.startswith("."))


def _decoded(film: Any, av: Any, **streams: int) -> Iterator[Any]:
    """The frames of a stream, up to where a damaged file ends."""
    decoded, seen = film.decode(**streams), 0
    while True:
        try:
            frame = next(decoded)
        except StopIteration:
            return
        except av.FFmpegError:
            if seen:
                return
            raise
        seen += 1
        yield frame


def _packets(film: Any, av: Any, stream: Any) -> Iterator[Any]:
    packets = film.demux(stream)
    while True:
        try:
            yield next(packets)
        except (StopIteration, av.FFmpegError):
            return


def _av() -> Any:
    try:
        import av
    except ImportError as error:
        raise PlateError("Reading a movie needs the package av: python -m pip install av") from error
    return av
