"""Cues: the names that other tools read, one shape at a time, without gaps."""

import importlib.util
import json
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from model_runtime.contracts import VISEMES, Phone, Speech, frozen_array
from model_runtime.export import cues
from model_runtime.phones import PHONES

EVERY_PHONE = Speech(
    tuple(Phone(symbol, 0.1 * n, 0.1 * (n + 1)) for n, symbol in enumerate(PHONES)),
    0.1 * len(PHONES),
    frozen_array(np.full(10 * len(PHONES), -20.0)),
)


def speak(*symbols: str) -> Speech:
    phones = tuple(Phone(symbol, 0.1 * n, 0.1 * (n + 1)) for n, symbol in enumerate(symbols))
    return Speech(phones, 0.1 * len(symbols), frozen_array(np.zeros(10 * len(symbols))))


@pytest.mark.parametrize("vocabulary", cues.VOCABULARIES)
def test_every_phone_has_a_shape_and_there_are_no_gaps(vocabulary: str) -> None:
    assert set(cues.VOCABULARIES[vocabulary]) == set(VISEMES)
    found = cues.cues(EVERY_PHONE, vocabulary)
    assert found[0].start == 0.0
    assert found[-1].end == EVERY_PHONE.duration
    assert {cue.viseme for cue in found} == set(cues.VOCABULARIES[vocabulary].values())
    for one, two in pairwise(found):
        assert one.end == two.start
        assert one.viseme != two.viseme


@pytest.mark.parametrize("vocabulary", ["ovr15", "rhubarb", "preston_blair"])
def test_shapes_are_those_that_the_scorer_knows(vocabulary: str, shared: Path) -> None:
    spec = importlib.util.spec_from_file_location("score_hand", shared / "bench" / "score_hand.py")
    assert spec is not None and spec.loader is not None
    scorer = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(scorer)
    assert set(cues.VOCABULARIES[vocabulary].values()) <= set(scorer.VOCABS[vocabulary])


def test_vrm_shapes_are_the_mouth_presets_of_vrm_and_silence() -> None:
    assert set(cues.VRM.values()) == {"aa", "ih", "ou", "ee", "oh", "sil"}


@pytest.mark.parametrize(
    ("vocabulary", "closed", "teeth", "rest"),
    [("ovr15", "PP", "FF", "sil"), ("rhubarb", "A", "G", "X"), ("preston_blair", "MBP", "FV", "rest")],
)
def test_lips_and_rest_have_their_own_shape(vocabulary: str, closed: str, teeth: str, rest: str) -> None:
    for symbols, shape in (("pbm", closed), ("fv", teeth), (("sil",), rest)):
        for symbol in symbols:
            found = cues.cues(speak("a", symbol, "a"), vocabulary)
            assert [cue.viseme for cue in found][1] == shape
            assert (found[1].start, found[1].end) == (pytest.approx(0.1), pytest.approx(0.2))


def test_neighbours_of_one_shape_are_one_cue() -> None:
    found = cues.cues(speak("sil", "m", "p", "a", "aɪ", "sil"))
    assert [(c.viseme, round(c.end - c.start, 3)) for c in found] == [
        ("sil", 0.1),
        ("PP", 0.2),
        ("aa", 0.2),
        ("sil", 0.1),
    ]


def test_rows_are_rounded_to_a_millisecond_and_still_touch() -> None:
    third = Speech((Phone("a", 0.0, 1 / 3), Phone("p", 1 / 3, 2 / 3), Phone("a", 2 / 3, 1.0)), 1.0, frozen_array([0.0]))
    rows = cues.as_rows(cues.cues(third))
    assert rows == [
        {"start": 0.0, "end": 0.333, "viseme": "aa"},
        {"start": 0.333, "end": 0.667, "viseme": "PP"},
        {"start": 0.667, "end": 1.0, "viseme": "aa"},
    ]
    line = cues.as_json_line({"id": "línea", "cues": rows})
    assert "\n" not in line and "línea" in line
    assert json.loads(line)["cues"] == rows


def test_tables_have_a_line_a_cue_and_quote_what_must_be() -> None:
    found = cues.cues(speak("a", "p"))
    assert cues.as_table("line", found, "\t") == "line\t0.000\t0.100\taa\nline\t0.100\t0.200\tPP\n"
    assert cues.as_table("one, two", found, ",").splitlines()[1] == '"one, two",0.100,0.200,PP'
