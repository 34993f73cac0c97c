"""Where aligners put edges against where they are: Festival's voices kal and ked, whose diphones were cut by hand.

Neither pocketsphinx nor the first networks heard them. What is printed is what `lateness` takes out of the labels: how
much later edges of one kind are than edges on the whole. The whole is no matter of theirs: the same diphones lie 4 ms
apart in Flite and in Festival.
"""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from model_runtime.hearing.network import SpeechNetwork

from .corpora import Utterance
from .labels import Aligner, Labels, label
from .lateness import kind
from .pronounce import UnknownWordError, Word, pronunciations
from .realign import fitted, relabel
from .synthesise import sentences
from .timed import festival

VOICES = ("kal_diphone", "ked_diphone")
SENTENCES = 120
NEAR = 0.06
"""Seconds within which two edges of one kind are the same."""
DOUBT = 30
"""Edges of no lateness that are added to each kind before the mean."""

MOVED = (
    ("stop vowel", "fricative vowel", "nasal vowel", "liquid vowel"),
    ("vowel nasal", "vowel liquid"),
)
"""The edges that the runtime moves, by its `VOWEL_LATE` and `SONORANT_EARLY`; what is printed comes on top of them."""

Samples = NDArray[np.int16]
Fit = Callable[[Utterance, Samples, list[Word]], Labels | None]
Truth = list[tuple[Utterance, Samples, Labels, list[Word]]]


def spoken(shared: Path, work: Path, voice: str) -> Truth:
    """Sentences that a voice says, with its own times."""
    found = []
    for number, text in enumerate(sentences(shared, work)[:SENTENCES]):
        row, samples, exact = festival(np.random.default_rng(number), text, f"e{number}", voice)
        said = Utterance("festival", row["id"], row["lang"], voice, row["text"], "", 0, len(samples))
        try:
            found.append((said, samples, exact, pronunciations(said)))
        except UnknownWordError:
            continue
    return found


def by_pocketsphinx(said: Utterance, samples: Samples, words: list[Word]) -> Labels | None:
    """The aligner of the first labels."""
    with tempfile.TemporaryDirectory() as folder:
        found = Aligner(words, Path(folder) / "words.dict").align(samples, words)
    return label(said, found) if found else None


def by_network(weights: Path) -> Fit:
    """The runtime with a transcript."""
    network = SpeechNetwork.load(weights, threads=1)
    return lambda said, samples, words: relabel(said, fitted(network, samples, words))


def edges_of(labels: Labels) -> list[tuple[str, float]]:
    """The kind and time of every edge that has a kind."""
    found = [(kind(a[2], b[2]), b[0]) for a, b in pairwise(labels.segments())]
    return [(of, at) for of, at in found if of]


def lateness(truth: Truth, fit: Fit) -> dict[str, list[float]]:
    """Milliseconds by which an aligner is late, of every edge that it has, by kind."""
    found: dict[str, list[float]] = defaultdict(list)
    for said, samples, exact, words in truth:
        labels = fit(said, samples, words)
        edges = edges_of(labels) if labels else []
        for of, there in edges_of(exact):
            away = min((at - there for its, at in edges if its == of), key=abs, default=NEAR)
            if abs(away) < NEAR:
                found[of].append(1000 * away)
    return found


def means(voices: Sequence[dict[str, list[float]]]) -> dict[str, float]:
    """The mean of the voices by kind, without the mean of all edges, drawn towards 0 by `DOUBT`."""
    kinds = sorted(set().union(*voices))
    whole = [np.mean(np.concatenate(list(one.values()))) for one in voices]
    late: dict[str, list[float]] = {of: [] for of in kinds}
    for one, mean in zip(voices, whole, strict=True):
        for of in kinds:
            late[of].append(float(np.sum(np.array(one[of]) - mean) / (len(one[of]) + DOUBT)))
    return {of: float(np.mean(each)) for of, each in late.items()}


def main(shared: Path, work: Path, weights: Path) -> None:
    """Print the lateness of both by kind, and how far edges lie from the truth at all."""
    truths = [spoken(shared, work, voice) for voice in VOICES]
    for name, fit in (("POCKETSPHINX", by_pocketsphinx), ("NETWORK", by_network(weights))):
        found = [lateness(truth, fit) for truth in truths]
        print(f"{name} =", {of: round(mean, 1) for of, mean in means(found).items()})
        for voice, one in zip(VOICES, found, strict=True):
            every = np.concatenate(list(one.values()))
            away = np.median(np.abs(every - every.mean()))
            print(f"{voice}: {len(every)} edges, {every.mean():.1f} ms late, median distance from that {away:.1f} ms")
            vowels, sonorants = (np.mean(np.concatenate([one[of] for of in of_kind])) for of_kind in MOVED)
            print(f"{voice}: vowels after consonants {vowels:.1f} ms late, sonorants after vowels {sonorants:.1f} ms")
