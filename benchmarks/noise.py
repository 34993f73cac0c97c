"""What noise does to the cues: `python3 build.py bench noise`.

Speech: the hand-labelled sentences (English, German) with pink noise or music 10 dB below the speech, fixed seed; the
loss of macro F1. No speech: the share of time that is shown with lips closed, lip on teeth or an open vowel.
The music is Debian's asterisk-moh-opsound-g722 (CC-BY-SA-3.0), fetched and unpacked, not installed.
"""

from __future__ import annotations

import subprocess
import tempfile
import wave
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from model_runtime import pipeline
from model_runtime.contracts import SAMPLE_RATE, AudioClip, frozen_array
from model_runtime.errors import AudioError
from model_runtime.export.cues import cues
from model_runtime.hearing import audio
from training.debian import decoded_g722, unpacked

from .scoring import LABELS, ROOT, cued, figures, read, require_labels, write

MUSIC = "asterisk-moh-opsound-g722"
BELOW = 10.0
"""dB from the speech to the noise."""
SHOWN = frozenset(("PP", "FF", "aa", "E", "O"))

Samples = NDArray[np.float32]


def coloured(seconds: float, exponent: float, seed: int) -> Samples:
    """Noise whose power falls as 1 / f^exponent (1 is pink), unit RMS."""
    count = round(seconds * SAMPLE_RATE)
    spectrum = np.fft.rfft(np.random.default_rng(seed).standard_normal(count))
    spectrum /= np.maximum(np.arange(len(spectrum)), 20.0 * seconds) ** (exponent / 2)
    noise = np.fft.irfft(spectrum, count)
    return np.asarray(noise / noise.std(), np.float32)


def street(seconds: float) -> Samples:
    """Rumble that swells and fades, as of passing cars, with single knocks."""
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    out = coloured(seconds, 1.6, 5) * (0.4 + np.square(np.sin(2 * np.pi * 0.11 * time)))
    for at in np.random.default_rng(6).uniform(0, seconds - 0.2, round(seconds)):
        start = round(at * SAMPLE_RATE)
        out[start : start + 1600] += 3.0 * np.exp(-np.arange(1600) / 250) * coloured(0.1, 0.5, start)
    return np.asarray(out / out.std(), np.float32)


def machine(seconds: float) -> Samples:
    """A motor: hum with overtones, a beat and hiss."""
    time = np.arange(round(seconds * SAMPLE_RATE)) / SAMPLE_RATE
    hum = sum(np.sin(2 * np.pi * 47.0 * k * time + k) / k for k in range(1, 30))
    out = hum * (1.0 + 0.5 * np.sin(2 * np.pi * 7.0 * time)) + 0.3 * coloured(seconds, 0.0, 7)
    return np.asarray(out / out.std(), np.float32)


def music() -> Samples | None:
    """Every piece of the package one after the other, or None if it or ffmpeg is not to be had."""
    try:
        folder = unpacked(ROOT / ".cache/debian", MUSIC)
        raw = b"".join(path.read_bytes() for path in sorted(folder.rglob("*.g722")))
        decoded = decoded_g722(raw, SAMPLE_RATE)
    except (OSError, subprocess.CalledProcessError):
        return None
    pieces = np.frombuffer(decoded, "<i2").astype(np.float32)
    return pieces / pieces.std()


def mixed(speech: Samples, active: NDArray[np.bool_], noise: Samples, seed: int) -> Samples:
    """Speech with a random stretch of noise `BELOW` dB under the RMS of its active samples."""
    start = np.random.default_rng(seed).integers(0, len(noise) - len(speech))
    part = noise[start : start + len(speech)]
    gain = np.sqrt(np.square(speech[active]).mean() / np.square(part).mean()) * 10 ** (-BELOW / 20)
    out = speech + part * gain
    return np.asarray(out / max(1.0, float(np.abs(out).max())), np.float32)


def scores(noise: Samples | None) -> dict[str, float]:
    """Macro F1 by set; without noise if None."""
    with tempfile.TemporaryDirectory() as folder:
        chosen = [row for row in read(LABELS) if row["set"] in ("ae", "emodb") and row.get("complete", True)]
        for number, row in enumerate(chosen):
            speech = np.array(audio.load(LABELS.parent / row["audio"]).samples)
            if noise is not None:
                active = np.zeros(len(speech), bool)
                for start, end, _, kind in row["segs"]:
                    active[round(start * SAMPLE_RATE) : round(end * SAMPLE_RATE)] = kind != "SIL"
                speech = mixed(speech, active, noise, number)
            row["audio"] = f"{number}.wav"
            with wave.open(str(Path(folder) / row["audio"]), "wb") as out:
                out.setparams((1, 2, SAMPLE_RATE, 0, "NONE", ""))
                out.writeframes(np.round(speech * 32767).astype("<i2").tobytes())
        listed = Path(folder) / "labels.jsonl"
        write(listed, chosen)
        scored = figures(listed, cued(listed))
    return {name: scored[name]["f1_7"] for name in ("ae", "emodb")}


def shown(noise: Samples, level: float = 0.05) -> float:
    """Share of the time that noise at an RMS of `level` is shown as speech that a viewer would see."""
    try:
        speech = pipeline.listen(AudioClip(frozen_array(np.clip(noise * level, -1, 1)), "noise"))
    except AudioError:
        return 0.0
    return sum(cue.end - cue.start for cue in cues(speech) if cue.viseme in SHOWN) / speech.duration


def main() -> None:
    """Print both tables, or say what is missing."""
    require_labels()
    pieces = music()
    beds = {"pink noise": coloured(30.0, 1.0, 1)} | ({"music": pieces} if pieces is not None else {})
    clean = scores(None)
    print("| 10 dB below speech | F1 English | F1 German | loss |\n|---|---|---|---|")
    print(f"| nothing | {clean['ae']:.3f} | {clean['emodb']:.3f} | |")
    for name, bed in beds.items():
        found = scores(bed)
        loss = np.mean([clean[key] - found[key] for key in clean])
        print(f"| {name} | {found['ae']:.3f} | {found['emodb']:.3f} | {loss:.3f} |")
    noises = {"pink noise": coloured(60.0, 1.0, 2), "street": street(60.0), "machine": machine(60.0)}
    if pieces is not None:
        noises["music without voice"] = pieces[: 300 * SAMPLE_RATE]
    print("\n| no speech | share of time shown as p b m, f v or an open vowel |\n|---|---|")
    for name, noise in noises.items():
        print(f"| {name} | {100 * shown(noise):.1f} % |")
    if pieces is None:
        print(f"\nMusic was left out: {MUSIC} or ffmpeg is not to be had here.")


if __name__ == "__main__":
    main()
