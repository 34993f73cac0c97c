"""The pitch that the network is taught is that of the sound, frame by frame."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from training.pitch import pitch, pitches


def glide() -> np.ndarray:
    """Half a second of silence, then a buzz from 100 to 200 Hz in two seconds."""
    tone = np.linspace(100.0, 200.0, 32_000)
    phase = 2 * np.pi * np.cumsum(tone) / 16_000
    buzz = sum(np.sin(k * phase) / k for k in range(1, 12))
    return np.concatenate((np.zeros(8_000), 8_000 * buzz)).astype(np.int16)


def test_each_frame_has_the_pitch_at_its_middle() -> None:
    found = pitch(glide())
    assert len(found) == 250 and (found[:45] == 0).all()
    middles = np.arange(60, 240)
    np.testing.assert_allclose(found[60:240], 100.0 + (middles + 0.5 - 50.0) * 0.5, rtol=0.02)


def test_a_breath_of_sound_has_none() -> None:
    assert not pitch(np.zeros(400, np.int16)).any()


def test_a_file_is_measured_once(tmp_path: Path) -> None:
    first = pitches(tmp_path / "pitch" / "one.npy", glide())
    again = pitches(tmp_path / "pitch" / "one.npy", np.zeros(5, np.int16))
    np.testing.assert_array_equal(first, again)
