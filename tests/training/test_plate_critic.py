"""The critic of sync: it looks at the right moments, learns what belongs together, and judges films it never saw."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from model_runtime.plate import face_points
from model_runtime.plate.voice_features import BANDS
from training.plate import critic
from training.plate.critic import FRAME
from training.plate.drive import HELD
from training.plate.faces import Face, face_of

COUNT = 75


def spoken(seed: int) -> Face:
    """Three seconds of a made-up face whose lips part as loud as the noise that is heard with them."""
    random = np.random.default_rng(seed)
    open_at = np.interp(np.arange(COUNT), np.arange(0, COUNT + 3, 3), random.uniform(0, 1, COUNT // 3 + 1))
    landmarks = np.zeros((COUNT, 478, 3), np.float32)
    landmarks[:] = np.random.default_rng(0).uniform(0, 100, (478, 3))
    lower = [*face_points.INNER_LIPS[11:], *face_points.OUTER_LIPS[11:], face_points.CHIN]
    landmarks[:, lower, 1] += 10 * open_at[:, None]
    loud = np.interp(np.arange(COUNT * FRAME) / FRAME - 0.5, np.arange(COUNT), open_at)
    sound = (random.normal(size=COUNT * FRAME) * 0.3 * loud).astype(np.float32)
    return Face(Path(f"{seed}.mpg"), landmarks, np.zeros((COUNT, 52), np.float32), sound)


def test_the_sound_that_is_compared_is_that_of_the_frame() -> None:
    film = np.arange(COUNT, dtype=np.float32)[:, None]
    for frame in (2, 30, 72):
        sound = np.full(COUNT * FRAME, 1e-4, np.float32) * np.random.default_rng(0).normal(size=COUNT * FRAME)
        sound[frame * FRAME : (frame + 1) * FRAME] *= 3_000
        lips, mel = critic.windows(film, sound.astype(np.float32))
        assert lips.shape == (COUNT - 4, critic.SEEN) and mel.shape == (COUNT - 4, critic.HEARD * BANDS)
        np.testing.assert_array_equal(lips[frame - 2], np.arange(frame - 2, frame + 3))
        loudness = mel[frame - 2].reshape(critic.HEARD, BANDS).mean(1)
        centre = (np.arange(critic.HEARD) * (loudness > 0)).sum() / (loudness > 0).sum()
        assert centre == pytest.approx((critic.HEARD - 1) / 2, abs=1)


def test_what_is_seen_does_not_depend_on_where_and_how_large_the_head_is() -> None:
    face = spoken(1)
    moved = face.landmarks.copy()
    moved[..., :2] = 2.5 * moved[..., :2] + np.linspace(0, 40, COUNT, dtype=np.float32)[:, None, None]
    np.testing.assert_allclose(critic.seen(moved, face.curves), critic.seen(face.landmarks, face.curves), atol=2e-3)


def test_it_learns_which_sound_belongs_to_which_lips(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(critic, "STEPS", 300)
    net = critic.train([spoken(seed) for seed in range(1, 13)])
    weights = {name: value.numpy() for name, value in net.state_dict().items()}
    face, other = spoken(20), spoken(21)
    for shift in (-4, 0, 3):
        late = Face(face.path, np.roll(face.landmarks, shift, axis=0), face.curves, face.sound)
        assert critic.sync(weights, late.landmarks, late.curves, late.sound).offset == shift
    right = critic.sync(weights, face.landmarks, face.curves, face.sound)
    wrong = critic.sync(weights, face.landmarks, face.curves, other.sound)
    assert right.likeness > wrong.likeness + 0.2 and right.confidence > wrong.confidence + 0.1


@pytest.mark.usefixtures("face_folder")
def test_the_stored_critic_judges_a_clip_it_never_saw(shared: Path, tmp_path: Path) -> None:
    plates = sorted((shared / "plates/grid_s1").glob("*.mpg"))[HELD][:2]
    if len(plates) < 2:
        pytest.skip("the plates (../shared/plates) are not here")
    weights = critic.load()
    one, other = (face_of(path, tmp_path) for path in plates)
    right = critic.sync(weights, one.landmarks, one.curves, one.sound)
    assert abs(right.offset) <= 1
    late = critic.sync(weights, one.landmarks, one.curves, np.roll(one.sound, 5 * FRAME))
    assert abs(late.offset + 5) <= 1
    wrong = critic.sync(weights, one.landmarks, one.curves, other.sound)
    still = critic.sync(weights, one.landmarks[:1].repeat(COUNT, 0), one.curves[:1].repeat(COUNT, 0), one.sound)
    assert right.likeness > wrong.likeness + 0.1 and right.confidence > still.confidence + 0.1
