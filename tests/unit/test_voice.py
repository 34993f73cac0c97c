"""What a voice asks of the mouth: shouts open it, whispers and sad voices less, the recording level plays no part."""

from dataclasses import replace

import numpy as np
import pytest

from model_runtime.acting.articulate import articulate
from model_runtime.acting.voice import effort, gains, level, whispered
from model_runtime.contracts import FRAME_RATE, Float32, Phone, Speech, frozen_array


def speech(level: float = -20.0, brightness: float = -21.0, pitch: float = 150.0) -> Speech:
    """Eight syllables of t and a, the fifth 6 dB louder."""
    made, time = [Phone("sil", 0.0, 0.3)], 0.3
    for _ in range(8):
        made += [Phone("t", time, time + 0.08), Phone("a", time + 0.08, time + 0.25)]
        time += 0.25
    frames = round(time * FRAME_RATE)
    loudness = np.full(frames, level)
    loudness[130:155] += 6.0
    return Speech(
        tuple(made), time, frozen_array(loudness), pitch=frozen_array(np.full(frames, pitch)),
        brightness=frozen_array(np.full(frames, brightness)),
    )  # fmt: skip


def widest(line: Speech) -> float:
    return float(articulate(line).channel("jaw").max())


def jaws(line: Speech) -> Float32:
    return np.array([gain.jaw for gain in gains(line)])


def test_effort_is_heard_in_the_brightness_of_vowels() -> None:
    assert effort(speech(brightness=-10.0)) > 0.8
    assert -0.45 < effort(speech(brightness=-25.0)) < -0.2
    assert effort(replace(speech(), brightness=frozen_array([]))) == 0.0


def test_shouted_ordinary_sad_and_whispered_speech_look_different() -> None:
    shouted, said, sad = (widest(speech(brightness=b)) for b in (-10.0, -21.0, -25.0))
    whisper = speech(brightness=-12.0, pitch=0.0)
    assert whispered(whisper) and not whispered(speech())
    assert shouted > 1.15 * said and said > 1.04 * sad and widest(whisper) < 0.9 * said


def test_the_loud_syllable_opens_furthest_at_any_recording_level() -> None:
    line = speech()
    gained = jaws(line)
    assert gained[2::2].argmax() == 4 and gained[10] > 1.1 * gained[8]
    np.testing.assert_allclose(jaws(speech(level=-45.0)), gained, atol=1e-6)


def test_a_line_is_loud_or_quiet_against_what_its_character_usually_is() -> None:
    line = speech(level=-30.0)
    as_usual, whispering, shouting = (gains(line, usual)[2].jaw for usual in (level(line), -12.0, -45.0))
    assert as_usual == pytest.approx(gains(line)[2].jaw)
    assert whispering < 0.85 * as_usual and shouting > 1.15 * as_usual


def test_a_raised_tone_opens_a_little_more() -> None:
    line = speech()
    pitch = np.array(line.pitch)
    pitch[60:80] = 230.0
    raised = jaws(replace(line, pitch=frozen_array(pitch))) - jaws(line)
    assert raised.max() > 0.03 and (raised > 0.01).sum() <= 2


def test_an_artists_strength_scales_its_phone_alone() -> None:
    line = speech()
    weaker = replace(line, phones=tuple(replace(p, strength=0.5) if i == 6 else p for i, p in enumerate(line.phones)))
    ratio = jaws(weaker) / jaws(line)
    assert ratio[6] == pytest.approx(0.5) and np.delete(ratio, 6) == pytest.approx(1.0)
