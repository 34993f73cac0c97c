"""Mouth motion: contacts are exact in every style, vowels open, rest rests."""

import numpy as np
import pytest

from model_runtime.acting.articulate import articulate
from model_runtime.acting.styles import load_style, load_styles
from model_runtime.contracts import CONTACT_JAW, FRAME_RATE, VISEMES, MouthTrack, Phone, Speech, Style, frozen_array
from model_runtime.errors import TrackFileError
from model_runtime.phones import PHONES, SIBILANTS


def speak(*symbols_and_lengths: tuple[str, float], loudness: float = -20.0) -> Speech:
    time, made = 0.0, []
    for symbol, length in symbols_and_lengths:
        made.append(Phone(symbol, time, time + length))
        time += length
    return Speech(tuple(made), time, frozen_array(np.full(int(time * FRAME_RATE), loudness)))


LINE = speak(("sil", 0.3), ("m", 0.07), ("a", 0.12), ("f", 0.09), ("i", 0.1), ("p", 0.06), ("u", 0.15), ("s", 0.1),
             ("b", 0.04), ("aɪ", 0.2), ("v", 0.06), ("p", 0.08), ("t", 0.05), ("oʊ", 0.2), ("sil", 0.4))  # fmt: skip


def sample(track: MouthTrack, name: str, seconds: float) -> float:
    return float(track.channel(name)[round(seconds * FRAME_RATE)])


@pytest.mark.parametrize("style", load_styles().values(), ids=lambda s: s.name)
def test_every_contact_is_full_at_its_apex_in_every_style(style: Style) -> None:
    track = articulate(LINE, style)
    assert [c.phone for c in track.contacts] == ["m", "f", "p", "b", "v", "p"]
    for contact in track.contacts:
        viseme = "PP" if contact.kind == "closure" else "FF"
        assert sample(track, viseme, contact.apex) > 0.97, (style.name, contact)
        assert sample(track, "jaw", contact.apex) == pytest.approx(CONTACT_JAW, abs=0.005)


@pytest.mark.parametrize("pair", ["vm", "pf", "mv", "bf", "fp"])
@pytest.mark.parametrize("length", [0.03, 0.05, 0.09])
def test_neighbouring_contacts_of_different_kind_are_both_complete(pair: str, length: float) -> None:
    track = articulate(speak(("a", 0.2), (pair[0], length), (pair[1], length), ("a", 0.2)))
    assert [c.phone for c in track.contacts] == list(pair)
    for contact in track.contacts:
        viseme = "PP" if contact.kind == "closure" else "FF"
        inside = np.arange(np.ceil(contact.start * FRAME_RATE), np.floor(contact.end * FRAME_RATE) + 1).astype(int)
        assert len(inside) and track.channel(viseme)[inside].max() > 0.97


def test_the_lips_close_before_the_sound_and_open_before_its_end() -> None:
    track = articulate(speak(("a", 0.3), ("b", 0.08), ("a", 0.3)))
    (contact,) = track.contacts
    assert 0.26 <= contact.start <= 0.3
    assert contact.end < 0.38
    assert sample(track, "PP", 0.3 - 0.1) < 0.1


def test_sibilants_hold_the_jaw_nearly_shut_even_when_shouted() -> None:
    shouted = Style("Shout", intensity=1.5, jaw=1.5)
    track = articulate(speak(("a", 0.2), ("s", 0.1), ("a", 0.2), ("ʃ", 0.1), ("a", 0.2)), shouted)
    for event in track.events:
        if event.phone in SIBILANTS:
            assert sample(track, "jaw", 0.5 * (event.start + event.end)) < 0.09


def test_loud_vowels_open_further_than_quiet_ones() -> None:
    speech = speak(("a", 0.2), ("t", 0.06), ("a", 0.2), ("t", 0.06), ("a", 0.2))
    loudness = np.full(72, -20.0)
    loudness[:24], loudness[50:] = -32.0, -8.0
    track = articulate(Speech(speech.phones, speech.duration, frozen_array(loudness)))
    assert sample(track, "jaw", 0.62) > 1.3 * sample(track, "jaw", 0.12)


def test_viseme_columns_are_a_mix_and_silence_is_rest() -> None:
    track = articulate(LINE)
    visemes = track.values[:, : len(VISEMES)]
    assert visemes.sum(axis=1) == pytest.approx(np.ones(len(visemes)), abs=1e-5)
    assert track.values.min() >= 0.0 and track.values.max() <= 1.0
    assert sample(track, "sil", 0.05) == 1.0 and track.values[-1, 1:].max() == 0.0


def test_rounding_spreads_over_the_neighbours() -> None:
    rounded = articulate(speak(("sil", 0.3), ("t", 0.08), ("u", 0.2), ("sil", 0.3)))
    spread = articulate(speak(("sil", 0.3), ("t", 0.08), ("i", 0.2), ("sil", 0.3)))
    assert rounded.channel("lip_round").max() > 0.05
    assert spread.channel("lip_round").max() == 0.0


def test_every_phone_of_the_inventory_can_be_spoken() -> None:
    track = articulate(speak(*((symbol, 0.08) for symbol in PHONES)))
    assert np.isfinite(track.values).all()
    assert {e.phone for e in track.events} == set(PHONES) - {"sil"}


def test_offset_moves_the_whole_track() -> None:
    early, late = articulate(LINE), articulate(LINE, Style(offset_ms=50.0))
    assert np.allclose(late.values[5:], early.values[:-5], atol=1e-4)
    assert late.contacts[0].apex == pytest.approx(early.contacts[0].apex + 0.05)


def test_unknown_and_damaged_styles_are_named(tmp_path) -> None:  # type: ignore[no-untyped-def]
    with pytest.raises(TrackFileError, match="Natural"):
        load_style("Operatic")
    (tmp_path / "odd.json").write_text('{"schema": "labial-style/1", "name": "Odd", "wobble": 1}')
    with pytest.raises(TrackFileError, match="odd.json.*wobble"):
        load_styles(tmp_path)


@pytest.mark.parametrize("style", load_styles().values(), ids=lambda s: s.name)
@pytest.mark.parametrize("length", [0.06, 0.1])
def test_a_short_vowel_between_contacts_is_seen(style: Style, length: float) -> None:
    track = articulate(
        speak(("a", 0.2), ("f", 0.08), ("ɪ", length), ("f", 0.08), ("ɪ", length), ("b", 0.07), ("a", 0.2)), style
    )
    for start in (0.28, 0.36 + length):
        inside = slice(round((start - 0.02) * FRAME_RATE), round((start + length) * FRAME_RATE))
        assert (track.channel("FF") + track.channel("PP"))[inside].min() < 0.4


def test_a_sound_that_begins_in_the_middle_of_a_word_finds_the_mouth_at_rest() -> None:
    track = articulate(speak(("a", 0.2), ("t", 0.08), ("sil", 0.3)))
    assert track.channel("sil")[0] == 1.0 and not track.values[0, 1:].any()
    assert sample(track, "aa", 0.05) > 0.5
    closed = articulate(speak(("m", 0.12), ("a", 0.2), ("sil", 0.3)))
    assert closed.channel("PP")[0] == pytest.approx(1.0), "a contact that a line begins with is whole"
