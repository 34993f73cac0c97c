"""Life beside the mouth from the voice: blinks, brows, head, breath, and a mood for brows and mouth corners."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from .. import phones
from ..contracts import FRAME_RATE, LIFE, Float32, LifeTrack, Phone, Speech, frozen_array
from .voice import over_vowels

BLINKS = 17.5
"""Blinks a minute: people at rest 17, talking freely 26, reading aloud 4.5 (Bentivoglio et al. 1997)."""
BLINK_APART = 1.0
"""Seconds that lie at least between the onsets of two blinks."""
INTAKE_PAUSE = 0.35
"""A pause longer than this (seconds) is breathed in."""
CORNERS = 0.25
"""The furthest that a mood moves the corners of the mouth; the lips stay those of the mouth track."""

_PHRASE_PAUSE = 0.15
"""A silence of so many seconds ends a phrase."""
_LOOK_AROUND = 1.3
"""A blink that is due waits, or comes early, up to so many seconds for the end of a phrase."""
_TAIL = 0.25
"""Seconds that the track outlasts the sound, as the mouth track does."""
_REST = 0.2
"""Seconds at both ends in which everything comes from rest and returns to it."""
_MOOD_FLANK = 1.2
"""Seconds in which a mood comes and goes: slower than 0.5 Hz."""
_BROW_FLANK = 0.6
"""The same of the brows."""
_NOD_SIGMA = 0.06
"""Smoothing of the nods in seconds: -3 dB at 2.2 Hz. Ordinary head movements in speech are 1.8-3.7 Hz (Hadar 1983)."""
_RANGES = {
    "corners_up": (0.0, CORNERS), "corners_down": (0.0, CORNERS), "head_nod": (-1.0, 1.0), "head_turn": (-1.0, 1.0),
}  # fmt: skip
"""Where a channel's range is not 0-1."""

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Dials:
    """How much of each there is, 0-1.5: 0 nothing, 1 as people do. `blink` is how often, the others how far."""

    blink: float = 1.0
    brows: float = 1.0
    head: float = 1.0
    chest: float = 1.0
    mood: float = 1.0


AS_PEOPLE_DO = Dials()


@dataclass(frozen=True)
class Mood:
    """How a line is spoken as a whole: arousal -1 (sad, tired) to 1 (angry), valence -1 (unpleasant) to 1."""

    arousal: float = 0.0
    valence: float = 0.0


class Pulse(NamedTuple):
    """One movement and its return, seconds, as high as `strength`."""

    onset: float
    apex: float
    hold_end: float
    release: float
    strength: float


def live(speech: Speech, dials: Dials = AS_PEOPLE_DO, seed: int = 0) -> LifeTrack:
    """The life of a line, as long as its mouth track. The same speech and seed give the same values.

    Every part draws its own numbers from the seed, so a dial moves nothing but its own part.
    """
    frames = int(np.ceil((speech.duration + _TAIL) * FRAME_RATE)) + 1
    times = np.arange(frames) / FRAME_RATE
    mood = arousal(speech)
    blinking, moving = (np.random.default_rng([seed, part]) for part in range(2))
    up, down = _brows(speech, times, mood, dials)
    smile, frown = _corners(times, dials.mood * mood.valence)
    nod, turn = _head(speech, times, Mood(dials.mood * mood.arousal, dials.mood * mood.valence), moving)
    made = {
        "blink": _drawn(_blinks(speech, dials.blink, times[-1], blinking), times),
        "brow_up": up,
        "brow_down": down,
        "corners_up": smile,
        "corners_down": frown,
        "head_nod": dials.head * nod,
        "head_turn": dials.head * turn,
        "breath": dials.chest * _drawn(_breaths(speech, times[-1]), times),
    }
    rest = _smooth(np.minimum(times, times[-1] - times) / _REST)
    columns = [np.clip(made[name] * rest, *_RANGES.get(name, (0.0, 1.0))) for name in LIFE]
    return LifeTrack(frozen_array(np.stack(columns, axis=1)))


def arousal(speech: Speech) -> Mood:
    """The mood of a line, as far as a voice tells it; 0 where the brightness is not known.

    Arousal is heard well, in the energy of the high frequencies, the spread of the pitch and of the loudness; valence
    hardly (Banse & Scherer 1996; Goudbeek & Scherer 2010), so it stays within 0.6. Measured over vowels: brightness
    of read and conversational speech -25 to -17 dB, angry -12 to -6, happy -19 to -10, sad -29 to -21; standard
    deviation of the pitch 2.5 semitones, sad 1.7, happy 3.7; of the loudness 6 dB, sad 5, angry 8. Sad and bored
    voices are equally dark: the flat pitch tells the sad one. The height of the pitch is the speaker's, not the
    mood's, and the level is the recording's: neither counts. Below -30 dB the recording itself is dull.
    """
    bright = over_vowels(speech, speech.brightness)
    pitch = over_vowels(speech, speech.pitch)
    if len(bright) < 20:
        return Mood()
    dark = float(bright.mean()) + 21.5
    heard = float(np.clip((dark + 14.5) / 6.0, 0.0, 1.0) * min(1.0, len(bright) / 40.0))
    clear = float(np.clip(dark / (10.0 if dark > 0.0 else 5.0), -1.2, 1.2))
    voiced = pitch[pitch > 0.0]
    lively = float(np.clip((_semitones(voiced).std() - 2.4) / 1.2, -1.0, 1.0)) if len(voiced) >= 20 else 0.0
    uneven = float(np.clip((over_vowels(speech, speech.loudness).std() - 6.0) / 3.0, -1.0, 1.0))
    aroused = float(np.clip(0.7 * clear + 0.25 * lively + 0.1 * uneven, -1.0, 1.0))
    strained, subdued = max(0.0, clear - 0.6), max(0.0, -aroused - 0.2)
    pleasant = float(np.clip(0.4 * max(0.0, lively) * min(1.0, max(0.0, 2.0 * clear)) - strained - subdued, -0.6, 0.6))
    return Mood(heard * aroused, heard * pleasant)


def accents(speech: Speech) -> list[tuple[Phone, float]]:
    """The stressed vowels that are spoken clearly higher than what is around them, and by how much, 0-1.

    Higher than the running median (3 s) by more than one standard deviation of the line's pitch, at least 1.5
    semitones. 71 % of the quick brow raises of readers and talkers go with a rise of the pitch, but a rise need not
    have one (Cavé et al. 1996): of accents closer than 0.9 s only the highest counts.
    """
    voiced = speech.pitch > 0.0
    tones = _semitones(np.where(voiced, speech.pitch, 1.0))
    if voiced.sum() < 20:
        return []
    spread = max(1.5, float(tones[voiced].std()))
    found: list[tuple[Phone, float]] = []
    for vowel in _stressed(speech):
        own, around = _frames(vowel, len(tones)), _frames(vowel, len(tones), margin=1.5)
        inside = tones[own][voiced[own]]
        if len(inside) >= 3:
            above = float(np.percentile(inside, 80) - np.median(tones[around][voiced[around]])) / spread
            if above > 1.0:
                found.append((vowel, min(1.0, 0.45 + 0.4 * (above - 1.0))))
    return _apart(found, 0.9)


def _blinks(speech: Speech, often: float, end: float, random: np.random.Generator) -> list[Pulse]:
    """Irregular blinks that fall on the ends of phrases where one is near.

    People blink where speech pauses, a phrase ends or a thought does (Condon & Ogston 1967; Nakano & Kitazawa 2010);
    the intervals are log-normal (Bentivoglio et al. 1997). Closing takes 70-100 ms, opening about twice as long
    (VanderWerf et al. 2003); the lids stay shut for 45 ms so that a frame at 24 a second shows them so.
    """
    if often <= 0.0:
        return []
    ends = np.array([p.start for p in speech.phones[1:] if p.symbol == phones.SILENCE and _length(p) >= _PHRASE_PAUSE])
    mean = max(60.0 / (BLINKS * often), 1.2 * BLINK_APART)
    made: list[Pulse] = []
    due, last = mean * random.uniform(0.1, 0.9), -BLINK_APART
    while due < end:
        near = ends[(np.abs(ends - due) < _LOOK_AROUND) & (ends - 0.05 >= last + BLINK_APART)]
        start = float(near[np.abs(near - due).argmin()]) + random.uniform(-0.05, 0.1) if len(near) else due
        shut = start + random.uniform(0.07, 0.1)
        blink = Pulse(start, shut, shut + 0.045, shut + 0.045 + random.uniform(0.15, 0.2), 1.0)
        if start > _REST and blink.release < end - _REST:
            made.append(blink)
        last = start
        due = max(start, due) + BLINK_APART + (mean - BLINK_APART) * float(random.lognormal(-0.18, 0.6))
    return made


def _brows(speech: Speech, times: Floats, mood: Mood, dials: Dials) -> tuple[Floats, Floats]:
    """Brows up and down [t]: raised at pitch accents, drawn down by arousal that is not cheerful, knit by sadness.

    A raise starts before the accented vowel and is at its height there (Kim et al. 2014), after 150-300 ms. Who is
    angry stresses with the frown instead. The sad brow is a little of both: inner ends up, outer ends held (AU 1+4,
    Ekman & Friesen 1978).
    """
    frown, sad = (dials.mood * amount for amount in (_anger(mood), _sadness(mood)))
    coming = _slow(times, _BROW_FLANK)
    raises = _drawn([_raise(vowel, strength) for vowel, strength in accents(speech)], times)
    stresses = _drawn([_raise(vowel, strength) for vowel, strength in _beats(speech)], times)
    up = max(0.0, 1.0 - frown) * raises + 0.6 * sad * coming
    down = frown * (0.6 * coming + 0.3 * stresses) + 0.25 * sad * coming
    return dials.brows * up, dials.brows * down


def _anger(mood: Mood) -> float:
    """0-1: arousal above what lively speech has, unless it sounds cheerful."""
    return float(np.clip((mood.arousal - 0.3 - 2.0 * max(0.0, mood.valence)) / 0.6, 0.0, 1.0))


def _sadness(mood: Mood) -> float:
    """0-1: arousal below what quiet reading has."""
    return float(np.clip((-mood.arousal - 0.25) / 0.6, 0.0, 1.0))


def _raise(vowel: Phone, strength: float) -> Pulse:
    apex = vowel.start + 0.3 * _length(vowel)
    hold_end = max(vowel.end, apex + 0.06)
    return Pulse(apex - 0.15 - 0.15 * strength, apex, hold_end, hold_end + 0.25 + 0.2 * strength, strength)


def _corners(times: Floats, valence: float) -> tuple[Floats, Floats]:
    """Corners up and down [t], at most `CORNERS`: valence alone, slower than 0.5 Hz; below 0.1 it is chance."""
    level = CORNERS * float(np.clip((abs(valence) - 0.1) / 0.5, 0.0, 1.0)) * _slow(times, _MOOD_FLANK)
    return level * (valence > 0.0), level * (valence < 0.0)


def _head(speech: Speech, times: Floats, mood: Mood, random: np.random.Generator) -> tuple[Floats, Floats]:
    """Nod and turn [t]: a small nod at stressed vowels, deepest at the loudest, over a slow drift.

    The head follows pitch and loudness of speech (Munhall et al. 2004) and is lowest just after the vowel's middle
    (Kim et al. 2014); between the nods it rises a little above its rest. It moves more in aroused speech (Busso et
    al. 2007) and hangs in sad.
    """
    nods = _smoothed(_drawn([_nod(vowel, depth) for vowel, depth in _beats(speech)], times), _NOD_SIGMA)
    nods -= 0.7 * _smoothed(nods, 0.4)
    pauses = [phone.start for phone in speech.phones if phone.symbol == phones.SILENCE]
    nod, turn = (_drift(times, pauses, random) for _ in range(2))
    activity = 1.0 + 0.4 * mood.arousal
    hanging = 0.25 * _sadness(mood) * _slow(times, _MOOD_FLANK)
    return activity * (0.75 * nods + 0.2 * nod) + hanging, activity * 0.35 * turn


def _smoothed(curve: Floats, sigma: float) -> Floats:
    """[t] convolved with a Gaussian of `sigma` seconds, at rest beyond its ends."""
    reach = int(4 * sigma * FRAME_RATE)
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / (sigma * FRAME_RATE)) ** 2)
    return np.convolve(np.pad(curve, reach), kernel / kernel.sum(), mode="valid")


def _nod(vowel: Phone, depth: float) -> Pulse:
    apex = vowel.start + 0.5 * _length(vowel) + 0.03
    return Pulse(apex - 0.22, apex, apex, apex + 0.36, depth)


def _beats(speech: Speech) -> list[tuple[Phone, float]]:
    """Stressed vowels at least 0.4 s apart, the loudest first served, and their weight 0.2-1 by loudness."""
    vowels = _stressed(speech)
    levels = np.array([speech.loudness[_frames(v, len(speech.loudness))].max(initial=-90.0) for v in vowels])
    if not len(levels):
        return []
    score = (levels - levels.mean()) / max(3.0, float(levels.std()))
    weights = np.clip(0.55 + 0.3 * score, 0.2, 1.0)
    return _apart(list(zip(vowels, weights.tolist(), strict=True)), 0.4)


def _drift(times: Floats, pauses: Sequence[float], random: np.random.Generator) -> Floats:
    """-1..1 [t]: the head settles into one pose after another, for 1.6-4 s, with the phrases where that is near."""
    moments, poses = [0.0], [0.0]
    longest = min(4.0, 0.7 * float(times[-1]))
    while (due := moments[-1] + longest * random.uniform(0.4, 1.0)) < times[-1] - 0.7:
        near = [t for t in pauses if abs(t - due) < 0.7 and moments[-1] + 0.7 < t < times[-1] - 0.7]
        moments.append(min(near, key=lambda t: abs(t - due)) if near else due)
        poses.append(random.uniform(-1.0, 1.0))
    at, pose = np.array([*moments, times[-1]]), np.array([*poses, 0.0])
    step = np.clip(np.searchsorted(at, times, side="right") - 1, 0, len(at) - 2)
    way = _smooth((times - at[step]) / (at[step + 1] - at[step]))
    return np.asarray(pose[step] + (pose[step + 1] - pose[step]) * way)


def _breaths(speech: Speech, end: float) -> list[Pulse]:
    """Chest and shoulders rise in each long pause until speech begins, and sink while it is spoken.

    An intake takes up to 0.6 s and is deeper before a longer breath group (Winkworth et al. 1995).
    """
    intakes = [
        (_length(pause), after.start)
        for pause, after in pairwise(speech.phones)
        if pause.symbol == phones.SILENCE and _length(pause) > INTAKE_PAUSE
    ]
    made = []
    for i, (pause, begins) in enumerate(intakes):
        spoken = (intakes[i + 1][1] - intakes[i + 1][0] if i + 1 < len(intakes) else end) - begins
        depth = float(np.clip(0.4 + 0.15 * spoken, 0.4, 1.0))
        sunk = begins + float(np.clip(spoken, 0.5, 5.0))
        made.append(Pulse(begins - min(0.6, pause), begins, begins, sunk, depth))
    return made


def _slow(times: Floats, flank: float) -> Floats:
    """0-1 [t]: what comes in `flank` seconds and goes in as many; in a shorter line it never comes whole."""
    return _smooth(times / flank) * _smooth((times[-1] - times) / flank)


def _drawn(pulses: Sequence[Pulse], times: Floats) -> Floats:
    """The pulses as a curve 0-1 [t] with cubic flanks; where they overlap, each takes its share of what is left."""
    rest = np.ones(len(times))
    for pulse in pulses:
        span = slice(*np.searchsorted(times, (pulse.onset, pulse.release)))
        rise = (times[span] - pulse.onset) / max(pulse.apex - pulse.onset, 1e-3)
        fall = (pulse.release - times[span]) / max(pulse.release - pulse.hold_end, 1e-3)
        rest[span] *= 1.0 - pulse.strength * _smooth(np.minimum(rise, fall))
    return 1.0 - rest


def _smooth(share: Floats) -> Floats:
    """0-1 with level ends: two Bezier keys draw it exactly."""
    x = np.clip(share, 0.0, 1.0)
    return x * x * (3.0 - 2.0 * x)


def _stressed(speech: Speech) -> list[Phone]:
    return [phone for phone in speech.phones if phone.symbol in phones.VOWELS and phone.stress >= 0.5]


def _apart(found: list[tuple[Phone, float]], seconds: float) -> list[tuple[Phone, float]]:
    """Of events closer than `seconds` the strongest, in time order."""
    kept: list[tuple[Phone, float]] = []
    for phone, strength in sorted(found, key=lambda item: -item[1]):
        if all(abs(phone.start - other.start) >= seconds for other, _ in kept):
            kept.append((phone, strength))
    return sorted(kept, key=lambda item: item[0].start)


def _semitones(pitch: Float32) -> Floats:
    return np.asarray(12.0 * np.log2(pitch), dtype=np.float64)


def _frames(phone: Phone, count: int, margin: float = 0.0) -> slice:
    """The frames of a phone, and `margin` seconds around it, among `count`."""
    first = max(0, int((phone.start - margin) * FRAME_RATE))
    return slice(min(first, count), min(count, max(first + 1, int((phone.end + margin) * FRAME_RATE))))


def _length(phone: Phone) -> float:
    return phone.end - phone.start
