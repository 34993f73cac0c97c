"""Where the aligner puts edges against where they are: Flite's voice kal16, whose diphones were cut by hand."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from itertools import pairwise
from pathlib import Path

import numpy as np

from model_runtime.phones import SILENCE, SONORANTS, VOWELS

from .corpora import Utterance
from .labels import Aligner, Labels, label
from .pronounce import UnknownWordError, pronunciations
from .synthesise import flite, sentences

VOICE = "kal16"
SENTENCES = 120
NEAR = 0.06
"""Seconds within which two edges of one kind are the same."""


def kind(before: str, after: str) -> str:
    """What an edge is called, "" if it is of no interest here."""
    if after in VOWELS and before not in VOWELS and before != SILENCE:
        return "consonant to vowel"
    return "vowel to sonorant" if before in VOWELS and after in SONORANTS else ""


def edges_of(labels: Labels) -> list[tuple[str, float]]:
    """The kind and time of every edge that has a kind."""
    found = [(kind(a[2], b[2]), b[0]) for a, b in pairwise(labels.segments())]
    return [(of, at) for of, at in found if of]


def measure(shared: Path, work: Path) -> dict[str, list[float]]:
    """Seconds by which the aligner is late, of every edge."""
    found: dict[str, list[float]] = defaultdict(list)
    for number, text in enumerate(sentences(shared, work)[:SENTENCES]):
        row, samples, exact = flite(np.random.default_rng(number), text, f"e{number}", VOICE)
        said = Utterance("flite", row["id"], row["lang"], row["spk"], text, "", 0, len(samples))
        try:
            words = pronunciations(said)
        except UnknownWordError:
            continue
        with tempfile.TemporaryDirectory() as folder:
            aligned = Aligner(words, Path(folder) / "words.dict").align(samples, words)
        truth = edges_of(exact)
        for of, at in edges_of(label(said, aligned)) if aligned else ():
            away = min((at - there for its, there in truth if its == of), key=abs, default=NEAR)
            if abs(away) < NEAR:
                found[of].append(away)
    return found


def main(shared: Path, work: Path) -> None:
    """Print the means: the runtime's `VOWEL_LATE` and `SONORANT_EARLY`."""
    for of, values in measure(shared, work).items():
        mean, spread = 1000 * np.mean(values), 1000 * np.std(values) / np.sqrt(len(values))
        print(f"{of}: {mean:.1f} ms late (+-{spread:.1f}, {len(values)} edges)")
