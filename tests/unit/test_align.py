"""Phones in time, on hand-labelled recordings: no gaps, words where they were said, wrong text noticed."""

import json
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model_runtime import pipeline
from model_runtime.contracts import FRAME_RATE, VISEMES, AudioClip, Hearing, Speech, frozen_array
from model_runtime.errors import TextError
from model_runtime.hearing import align, audio, lexicon, network
from model_runtime.phones import PHONES, SILENCE, VISEME_OF

ROOT = Path(__file__).resolve().parents[2]
WRONG = "bring more popcorn for everybody under that old purple umbrella"
CLASS = {"sil": "SIL", "PP": "PBM", "FF": "FV", "TH": "TH", "SS": "SZ", "CH": "SH", "DD": "TDNL", "nn": "TDNL",
         "kk": "KG", "RR": "R", "aa": "A", "E": "E", "I": "I", "O": "O", "U": "U"}  # fmt: skip
"""Viseme to the class of the hand labels."""


@pytest.fixture(scope="module")
def sentences(speech: Path) -> list[dict[str, Any]]:
    """The seven English sentences with hand labels and text."""
    rows = map(json.loads, (speech / "handlabelled" / "labels.jsonl").read_text(encoding="utf-8").splitlines())
    return [{**row, "path": speech / "handlabelled" / row["audio"]} for row in rows if row["set"] == "ae"]


@cache
def heard(path: Path) -> Hearing:
    return network.shared().hear(audio.load(path))


def free(row: dict[str, Any]) -> Speech:
    return align.recognise(heard(row["path"]))


def held(row: dict[str, Any], text: str) -> Speech:
    return align.align(heard(row["path"]), lexicon.pronounce(text, "en-gb"))


def assert_whole(speech: Speech, duration: float) -> None:
    assert speech.duration == duration
    assert speech.phones[0].start == 0.0
    assert speech.phones[-1].end == duration
    for one, two in pairwise(speech.phones):
        assert one.end == two.start
    assert all(p.end > p.start and 0 <= p.confidence <= 1 and 0 <= p.stress <= 1 for p in speech.phones)


def right_frames(speech: Speech, row: dict[str, Any]) -> float:
    """Share of frames whose class is that of the hand labels."""
    labels = [(a, b, symbol) for a, b, _, symbol in row["segs"] if symbol != "?"]
    times = (np.arange(int(row["dur"] * FRAME_RATE)) + 0.5) / FRAME_RATE
    ends = [p.end for p in speech.phones]
    shown = [CLASS[VISEME_OF[speech.phones[min(int(np.searchsorted(ends, t)), len(ends) - 1)].symbol]] for t in times]
    pairs = [(s, c) for t, s in zip(times, shown, strict=True) for a, b, c in labels if a <= t < b]
    return sum(s == c for s, c in pairs) / len(pairs)


def test_phones_cover_the_sound_and_are_not_too_short(sentences: list[dict[str, Any]]) -> None:
    for row in sentences:
        found = free(row)
        assert_whole(found, heard(row["path"]).duration)
        assert found.text_fit is None and found.words == ()
        for phone in found.phones[1:-1]:
            assert phone.end - phone.start > (align.shortest(phone.symbol) - 0.01) / FRAME_RATE
        assert all(one.symbol != two.symbol for one, two in pairwise(found.phones))
        spoken = [p for p in found.phones if p.symbol != SILENCE]
        assert 6 < len(spoken) / found.duration < 16
        assert max(p.stress for p in spoken) - min(p.stress for p in spoken) > 0.3


def test_words_are_found_in_order_where_they_were_said(sentences: list[dict[str, Any]]) -> None:
    starts, ends = [], []
    for row in sentences:
        found = held(row, row["text"])
        assert_whole(found, heard(row["path"]).duration)
        assert [word.text for word in found.words] == row["text"].split()
        speaking = [(a, b) for a, b, _, symbol in row["segs"] if symbol != "SIL"]
        starts.append(abs(found.words[0].start - speaking[0][0]))
        ends.append(abs(found.words[-1].end - speaking[-1][1]))
        for one, two in pairwise(found.words):
            assert one.start < one.end <= two.start
    assert np.median(starts) < 0.05
    assert np.median(ends) < 0.08
    assert max(starts + ends) < 0.25


def test_the_right_text_fits_and_a_wrong_one_does_not(sentences: list[dict[str, Any]]) -> None:
    right = [held(row, row["text"]).text_fit or 0.0 for row in sentences]
    wrong = [held(row, WRONG).text_fit or 0.0 for row in sentences]
    assert np.mean(right) > 0.6 and min(right) > 0.5
    assert max(wrong) < 0.4
    assert np.mean(right) - np.mean(wrong) > 0.4


def test_text_makes_the_phones_more_right(sentences: list[dict[str, Any]]) -> None:
    alone = np.mean([right_frames(free(row), row) for row in sentences])
    with_text = np.mean([right_frames(held(row, row["text"]), row) for row in sentences])
    assert with_text > alone + 0.03


def test_words_that_were_not_spoken_are_skipped(sentences: list[dict[str, Any]]) -> None:
    for row in sentences:
        words = row["text"].split()
        more = [*words[:3], "extraordinarily", *words[3:]]
        found = [word.text for word in held(row, " ".join(more)).words]
        assert found == words


@pytest.mark.parametrize(("pitch", "beat"), [(47.0, 5.0), (61.0, 13.0), (90.0, 0.0)])
def test_a_motor_is_no_speech(pitch: float, beat: float) -> None:
    time = np.arange(20 * 16_000) / 16_000
    hum = sum(np.sin(2 * np.pi * pitch * k * time + k * k) / k for k in range(1, 25))
    motor = hum * (1.0 + 0.5 * np.sin(2 * np.pi * beat * time)) + np.random.default_rng(1).normal(0, 0.3, len(time))
    heard_in = network.shared().hear(AudioClip(frozen_array(0.05 * motor), "motor"))
    found = align.recognise(heard_in)
    assert sum(p.end - p.start for p in found.phones if p.symbol != SILENCE) < 2.0
    assert_whole(found, heard_in.duration)


def test_speech_that_is_not_written_is_still_recognised(sentences: list[dict[str, Any]]) -> None:
    for row in sentences:
        words = row["text"].split()
        found = held(row, " ".join(words[:2]))
        assert_whole(found, heard(row["path"]).duration)
        later = [p for p in found.phones if p.start > 1.0 and p.symbol != SILENCE]
        recognised = [p for p in free(row).phones if p.start > 1.0 and p.symbol != SILENCE]
        assert len(later) > 0.6 * len(recognised)


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ([("a", 20), ("n", 10), ("m", 14), (SILENCE, 20)], ["a", "n", SILENCE]),
        ([("a", 20), ("n", 10), ("m", 40), (SILENCE, 20)], ["a", "n", "m", SILENCE]),
        ([("a", 20), ("n", 10), ("i", 7), ("m", 7), (SILENCE, 20)], ["a", "n", "i", "m", SILENCE]),
        ([("a", 20), ("n", 10), (SILENCE, 20), ("m", 14), (SILENCE, 20)], ["a", "n", SILENCE, "m", SILENCE]),
        ([("m", 14), ("a", 20), ("n", 10), (SILENCE, 20)], ["a", "n", SILENCE]),
        ([("a", 20), ("n", 10), (SILENCE, 20), ("m", 14), ("a", 20), ("n", 10)], ["a", "n", SILENCE, "a", "n"]),
    ],
    ids=["the end of a word", "a hum", "a syllable", "alone", "the start of a word", "before a second word"],
)
def test_a_fragment_that_touches_a_word_is_its_edge(said: list[tuple[str, int]], shown: list[str]) -> None:
    posteriors = np.concatenate([np.tile(np.eye(len(PHONES))[PHONES.index(p)] + 1e-9, (n, 1)) for p, n in said])
    visemes = np.concatenate([np.tile(np.eye(15)[VISEMES.index(VISEME_OF[p])] + 1e-9, (n, 1)) for p, n in said])
    still = frozen_array(np.zeros(len(posteriors)))
    heard_in = Hearing(
        frozen_array(posteriors), frozen_array(visemes), still, still, still, still, len(posteriors) / FRAME_RATE
    )
    word = lexicon.LexiconWord("an", (tuple(lexicon.SpokenPhone(p, True) for p in "an"),))
    found = align.align(heard_in, (word,) * sum(symbol == "a" for symbol, _ in said))
    assert [p.symbol for p in found.phones] == shown
    assert_whole(found, heard_in.duration)


@pytest.mark.parametrize("text", ["  \n", "...", "<wait>", "[laughs]"])
def test_text_without_words_is_like_no_text(sentences: list[dict[str, Any]], text: str) -> None:
    clip = audio.load(sentences[0]["path"])
    assert pipeline.listen(clip, text).phones == pipeline.listen(clip).phones


@pytest.mark.parametrize("text", ["hm", "xyzzy " * 40, "a " * 200, "ooooooooooooo", "她很漂亮"])
def test_text_that_has_nothing_to_do_with_the_sound_never_fails(sentences: list[dict[str, Any]], text: str) -> None:
    row = sentences[0]
    assert_whole(held(row, text), heard(row["path"]).duration)


@pytest.mark.parametrize("samples", [1, 160, 320, 800])
def test_the_shortest_sounds_are_aligned(samples: int) -> None:
    clip = AudioClip(frozen_array(np.random.default_rng(5).normal(0, 0.1, samples)), "click")
    hearing = network.shared().hear(clip)
    assert_whole(align.recognise(hearing), clip.duration)
    assert_whole(align.align(hearing, lexicon.pronounce("wonderful weather")), clip.duration)


def test_equal_neighbours_across_words_stay_two_phones() -> None:
    posteriors = np.full((60, len(PHONES)), 1e-4)
    for first, last, symbol in ((0, 10, SILENCE), (10, 20, "a"), (20, 40, "m"), (40, 50, "i"), (50, 60, SILENCE)):
        posteriors[first:last, PHONES.index(symbol)] = 1.0
    still = frozen_array(np.zeros(60))
    hearing = Hearing(frozen_array(posteriors), frozen_array(np.zeros((60, 15))), still, still, still, still, 0.6)
    words = tuple(
        lexicon.LexiconWord(text, (tuple(lexicon.SpokenPhone(p, True) for p in text),)) for text in ("am", "mi")
    )
    found = align.align(hearing, words)
    assert [p.symbol for p in found.phones] == [SILENCE, "a", "m", "m", "i", SILENCE]
    assert found.text_fit == pytest.approx(1.0)


def test_a_book_for_a_sentence_is_refused_by_name() -> None:
    long = frozen_array(np.full((60_000, len(PHONES)), 1 / len(PHONES)))
    still = frozen_array(np.zeros(60_000))
    hearing = Hearing(long, frozen_array(np.zeros((60_000, 15))), still, still, still, still, 600.0)
    with pytest.raises(TextError, match="5000 words"):
        align.align(hearing, lexicon.pronounce("wonderful " * 5000))


@pytest.mark.parametrize(("surely", "shown"), [(0.52, "t"), (0.7, "p")])
def test_without_text_a_doubtful_p_is_what_else_it_may_be(surely: float, shown: str) -> None:
    posteriors = np.full((60, len(PHONES)), 1e-4)
    posteriors[:20, PHONES.index("a")] = posteriors[40:, PHONES.index("a")] = 1.0
    posteriors[20:40, [PHONES.index("p"), PHONES.index("t")]] = surely, 1.0 - surely
    still = frozen_array(np.zeros(60))
    visemes = frozen_array(np.full((60, 15), 1 / 15))
    found = align.recognise(Hearing(frozen_array(posteriors), visemes, still, still, still, still, 0.6))
    assert [p.symbol for p in found.phones] == ["a", shown, "a"]


def test_vowels_are_as_long_as_they_are() -> None:
    symbols = (("sil", 20), ("a", 20), ("n", 10), ("a", 20), ("s", 10), ("a", 20), ("sil", 20))
    posteriors = np.full((sum(n for _, n in symbols), len(PHONES)), 1e-4, np.float32)
    visemes = np.full((len(posteriors), 15), 1 / 15, np.float32)
    at = 0
    for symbol, length in symbols:
        posteriors[at : at + length, PHONES.index(symbol)] = 1.0
        at += length
    still = frozen_array(np.zeros(at))
    heard_in = Hearing(frozen_array(posteriors), frozen_array(visemes), still, still, still, still, at / 100)
    found = align.recognise(heard_in)
    starts = [phone.start for phone in found.phones]
    wanted = [0.0, 0.2, 0.4 + align.SONORANT_EARLY, 0.5 - align.VOWEL_LATE, 0.7, 0.8 - align.VOWEL_LATE, 1.0]
    assert starts == pytest.approx(wanted)
    assert [a.end for a in found.phones[:-1]] == starts[1:]
