"""Synthetic voices that say themselves when each phone ends: Flite's, and Festival's, cut by hand.

Programs and voices are Debian packages: flite, festival, festvox-kdlpc16k, festvox-kallpc16k.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from .corpora import SAMPLE_RATE
from .labels import Labels
from .pronounce import inventory

Timed = tuple[dict[str, str], NDArray[np.int16], Labels]
FLITE = os.environ.get("LABIAL_FLITE", "flite")
FLITE_VOICES = ("rms", "awb", "slt")
"""Two men and a woman of the CMU Arctic recordings."""
FESTIVAL_VOICE = "ked_diphone"
"""A man; `kal_diphone`, another, is kept for measuring."""
OWN_PHONES = {"PAU": "SIL", "AX": "AH0", "AXR": "ER", "EL": "L", "EM": "M", "EN": "N", "DX": "D", "#": "SIL"}
"""The programs' phones that ARPAbet lacks."""


def flite(rng: np.random.Generator, text: str, name: str, voice: str = "") -> Timed:
    """One sentence by one of Flite's voices."""
    voice = voice or str(rng.choice(FLITE_VOICES))
    options = ["-voice", voice, "-psdur", "--setf", f"duration_stretch={rng.uniform(0.85, 1.2):.3f}"]
    with tempfile.TemporaryDirectory() as folder:
        wave = Path(folder) / "said.wav"
        out = _run([FLITE, *options, "-o", str(wave), "-t", text])
        samples = _samples(wave)
    return _timed([part.split(":") for part in out.split()], samples, text, name, voice)


def festival(rng: np.random.Generator, text: str, name: str, voice: str = FESTIVAL_VOICE) -> Timed:
    """One sentence by one of Festival's diphone voices."""
    plain = " ".join(re.sub(r"[^\w',.?! -]", " ", text.lower()).split())
    with tempfile.TemporaryDirectory() as folder:
        wave, times, script = (Path(folder) / part for part in ("said.wav", "said.segs", "say.scm"))
        script.write_text(
            f"(voice_{voice}) (Parameter.set 'Duration_Stretch {rng.uniform(0.85, 1.2):.3f})"
            f'(set! said (SynthText "{plain}")) (utt.save.wave said "{wave}" \'riff) (utt.save.segs said "{times}")'
        )
        _run(["festival", "-b", str(script)])
        rows = [row.split() for row in times.read_text().splitlines()[1:]]
        samples = _samples(wave)
    return _timed([(phone, end) for end, _, phone in rows], samples, text, name, voice)


def _run(command: Sequence[str]) -> str:
    if not shutil.which(command[0]):
        raise SystemExit(f"Training needs the program {command[0]}; the model card names its Debian packages.")
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def _samples(path: Path) -> NDArray[np.int16]:
    samples, rate = soundfile.read(path, dtype="int16")
    if rate != SAMPLE_RATE:
        raise ValueError(f"{path.name} has {rate} Hz")
    return np.asarray(samples, np.int16)


def _timed(spoken: Sequence[Sequence[str]], samples: NDArray[np.int16], text: str, name: str, voice: str) -> Timed:
    """Phones and their ends, as the program wrote them, as labels of the whole sound; its last pause may be cut."""
    seconds = len(samples) / SAMPLE_RATE
    starts = (0.0, *(float(end) for _, end in spoken))
    inside = [
        (phone.upper(), float(end)) for (phone, end), start in zip(spoken, starts, strict=False) if start < seconds
    ]
    phones = inventory(tuple(OWN_PHONES.get(phone, phone) for phone, _ in inside))
    ends = (*(round(end, 4) for _, end in inside[:-1]), round(seconds, 4))
    row = {"id": name, "lang": "en-us", "spk": voice, "text": text}
    return row, samples, Labels(name, phones, ends)
