"""What no style may break, whatever is said: contacts, sibilants, open vowels, and keys that keep them."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import configuration, given, settings
from hypothesis import strategies as st

from model_runtime.acting.articulate import articulate
from model_runtime.acting.styles import load_styles
from model_runtime.contracts import (
    CHANNELS,
    CONTACT_JAW,
    FRAME_RATE,
    VISEMES,
    Contact,
    Curves,
    Float32,
    FrameClock,
    KeyTrack,
    KeyTracks,
    MouthTrack,
    Phone,
    Speech,
    Style,
    Target,
    frozen_array,
)
from model_runtime.phones import BILABIALS, LABIODENTALS, PHONES, SIBILANTS, VOWELS
from model_runtime.rigs.keys import thin

CHECKOUT = Path(__file__).resolve().parents[2]
configuration.set_hypothesis_home_dir(CHECKOUT / ".cache/hypothesis")
# The same lines every time: a test that fails has failed because of a change.
lines = settings(max_examples=40, deadline=None, derandomize=True, database=None)

STYLES = load_styles()
DIALS = ("intensity", "jaw", "lips", "tongue", "anticipation", "smoothness", "breath")
CONTACTS = BILABIALS | LABIODENTALS
KEYS = tuple(Target("shape_key", name, ("Face",)) for name in CHANNELS)
CLOCKS = (FrameClock(24), FrameClock(25, 1.0, 101.0), FrameClock(30, 1.001), FrameClock(30), FrameClock(60))
CLEAR = 0.05
"""A shorter phone (seconds) between a vowel and a contact leaves the lips on their way in the vowel's middle."""


def panel_limits() -> dict[str, tuple[float, float]]:
    """How far each setting of the panel can be turned."""
    limits = {}
    for node in ast.walk(ast.parse((CHECKOUT / "addon/properties.py").read_text(encoding="utf-8"))):
        if isinstance(node, ast.AnnAssign) and isinstance(node.annotation, ast.Call):
            given = {word.arg: word.value for word in node.annotation.keywords}
            low, high = (given.get(end) or given.get(f"soft_{end}") for end in ("min", "max"))
            if isinstance(node.target, ast.Name) and low and high:
                limits[node.target.id] = (float(ast.literal_eval(low)), float(ast.literal_eval(high)))
    return limits


LIMITS = panel_limits()


def spoken(phones: Sequence[tuple[str, float, float, float]], voice: int, toned: bool) -> Speech:
    """Phones (symbol, length, stress, strength) said one after the other, in a voice that may do anything."""
    time, made = 0.0, []
    for symbol, length, stress, strength in phones:
        made.append(Phone(symbol, time, time + length, stress, strength=strength))
        time += length
    random, frames = np.random.default_rng(voice), max(1, int(time * FRAME_RATE))
    loudness = frozen_array(random.uniform(-90.0, 0.0, frames))
    pitch = frozen_array(np.maximum(0.0, random.uniform(-100.0, 300.0, frames)))
    brightness = frozen_array(random.uniform(-40.0, 5.0, frames))
    speech = Speech(tuple(made), time, loudness)
    return replace(speech, pitch=pitch, brightness=brightness) if toned else speech


def turned(style: str, offset_ms: float, dials: dict[str, float]) -> Style:
    """A style that ships, with the panel's dials."""
    chosen = STYLES[style]
    return replace(chosen, offset_ms=offset_ms, **{name: getattr(chosen, name) * dial for name, dial in dials.items()})


# Half of the phones are contacts and sibilants, and many are short, so that they meet and crowd each other.
PHONE = st.tuples(
    st.one_of(st.sampled_from(PHONES), st.sampled_from(sorted(CONTACTS | SIBILANTS))),
    st.one_of(st.floats(0.02, 0.07), st.floats(0.02, 0.4)),
    st.floats(0.0, 1.0),
    st.floats(0.0, 2.0),
)
SPEECH = st.builds(spoken, st.lists(PHONE, min_size=1, max_size=30), st.integers(0, 2**32 - 1), st.booleans())
STYLE = st.builds(
    turned,
    st.sampled_from(list(STYLES)),
    st.one_of(st.just(0.0), st.floats(*LIMITS["offset_ms"])),
    st.one_of(st.just({}), st.fixed_dictionaries({name: st.floats(*LIMITS[name]) for name in DIALS})),
)


def viseme(contact: Contact) -> str:
    return "PP" if contact.kind == "closure" else "FF"


def plateau(contact: Contact, track: MouthTrack) -> slice:
    """The samples of a track in which a contact is held."""
    first, last = np.ceil(contact.start * FRAME_RATE - 1e-4), np.floor(contact.end * FRAME_RATE + 1e-4)
    return slice(max(0, int(first)), min(len(track.values), int(last) + 1))


def middle(phone: Phone, track: MouthTrack) -> int | None:
    """The sample in the middle of a phone, None where the offset takes it off the track."""
    sample = round((0.5 * (phone.start + phone.end) + track.style.offset_ms / 1000.0) * FRAME_RATE)
    return sample if 0 <= sample < len(track.values) else None


@lines
@given(SPEECH, STYLE)
def test_every_contact_is_promised_and_whole(speech: Speech, style: Style) -> None:
    track = articulate(speech, style)
    events = [event for event in track.events if event.phone in CONTACTS]
    assert [event.phone for event in events] == [phone.symbol for phone in speech.phones if phone.symbol in CONTACTS]
    for event in events:
        kind = "closure" if event.phone in BILABIALS else "labiodental"
        covers = [c for c in track.contacts if c.kind == kind and c.start <= event.apex and event.hold_end <= c.end]
        assert covers or event.hold_end < 0.0, event
    for contact in track.contacts:
        held = plateau(contact, track)
        assert held.stop > held.start, contact
        assert track.channel(viseme(contact))[held].min() > 0.97, contact
        assert track.channel("jaw")[held] == pytest.approx(CONTACT_JAW, abs=0.01), contact


@lines
@given(SPEECH)
def test_a_contact_at_the_very_beginning_is_shown(speech: Speech) -> None:
    track = articulate(speech)
    if speech.phones[0].symbol in CONTACTS:
        assert track.contacts[0].start >= 0.0 and track.contacts[0].phone == speech.phones[0].symbol


@lines
@given(SPEECH, STYLE)
def test_sibilants_hold_the_jaw_nearly_shut(speech: Speech, style: Style) -> None:
    track = articulate(speech, style)
    for phone in speech.phones:
        if phone.symbol in SIBILANTS and phone.end - phone.start >= 0.05 and (at := middle(phone, track)) is not None:
            assert track.channel("jaw")[at] < 0.09, phone


@lines
@given(SPEECH, STYLE)
def test_vowels_part_the_lips(speech: Speech, style: Style) -> None:
    track = articulate(speech, style)
    for i, phone in enumerate(speech.phones):
        around = [p for p in speech.phones[max(0, i - 1) : i + 2] if p is not phone]
        apart = all(p.symbol not in CONTACTS and p.end - p.start >= CLEAR for p in around)
        if phone.symbol in VOWELS and phone.end - phone.start >= 0.08 and apart:
            at = middle(phone, track)
            assert at is None or track.channel("PP")[at] + track.channel("FF")[at] < 0.5, phone


@lines
@given(SPEECH, STYLE)
def test_visemes_are_a_mix_and_the_mouth_ends_at_rest(speech: Speech, style: Style) -> None:
    track = articulate(speech, style)
    assert np.isfinite(track.values).all()
    assert track.values.min() >= 0.0 and track.values.max() <= 1.0
    assert np.abs(track.values[:, : len(VISEMES)].sum(axis=1) - 1.0).max() < 1e-4
    assert track.channel("sil")[-1] == 1.0 and track.values[-1, 1:].max() == 0.0
    for event in track.events:
        assert event.onset <= event.apex <= event.hold_end <= event.release, event
    for before, after in zip(track.contacts, track.contacts[1:], strict=False):
        assert before.end <= after.start, (before, after)


@lines
@given(SPEECH, STYLE, st.sampled_from(CLOCKS))
def test_the_same_line_gives_the_same_motion_and_keys(speech: Speech, style: Style, clock: FrameClock) -> None:
    one, two = (articulate(speech, style) for _ in range(2))
    assert np.array_equal(one.values, two.values)
    assert (one.events, one.contacts) == (two.events, two.contacts)
    keys = [thin(Curves(KEYS, track.values, track.contacts), clock) for track in (one, two)]
    for a, b in zip(*(k.tracks for k in keys), strict=True):
        assert np.array_equal(a.co, b.co) and np.array_equal(a.handles, b.handles)


@pytest.mark.parametrize("clock", CLOCKS, ids=lambda clock: f"{clock.rate:.5g} fps")
@lines
@given(SPEECH, STYLE, st.sampled_from([0.005, 0.02, 0.1]))
def test_keys_keep_every_contact_and_the_tolerance(
    clock: FrameClock, speech: Speech, style: Style, tolerance: float
) -> None:
    track = articulate(speech, style)
    keys = thin(Curves(KEYS, track.values, track.contacts), clock, tolerance)
    require_contacts(keys, track, tolerance)
    assert keys.error <= tolerance + 1e-6
    shown = drawn(keys, track.values)
    frames = np.arange(len(shown))
    free = np.isin(frames, [frame - int(clock.start) for frame, _ in keys.contact_frames], invert=True)
    times = frames / clock.rate * FRAME_RATE
    wanted = np.stack([np.interp(times, np.arange(len(row)), row) for row in track.values.T], axis=1)
    assert np.abs(shown - wanted)[free].max() <= tolerance + 1e-4


@pytest.mark.parametrize("hold", [2, 3])
@lines
@given(SPEECH, STYLE, st.sampled_from(CLOCKS))
def test_held_poses_keep_every_contact(hold: int, speech: Speech, style: Style, clock: FrameClock) -> None:
    """Also where two fall into one pose: the later takes the next."""
    track = articulate(speech, style)
    keys = thin(Curves(KEYS, track.values, track.contacts), clock, hold_frames=hold)
    require_contacts(keys, track, 0.02)
    assert all(((t.co[:, 0] - clock.start) % hold == 0).all() for t in keys.tracks)


def require_contacts(keys: KeyTracks, track: MouthTrack, tolerance: float) -> None:
    """Every contact in order, each with a frame whose keys are its very values."""
    levels = {t.target.name: dict(t.co.tolist()) for t in keys.tracks}
    owned: dict[Contact, list[int]] = {}
    for frame, contact in keys.contact_frames:
        owned.setdefault(contact, []).append(frame)
    assert list(owned) == list(track.contacts)
    for contact, frames in owned.items():
        for name, value in ((viseme(contact), 1.0), ("jaw", CONTACT_JAW)):
            if name not in levels:  # it stays so near to zero that it needs no keys
                assert track.channel(name).max() < tolerance
                continue
            found = [levels[name].get(frame) for frame in frames]
            assert any(level == pytest.approx(value, abs=1e-5) for level in found if level is not None), contact


def drawn(keys: KeyTracks, values: Float32) -> np.ndarray:
    """What Blender draws [frames, channels]: cubic Beziers whose handles lie a third of the way, zero without keys."""
    count = int(np.ceil((len(values) - 1) / FRAME_RATE * keys.clock.rate)) + 1
    shown = np.zeros((count, len(CHANNELS)))
    for track in keys.tracks:
        shown[:, CHANNELS.index(track.target.name)] = bezier(track, keys.clock.start + np.arange(count))
    return shown


def bezier(track: KeyTrack, frames: np.ndarray) -> np.ndarray:
    """An F-curve at frames."""
    co, handles = track.co.astype(np.float64), track.handles.astype(np.float64)
    width = np.diff(co[:, 0])
    assert handles[:-1, 2] - co[:-1, 0] == pytest.approx(width / 3, abs=1e-3)
    assert co[1:, 0] - handles[1:, 0] == pytest.approx(width / 3, abs=1e-3)
    i = np.clip(np.searchsorted(co[:, 0], frames, side="right") - 1, 0, len(co) - 2)
    t = np.clip((frames - co[i, 0]) / width[i], 0.0, 1.0)
    a, b, c, d = co[i, 1], handles[i, 3], handles[i + 1, 1], co[i + 1, 1]
    return np.asarray((1 - t) ** 3 * a + 3 * t * (1 - t) ** 2 * b + 3 * t * t * (1 - t) * c + t**3 * d)
