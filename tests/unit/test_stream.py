"""Sound that is still coming is heard as it will be, a tenth of a second later."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from model_runtime.contracts import AudioClip, Float32, Hearing, frozen_array
from model_runtime.hearing import audio, network
from model_runtime.live.stream import LOOK_AHEAD, PAST, Stream, joined

LINE = Path(__file__).resolve().parents[2] / "presets/demo/line.wav"


def streamed(samples: Float32, step: int, look_ahead: float, past: float) -> Hearing:
    """What a stream says of samples that come `step` at a time."""
    stream = Stream(network.shared(), look_ahead, past)
    return joined([stream.push(samples[at : at + step]) for at in range(0, len(samples), step)] + [stream.finish()])


@pytest.mark.parametrize("step", [1_600, 777, 40_000])
def test_every_frame_comes_once_and_with_all_that_the_network_can_use_it_is_the_same(step: int) -> None:
    samples = audio.load(LINE).samples
    whole = network.shared().hear(AudioClip(samples, "line"))
    found = streamed(samples, step, 0.25, 2.1)
    for name in ("phones", "visemes", "voice", "loudness", "pitch"):
        np.testing.assert_allclose(getattr(found, name), getattr(whole, name), rtol=1e-4, atol=2e-4, err_msg=name)
    assert found.duration == pytest.approx(len(whole.phones) / 100)


def test_a_tenth_of_a_second_ahead_and_two_behind_are_nearly_enough() -> None:
    samples = audio.load(LINE).samples
    whole = network.shared().hear(AudioClip(samples, "line"))
    found = streamed(samples, 800, LOOK_AHEAD, PAST)
    assert (found.visemes.argmax(1) == whole.visemes.argmax(1)).mean() > 0.9


def test_frames_come_a_look_ahead_after_their_sound() -> None:
    stream = Stream(network.shared(), 0.1)
    assert len(stream.push(frozen_array(np.zeros(1_600))).phones) == 0
    assert len(stream.push(frozen_array(np.zeros(1_600))).phones) == 10
    assert len(stream.push(frozen_array(np.zeros(80))).phones) == 0
    assert len(stream.finish().phones) == 10
