"""Text to phones through espeak-ng, which speaks 131 languages; its IPA is mapped onto the phone inventory."""

from __future__ import annotations

import ctypes
import functools
import importlib.util
import re
import threading
import unicodedata
from dataclasses import dataclass, replace

from ..errors import TextError
from ..phones import PHONES, SILENCE, VOWELS

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
_LETTERS_OF: dict[str, dict[str, str]] = {"en": {"ɾ": "d", "ɐ": "ə"}, "de": {"ɐ": "a", "ɜ": "a"}}
"""Letters that espeak-ng uses for another sound in this language."""
_ACCENTS = {"en": ("en-us", "en-gb"), "pt": ("pt", "pt-br"), "es": ("es", "es-419")}
"""The accents that a speaker may have where none is asked for."""
_WEAK = {
    "a": "ə", "an": "ən", "the": "ðə ði", "to": "tə", "of": "əv ə", "and": "ən n", "for": "fɝ fə", "from": "fɹəm",
    "that": "ðət", "than": "ðən", "them": "ðəm əm", "can": "kən", "at": "ət", "as": "əz", "was": "wəz", "were": "wɝ wə",
    "are": "ɝ ə", "or": "ɝ ə", "but": "bət", "you": "jə", "your": "jɝ jə", "have": "həv əv", "has": "həz əz",
    "had": "həd əd", "he": "ɪ", "him": "ɪm", "his": "ɪz", "her": "ɝ ə", "us": "əs", "must": "məst məs", "should": "ʃəd",
    "could": "kəd", "would": "wəd əd", "do": "də", "does": "dəz", "am": "əm", "some": "səm", "just": "dʒəst dʒəs",
    "because": "kəz", "into": "ɪntə", "so": "sə", "my": "mə", "there": "ðɝ ðə", "i'm": "am", "i'll": "al", "it's": "ts",
}  # fmt: skip
"""English words as they are said without stress."""


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
        accents = _ACCENTS.get(language.lower(), (language,))
        full = [form for accent in accents if (form := inventory(ipa(written, accent), accent))]
        if full:
            forms = [reduced for form in full for reduced in _variants(form, language)]
            words.append(LexiconWord(written, tuple(dict.fromkeys((full[0], *forms, *_weak(written, language))))))
    return tuple(words)


def available() -> bool:
    """Whether espeak-ng is there, so that words can be used."""
    return importlib.util.find_spec("espeakng_loader") is not None


def _base(language: str) -> str:
    """The language without its region."""
    return re.split("[-_]", language.lower())[0]


def inventory(spoken: str, language: str = "") -> Pronunciation:
    """espeak-ng's IPA of a word as phones of the inventory. Symbols that are not known are left out."""
    letters_of = {**_LETTERS, **_LETTERS_OF.get(_base(language), {})}
    found: list[SpokenPhone] = []
    for part in re.split(r"[_\s]+", re.sub(r"\([a-z-]+\)", "", spoken)):
        stressed = any(mark in part for mark in _STRESS)
        letters = "".join(
            ch for ch in unicodedata.normalize("NFD", part.replace("ç", "x")) if unicodedata.category(ch)[0] == "L"
        )
        letters = re.sub("[ʰʲʷˠˤːˑˈˌⁿ]", "", letters)
        for old, new in _JOINED:
            letters = letters.replace(old, new)
        for symbol in _symbols(letters):
            phone = symbol if symbol in PHONES else letters_of.get(symbol, "")
            if phone:
                found.append(SpokenPhone(phone, stressed))
    return tuple(found)


def _variants(full: Pronunciation, language: str) -> list[Pronunciation]:
    """The full form and the reduced ones of fluent speech.

    Any language: silent h. English, German, Dutch: ən without its vowel, t and d lost after a consonant. English: a
    syllable of l alone. German: r that is a vowel at the end of a syllable.
    """
    base = _base(language)
    forms = [full]
    if base == "de" and (vocalised := _vocalised(full)) != full:
        forms.append(vocalised)
    if base in ("en", "de", "nl"):
        forms += [reduced for form in forms for reduced in _swallowed(form)]
    if base == "en" and len(full) > 2 and full[-2].symbol == "ə" and full[-1].symbol == "l":
        forms.append((*full[:-2], full[-1]))
    if base in ("en", "de", "nl") and len(full) > 3 and full[-1].symbol in "td" and full[-2].symbol not in VOWELS:
        forms.append(full[:-1])
    if full[0].symbol == "h" and len(full) > 1:
        forms.append(full[1:])
    return forms


def _vocalised(full: Pronunciation) -> Pronunciation:
    """r between a vowel and no vowel becomes a."""
    symbols = [SILENCE, *(phone.symbol for phone in full), SILENCE]
    return tuple(
        replace(phone, symbol="a")
        if phone.symbol == "r" and symbols[k] in VOWELS and symbols[k + 2] not in VOWELS
        else phone
        for k, phone in enumerate(full)
    )


def _swallowed(form: Pronunciation) -> list[Pronunciation]:
    """ən without its vowel: haben is mostly said habm or ham, Abend abmt, open oʊpm."""
    symbols = [phone.symbol for phone in form]
    made = []
    for k in range(1, len(form) - 1) if len(form) > 3 else ():
        if symbols[k : k + 2] == ["ə", "n"] and (k + 2 == len(form) or symbols[k + 2] not in VOWELS):
            before = symbols[k - 1]
            nasal = SpokenPhone("m" if before in "pb" else "ŋ" if before in "kɡ" else "n", False)
            made.append((*form[:k], nasal, *form[k + 2 :]))
            if before in "pbtdkɡ":
                made.append((*form[: k - 1], nasal, *form[k + 2 :]))
    return made


def _weak(written: str, language: str) -> list[Pronunciation]:
    """An English word without stress, if it has such forms."""
    said = _WEAK.get(written.lower().replace("’", "'"), "") if _base(language) == "en" else ""
    return [tuple(SpokenPhone(p, False) for p in _symbols(form)) for form in said.split()]


def _symbols(letters: str) -> list[str]:
    return re.findall("|".join(_AFFRICATES) + "|.", letters)


@functools.cache
def ipa(word: str, language: str) -> str:
    """What espeak-ng says for a written word, phones joined by "_". Raises TextError as `pronounce` does."""
    library = _espeak()
    with _LOCK:
        names = (language.lower().replace("_", "-"), _base(language))
        if all(library.espeak_SetVoiceByName(name.encode()) != 0 for name in names):
            raise TextError(f"espeak-ng does not know the language “{language}”. Use a code such as en-us, de or fr.")
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
