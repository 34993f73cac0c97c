"""The speech network through onnxruntime, imported on first use, or NumPy; long sounds in chunks that join exactly."""

from __future__ import annotations

import functools
import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..contracts import FRAME_RATE, SAMPLE_RATE, VISEMES, AudioClip, Float32, Hearing, Progress
from ..errors import ModelError
from ..phones import PHONES, VISEME_OF
from .denoise import denoised, noisy

SCHEMA = "labial-speech/2"
WEIGHTS = Path(__file__).parent / "weights"
HOP = SAMPLE_RATE // FRAME_RATE
CHUNK_FRAMES = 20 * FRAME_RATE
"""Longer calls save little time and take more memory."""
QUIET_PEAK = 0.1
"""Clips whose loudest sample is below this are raised to it: the network knows speech from -40 dBFS on."""
QUIETEST = -90.0
"""dBFS of digital silence; exporters drop so small a floor from the graph, which then says minus infinity."""
BRIGHT = 2500.0
_WINDOW = 400
_FAINT = 1e-5
MASKED = 1.3
"""How many times likelier p b m f v are in noise than each head says: of those spoken fewer are shown than of those
shown are right. Held-out recordings with pink noise 5, 10 and 15 dB below gain with anything from 1.3 to 1.6."""
OUTPUTS = ("phones", "visemes", "voice", "loudness", "voicing", "pitch")


@dataclass(frozen=True)
class SpeechNetwork:
    """A loaded network and how many frames of past and future one frame of its output depends on.

    executor: what runs it, "onnxruntime" or "NumPy". stride_frames: a piece of a sound is heard as the whole if it
    begins at a multiple of so many frames.
    """

    session: Any
    executor: str
    past_frames: int
    future_frames: int
    stride_frames: int

    @classmethod
    def load(cls, folder: Path = WEIGHTS, threads: int | None = None) -> SpeechNetwork:
        """Reads speech.json and speech.onnx. Raises ModelError naming what is missing or damaged.

        threads: on which onnxruntime runs it; without, all processors but one, up to four.
        """
        contract = _contract(folder)
        graph = folder / "speech.onnx"
        if not graph.is_file() or hashlib.sha256(graph.read_bytes()).hexdigest() != contract["sha256"]:
            raise ModelError(f"The network {graph.name} is missing or damaged. Install Labial again.")
        field = contract["receptive_field"]
        frames = (int(field[name]) for name in ("past_frames", "future_frames", "stride_frames"))
        return cls(*_session(graph, threads), *frames)

    def hear(self, clip: AudioClip, progress: Progress | None = None, whole: bool = True) -> Hearing:
        """Everything that the network hears in a clip, floor(n / 160) frames but at least one.

        whole: else it is a piece of a sound that still comes, which is neither raised nor heard again without noise.
        """
        samples = clip.samples if len(clip.samples) >= HOP else np.pad(clip.samples, (0, HOP - len(clip.samples)))
        peak = max(1e-6, float(samples.max()), -float(samples.min()))
        gain = np.float32(max(1.0, QUIET_PEAK / peak) if whole else 1.0)
        frames = len(samples) // HOP
        heard: list[Any] = []
        brightness = np.empty(frames, np.float32)
        for first in range(0, frames, CHUNK_FRAMES):
            if progress is not None:
                progress(first / frames, "Listening")
            last = min(frames, first + CHUNK_FRAMES)
            begin = self.grid(first - self.past_frames)
            end = len(samples) if last == frames else min(len(samples), (last + self.future_frames) * HOP)
            piece = samples[begin * HOP : end] * gain
            chunk = self._run(piece)
            if whole and noisy(np.maximum(chunk[OUTPUTS.index("loudness")], QUIETEST)):
                again = self._run(denoised(piece))
                names = ([VISEME_OF[phone] for phone in PHONES], VISEMES)
                chunk[:2] = (_both(*heads) for heads in zip(chunk[:2], again[:2], names, strict=True))
            if not heard:
                heard = [np.empty((frames, *output.shape[1:]), np.float32) for output in chunk]
            brightness[first:last] = _brightness(samples, first, last)
            for joined, output in zip(heard, chunk, strict=True):
                joined[first:last] = output[first - begin : last - begin]
        phones, visemes, voice, loudness, voicing, pitch = heard
        loudness = np.maximum(loudness - 20.0 * np.log10(gain), QUIETEST)
        pitch = np.where(voicing > 0.5, pitch, np.float32(0.0))
        for output in (phones, visemes, voice, loudness, pitch, brightness):
            output.setflags(write=False)
        return Hearing(phones, visemes, voice, loudness, pitch, brightness, clip.duration)

    def grid(self, frame: int) -> int:
        """The last frame up to `frame`, at least 0, at which a piece may begin."""
        return max(0, frame) // self.stride_frames * self.stride_frames

    def _run(self, samples: Float32) -> list[Any]:
        """`OUTPUTS` of the graph."""
        return list(self.session.run(OUTPUTS, {"waveform": samples}))


def _both(heard: Float32, again: Float32, visemes: Sequence[str]) -> Float32:
    """Posteriors [t, n] of two hearings of a noisy sound in one: their geometric mean, and what noise hides (`MASKED`).

    visemes: of each column.
    """
    product = np.sqrt(np.maximum(heard, _FAINT) * np.maximum(again, _FAINT))
    product[:, np.isin(visemes, ("PP", "FF"))] *= np.float32(MASKED)
    return np.asarray(product / product.sum(axis=1, keepdims=True), np.float32)


def _brightness(samples: Float32, first: int, last: int) -> Float32:
    """Level above `BRIGHT` Hz over that below it [last - first] in dB, windows of 25 ms around the frames' centres."""
    begin, end = first * HOP + HOP // 2 - _WINDOW // 2, (last - 1) * HOP + HOP // 2 + _WINDOW // 2
    piece = np.pad(samples[max(0, begin) : end], (max(0, -begin), max(0, end - len(samples))))
    windows = np.lib.stride_tricks.sliding_window_view(piece, _WINDOW)[::HOP] * np.hanning(_WINDOW).astype(np.float32)
    power = np.square(np.abs(np.fft.rfft(windows)))
    split = round(BRIGHT * _WINDOW / SAMPLE_RATE)
    ratio = (power[:, split:].sum(axis=1) + 1e-9) / (power[:, :split].sum(axis=1) + 1e-9)
    return np.asarray(10.0 * np.log10(ratio), dtype=np.float32)


def _session(graph: Path, threads: int | None) -> tuple[Any, str]:
    """The graph in onnxruntime, or in NumPy where that cannot be loaded: the same values, some times slower."""
    try:
        import onnxruntime
    except (ImportError, OSError):
        from .numpy_session import NumpySession

        return NumpySession(graph), "NumPy"
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads or max(1, min(4, (os.cpu_count() or 2) - 1))
    options.inter_op_num_threads = 1
    options.enable_mem_pattern = False  # it saves no time here, and keeps 40 MB
    return onnxruntime.InferenceSession(str(graph), options, providers=["CPUExecutionProvider"]), "onnxruntime"


_shared_threads: int | None = None


@functools.cache
def shared() -> SpeechNetwork:
    """The network that ships, loaded once."""
    return SpeechNetwork.load(threads=_shared_threads)


def set_threads(threads: int | None) -> None:
    """How many threads the network of `shared` gets (None: as in `SpeechNetwork.load`); called before its first use."""
    global _shared_threads
    _shared_threads = threads


def _contract(folder: Path) -> dict[str, Any]:
    path = folder / "speech.json"
    try:
        contract: dict[str, Any] = dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise ModelError(
            f"The network's contract {path.name} cannot be read ({error}). Install Labial again."
        ) from error
    expected = {
        "schema": SCHEMA,
        "sample_rate": SAMPLE_RATE,
        "hop": HOP,
        "phones": list(PHONES),
        "visemes": list(VISEMES),
    }
    for name, value in expected.items():
        if contract.get(name) != value:
            raise ModelError(f"The network's {name} differs from what this version expects. Install Labial again.")
    for name in ("sha256", "receptive_field"):
        if name not in contract:
            raise ModelError(f"The network's contract {path.name} lacks {name}. Install Labial again.")
    return contract
