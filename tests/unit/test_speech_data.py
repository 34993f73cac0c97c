"""A heard line survives being kept as text."""

import json

import numpy as np
import pytest

from model_runtime.contracts import Phone, Speech, Word, frozen_array
from model_runtime.errors import TrackFileError
from model_runtime.speech_data import as_text, from_text


def speech() -> Speech:
    phones = (Phone("sil", 0.0, 0.1), Phone("p", 0.1, 0.2, 0.25, 0.75), Phone("a", 0.2, 0.5))
    curves = [frozen_array(np.linspace(low, high, 50)) for low, high in ((-60.0, -3.0), (80.0, 400.0), (-30.0, 10.0))]
    return Speech(phones, 0.5, curves[0], (Word("pa", 0.1, 0.5),), 0.9, curves[1], curves[2])


def test_what_is_read_back_is_what_was_heard() -> None:
    before = speech()
    after = from_text(as_text(before))
    assert (after.phones, after.words, after.duration, after.text_fit) == (
        before.phones, before.words, before.duration, before.text_fit,
    )  # fmt: skip
    for name in ("loudness", "pitch", "brightness"):
        np.testing.assert_array_equal(getattr(after, name), getattr(before, name))


@pytest.mark.parametrize("damage", [{"schema": "other/1"}, {"loudness": "no"}, {"phones": [[1, 2]]}, {"words": None}])
def test_damage_is_named(damage: dict[str, object]) -> None:
    with pytest.raises(TrackFileError, match="Generate the line again"):
        from_text(json.dumps(json.loads(as_text(speech())) | damage))


def test_what_is_no_json_is_named() -> None:
    with pytest.raises(TrackFileError, match="Generate the line again"):
        from_text("{broken")
