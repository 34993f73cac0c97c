"""Text to phones through espeak-ng, which speaks 131 languages; its IPA is mapped onto the phone inventory."""

from __future__ import annotations

import ctypes
import functools
import importlib.util
import re
import threading
import unicodedata
from dataclasses import dataclass

from ..errors import TextError
from ..phones import PHONES

_LOCK = threading.Lock()
_RETRIEVAL, _UTF8, _IPA = 2, 1, 2
_STRESS = "ˈˌ"

_LETTERS: dict[str, str] = {
    "ʔ": "", "ʕ": "", "ɦ": "h", "ħ": "h", "ç": "x", "χ": "x", "ɣ": "x", "ʁ": "r", "ʀ": "r", "ɾ": "r", "ɽ": "r",
    "ɻ": "ɹ", "ɲ": "n", "ɳ": "n", "ɴ": "ŋ", "ɱ": "m", "ʎ": "l", "ɭ": "l", "ɫ": "l", "ɬ": "l", "ʟ": "l",
    "β": "v", "ʋ": "v", "ɸ": "f", "ɥ": "j", "ʝ": "j", "ɰ": "ɡ", "g": "ɡ", "ɢ": "ɡ", "q": "k", "c": "k",
    "ɟ": "ɡ", "ʈ": "t", "ɖ": "d", "ɕ": "ʃ", "ʑ": "ʒ", "ʂ": "ʃ", "ʐ": "ʒ", "ɓ": "b", "ɗ": "d", "ɠ": "ɡ",
    "ʍ": "w", "ɑ": "a", "ɐ": "ʌ", "ɒ": "ɔ", "ɯ": "ɪ", "ɨ": "ɪ", "ʉ": "u", "ᵻ": "ɪ", "ɘ": "ə", "ɜ": "ɝ",
    "ɚ": "ɝ", "ɞ": "ɝ", "ɵ": "ø", "ʏ": "y", "œ": "ø", "ɶ": "ø", "ɤ": "ʌ", "ɪ": "ɪ",
}  # fmt: skip
"""Letters that are not in the inventory, to the nearest articulation; "" is not seen on a mouth."""
_JOINED: tuple[tuple[str, str], ...] = (
    ("əʊ", "oʊ"), ("əu", "oʊ"), ("ou", "oʊ"), ("ei", "eɪ"), ("ɛɪ", "eɪ"), ("ai", "aɪ"), ("ɑɪ", "aɪ"), ("au", "aʊ"),
    ("ɔi", "ɔɪ"), ("ɔy", "ɔɪ"), ("ɔø", "ɔɪ"),
)  # fmt: skip
_AFFRICATES = ("tʃ", "dʒ", "aɪ", "aʊ", "eɪ", "oʊ", "ɔɪ")
_WEAK = {"a": ("ə",), "the": ("ð", "ə"), "to": ("t", "ə"), "of": ("ə", "v"), "and": ("ə", "n"), "for": ("f", "ɝ")}


@dataclass(frozen=True)
class SpokenPhone:
    """A phone of a pronunciation; `stressed` if it belongs to a stressed vowel."""

    symbol: str
    stressed: bool


Pronunciation = tuple[SpokenPhone, ...]


@dataclass(frozen=True)
class LexiconWord:
    """A written word and the ways to say it, the full form first."""

    text: str
    pronunciations: tuple[Pronunciation, ...]


def pronounce(text: str, language: str = "en-us") -> tuple[LexiconWord, ...]:
    """The words of a transcript; words that make no sound are left out, unknown ones are spelled by rule.

    Raises TextError if espeak-ng is not there or does not know the language.
    """
    plain = re.sub(r"<[^>]*>|\[[^\]]*\]|\{[^}]*\}", " ", text)
    words = []
    for written in re.findall(r"[^\s.,;:!?…“”„\"()«»¿¡—–]+", plain):
        full = inventory(ipa(written, language))
        if full:
            words.append(LexiconWord(written, _variants(written, full, language)))
    return tuple(words)


def available() -> bool:
    """Whether espeak-ng is there, so that words can be used."""
    return importlib.util.find_spec("espeakng_loader") is not None


def inventory(spoken: str) -> Pronunciation:
    """espeak-ng's IPA of a word as phones of the inventory. Symbols that are not known are left out."""
    found: list[SpokenPhone] = []
    for part in re.split(r"[_\s]+", re.sub(r"\([a-z-]+\)", "", spoken)):
        stressed = any(mark in part for mark in _STRESS)
        letters = "".join(
            ch for ch in unicodedata.normalize("NFD", part.replace("ç", "x")) if unicodedata.category(ch)[0] == "L"
        )
        letters = re.sub("[ʰʲʷˠˤːˑˈˌⁿ]", "", letters)
        for old, new in _JOINED:
            letters = letters.replace(old, new)
        for symbol in re.findall("|".join(_AFFRICATES) + "|.", letters):
            phone = symbol if symbol in PHONES else _LETTERS.get(symbol, "")
            if phone:
                found.append(SpokenPhone(phone, stressed))
    return tuple(found)


def _variants(written: str, full: Pronunciation, language: str) -> tuple[Pronunciation, ...]:
    """The full form and the reduced ones of fluent speech: weak English words, German -en, silent h."""
    forms = [full]
    if language.startswith("en") and written.lower() in _WEAK:
        forms.append(tuple(SpokenPhone(p, False) for p in _WEAK[written.lower()]))
    tail = tuple(p.symbol for p in full[-2:])
    if language.startswith("de") and len(full) > 3 and tail == ("ə", "n"):
        before = full[-3].symbol
        nasal = "m" if before in "pb" else "ŋ" if before in "kɡ" else "n"
        forms += [(*full[:-2], SpokenPhone(nasal, False)), (*full[:-3], SpokenPhone(nasal, False))]
    if full[0].symbol == "h" and len(full) > 1:
        forms.append(full[1:])
    return tuple(dict.fromkeys(forms))


@functools.cache
def ipa(word: str, language: str) -> str:
    """What espeak-ng says for a written word, phones joined by "_". Raises TextError as `pronounce` does."""
    library = _espeak()
    with _LOCK:
        if library.espeak_SetVoiceByName(language.lower().replace("_", "-").encode()) != 0:
            base = re.split("[-_]", language.lower())[0]
            if library.espeak_SetVoiceByName(base.encode()) != 0:
                raise TextError(
                    f"espeak-ng does not know the language “{language}”. Use a code such as en-us, de or fr."
                )
        rest, said = ctypes.c_char_p(word.encode(errors="replace")), ""
        while rest.value:
            said += library.espeak_TextToPhonemes(ctypes.byref(rest), _UTF8, _IPA | ord("_") << 8).decode() + " "
        return said


@functools.cache
def _espeak() -> ctypes.CDLL:
    """The espeak-ng library without sound output; its state belongs to the process."""
    try:
        import espeakng_loader
    except ImportError:
        raise TextError(
            "Using a transcript needs espeak-ng: install the zip labial-full in Blender, or the package: "
            "pip install espeakng-loader. Without it, leave the transcript empty."
        ) from None
    library = ctypes.CDLL(espeakng_loader.get_library_path())
    library.espeak_TextToPhonemes.restype = ctypes.c_char_p
    if library.espeak_Initialize(_RETRIEVAL, 0, espeakng_loader.get_data_path().encode(), 0) < 0:
        raise TextError("espeak-ng cannot read its data. Install labial-full (or espeakng-loader) again.")
    return library
