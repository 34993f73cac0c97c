"""Forced alignment puts the phones of known words where they are said."""

from __future__ import annotations

import itertools
import json
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import pytest
import torch

from model_runtime.hearing.network import SpeechNetwork
from model_runtime.phones import PHONES, SILENCE, VOWELS
from training.corpora import CORPORA, Utterance, audio, held_out, utterances
from training.features import LogMel
from training.labels import ACOUSTIC, Aligner, Labels, label, load, piece_path, write_piece
from training.lateness import POCKETSPHINX, kind, on_time
from training.pronounce import ARABIC, UnknownWordError, by_rule, pronunciations
from training.realign import FITTING, fitted, relabel
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
    found = load(tmp_path, "picovoice-wake")
    for _, labels in spoken:
        assert found[labels.id] == replace(labels, ends=on_time(labels.phones, labels.ends, POCKETSPHINX))
    path.rename(piece_path(tmp_path, "flite", 0))
    assert load(tmp_path, "flite") == {labels.id: labels for _, labels in spoken}


def test_edges_move_by_their_kind_and_not_past_each_other() -> None:
    phones = (SILENCE, "m", "a", "tʃ", "n", SILENCE)
    late = {"nasal vowel": 8.0, "vowel stop": -5.0, "fricative nasal": 50.0}
    moved = on_time(phones, (0.1, 0.2, 0.3, 0.35, 0.5, 0.6), late)
    assert moved == pytest.approx((0.1, 0.192, 0.305, 0.33, 0.5, 0.6))
    assert kind("dʒ", "b") == "fricative stop" and kind(SILENCE, "a") == ""


def test_words_are_found_again_by_the_network(
    shared: Path, work: Path, weights: Path, tmp_path: Path, spoken: list[tuple[np.ndarray, Labels]]
) -> None:
    """Its labels cover the recordings as the first ones do, are near them, and are read instead of them."""
    network = SpeechNetwork.load(weights, threads=1)
    fits = []
    for samples, first in spoken:
        row = next(row for row in utterances(shared, work, "picovoice-wake") if row.id == first.id)
        speech = fitted(network, samples, pronunciations(row))
        labels = relabel(row, speech)
        assert speech.text_fit > FITTING
        fits.append(speech.text_fit)
        assert labels.ends[-1] == pytest.approx(first.ends[-1], abs=1e-4)
        assert all(start < end for start, end, _ in labels.segments())
        onsets = [next(part[0] for part in one.segments() if part[2] != SILENCE) for one in (first, labels)]
        assert onsets[0] == pytest.approx(onsets[1], abs=0.06)
        for folder, one in (("labels", first), ("realigned", labels)):
            write_piece(piece_path(tmp_path, "picovoice-wake", 0, folder), [one])
        assert load(tmp_path, "picovoice-wake")[row.id].phones == labels.phones
    assert np.mean(fits) > 0.85


def test_soft_targets_are_shares_and_half_way_at_an_edge() -> None:
    shares = targets([(0.0, 0.1, SILENCE), (0.1, 0.205, "m"), (0.205, 0.4, "a")], 40)
    assert shares.sum(1).numpy() == pytest.approx(1.0)
    assert shares[15, PHONES.index("m")] > 0.99
    assert shares[20, PHONES.index("m")] == pytest.approx(0.5, abs=0.01)
    assert shares[20, PHONES.index("a")] == pytest.approx(0.5, abs=0.01)


def test_every_phone_can_be_aligned() -> None:
    assert set(PHONES) <= set(ACOUSTIC)


def test_pronunciations() -> None:
    def said(text: str, *phones: str, language: str = "en-us") -> list[tuple[tuple[str, ...], ...]]:
        return pronunciations(Utterance("kathleen", "x", language, "kathleen", text, "kathleen", 0, 1, phones))

    the, seven = said("The seven")
    assert the[:3] == (("ð", "ə"), ("ð", "ʌ"), ("ð", "i")) and seven[0] == ("s", "ɛ", "v", "ə", "n")
    assert ("ə", "n") in said("and")[0]
    assert said("ONE", "W AH0 N", language="en-L2zh")[0][0] == ("w", "ʌ", "n")
    assert ("ɪ", "t") in said("IT", "IH0 T", language="en-L2zh")[0] and ("aɪ", "t", "i") not in said("IT")[0]
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
