"""When and how strongly each phone moves lips, jaw and tongue.

Lip closing, from electromagnetic articulography of phrase-medial p b m against the acoustic segment: closing starts
84 ms before it, the lips are within 1 mm of their minimum from 22 ms before, opening begins 32 ms before its end.
Other apexes and holds: JALI (Edwards et al. 2016): apex at the sound's start, sustained to 75 % of the phone,
protrusion a quarter longer on both sides. How a gesture comes and goes: task dynamics (Saltzman & Munhall 1989; the
TADA model of Haskins Laboratories): critically damped, 8 Hz for consonants, 4 Hz for vowels, closures aim 2 mm beyond
the touch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import groupby, pairwise

import numpy as np

from .. import phones
from ..contracts import Float32, Phone, Style, VisemeEvent
from ..phones import GLIDE_OF, VISEME_OF
from .rules import MERGE_WITHIN
from .voice import Gain

FLOOR, CRITICAL, CLOSED = 0, 1, 2
"""Layers of the lips: a higher one covers the lower ones as far as its envelope says."""

JAW: dict[str, float] = {
    "sil": 0.0,
    "p": 0.06, "b": 0.06, "m": 0.06, "f": 0.06, "v": 0.06, "θ": 0.12, "ð": 0.12, "t": 0.10, "d": 0.10, "n": 0.12,
    "l": 0.16, "s": 0.05, "z": 0.05, "ʃ": 0.07, "ʒ": 0.07, "tʃ": 0.07, "dʒ": 0.07, "k": 0.15, "ɡ": 0.15, "ŋ": 0.15,
    "x": 0.15, "h": 0.20, "ɹ": 0.12, "r": 0.14, "w": 0.10, "j": 0.10, "i": 0.13, "ɪ": 0.18, "e": 0.24, "ɛ": 0.32,
    "æ": 0.46, "a": 0.52, "ʌ": 0.38, "ə": 0.18, "ɝ": 0.16, "ɔ": 0.42, "o": 0.30, "ʊ": 0.18, "u": 0.14, "y": 0.13,
    "ø": 0.24, "aɪ": 0.52, "aʊ": 0.52, "eɪ": 0.30, "oʊ": 0.32, "ɔɪ": 0.40,
}  # fmt: skip
"""Jaw opening of a phone at ordinary loudness, share of the character's full jaw range."""

TONGUE: dict[str, dict[str, float]] = {
    "tongue_tip": {"θ": 1.0, "ð": 1.0, "t": 0.9, "d": 0.9, "n": 0.9, "l": 1.0, "s": 0.5, "z": 0.5, "r": 0.8},
    "tongue_blade": {"ʃ": 0.8, "ʒ": 0.8, "tʃ": 0.9, "dʒ": 0.9, "s": 0.5, "z": 0.5, "j": 0.8, "i": 0.6, "ɪ": 0.4},
    "tongue_back": {"k": 1.0, "ɡ": 1.0, "ŋ": 1.0, "x": 0.8, "u": 0.4, "o": 0.3, "oʊ": 0.3, "ɔ": 0.3, "w": 0.5},
}

_VOWEL_HZ, _CONSONANT_HZ = 4.0, 8.0
"""Natural frequencies of the gestures."""
_SETTLED = 4.74
"""Radians after which a critically damped gesture has gone 95 % of its way: 94 ms at 8 Hz, 189 ms at 4 Hz."""
_TOUCHED = 3.3
"""The same for lips that aim a fifth of their way beyond the touch, until they touch: 66 ms at 8 Hz."""
_DOMINANCE = {"DD": 0.35, "nn": 0.35, "kk": 0.25}
_CRITICAL_STRENGTH = {"SS": 0.85, "CH": 0.9, "RR": 0.7, "TH": 0.75, "U": 0.9}
_TIGHT = phones.SIBILANTS | {"θ", "ð", "ɹ", "r", "w"}
"""Consonants whose lip shape covers that of the vowels beside them."""
_OVERLAP = 0.15
"""How far two contacts around a vowel may reach beyond its middle, share of the time between them."""
_PLATEAU = 0.012
"""The shortest contact in seconds: at least one sample of the track lies in it."""
_TIGHT_REACH = 0.85
"""How much less such a shape reaches over its neighbours."""
_GLIDE_AT = 0.55
"""Share of a diphthong after which the second vowel begins."""


@dataclass(frozen=True)
class Gesture:
    """A viseme event and how it competes: its layer and its dominance among the events of that layer."""

    event: VisemeEvent
    layer: int
    dominance: float


def gestures(speech_phones: Sequence[Phone], gains: Sequence[Gain], style: Style) -> list[Gesture]:
    """The lip gestures of a line in time order; silences make none, diphthongs two."""
    made: list[Gesture] = []
    for i, phone in enumerate(speech_phones):
        if phone.symbol == phones.SILENCE:
            continue
        after_pause = i == 0 or (
            speech_phones[i - 1].symbol == phones.SILENCE
            and speech_phones[i - 1].end - speech_phones[i - 1].start > 0.15
        )
        strength = _strength(phone, gains[i].lips, style)
        if phone.symbol in phones.BILABIALS or phone.symbol in phones.LABIODENTALS:
            made.append(_contact(phone, after_pause, style))
        elif phone.symbol in GLIDE_OF:
            turn = phone.start + _GLIDE_AT * (phone.end - phone.start)
            made.append(_open(phone, VISEME_OF[phone.symbol], phone.start, turn, strength, style))
            made.append(_open(phone, GLIDE_OF[phone.symbol], turn, phone.end, 0.8 * strength, style))
        else:
            made.append(_open(phone, VISEME_OF[phone.symbol], phone.start, phone.end, strength, style))
    return _parted(_handed_over(_bridged(made)))


def _bridged(made: Sequence[Gesture]) -> list[Gesture]:
    """Where the style leaves consonants out, the mouth does not close: the shape before them is held until their
    middle and that after them comes from there; beside a pause or a contact, the one shape lasts for all of them."""
    result = list(made)
    for left_out, run in groupby(range(len(made)), key=lambda i: made[i].layer == FLOOR and not made[i].event.strength):
        for first, last in _phrases(list(run), made) if left_out else ():
            before, after = first - 1, last + 1
            held, comes = (0 <= i < len(made) and _free(made[i]) for i in (before, after))
            held = held and _touch(made[before], made[first])
            comes = comes and _touch(made[last], made[after])
            start, end = made[first].event.start, made[last].event.end
            until = 0.5 * (start + end) if held and comes else end
            if held:
                event = result[before].event
                reach = event.release - event.hold_end
                hold_end = max(event.hold_end, until - 0.5 * reach)
                result[before] = replace(
                    result[before], event=replace(event, hold_end=hold_end, release=hold_end + reach)
                )
            if comes:
                event = result[after].event
                since = (until if held else start) - 0.5 * (event.apex - event.onset)
                result[after] = replace(result[after], event=replace(event, onset=min(event.onset, since)))
    return result


def _phrases(run: Sequence[int], made: Sequence[Gesture]) -> list[tuple[int, int]]:
    """The first and the last of the gestures `run`, of each part of it that no pause divides."""
    cuts = [0, *(k for k in range(1, len(run)) if not _touch(made[run[k - 1]], made[run[k]])), len(run)]
    return [(run[a], run[b - 1]) for a, b in pairwise(cuts)]


def _free(gesture: Gesture) -> bool:
    return gesture.layer == FLOOR and gesture.event.strength > 0.0


def _touch(before: Gesture, after: Gesture) -> bool:
    """Whether no pause lies between two gestures."""
    return after.event.start - before.event.end < 0.01


def _handed_over(made: Sequence[Gesture]) -> list[Gesture]:
    """Contacts that follow each other are all whole.

    Of different kinds (v m): those before have let go when those after are made, and these begin only when those are
    no longer held. Of one kind with hardly a moment between (p b): the first is held until the second.
    """
    result = list(made)
    contacts = (i for i, g in enumerate(made) if g.layer == CLOSED)
    runs = [list(run) for _, run in groupby(contacts, key=lambda i: made[i].event.viseme)]
    for before, after in pairwise(runs):
        first, second = result[before[-1]].event, result[after[0]].event
        let_go = max(second.apex, first.apex + _PLATEAU + 0.02)
        held = max(first.apex + _PLATEAU, min(first.hold_end, let_go - 0.03))
        for i in before:
            event = result[i].event
            event = replace(event, hold_end=min(event.hold_end, held), release=min(event.release, let_go))
            result[i] = replace(result[i], event=event)
        for i in after:
            event = result[i].event
            apex = max(event.apex, let_go)
            hold_end = max(event.hold_end, apex + _PLATEAU)
            release = max(event.release, hold_end + 0.02)
            event = replace(event, onset=max(event.onset, held), apex=apex, hold_end=hold_end, release=release)
            result[i] = replace(result[i], event=event)
    for run in runs:
        for i, j in pairwise(run):
            event, until = result[i].event, result[j].event.apex
            if 0.0 < until - event.hold_end < MERGE_WITHIN:
                result[i] = replace(result[i], event=replace(event, hold_end=until))
    return result


def _parted(made: Sequence[Gesture]) -> list[Gesture]:
    """Between two contacts that a vowel parts, the mouth opens, however short the vowel is: "fifty", "maybe"."""
    result = list(made)
    contacts = [i for i, g in enumerate(made) if g.layer == CLOSED]
    for i, j in pairwise(contacts):
        first, second = result[i].event, result[j].event
        way = second.apex - first.hold_end
        if way <= 0.0 or not any(g.event.phone in phones.VOWELS for g in made[i + 1 : j]):
            continue
        middle, spare = first.hold_end + 0.5 * way, _OVERLAP * way
        release, onset = min(first.release, middle + spare), max(second.onset, middle - spare)
        result[i] = replace(result[i], event=replace(first, release=release))
        result[j] = replace(result[j], event=replace(second, onset=onset))
    return result


def _strength(phone: Phone, gain: float, style: Style) -> float:
    """0-1: weaker when unstressed, very short or quiet; consonants keep their shape better than vowels."""
    short = min(1.0, 0.45 + 0.55 * (phone.end - phone.start) / 0.06)
    stress = 0.82 + 0.18 * phone.stress
    loud = gain if phone.symbol in phones.VOWELS else 0.5 + 0.5 * gain
    return float(np.clip(0.9 * short * stress * loud * style.intensity * style.lips, 0.0, 1.0))


def _contact(phone: Phone, after_pause: bool, style: Style) -> Gesture:
    """A closure or a lip-to-teeth contact: full strength in every style, and not before the sound begins."""
    apex = max(0.0, phone.start - 0.020)
    lead = (0.15 if after_pause else 0.020 + _TOUCHED / (2.0 * np.pi * _CONSONANT_HZ)) * style.anticipation
    hold_end = max(phone.end - 0.032, apex + 0.045)
    event = VisemeEvent(
        viseme=VISEME_OF[phone.symbol], phone=phone.symbol, start=phone.start, end=phone.end,
        onset=min(phone.start - lead, apex - 0.03), apex=apex, hold_end=hold_end,
        release=hold_end + _settling(_CONSONANT_HZ),
        strength=1.0,
    )  # fmt: skip
    return Gesture(event, CLOSED, 1.0)


def _open(phone: Phone, viseme: str, start: float, end: float, strength: float, style: Style) -> Gesture:
    """Everything that does not demand a contact. A shape that the style leaves out takes no part in the lips."""
    shown = style.shapes.get(viseme, viseme)
    if not shown:
        viseme, strength = "sil", 0.0
    else:
        viseme = shown
    protruded = phone.symbol in phones.PROTRUDED and viseme in ("U", "O", "CH")
    settling = _settling(_VOWEL_HZ if phone.symbol in phones.VOWELS else _CONSONANT_HZ)
    reach = settling * (1.25 if protruded else 1.0) * (0.5 + 0.5 * style.anticipation) * (0.6 + 0.4 * style.smoothness)
    length = end - start
    apex = start + min(0.02, 0.25 * length)
    hold_end = max(apex, start + 0.75 * length)
    event = VisemeEvent(
        viseme=viseme, phone=phone.symbol, start=start, end=end,
        onset=apex - reach, apex=apex, hold_end=hold_end, release=hold_end + reach, strength=strength,
    )  # fmt: skip
    if phone.symbol in _TIGHT and strength:
        tight = replace(
            event,
            onset=apex - _TIGHT_REACH * reach,
            release=hold_end + _TIGHT_REACH * reach,
            strength=_CRITICAL_STRENGTH.get(viseme, 0.85) * min(1.0, 0.3 + strength),
        )
        return Gesture(tight, CRITICAL, 1.0)
    return Gesture(event, FLOOR, _DOMINANCE.get(viseme, 1.0) if strength else 0.0)


def _settling(hertz: float) -> float:
    """Seconds that a gesture takes for its way."""
    return _SETTLED / (2.0 * float(np.pi) * hertz)


def envelope(event: VisemeEvent, times: Float32) -> Float32:
    """0-1 over `times` [t]: rises from onset to apex, holds, falls to release.

    The flanks are those of a critically damped second-order system that started from rest, cut where they have arrived
    and scaled to do so exactly; a contact is cut where the lips meet, on their way to a target beyond.
    """
    way = _TOUCHED if event.viseme in ("PP", "FF") else _SETTLED
    rise = (times - event.onset) / max(event.apex - event.onset, 1e-3)
    fall = (times - event.hold_end) / max(event.release - event.hold_end, 1e-3)
    return np.asarray(np.clip(np.minimum(_step(rise, way), 1.0 - _step(fall, _SETTLED)), 0.0, 1.0), dtype=np.float32)


def _step(share: Float32, radians: float) -> Float32:
    """The way gone [t] at `share` 0-1 of the time, in which the system's phase advances by `radians`."""
    phase = radians * np.clip(share, 0.0, 1.0)
    whole = 1.0 - (1.0 + radians) * np.exp(-radians)
    return np.asarray((1.0 - (1.0 + phase) * np.exp(-phase)) / whole, dtype=np.float32)
