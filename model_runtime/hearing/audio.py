"""Any sound to 16 kHz mono: WAV by the standard library, other files by soundfile, Blender's sounds as samples."""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable, Iterator
from functools import lru_cache
from math import gcd
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from ..contracts import SAMPLE_RATE, AudioClip, Float32, frozen_array
from ..errors import AudioError

SILENT_DBFS = -70.0
_PCM, _FLOAT, _EXTENSIBLE = 1, 3, 0xFFFE
_FORMATS = {(_PCM, 8), (_PCM, 16), (_PCM, 24), (_PCM, 32), (_FLOAT, 32), (_FLOAT, 64)}
_CANCELLED = 0.01
"""Share of the loudest channel's power below which the mean of all has lost the sound; of eight, one leaves 1/64."""
_FRAMES = 1 << 18
_BLOCK = 1 << 14
_FEW_TURNS = 8


def load(path: str | Path) -> AudioClip:
    """Reads a sound file. Raises AudioError naming the file and the fix."""
    path = Path(path)
    if not path.is_file():
        raise AudioError(f"There is no sound file {path}. Choose another file or repair the path.")
    with path.open("rb") as file:
        head = file.read(12)
    is_wave = head[:4] == b"RIFF" and head[8:12] == b"WAVE"
    if is_wave and _is_plain(path):
        return load_wav(path)
    try:
        import soundfile
    except ImportError:
        if is_wave:
            return load_wav(path)  # says which format it has
        if path.suffix.lower() in (".wav", ".wave"):
            raise AudioError(f"{path.name} is not a WAV file. Export it again as WAV.") from None
        raise AudioError(
            f"Reading {path.name} outside Blender needs the package soundfile: pip install soundfile."
        ) from None
    try:
        with soundfile.SoundFile(path) as sound:
            blocks = (_mono(block) for block in sound.blocks(_FRAMES, dtype="float32", always_2d=True))
            return _collected(blocks, sound.frames, sound.samplerate, path.stem)
    except (soundfile.LibsndfileError, RuntimeError) as error:
        raise AudioError(f"{path.name} is not a sound file that can be read ({error}). Export it as WAV.") from error


def load_wav(path: str | Path) -> AudioClip:
    """Reads PCM of 8, 16, 24 or 32 bits and float WAV, any rate and channels; a cut file is read as far as it goes."""
    path = Path(path)
    with path.open("rb") as file:
        code, channels, rate, bits, size = _find_sound(file, path.name)
        if channels < 1 or rate < 1000:
            raise AudioError(f"{path.name} says it has {channels} channels at {rate} Hz. Export it again as WAV.")
        if (code, bits) not in _FORMATS:
            raise AudioError(f"{path.name} is a compressed WAV (format {code}, {bits} bits). Export it as 16-bit PCM.")
        frames = min(size, path.stat().st_size) // (channels * bits // 8)
        return _collected(_blocks(file, code, channels, bits, size), frames, rate, path.stem)


def _collected(blocks: Iterable[Float32], frames: int, rate: float, name: str) -> AudioClip:
    """Mono blocks of about `frames` samples at `rate` Hz as a clip: only what is at 16 kHz is ever whole in memory."""
    out = np.empty(-(-frames * SAMPLE_RATE // round(rate)) + 1, dtype=np.float32)
    at = 0
    for piece in resampled_blocks(blocks, rate):
        if at + len(piece) > len(out):  # a compressed file may hold more than it says
            out = np.concatenate([out[:at], np.empty(max(len(out), len(piece)), np.float32)])
        out[at : at + len(piece)] = piece
        at += len(piece)
    return _clip(out[:at], name)


def _blocks(file: BinaryIO, code: int, channels: int, bits: int, size: int) -> Iterator[Float32]:
    """The sound as mono blocks, so that a long file is never whole in memory in its own format."""
    frame = channels * bits // 8
    while len(body := file.read(min(size, frame * _FRAMES))) >= frame:
        size -= len(body)
        whole = memoryview(body)[: len(body) // frame * frame]
        yield _mono(_decoded(whole, code, bits).reshape(-1, channels))


def _is_plain(path: Path) -> bool:
    with path.open("rb") as file:
        code, _, _, bits, _ = _find_sound(file, path.name)
    return (code, bits) in _FORMATS


def _mono(samples: Float32) -> Float32:
    """Samples [n, channels] as their mean, or as the loudest channel where they cancel out: one is wired backwards."""
    if samples.shape[1] == 1:
        return samples[:, 0]
    mean = samples.mean(axis=1)
    power = np.square(samples).mean(axis=0)
    if np.square(mean).mean() < _CANCELLED * power.max():
        mean = samples[:, int(power.argmax())]
    return np.asarray(mean, np.float32)


def _find_sound(file: BinaryIO, name: str) -> tuple[int, int, int, int, int]:
    """Format code, channels, rate, bits and bytes of a WAV file's sound; the file is left at its first sample."""
    form = b""
    file.seek(12)
    while len(head := file.read(8)) == 8:
        size = struct.unpack("<I", head[4:])[0]
        if head[:4] == b"data" and len(form) >= 16:
            code, channels, rate, _, _, bits = struct.unpack_from("<HHIIHH", form)
            if code == _EXTENSIBLE and len(form) >= 26:
                code = struct.unpack_from("<H", form, 24)[0]
            return code, channels, rate, bits, size
        if head[:4] == b"fmt ":
            form = file.read(size)
            file.seek(size % 2, os.SEEK_CUR)
        else:
            file.seek(size + size % 2, os.SEEK_CUR)
    raise AudioError(f"{name} is not a complete WAV file. Export it again as WAV.")


def _decoded(body: memoryview, code: int, bits: int) -> Float32:
    if code == _FLOAT:
        return np.frombuffer(body, f"<f{bits // 8}").astype(np.float32)
    if bits == 8:
        return (np.frombuffer(body, np.uint8).astype(np.float32) - 128.0) / 128.0
    if bits == 24:
        padded = np.zeros((len(body) // 3, 4), dtype=np.uint8)
        padded[:, 1:] = np.frombuffer(body, np.uint8).reshape(-1, 3)
        return padded.view("<i4")[:, 0].astype(np.float32) / float(1 << 31)
    return np.frombuffer(body, f"<i{bits // 8}").astype(np.float32) / float(1 << (bits - 1))


def from_samples(samples: NDArray[Any], rate: float, name: str) -> AudioClip:
    """Samples [n] or [n, channels] at `rate` Hz as a clip. Values that are not numbers become silence.

    Raises AudioError if there are none.
    """
    whole = np.asarray(samples, dtype=np.float32)
    parts = (whole[at : at + _FRAMES] for at in range(0, len(whole), _FRAMES))
    return _collected((_mono(p) if p.ndim == 2 else p for p in parts), len(whole), rate, name)


def _clip(samples: Float32, name: str) -> AudioClip:
    if not len(samples):
        raise AudioError(f"The sound {name} has no samples. Choose another file.")
    samples.setflags(write=False)
    return AudioClip(samples, name)


def require_speech(clip: AudioClip) -> None:
    """Raises AudioError if the clip is silent throughout (no 10 ms above `SILENT_DBFS`)."""
    hop, block = SAMPLE_RATE // 100, SAMPLE_RATE * 60
    for at in range(0, len(clip.samples), block):
        part = clip.samples[at : at + block]
        padded = np.pad(part, (0, -len(part) % hop)).reshape(-1, hop)
        if float(np.square(padded).mean(axis=1).max()) >= 10.0 ** (SILENT_DBFS / 10.0):
            break
    else:
        raise AudioError(f"The sound {clip.name} is silent. Choose another file or raise its level.")


def resampled_blocks(blocks: Iterable[Float32], rate: float) -> Iterator[Float32]:
    """Blocks at `rate` Hz as blocks at 16 kHz, equal to `resampled` of the whole; what is not a number is silence."""
    common = gcd(SAMPLE_RATE, round(rate))
    up, down = SAMPLE_RATE // common, round(rate) // common
    margin = -(-(24 * max(up, down) // up + 2) // down) * down if up != down else 0
    held = np.zeros(margin, dtype=np.float32)
    for block in blocks:
        held = np.concatenate([held, np.nan_to_num(block, nan=0.0, posinf=1.0, neginf=-1.0)])
        ready = (len(held) - 2 * margin) // down * down
        if ready > 0:
            made = resampled(held[: ready + 2 * margin], rate)
            yield made[margin * up // down : (margin + ready) * up // down]
            held = held[ready:]
    if len(held) > margin:
        yield resampled(held, rate)[margin * up // down :]


def resampled(samples: Float32, rate: float) -> Float32:
    """[n] at `rate` to 16 kHz: windowed-sinc polyphase filter (Kaiser, 70 dB), no delay, blockwise."""
    whole = round(rate)
    if whole == SAMPLE_RATE:
        return np.asarray(samples, dtype=np.float32)
    common = gcd(SAMPLE_RATE, whole)
    up, down = SAMPLE_RATE // common, whole // common
    weights = _filter(up, down)
    length = -(-len(samples) * up // down)
    reach = weights.shape[1] // 2
    windows = np.lib.stride_tricks.sliding_window_view(np.pad(samples, (reach, reach + down)), 2 * reach)
    if length <= _FEW_TURNS * up:  # a live block: one look at all its samples is cheaper than one at each phase
        turns, phases = np.divmod(np.arange(length), up)
        looks = windows[phases * down // up + 1 + turns * down]
        return np.asarray(np.einsum("ij,ij->i", looks, weights[phases]), dtype=np.float32)
    out = np.empty(length, dtype=np.float32)
    for phase in range(min(up, length)):
        rows = windows[phase * down // up + 1 :: down]
        count = len(range(phase, length, up))
        for start in range(0, count, _BLOCK):
            stop = min(count, start + _BLOCK)
            out[phase + start * up : phase + (stop - 1) * up + 1 : up] = rows[start:stop] @ weights[phase]
    return out


@lru_cache(maxsize=8)
def _filter(up: int, down: int) -> Float32:
    """What each sample of a turn of `up` takes of the samples around it, float32 [up, taps]."""
    half = 24 * max(up, down)
    taps = np.arange(-half, half + 1)
    cutoff = 0.95 / max(up, down)
    kernel = (up * cutoff * np.sinc(cutoff * taps) * np.kaiser(2 * half + 1, 7.0)).astype(np.float32)
    reach = half // up + 1
    index = (np.arange(up) * down % up)[:, None] - np.arange(-reach + 1, reach + 1) * up + half
    weights = np.where((index >= 0) & (index <= 2 * half), kernel[np.clip(index, 0, 2 * half)], np.float32(0.0))
    return frozen_array(weights)
