"""Any sound to 16 kHz mono: WAV by the standard library, other files by soundfile, Blender's sounds as samples."""

from __future__ import annotations

import struct
from math import gcd
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..contracts import SAMPLE_RATE, AudioClip, Float32, frozen_array
from ..errors import AudioError

SILENT_DBFS = -70.0
_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
_BLOCK = 1 << 14


def load(path: str | Path) -> AudioClip:
    """Reads a sound file. Raises AudioError naming the file and the fix."""
    path = Path(path)
    if not path.is_file():
        raise AudioError(f"There is no sound file {path}. Choose another file or repair the path.")
    with path.open("rb") as file:
        head = file.read(12)
    if head[:4] == b"RIFF" and head[8:12] == b"WAVE":
        return load_wav(path)
    try:
        import soundfile
    except ImportError:
        if path.suffix.lower() in (".wav", ".wave"):
            raise AudioError(f"{path.name} is not a WAV file. Export it again as WAV.") from None
        raise AudioError(
            f"Reading {path.name} outside Blender needs the package soundfile: pip install soundfile."
        ) from None
    try:
        samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    except (soundfile.LibsndfileError, RuntimeError) as error:
        raise AudioError(f"{path.name} is not a sound file that can be read ({error}). Export it as WAV.") from error
    return from_samples(samples, rate, path.stem)


def load_wav(path: str | Path) -> AudioClip:
    """Reads PCM of 8, 16, 24 or 32 bits and float WAV, any rate and channels; a cut file is read as far as it goes."""
    path = Path(path)
    data = path.read_bytes()
    form, body = None, None
    at = 12
    while at + 8 <= len(data):
        name, size = data[at : at + 4], struct.unpack_from("<I", data, at + 4)[0]
        if name == b"fmt " and at + 24 <= len(data):
            form = (*struct.unpack_from("<HHIIHH", data, at + 8), data[at + 32 : at + 34])
        elif name == b"data":
            body = memoryview(data)[at + 8 : min(len(data), at + 8 + size)]
            break
        at += 8 + size + size % 2
    if form is None or body is None:
        raise AudioError(f"{path.name} is not a complete WAV file. Export it again as WAV.")
    code, channels, rate, _, _, bits, extended = form
    if code == _EXTENSIBLE and len(extended) == 2:
        code = struct.unpack("<H", extended)[0]
    if channels < 1 or rate < 1000:
        raise AudioError(f"{path.name} says it has {channels} channels at {rate} Hz. Export it again as WAV.")
    samples = _decoded(body, code, bits, path.name)
    whole = len(samples) // channels * channels
    return from_samples(samples[:whole].reshape(-1, channels), rate, path.stem)


def _decoded(body: memoryview, code: int, bits: int, name: str) -> Float32:
    width = bits // 8
    body = body[: len(body) // max(1, width) * max(1, width)]
    if code == _FLOAT and bits in (32, 64):
        return np.frombuffer(body, f"<f{width}").astype(np.float32)
    if code == _PCM and bits == 8:
        return (np.frombuffer(body, np.uint8).astype(np.float32) - 128.0) / 128.0
    if code == _PCM and bits in (16, 32):
        return np.frombuffer(body, f"<i{width}").astype(np.float32) / float(1 << (bits - 1))
    if code == _PCM and bits == 24:
        triples = np.frombuffer(body, np.uint8).reshape(-1, 3).astype(np.int32)
        return ((triples[:, 0] << 8 | triples[:, 1] << 16 | triples[:, 2] << 24) >> 8).astype(np.float32) / float(
            1 << 23
        )
    raise AudioError(f"{name} is a compressed WAV (format {code}, {bits} bits). Export it as 16-bit PCM.")


def from_samples(samples: NDArray[Any], rate: float, name: str) -> AudioClip:
    """Samples [n] or [n, channels] at `rate` Hz as a clip. Values that are not numbers become silence.

    Raises AudioError if there are none.
    """
    mono = np.asarray(samples, dtype=np.float32)
    mono = mono.mean(axis=1) if mono.ndim == 2 else mono
    if not len(mono):
        raise AudioError(f"The sound {name} has no samples. Choose another file.")
    mono = np.nan_to_num(mono, nan=0.0, posinf=1.0, neginf=-1.0)
    return AudioClip(frozen_array(resampled(mono, rate)), name)


def require_speech(clip: AudioClip) -> None:
    """Raises AudioError if the clip is silent throughout (no 10 ms above `SILENT_DBFS`)."""
    hop = SAMPLE_RATE // 100
    padded = np.pad(clip.samples, (0, -len(clip.samples) % hop)).reshape(-1, hop)
    if float(np.square(padded).mean(axis=1).max()) < 10.0 ** (SILENT_DBFS / 10.0):
        raise AudioError(f"The sound {clip.name} is silent. Choose another file or raise its level.")


def resampled(samples: Float32, rate: float) -> Float32:
    """[n] at `rate` to 16 kHz: windowed-sinc polyphase filter (Kaiser, 70 dB), no delay, blockwise."""
    whole = round(rate)
    if whole == SAMPLE_RATE:
        return np.asarray(samples, dtype=np.float32)
    common = gcd(SAMPLE_RATE, whole)
    up, down = SAMPLE_RATE // common, whole // common
    half = 24 * max(up, down)
    taps = np.arange(-half, half + 1)
    cutoff = 0.95 / max(up, down)
    kernel = (up * cutoff * np.sinc(cutoff * taps) * np.kaiser(2 * half + 1, 7.0)).astype(np.float32)
    length = -(-len(samples) * up // down)
    reach = half // up + 1
    offsets = np.arange(-reach + 1, reach + 1)
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(samples, (reach, reach + down)), len(offsets))
    out = np.empty(length, dtype=np.float32)
    for phase in range(min(up, length)):
        first, rest = divmod(phase * down, up)
        index = rest - offsets * up + half
        weights = np.where((index >= 0) & (index <= 2 * half), kernel[np.clip(index, 0, 2 * half)], 0.0)
        rows = windows[first + 1 :: down]
        count = len(range(phase, length, up))
        for start in range(0, count, _BLOCK):
            stop = min(count, start + _BLOCK)
            out[phase + start * up : phase + (stop - 1) * up + 1 : up] = rows[start:stop] @ weights
    return out
