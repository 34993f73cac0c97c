"""The labels of other languages than English once more, by a network that learned from the first ones.

pocketsphinx has a model of US English only. A network that heard all languages is held to the same words by the
runtime's own search; where they do not fit what it hears, the first labels stay. In English pocketsphinx is the better
one: `python -m training edges`.
"""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from model_runtime.contracts import SAMPLE_RATE, AudioClip, Speech
from model_runtime.errors import TextError
from model_runtime.hearing.align import align
from model_runtime.hearing.lexicon import LexiconWord, SpokenPhone
from model_runtime.hearing.network import SpeechNetwork
from model_runtime.phones import SILENCE

from .corpora import CORPORA, PIECE, Utterance, audio, utterances
from .labels import AGAIN, Labels, missing_pieces, piece_path, plausible, write_piece
from .pronounce import UnknownWordError, Word, pronunciations

KEPT = ("kerstin", "kokoro-world")
"""Corpora with much German, which keep their first labels: with the network's own, two courses heard it worse."""
FITTING = 0.6
"""The share of a text's phones that must be heard where they are put."""


def lexicon_words(words: Sequence[Word]) -> list[LexiconWord]:
    """Words of `pronunciations` as the runtime's search takes them."""
    return [
        LexiconWord(str(number), tuple(tuple(SpokenPhone(phone, False) for phone in form) for form in word))
        for number, word in enumerate(words)
    ]


def fitted(network: SpeechNetwork, samples: NDArray[np.int16], words: Sequence[Word]) -> Speech:
    """The words in the samples. Raises TextError as `align` does."""
    clip = AudioClip(np.asarray(samples, np.float32) / 32768.0, "")
    return align(network.hear(clip), lexicon_words(words))


def relabel(utterance: Utterance, speech: Speech) -> Labels:
    """The phones as labels; neighbouring silences are one."""
    seconds = (utterance.end - utterance.start) / SAMPLE_RATE
    merged: list[tuple[str, float]] = []
    for phone in speech.phones:
        if merged and phone.symbol == SILENCE == merged[-1][0]:
            merged.pop()
        merged.append((phone.symbol, phone.end))
    merged[-1] = (merged[-1][0], seconds)
    return Labels(utterance.id, tuple(p for p, _ in merged), tuple(round(end, 4) for _, end in merged))


def realign_piece(shared: Path, work: Path, weights: Path, name: str, piece: int) -> tuple[int, int]:
    """Label the utterances of one piece again. Returns how many fit and how many do not."""
    network = SpeechNetwork.load(weights, threads=1)
    kept = []
    rows = utterances(shared, work, name)[piece * PIECE : (piece + 1) * PIECE]
    for utterance in rows:
        try:
            words = pronunciations(utterance)
            speech = fitted(network, audio(shared, work, utterance.file)[utterance.start : utterance.end], words)
        except (UnknownWordError, TextError):
            continue
        labels = relabel(utterance, speech)
        if speech.text_fit >= FITTING and plausible(labels):
            kept.append(labels)
    write_piece(piece_path(work, name, piece, AGAIN), kept)
    return len(kept), len(rows) - len(kept)


def realign(shared: Path, work: Path, weights: Path, names: Sequence[str], processes: int = 2) -> None:
    """Label everything in other languages again that is not yet."""
    foreign = [c.name for c in CORPORA if c.name in names and c.language != "en" and c.name not in KEPT]
    missing = missing_pieces(shared, work, foreign, AGAIN)
    with ProcessPoolExecutor(processes) as pool:
        jobs = [(*which, pool.submit(realign_piece, shared, work, weights, *which)) for which in missing]
        for name, piece, job in jobs:
            kept, dropped = job.result()
            print(f"aligned again {name} {piece}: {kept} fit, {dropped} do not", flush=True)
