"""Sparse keys: the stated error holds, contacts land on whole frames, few keys are made."""

import numpy as np
import pytest

from model_runtime.contracts import FRAME_RATE, Contact, Curves, Float32, FrameClock, KeyTrack, Target, frozen_array
from model_runtime.rigs.keys import contact_frames, thin

KEY = Target("shape_key", "jawOpen", ("Face",))


def bezier(track: KeyTrack, frame: float) -> float:
    """The value of a Bezier F-curve at a frame, solved as Blender does: x(t) = frame by bisection."""
    co, handles = track.co.astype(float), track.handles.astype(float)
    i = int(np.clip(np.searchsorted(co[:, 0], frame, side="right") - 1, 0, len(co) - 2))
    x = (co[i, 0], handles[i, 2], handles[i + 1, 0], co[i + 1, 0])
    y = (co[i, 1], handles[i, 3], handles[i + 1, 1], co[i + 1, 1])
    low, high = 0.0, 1.0
    for _ in range(50):
        t = 0.5 * (low + high)
        weights = ((1 - t) ** 3, 3 * t * (1 - t) ** 2, 3 * t * t * (1 - t), t**3)
        low, high = (t, high) if sum(w * v for w, v in zip(weights, x, strict=True)) < frame else (low, t)
    return sum(w * v for w, v in zip(weights, y, strict=True))


def motion(seconds: float = 4.0, seed: int = 1) -> Float32:
    rng = np.random.default_rng(seed)
    times = np.arange(int(seconds * FRAME_RATE)) / FRAME_RATE
    wave = sum(rng.random() * np.sin(2 * np.pi * f * times + rng.random() * 6) for f in (0.7, 1.9, 3.1, 4.2))
    return frozen_array(((wave - wave.min()) / np.ptp(wave))[:, None])


@pytest.mark.parametrize("fps", [24, 25, 30, 60])
@pytest.mark.parametrize("tolerance", [0.01, 0.05])
def test_the_blender_curve_stays_within_the_tolerance_at_every_frame(fps: int, tolerance: float) -> None:
    values = motion()
    keys = thin(Curves((KEY,), values, ()), FrameClock(fps, 1.0, 10.0), tolerance)
    (track,) = keys.tracks
    frames = np.arange(10, int(10 + 3.9 * fps))
    wanted = np.interp((frames - 10) / fps, np.arange(len(values)) / FRAME_RATE, values[:, 0])
    drawn = np.array([bezier(track, f) for f in frames])
    assert np.abs(drawn - wanted).max() <= tolerance + 1e-3
    assert keys.error <= tolerance
    assert (np.diff(track.co[:, 0]) >= 1).all() and (track.co[:, 0] % 1 == 0).all()


def test_no_key_leaves_the_range_of_the_motion() -> None:
    for seed in range(5):
        values = np.clip(motion(8.0, seed), 0.2, 0.7)
        (track,) = thin(Curves((KEY,), frozen_array(values), ()), FrameClock(), 0.05).tracks
        assert track.co[:, 1].min() >= 0.2 - 1e-6 and track.co[:, 1].max() <= 0.7 + 1e-6


def test_smooth_motion_needs_far_fewer_keys_than_frames() -> None:
    keys = thin(Curves((KEY,), motion(20.0), ()), FrameClock(60), 0.02)
    assert keys.key_count < 0.25 * 20 * 60


def test_a_wider_moment_moves_no_far_keys_of_a_bone_whose_swing_is_known() -> None:
    jaw = Target("rotation", "jaw", ("Rig",), -1.0, 1.0)
    values = np.concatenate([0.1 * motion(8.0), np.zeros((50, 1), np.float32)])
    wider = values * np.where(np.arange(len(values)) < 100, np.float32(3.0), np.float32(1.0))[:, None]
    closed = (Contact("closure", "m", 1.96, 2.04),)
    (one,), (other,) = (
        thin(Curves((jaw,), frozen_array(each), closed), FrameClock(), swings={jaw: 0.05}).tracks
        for each in (values, wider)
    )
    far = [track.co[track.co[:, 0] > 52] for track in (one, other)]
    np.testing.assert_array_equal(*far)
    assert len(far[0]) > 5


def test_still_targets_get_no_keys() -> None:
    values = np.zeros((200, 2), dtype=np.float32)
    values[:, 1] = motion(2.0)[:, 0]
    keys = thin(Curves((KEY, Target("shape_key", "mouthClose", ("Face",))), frozen_array(values), ()), FrameClock())
    assert [t.target.name for t in keys.tracks] == ["mouthClose"]


@pytest.mark.parametrize("shift", np.linspace(0.0, 1 / 12, 11))
def test_a_closure_shorter_than_a_frame_is_still_shown_fully(shift: float) -> None:
    """A 50 ms plateau at 12 fps lies between frames most of the time."""
    times = np.arange(200) / FRAME_RATE
    contact = Contact("closure", "p", 1.0 + shift, 1.05 + shift)
    press = np.clip(1.0 - np.maximum(contact.start - times, times - contact.end) / 0.04, 0.0, 1.0)
    keys = thin(Curves((KEY,), frozen_array(press[:, None]), (contact,)), FrameClock(12), 0.02)
    assert keys.contact_frames
    for frame, _ in keys.contact_frames:
        assert bezier(keys.tracks[0], frame) == pytest.approx(1.0, abs=1e-4)


def test_a_long_enough_plateau_is_held_for_two_frames() -> None:
    clock = FrameClock(24)
    for start in np.linspace(1.0, 1.0 + 1 / 24, 9):
        held = contact_frames((Contact("closure", "m", float(start), float(start) + 0.07),), clock, 0, 100)
        assert len(held) >= 2


def test_a_long_plateau_is_keyed_at_its_ends_and_level_between() -> None:
    times = np.arange(200) / FRAME_RATE
    contact = Contact("closure", "m", 1.0, 1.12)
    press = np.clip(1.0 - np.maximum(contact.start - times, times - contact.end) / 0.06, 0.0, 1.0)
    keys = thin(Curves((KEY,), frozen_array(press[:, None]), (contact,)), FrameClock(60))
    held = [frame for frame, _ in keys.contact_frames]
    assert len(held) >= 7
    keyed = set(keys.tracks[0].co[:, 0].astype(int)) & set(held)
    assert keyed == {held[0], held[-1]}
    assert [bezier(keys.tracks[0], frame) for frame in held] == pytest.approx([1.0] * len(held), abs=1e-4)


def test_neighbouring_contacts_do_not_share_a_frame() -> None:
    near = (Contact("labiodental", "f", 1.0, 1.05), Contact("closure", "p", 1.05, 1.1))
    held = contact_frames(near, FrameClock(24), 0, 100)
    frames = [frame for frame, _ in held]
    assert len(frames) == len(set(frames))
    assert {c.kind for _, c in held} == {"labiodental", "closure"}


def test_fractional_frame_rates_do_not_drift() -> None:
    contact = Contact("closure", "m", 600.0, 600.2)
    ((frame, _), *_rest) = contact_frames((contact,), FrameClock(24, 1.001, 1.0), 0, 20_000)
    assert abs((frame - 1) * 1.001 / 24 - 600.0) < 1.001 / 24


@pytest.mark.parametrize("hold", [2, 3])
def test_stepped_poses_hold_and_a_contact_has_one_of_its_own(hold: int) -> None:
    values = np.array(motion())
    contacts = tuple(Contact("closure", "p", at, at + 0.05) for at in (0.71, 1.43, 2.2))
    for contact in contacts:
        values[round(contact.start * 100) : round(contact.end * 100) + 1] = 1.5
    keys = thin(Curves((KEY,), frozen_array(values), contacts), FrameClock(24, 1.0, 7.0), 0.02, hold)
    (track,) = keys.tracks
    assert keys.stepped and ((track.co[:, 0] - 7) % hold == 0).all()
    assert [contact for _, contact in keys.contact_frames] == list(contacts)
    level = dict(track.co)
    for frame, contact in keys.contact_frames:
        assert level[frame] == pytest.approx(1.5)
        assert abs((frame - 7 + 0.5 * (hold - 1)) / 24 - contact.apex) < hold / 24
