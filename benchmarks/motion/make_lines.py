"""How the lines of the sheets were made: three sentences full of one kind of lips, spoken by Kokoro-82M.

`python -m benchmarks.motion.make_lines` in the training environment makes them again, as 16 kHz FLAC beside their text.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import soundfile
from scipy import signal

from training.demo_line import SPEED, VOICE, trim
from training.kokoro import RATE, Kokoro

HEARD_AT = 16_000
LINES = Path(__file__).resolve().parent / "lines"
CORPUS = Path(__file__).resolve().parents[2] / ".cache/corpus/kokoro"
SENTENCES = {
    "peter": ("Peter Piper picked a peck of pickled peppers.", "pˈiTəɹ pˈIpəɹ pˈɪkt ɐ pˈɛk ʌv pˈɪkəld pˈɛpəɹz."),
    "fifty": ("Fifty-five vivid violets.", "fˈɪfti fˈIv vˈɪvɪd vˈIələts."),
    "who": ("Who would watch you row to Rome?", "hˌu wʊd wˈɑʧ ju ɹˈO tə ɹˈOm?"),
}
"""Words, and their phonemes as the voice knows them."""


def main() -> None:
    """Synthesise the lines and write them beside their texts."""
    kokoro = Kokoro(CORPUS)
    LINES.mkdir(exist_ok=True)
    for name, (text, phonemes) in SENTENCES.items():
        sound = signal.resample_poly(trim(kokoro.speak(phonemes, kokoro.voices[VOICE], SPEED)), HEARD_AT, RATE)
        soundfile.write(LINES / f"{name}.flac", np.clip(sound, -1.0, 1.0), HEARD_AT, "PCM_16")
        (LINES / f"{name}.txt").write_text(text + "\n", encoding="utf-8")
        print(f"{name}: {len(sound) / HEARD_AT:.2f} s, {(LINES / f'{name}.flac').stat().st_size} bytes")


if __name__ == "__main__":
    main()
