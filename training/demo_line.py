"""How the demo line was made: one sentence spoken by Kokoro-82M, written as presets/demo/line.wav and line.txt.

`python -m training.demo_line` makes it again. Writing the phonemes out leaves no reading to chance.
"""

from __future__ import annotations

import tempfile
import wave
from pathlib import Path

import numpy as np

from .kokoro import RATE, Kokoro, Samples

TEXT = (
    "Hello, I'm Labial. Give me a few words, and watch my mouth move: "
    "lips meet on every P, B and M, and you may change any key."
)
PHONEMES = (
    "həlˈO, ˌIm lˈAbiəl. ɡˈɪv mi ɐ fjˈu wˈɜɹdz, ænd wˈɑʧ mI mˈWθ mˈuv: "
    "lˈɪps mˈit ˌɔn ˈɛvɹi pˈi, bˈi ænd ˈɛm, ænd ju mˈA ʧˈAnʤ ˈɛni kˈi."
)
VOICE, SPEED = "af_heart", 1.05
SILENCE, PEAK = 0.2, 0.8
FOLDER = Path(__file__).resolve().parent.parent / "presets/demo"


def trim(sound: Samples) -> Samples:
    """The sound between silences of `SILENCE` seconds, with its peak at `PEAK`; speech starts 45 dB below the peak."""
    sound = sound * (PEAK / np.abs(sound).max())
    loud = np.flatnonzero(np.abs(sound) > PEAK * 10 ** (-45 / 20))
    edge = round(SILENCE * RATE)
    padded = np.pad(sound, edge)
    cut = padded[loud[0] : loud[-1] + 1 + 2 * edge].copy()
    fade = np.linspace(0, 1, edge // 4, dtype=np.float32)
    cut[: len(fade)] *= fade
    cut[-len(fade) :] *= fade[::-1]
    return cut


def main() -> None:
    """Synthesise the line and write it beside its text."""
    with tempfile.TemporaryDirectory() as folder:
        kokoro = Kokoro(Path(folder))
    sound = trim(kokoro.speak(PHONEMES, kokoro.voices[VOICE], SPEED))
    FOLDER.mkdir(parents=True, exist_ok=True)
    with wave.open(str(FOLDER / "line.wav"), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        file.writeframes(np.round(sound * 32767).astype("<i2").tobytes())
    (FOLDER / "line.txt").write_text(TEXT + "\n", encoding="utf-8")
    print(f"{FOLDER / 'line.wav'}: {len(sound) / RATE:.2f} s, peak {np.abs(sound).max():.2f}")


if __name__ == "__main__":
    main()
