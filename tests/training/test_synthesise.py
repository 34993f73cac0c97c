"""Synthetic speech: the spelling that Kokoro knows, and pieces that are whole or not there."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from model_runtime.hearing.lexicon import ipa
from training.corpora import audio, list_path, utterances
from training.kokoro import fluent_german, foreign, misaki
from training.synthesise import sentences, write


@pytest.mark.parametrize(("word", "british", "phonemes"), [
    ("water", False, "wˈɔTəɹ"),
    ("water", True, "wˈɔːtə"),
    ("bird", False, "bˈɜɹd"),
    ("oak", True, "ˈQk"),
    ("choice", False, "ʧˈYs"),
])  # fmt: skip
def test_words_in_kokoros_spelling(word: str, british: bool, phonemes: str) -> None:
    assert misaki(ipa(word, "en-gb" if british else "en-us"), british) == phonemes


@pytest.mark.parametrize(("word", "language", "phonemes"), [
    ("zwölf", "de", "ʦvˈœlf"),
    ("calle", "es", "kˈaʎe"),
    ("hjärta", "sv", "jˈɛta"),
])  # fmt: skip
def test_words_of_other_languages_in_kokoros_spelling(word: str, language: str, phonemes: str) -> None:
    assert foreign(ipa(word, language)) == phonemes


@pytest.mark.parametrize(("word", "phonemes"), [
    ("haben", "hˈɑːbm"),
    ("Abend", "ˈɑːbmt"),
    ("sagen", "zˈɑːɡŋ"),
    ("laufen", "lˈaʊfn"),
    ("lebende", "lˈeːbmdə"),
    ("einen", "ˌaɪnən"),
])  # fmt: skip
def test_quick_german_swallows_its_endings(word: str, phonemes: str) -> None:
    assert fluent_german(foreign(ipa(word, "de"))) == phonemes


def test_a_piece_comes_back(tmp_path: Path) -> None:
    said = [
        ({"id": f"k{i}", "lang": "en-gb", "spk": "bm_x", "text": "yes"}, np.full(1_600 * (i + 1), i + 1, np.int16))
        for i in range(3)
    ]
    write(tmp_path, "kokoro-en", 7, said)
    assert list_path(tmp_path, "kokoro-en", 7).exists() and not list(tmp_path.rglob("*.part"))
    rows = utterances(tmp_path / "none", tmp_path, "kokoro-en")
    assert [row.id for row in rows] == ["k0", "k1", "k2"]
    for row, (_, samples) in zip(rows, said, strict=True):
        assert (row.file, row.language, row.speaker) == ("kokoro-en-007", "en-gb", "kokoro-en/bm_x")
        np.testing.assert_array_equal(audio(tmp_path, tmp_path, row.file)[row.start : row.end], samples)


def test_sentences_come_from_the_recordings_once(shared: Path, work: Path) -> None:
    found = sentences(shared, work)
    assert len(found) == len(set(found)) > 1_000
