"""Life beside the mouth: blinks, brows, head and breath follow the voice, rest at both ends and can be turned off."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from model_runtime import pipeline
from model_runtime.acting.articulate import articulate
from model_runtime.acting.liveliness import BLINK_APART, CORNERS, Dials, Mood, accents, arousal, live
from model_runtime.contracts import FRAME_RATE, LIFE, Float32, LifeTrack, Phone, Speech, frozen_array
from model_runtime.hearing import audio

LINE = Path(__file__).resolve().parents[2] / "presets/demo/line.wav"
OFF = Dials(0.0, 0.0, 0.0, 0.0, 0.0)
SYLLABLE = 0.2


def talk(
    *phrases: int, pause: float = 0.5, pitch: float = 120.0, swing: float = 2.5, bright: float = -21.0, seed: int = 1
) -> Speech:
    """Phrases of so many syllables ("ta", every third stressed and louder), pauses before, between and after.

    swing: standard deviation of the pitch in semitones; bright: mean brightness in dB.
    """
    random = np.random.default_rng(seed)
    line, time = [Phone("sil", 0.0, pause)], pause
    for syllables in phrases:
        for i in range(syllables):
            line.append(Phone("t", time, time + 0.3 * SYLLABLE, float(i % 3 == 0)))
            line.append(Phone("a", time + 0.3 * SYLLABLE, time + SYLLABLE, float(i % 3 == 0)))
            time += SYLLABLE
        line.append(Phone("sil", time, time + pause))
        time += pause
    frames = round(time * FRAME_RATE)
    loudness, tones = np.full(frames, -80.0), np.zeros(frames)
    for phone in line[1:]:
        if phone.symbol == "a":
            span = slice(round(phone.start * FRAME_RATE), round(phone.end * FRAME_RATE))
            loudness[span] = -26.0 + 8.0 * phone.stress + random.normal(0.0, 2.0)
            tones[span] = pitch * 2.0 ** (random.normal(0.0, swing) / 12.0)
    shine = np.full(frames, bright)
    return Speech(tuple(line), time, frozen_array(loudness), pitch=frozen_array(tones), brightness=frozen_array(shine))


def spans(track: LifeTrack, name: str) -> list[tuple[int, int]]:
    """First and last frame of every stretch in which a channel is not at rest."""
    moving = np.flatnonzero(np.diff((track.channel(name) > 1e-6).astype(int), prepend=0, append=0))
    return [(int(a), int(b) - 1) for a, b in moving.reshape(-1, 2)]


def share_above(curve: Float32, hertz: float) -> float:
    """The share of a curve's energy (without its mean) that lies above a frequency."""
    power: NDArray[np.float64] = np.square(np.abs(np.fft.rfft(curve - curve.mean())))
    return float(power[np.fft.rfftfreq(len(curve), 1.0 / FRAME_RATE) > hertz].sum() / power.sum())


LONG = talk(*([9, 17, 12, 5, 21] * 8))
"""About two minutes."""
ANGRY = talk(9, 14, pitch=250.0, swing=3.0, bright=-10.0)
SAD = talk(9, 14, pitch=95.0, swing=0.8, bright=-26.0)
CALM = talk(9, 14)
SILENCE = Speech((Phone("sil", 0.0, 6.0),), 6.0, frozen_array(np.full(600, -90.0)))


@pytest.mark.parametrize("seed", range(4))
def test_blinks_are_as_frequent_and_as_irregular_as_peoples(seed: int) -> None:
    blinks = spans(live(LONG, seed=seed), "blink")
    assert 13.0 <= 60.0 * len(blinks) / LONG.duration <= 21.0
    apart = np.diff([first for first, _ in blinks]) / FRAME_RATE
    assert apart.min() >= BLINK_APART and apart.std() > 0.25 * apart.mean()


def test_frequent_blinks_keep_apart_too() -> None:
    for seed in range(12):
        onsets = np.array([first for first, _ in spans(live(LONG, Dials(blink=1.5), seed), "blink")]) / FRAME_RATE
        assert np.diff(onsets).min() >= BLINK_APART


def test_a_blink_closes_fast_stays_shut_for_a_film_frame_and_opens_slowly() -> None:
    track = live(LONG)
    blink = track.channel("blink")
    for first, last in spans(track, "blink"):
        shut = first + np.flatnonzero(blink[first : last + 1] > 0.97)
        assert 0.05 <= (shut[0] - first) / FRAME_RATE <= 0.11
        assert (shut[-1] - shut[0] + 1) / FRAME_RATE >= 1.0 / 24.0
        assert 0.11 <= (last - shut[-1]) / FRAME_RATE <= 0.21


def test_most_blinks_fall_on_the_ends_of_phrases() -> None:
    ends = np.array([phone.start for phone in LONG.phones[1:] if phone.symbol == "sil"])
    onsets = [first / FRAME_RATE for seed in range(4) for first, _ in spans(live(LONG, seed=seed), "blink")]
    at_ends = np.mean([np.abs(ends - onset).min() < 0.15 for onset in onsets])
    assert at_ends > 0.5, "blinks that know nothing of the phrases hit one in ten"


@pytest.mark.parametrize("speech", [CALM, ANGRY, SAD, LONG, SILENCE], ids=["calm", "angry", "sad", "long", "silence"])
def test_everything_is_as_long_as_the_mouth_in_range_smooth_and_rests_at_both_ends(speech: Speech) -> None:
    for seed in range(3):
        track = live(speech, Dials(1.5, 1.5, 1.5, 1.5, 1.5), seed)
        assert track.values.shape == (len(articulate(speech).values), len(LIFE))
        assert track.values.dtype == np.float32 and not track.values.flags.writeable
        assert np.abs(track.values[[0, -1]]).max() < 1e-6
        for name in LIFE:
            low, high = (-1.0, 1.0) if name.startswith("head") else (0.0, CORNERS if "corner" in name else 1.0)
            assert track.channel(name).min() >= low and track.channel(name).max() <= high, name
            fastest = 0.23 if name == "blink" else 0.13
            assert np.abs(np.diff(track.channel(name))).max() < fastest, name


def test_the_same_speech_and_seed_give_the_same_life_and_another_seed_another() -> None:
    assert np.array_equal(live(LONG, seed=3).values, live(LONG, seed=3).values)
    for name in ("blink", "head_turn"):
        assert not np.array_equal(live(LONG, seed=3).channel(name), live(LONG, seed=4).channel(name))
    assert np.array_equal(live(LONG, seed=3).channel("breath"), live(LONG, seed=4).channel("breath"))


def test_dials_that_are_off_leave_exactly_nothing() -> None:
    assert not live(ANGRY, OFF).values.any() and not live(SAD, OFF).values.any()


@pytest.mark.parametrize(
    ("dial", "moves"),
    [
        ("blink", {"blink"}),
        ("brows", {"brow_up", "brow_down"}),
        ("head", {"head_nod", "head_turn"}),
        ("chest", {"breath"}),
        ("mood", {"corners_up", "corners_down", "brow_up", "brow_down", "head_nod", "head_turn"}),
    ],
)
def test_a_dial_moves_its_own_part_only(dial: str, moves: set[str]) -> None:
    for speech in (ANGRY, SAD):
        whole, without = live(speech), live(speech, replace(Dials(), **{dial: 0.0}))
        changed = {n for n in LIFE if not np.array_equal(whole.channel(n), without.channel(n))}
        assert changed and changed <= moves


def test_who_is_silent_blinks_and_looks_around_but_neither_breathes_in_nor_stresses() -> None:
    seen = [{name for name in LIFE if live(SILENCE, seed=seed).channel(name).any()} for seed in range(4)]
    assert set.union(*seen) == {"blink", "head_nod", "head_turn"}


def test_the_shortest_sounds_and_lines_without_phones_have_a_life_too() -> None:
    assert live(Speech((), 0.0, frozen_array([]))).values.shape[1] == len(LIFE)
    hum = Speech((Phone("a", 0.0, 0.05),), 0.05, frozen_array([-20.0] * 5))
    assert np.isfinite(live(hum).values).all()


def test_a_pitch_accent_raises_the_brows_there() -> None:
    plain = talk(30, swing=0.3)
    vowel = next(p for p in plain.phones if p.symbol == "a" and p.stress > 0.5 and p.start > 3.0)
    span = slice(round(vowel.start * FRAME_RATE), round(vowel.end * FRAME_RATE))
    pitch = np.array(plain.pitch)
    pitch[span] *= 2.0 ** (7.0 / 12.0)
    accented = replace(plain, pitch=frozen_array(pitch))
    assert not live(plain).channel("brow_up").max() > 0.05
    raised = live(accented).channel("brow_up")
    assert raised[span].min() > 0.4
    (first, last), *others = spans(live(accented), "brow_up")
    assert not others
    assert 0.15 <= vowel.start - first / FRAME_RATE <= 0.3 and last / FRAME_RATE < vowel.end + 0.6


def test_an_unstressed_high_vowel_raises_nothing() -> None:
    plain = talk(30, swing=0.3)
    pitch = np.array(plain.pitch)
    for vowel in (p for p in plain.phones if p.symbol == "a" and p.stress < 0.5 and 3.0 < p.start < 3.4):
        pitch[round(vowel.start * FRAME_RATE) : round(vowel.end * FRAME_RATE)] *= 1.5
    assert not accents(replace(plain, pitch=frozen_array(pitch)))


def test_what_is_not_known_is_not_acted() -> None:
    unknown = replace(ANGRY, pitch=frozen_array([]), brightness=frozen_array([]))
    assert arousal(unknown) == Mood() and not accents(unknown)
    track = live(unknown)
    for name in ("brow_up", "brow_down", "corners_up", "corners_down"):
        assert not track.channel(name).any()
    assert track.channel("head_nod").any() and track.channel("breath").any()


def test_angry_sad_and_calm_voices_differ_in_mood_brows_and_corners() -> None:
    angry, calm, sad = (arousal(speech).arousal for speech in (ANGRY, CALM, SAD))
    assert angry > 0.6 and abs(calm) < 0.3 and sad < -0.5
    fury, ease, grief = live(ANGRY), live(CALM), live(SAD)
    assert fury.channel("brow_down").max() > 0.5 > 0.3 > grief.channel("brow_down").max()
    assert fury.channel("brow_up").max() < 0.2 < grief.channel("brow_up").mean()
    assert not ease.channel("brow_down").any()
    assert fury.channel("corners_down").max() > 0.1 and grief.channel("corners_down").max() > 0.1
    assert not ease.channel("corners_down").any() and not ease.channel("corners_up").any()


def test_a_mood_needs_more_than_a_dull_recording() -> None:
    assert arousal(talk(9, 14, bright=-42.0)).arousal == 0.0


def test_the_corners_move_slower_than_half_a_hertz() -> None:
    for speech in (ANGRY, SAD):
        assert share_above(live(speech, Dials(mood=1.5)).channel("corners_down"), 0.5) < 0.02


def test_the_head_nods_deepest_at_the_loudest_stress_and_below_two_and_a_half_hertz() -> None:
    speech = talk(30, swing=0.3)
    stressed = [p for p in speech.phones if p.symbol == "a" and p.stress > 0.5]
    loudest = stressed[4]
    loudness = np.array(speech.loudness)
    loudness[round(loudest.start * FRAME_RATE) : round(loudest.end * FRAME_RATE)] = -5.0
    nods = live(replace(speech, loudness=frozen_array(loudness))).channel("head_nod")
    still = live(SILENCE).channel("head_nod")
    assert np.abs(still).max() < 0.25, "the drift alone is small"
    assert abs(int(nods.argmax()) / FRAME_RATE - 0.5 * (loudest.start + loudest.end)) < 0.1
    assert share_above(nods, 2.5) < 0.01


def test_breath_is_drawn_in_long_pauses_until_speech_begins() -> None:
    speech = talk(12, 12, pause=0.6)
    breath = live(speech).channel("breath")
    starts = [b.start for a, b in zip(speech.phones, speech.phones[1:], strict=False) if a.symbol == "sil"]
    peaks = np.flatnonzero((breath[1:-1] > breath[:-2]) & (breath[1:-1] >= breath[2:])) + 1
    assert peaks / FRAME_RATE == pytest.approx(starts, abs=0.03)
    assert not live(talk(12, 12, pause=0.3)).channel("breath").any()


def test_life_of_a_persons_voice() -> None:
    speech = pipeline.listen(audio.load(LINE))
    track = live(speech)
    assert abs(arousal(speech).arousal) < 0.4, "a friendly reading"
    assert 2 <= len(spans(track, "brow_up")) <= 7
    assert 1 <= len(spans(track, "blink")) <= 4
    assert track.channel("brow_down").max() < 0.1 and 0.2 < track.channel("head_nod").max() < 0.9
