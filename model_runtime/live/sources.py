"""Sound as it comes: a file played in real time, raw samples through a pipe, a microphone."""

from __future__ import annotations

import queue
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from ..contracts import SAMPLE_RATE, Float32
from ..errors import AudioError
from ..hearing import audio

NAMES = ("-", "mic")
"""What is no file: raw samples on standard input, the microphone."""
BLOCK = 0.01
"""Seconds of sound that come at a time."""
TAIL = 0.25
"""Seconds of silence after a file: the mouth comes to rest in its own time."""
_REMEMBERED = 500
_NO_SOUND = 2.0
"""Seconds without a sample from a microphone, after which it is taken for gone."""


class Source:
    """Blocks of sound at any rate as blocks at 16 kHz. `came` tells when a moment of the sound had come."""

    def __init__(self, blocks: Iterable[Float32], rate: float) -> None:
        self._blocks, self._rate = blocks, rate
        self._came = deque([(0.0, time.perf_counter())], _REMEMBERED)

    def __iter__(self) -> Iterator[Float32]:
        return audio.resampled_blocks(self._noted(), self._rate)

    def came(self, seconds: float) -> float:
        """The reading of `time.perf_counter` when this moment of the sound was there."""
        end, at = next(((end, at) for end, at in self._came if end >= seconds), self._came[-1])
        return at - (end - seconds)

    def _noted(self) -> Iterator[Float32]:
        count = 0
        for block in self._blocks:
            count += len(block)
            self._came.append((count / self._rate, time.perf_counter()))
            yield block


def opened(name: str, rate: float = SAMPLE_RATE, device: str = "") -> Source:
    """A source by its name: one of `NAMES` or a file. Raises AudioError naming what is missing."""
    if name == "mic":
        return microphone(device)
    return pipe(sys.stdin.buffer, rate) if name == "-" else file(Path(name))


def file(path: Path) -> Source:
    """A sound file, as fast as it is heard. Raises AudioError naming it."""
    silence = np.zeros(round(TAIL * SAMPLE_RATE), np.float32)
    return Source(_in_time(np.concatenate((audio.load(path).samples, silence))), SAMPLE_RATE)


def pipe(stream: BinaryIO, rate: float) -> Source:
    """Mono samples of 16 bits, little endian, until the stream ends, as fast as it gives them."""
    return Source(_piped(stream, round(BLOCK * rate)), rate)


def microphone(device: str = "") -> Source:
    """The default microphone, or the one of this name or number, until it is unplugged.

    Raises AudioError naming the package sounddevice, or the microphone, where there is none.
    """
    try:
        import sounddevice
    except ImportError:
        raise AudioError("The microphone needs the package sounddevice: pip install sounddevice.") from None
    except OSError as error:
        raise AudioError(
            f"sounddevice finds no PortAudio ({error}). On Debian: apt-get install libportaudio2."
        ) from error
    wanted = (int(device) if device.isdecimal() else device) if device else None
    blocks: queue.SimpleQueue[Float32] = queue.SimpleQueue()

    def arrived(samples: Any, _frames: int, _time: Any, _status: Any) -> None:
        blocks.put(np.array(samples[:, 0], dtype=np.float32))

    try:
        rate = float(sounddevice.query_devices(wanted, "input")["default_samplerate"])
        stream = sounddevice.InputStream(
            rate, round(BLOCK * rate), wanted, channels=1, dtype="float32", latency="low", callback=arrived
        )
        stream.start()
    except (sounddevice.PortAudioError, ValueError) as error:
        there = "There is no microphone" if wanted is None else f"The microphone {device} cannot be used"
        raise AudioError(
            f"{there} ({error}). Plug one in, or name another; python -m sounddevice lists them."
        ) from error
    return Source(_recorded(blocks, stream.close), rate)


def _in_time(samples: Float32) -> Iterator[Float32]:
    size, begun = round(BLOCK * SAMPLE_RATE), time.perf_counter()
    for at in range(0, len(samples), size):
        block = samples[at : at + size]
        time.sleep(max(0.0, begun + (at + len(block)) / SAMPLE_RATE - time.perf_counter()))
        yield block


def _piped(stream: BinaryIO, size: int) -> Iterator[Float32]:
    while len(body := stream.read(2 * size)) >= 2:
        yield np.frombuffer(body[: len(body) // 2 * 2], "<i2").astype(np.float32) / np.float32(32768.0)


def _recorded(blocks: queue.SimpleQueue[Float32], close: Callable[[], None]) -> Iterator[Float32]:
    try:
        while True:
            yield blocks.get(timeout=_NO_SOUND)
    except queue.Empty:
        return
    finally:
        close()
