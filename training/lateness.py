"""How late aligners put edges, by the kinds of the two phones that meet there, and labels with that taken out.

The figures are those that `python -m training edges` prints: two voices whose diphones were cut by hand, so that the
truth is known; weighted towards 0 where there are few edges. Beside silence both voices say little about people, and
nothing is moved.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

from model_runtime.phones import SILENCE, SONORANTS, VOWELS

POCKETSPHINX: dict[str, float] = {
    "fricative fricative": 2.1, "fricative liquid": -5.8, "fricative nasal": -1.7, "fricative stop": 2.2,
    "fricative vowel": 3.5, "liquid fricative": 2.3, "liquid liquid": -0.5, "liquid nasal": 2.0, "liquid stop": 3.1,
    "liquid vowel": 7.9, "nasal fricative": -2.5, "nasal liquid": -5.0, "nasal nasal": 1.2, "nasal stop": 0.3,
    "nasal vowel": 9.2, "stop fricative": 1.1, "stop liquid": -12.9, "stop nasal": -4.2, "stop stop": 3.6,
    "stop vowel": -0.1, "vowel fricative": -2.6, "vowel liquid": -9.2, "vowel nasal": -6.2, "vowel stop": 2.0,
    "vowel vowel": 3.1,
}  # fmt: skip
NETWORK: dict[str, float] = {
    "fricative fricative": -0.9, "fricative liquid": -2.9, "fricative nasal": -1.3, "fricative stop": 3.2,
    "fricative vowel": 1.0, "liquid fricative": 3.5, "liquid liquid": 0.5, "liquid nasal": 0.7, "liquid stop": 3.3,
    "liquid vowel": -1.3, "nasal fricative": 0.3, "nasal liquid": -3.2, "nasal nasal": -3.7, "nasal stop": 3.5,
    "nasal vowel": 4.4, "stop fricative": 1.5, "stop liquid": -7.2, "stop nasal": -0.7, "stop stop": -2.6,
    "stop vowel": 2.6, "vowel fricative": -2.8, "vowel liquid": -5.8, "vowel nasal": 1.0, "vowel stop": -0.3,
    "vowel vowel": 6.8,
}  # fmt: skip
"""Milliseconds."""
MOST = 0.4
"""The largest part of a phone by which one of its edges is moved."""


def kind(before: str, after: str) -> str:
    """The kind of the edge between two phones, such as "vowel stop"; "" beside silence."""
    ends = {"tʃ": "fricative", "dʒ": "fricative"}.get(before, _sort(before))
    begins = {"tʃ": "stop", "dʒ": "stop"}.get(after, _sort(after))
    return "" if SILENCE in (before, after) else f"{ends} {begins}"


def _sort(phone: str) -> str:
    if phone in VOWELS:
        return "vowel"
    if phone in SONORANTS:
        return "nasal" if phone in ("m", "n", "ŋ") else "liquid"
    return "stop" if phone in "pbtdkɡ" else "fricative"


def on_time(phones: Sequence[str], ends: Sequence[float], late: Mapping[str, float]) -> tuple[float, ...]:
    """The ends in seconds of phones, each earlier by what `late` says in milliseconds of its kind."""
    lengths = [end - start for start, end in pairwise((0.0, *ends))]
    moved = []
    for i, (before, after) in enumerate(pairwise(phones)):
        most = MOST * min(lengths[i], lengths[i + 1])
        moved.append(round(ends[i] - min(most, max(-most, late.get(kind(before, after), 0.0) / 1000)), 4))
    return (*moved, ends[-1])
