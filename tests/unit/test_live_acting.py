"""A mouth that follows a voice: it closes, it rests, it never jumps, and it is the same however the sound comes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from model_runtime import pipeline
from model_runtime.acting.articulate import articulate
from model_runtime.acting.styles import load_style
from model_runtime.contracts import CHANNELS, CONTACT_JAW, NATURAL, AudioClip, Float32, MouthTrack, Style, frozen_array
from model_runtime.hearing import audio, network
from model_runtime.live.mouth import RATE, LiveMouth, MouthFrame

ROOT = Path(__file__).resolve().parents[2]
LINE = ROOT / "presets/demo/line.wav"
WORDS = (ROOT / "presets/demo/line.txt").read_text(encoding="utf-8")
PP, FF, JAW = (CHANNELS.index(name) for name in ("PP", "FF", "jaw"))


def shown(samples: Float32, step: int = 320, style: Style = NATURAL) -> list[MouthFrame]:
    mouth = LiveMouth(network.shared(), style)
    pieces = [mouth.push(samples[at : at + step]) for at in range(0, len(samples), step)]
    return [frame for piece in [*pieces, mouth.finish()] for frame in piece]


@pytest.fixture(scope="module")
def demo_frames() -> list[MouthFrame]:
    """The demo line, spoken to the end."""
    return shown(audio.load(LINE).samples)


def values_of(frames: list[MouthFrame]) -> Float32:
    return np.stack([frame.values for frame in frames])


def kathleen(speech: Path, name: str) -> tuple[AudioClip, str]:
    rows = map(json.loads, (speech / "kathleen.jsonl").read_text(encoding="utf-8").splitlines())
    row = next(row for row in rows if row["id"].startswith(name))
    with soundfile.SoundFile(speech / "kathleen.opus") as file:
        file.seek(round(row["start"] * file.samplerate))
        samples = file.read(round(row["dur"] * file.samplerate), dtype="float32")
        return audio.from_samples(samples, file.samplerate, name), row["text"]


def closures_shown(frames: list[MouthFrame], track: MouthTrack) -> tuple[int, int]:
    """Of how many closures of the line that is known whole the live mouth is quite closed, and how many there are."""
    contacts = [contact for contact in track.contacts if contact.kind == "closure"]
    made = [
        any(frame.values[PP] > 0.999 for frame in frames if contact.start - 0.04 <= frame.time <= contact.end + 0.05)
        for contact in contacts
    ]
    return sum(made), len(made)


def test_p_b_m_of_sentences_are_closed(speech: Path) -> None:
    made = there = 0
    for name in ("arctic_a0003", "arctic_a0009", "arctic_a0020", "arctic_a0027", "arctic_a0045"):
        clip, words = kathleen(speech, name)
        some, all_ = closures_shown(shown(clip.samples), articulate(pipeline.listen(clip, words)))
        made, there = made + some, there + all_
    assert there >= 8
    assert made / there > 0.9


def test_the_demo_line_is_closed_and_moves_as_when_it_is_known_whole(demo_frames: list[MouthFrame]) -> None:
    frames, track = demo_frames, articulate(pipeline.listen(audio.load(LINE), WORDS))
    made, there = closures_shown(frames, track)
    assert there >= 10 and made >= there - 1
    times = np.array([frame.time for frame in frames])
    at = np.arange(len(track.values)) / 100
    known, live = (np.interp(times, at, track.channel("jaw")), values_of(frames)[:, JAW])
    shifts = range(-9, 10)
    alike = [np.corrcoef(known[10:-10], np.roll(live, -shift)[10:-10])[0, 1] for shift in shifts]
    assert max(alike) > 0.8
    assert abs(shifts[int(np.argmax(alike))]) <= 2, "the shapes do not belong to the moments that they are sent with"


def test_closed_lips_have_the_jaw_that_closes_them(demo_frames: list[MouthFrame]) -> None:
    values = values_of(demo_frames)
    closed = values[:, PP] > 0.999
    assert closed.any()
    np.testing.assert_allclose(values[closed, JAW], CONTACT_JAW, atol=1e-3)


def test_shapes_are_whole_and_smooth(demo_frames: list[MouthFrame]) -> None:
    values = values_of(demo_frames)
    assert values.min() >= 0.0 and values.max() <= 1.0
    np.testing.assert_allclose(values[:, :15].sum(axis=1), 1.0, atol=1e-5)
    steps = np.abs(np.diff(values, axis=0))
    contact = steps[:, [PP, FF]].max(axis=1)
    assert (steps[:, JAW] < 0.12 + 0.4 * contact).all(), "the jaw is slow but for the lips that it brings together"
    assert contact.max() < 0.8, "a closing takes more than one shape"


def test_it_rests_in_silence_and_comes_back_to_rest() -> None:
    quiet = 1e-4 * np.random.default_rng(1).standard_normal(16_000).astype(np.float32)
    assert values_of(shown(quiet))[:, 0].min() > 0.99
    spoken = np.concatenate((audio.load(LINE).samples[:24_000], quiet))
    assert values_of(shown(spoken))[-12:, 0].min() > 0.97


@pytest.mark.parametrize("step", [160, 777, 9_000])
def test_shapes_do_not_depend_on_the_blocks(step: int) -> None:
    samples = audio.load(LINE).samples[:40_000]
    one, other = shown(samples), shown(samples, step)
    np.testing.assert_array_equal([f.time for f in one], [f.time for f in other])
    np.testing.assert_array_equal(values_of(one), values_of(other))
    np.testing.assert_allclose(np.diff([f.time for f in one]), 1.0 / RATE)


def test_what_was_shown_is_not_taken_back_by_what_follows(demo_frames: list[MouthFrame]) -> None:
    samples = audio.load(LINE).samples
    mouth = LiveMouth(network.shared())
    early = [frame for at in range(0, 32_000, 320) for frame in mouth.push(samples[at : at + 320])]
    np.testing.assert_array_equal(values_of(early), values_of(demo_frames[: len(early)]))
    assert 32_000 / 16_000 - early[-1].time < 0.2, "more is held back than the look-ahead and the lag"


def test_styles_count(demo_frames: list[MouthFrame]) -> None:
    mumbling = replace(load_style("Mumble"), jaw=0.4)
    natural, mumbled = values_of(demo_frames), values_of(shown(audio.load(LINE).samples, style=mumbling))
    assert mumbled[:, JAW].mean() < 0.7 * natural[:, JAW].mean()
    assert mumbled[:, PP].max() == natural[:, PP].max() == 1.0


def test_nothing_is_made_of_nothing() -> None:
    mouth = LiveMouth(network.shared())
    assert mouth.push(frozen_array(np.zeros(0))) == []
    assert all(frame.values[0] > 0.999 for frame in mouth.finish())
