"""Forced alignment puts the phones of known words where they are said."""

from __future__ import annotations

import itertools
import json
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch

from model_runtime.phones import PHONES, SILENCE, VOWELS
from training.corpora import CORPORA, Utterance, audio, held_out, utterances
from training.features import LogMel
from training.labels import ACOUSTIC, Aligner, Labels, label, load, piece_path
from training.pronounce import ARABIC, UnknownWordError, by_rule, pronunciations
from training.scenes import targets


@pytest.fixture(scope="module")
def spoken(shared: Path, work: Path, tmp_path_factory: pytest.TempPathFactory) -> list[tuple[np.ndarray, Labels]]:
    """Three recordings of three people, aligned on the spot."""
    rows = utterances(shared, work, "picovoice-wake")[10:400:150][:3]
    words = [pronunciations(row) for row in rows]
    aligner = Aligner([word for line in words for word in line], tmp_path_factory.mktemp("align") / "words.dict")
    samples = audio(shared, work, "picovoice-wake")
    aligned = []
    for row, line in zip(rows, words, strict=True):
        found = aligner.align(samples[row.start : row.end], line)
        assert found is not None
        aligned.append((samples[row.start : row.end], label(row, found)))
    return aligned


def test_labels_cover_the_recording_without_gaps(spoken: list[tuple[np.ndarray, Labels]]) -> None:
    for samples, labels in spoken:
        segments = list(labels.segments())
        assert segments[0][0] == 0.0
        assert segments[-1][1] == pytest.approx(len(samples) / 16_000, abs=1e-4)
        assert all(start < end for start, end, _ in segments)
        assert all(a[1] == b[0] for a, b in itertools.pairwise(segments))
        assert any(phone != SILENCE for _, _, phone in segments)


def test_vowels_are_louder_than_the_edges(spoken: list[tuple[np.ndarray, Labels]]) -> None:
    for samples, labels in spoken:
        _, loudness = LogMel()(torch.tensor(samples.astype(np.float32)[None] / 32768))
        vowel = targets(list(labels.segments()), loudness.shape[1])[:, [PHONES.index(p) for p in sorted(VOWELS)]].sum(1)
        assert loudness[0][vowel > 0.5].mean() > loudness[0][vowel < 0.5].mean() + 3.0


def test_labels_come_back_from_their_file(spoken: list[tuple[np.ndarray, Labels]], tmp_path: Path) -> None:
    path = piece_path(tmp_path, "picovoice-wake", 0)
    path.parent.mkdir()
    path.write_text("".join(json.dumps(asdict(labels)) + "\n" for _, labels in spoken), encoding="utf-8")
    assert load(tmp_path, "picovoice-wake") == {labels.id: labels for _, labels in spoken}


def test_soft_targets_are_shares_and_half_way_at_an_edge() -> None:
    shares = targets([(0.0, 0.1, SILENCE), (0.1, 0.205, "m"), (0.205, 0.4, "a")], 40)
    assert shares.sum(1).numpy() == pytest.approx(1.0)
    assert shares[15, PHONES.index("m")] > 0.99
    assert shares[20, PHONES.index("m")] == pytest.approx(0.5, abs=0.01)
    assert shares[20, PHONES.index("a")] == pytest.approx(0.5, abs=0.01)


def test_every_phone_can_be_aligned() -> None:
    assert set(PHONES) <= set(ACOUSTIC)


def test_pronunciations() -> None:
    def said(text: str, *phones: str) -> list[tuple[tuple[str, ...], ...]]:
        return pronunciations(Utterance("kathleen", "x", "en-us", "kathleen", text, "kathleen", 0, 1, phones))

    assert said("The seven") == [(("ð", "ə"), ("ð", "ʌ"), ("ð", "i")), (("s", "ɛ", "v", "ə", "n"),)]
    assert said("one", "W AH0 N") == [(("w", "ʌ", "n"),)]
    with pytest.raises(UnknownWordError):
        said("qwrtzk")


def test_british_words_are_said_without_their_r() -> None:
    (water,) = pronunciations(Utterance("kokoro-en", "x", "en-gb", "bm_george", "water", "kokoro-en-000", 0, 1))
    assert all("ɹ" not in form for form in water) and ("w", "ɔ", "t", "ə") in water


def test_other_languages_have_their_reduced_forms() -> None:
    assert by_rule("haben", "de")[0] == ("h", "a", "b", "ə", "n")
    assert {("h", "a", "b", "m"), ("h", "a", "m")} <= set(by_rule("haben", "de"))
    assert {("f", "y", "r"), ("f", "y", "a")} <= set(by_rule("für", "de"))


def test_every_arabic_command_is_known_in_inventory_phones(shared: Path, work: Path) -> None:
    assert {row.text for row in utterances(shared, work, "arabic-commands")} == set(ARABIC)
    assert all(set(phones.split()) <= set(PHONES) for phones in ARABIC.values())


def test_no_sentence_and_no_learner_is_on_both_sides(shared: Path, work: Path) -> None:
    for corpus in CORPORA:
        rows = utterances(shared, work, corpus.name)
        if corpus.name in ("kathleen", "kerstin"):
            sides = [{row.text.lower() for row in rows if held_out(row) == side} for side in (True, False)]
        elif corpus.name == "speechocean762":
            sides = [{row.speaker for row in rows if held_out(row) == side} for side in (True, False)]
        else:
            continue
        assert sides[0] and sides[1] and not sides[0] & sides[1]


def test_every_recording_has_an_id_of_its_own(shared: Path, work: Path) -> None:
    """arabic-commands names its recordings once a word: labels would find the wrong one."""
    for corpus in CORPORA:
        ids = [row.id for row in utterances(shared, work, corpus.name)]
        assert len(ids) == len(set(ids)), corpus.name
