"""The whole road without Blender, on the voice of a person."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from model_runtime import pipeline
from model_runtime.acting.articulate import articulate
from model_runtime.contracts import CHANNELS, AudioClip, Calibration, FrameClock, RigMap, Target, frozen_array
from model_runtime.errors import AudioError, Cancelled
from model_runtime.hearing import audio, lexicon

LINE = Path(__file__).resolve().parents[2] / "presets/demo/line.wav"
CLOSED = frozenset("pbm")


@pytest.fixture(scope="module")
def sentences(librivox: Path) -> list[tuple[AudioClip, str]]:
    """Every sentence of the reader, with its words."""
    lines = (librivox / "transcription").read_text().splitlines()
    texts = {name.strip(" ()"): words for words, name in (line.replace("<s>", "").split("</s>") for line in lines)}
    return [(audio.load(path), texts[path.stem].strip()) for path in sorted(librivox.glob("*.wav"))]


def test_a_readers_closures_are_heard_without_transcript(sentences: list[tuple[AudioClip, str]]) -> None:
    written = heard = 0
    for clip, text in sentences:
        words = lexicon.pronounce(text)
        written += sum(phone.symbol in CLOSED for word in words for phone in word.pronunciations[0])
        heard += sum(phone.symbol in CLOSED for phone in pipeline.listen(clip).phones)
    assert len(sentences) >= 5 and written > 20
    assert heard == pytest.approx(written, rel=0.35)


def test_a_readers_words_fit_and_lie_in_order(sentences: list[tuple[AudioClip, str]]) -> None:
    for clip, text in sentences:
        speech = pipeline.listen(clip, text)
        assert speech.text_fit is not None and speech.text_fit > 0.6
        written, found = text.split(), [word.text for word in speech.words]
        assert len(found) >= len(written) - 1, "the recordings may cut their last word"
        assert found == [word for i, word in enumerate(written) if i < len(found)]
        ends = [time for word in speech.words for time in (word.start, word.end)]
        assert ends == sorted(ends) and ends[-1] <= clip.duration + 0.01


def test_foreign_words_fit_worse(sentences: list[tuple[AudioClip, str]]) -> None:
    (clip, text), (_, other) = sentences[0], sentences[3]
    right, wrong = pipeline.listen(clip, text).text_fit, pipeline.listen(clip, other).text_fit
    assert right is not None and wrong is not None and wrong < right - 0.2


def test_lips_of_a_reader_close_at_every_p_b_m(sentences: list[tuple[AudioClip, str]]) -> None:
    for clip, text in sentences:
        speech = pipeline.listen(clip, text)
        track = articulate(speech)
        for phone in (phone for phone in speech.phones if phone.symbol in CLOSED):
            near = slice(max(0, int(phone.start * 100) - 3), int(phone.end * 100) + 3)
            assert track.channel("PP")[near].max() > 0.95, f"{phone.symbol} at {phone.start:.2f} s"


def rig() -> tuple[RigMap, Calibration]:
    """A mouth with one key for each channel."""
    targets = tuple(Target("shape_key", name, ("Face",)) for name in CHANNELS)
    weights = np.eye(len(CHANNELS), dtype=np.float32)
    zeros = frozen_array(np.zeros(len(CHANNELS)))
    whole = RigMap("test", targets, frozen_array(weights), frozen_array([], np.int32), zeros, "")
    return whole, Calibration(zeros, zeros, 0.0, 0.0, 0.0)


def test_one_line_from_sound_to_keys() -> None:
    rig_map, calibration = rig()
    seen: list[float] = []
    made = pipeline.generate(
        audio.load(LINE), rig_map, calibration, FrameClock(25, 1.0, 101.0), progress=lambda done, _: seen.append(done)
    )
    assert seen and seen == sorted(seen) and min(seen) >= 0.0 and max(seen) <= 1.0
    assert made.keys.error <= 0.02
    frames = np.concatenate([track.co[:, 0] for track in made.keys.tracks])
    assert frames.min() >= 101 and frames.max() <= 101 + 25 * (made.speech.duration + 1)
    assert {contact.phone for _, contact in made.keys.contact_frames} >= {"m", "b", "f"}


def test_the_same_sound_gives_the_same_keys() -> None:
    rig_map, calibration = rig()
    first, second = (pipeline.generate(audio.load(LINE), rig_map, calibration, FrameClock()).keys for _ in range(2))
    for one, other in zip(first.tracks, second.tracks, strict=True):
        assert one.target == other.target and np.array_equal(one.co, other.co)


def test_cancelling_stops_the_road() -> None:
    def stop(_fraction: float, _doing: str) -> None:
        raise Cancelled("Cancelled.")

    with pytest.raises(Cancelled):
        pipeline.generate(audio.load(LINE), *rig(), FrameClock(), progress=stop)


def test_silence_is_refused_by_name() -> None:
    with pytest.raises(AudioError, match="pause"):
        pipeline.listen(AudioClip(frozen_array(np.zeros(16_000)), "pause"))


def test_a_quiet_recording_is_heard_like_a_loud_one() -> None:
    clip = audio.load(LINE)
    quiet = pipeline.listen(AudioClip(frozen_array(clip.samples * 0.005), "quiet"))
    loud = pipeline.listen(AudioClip(frozen_array(clip.samples * (0.1 / np.abs(clip.samples).max())), "loud"))
    assert [phone.symbol for phone in quiet.phones] == [phone.symbol for phone in loud.phones]
    assert np.median(loud.loudness - quiet.loudness) > 15.0
