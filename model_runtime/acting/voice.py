"""How much of the mouth a voice asks for: gains of jaw and lips from loudness, pitch, brightness and voicing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .. import phones
from ..contracts import FRAME_RATE, Float32, Phone, Speech

_ORDINARY, _RAISED = -21.0, 10.0
"""Brightness over vowels in dB: of ordinary speech, and how much more a shout has. Measured: conversational and read
speech of eight people -25 to -17, sad -25 to -23, angry -13 to -9."""
_LOUDER = 12.0
"""dB above or below what a character usually is, from which its jaw goes no further because of that."""
_WHISPERED = 0.2
"""Share of the vowels' frames that a whisper has voiced at most."""


@dataclass(frozen=True)
class Gain:
    """How far jaw and lips go compared with everyday speech; 1.0 is just that."""

    jaw: float
    lips: float


def gains(speech: Speech, usual_level: float = 0.0) -> list[Gain]:
    """The gains of each phone.

    Within the line: the loudness of a phone against others of its class (vowels, sonorants, obstruents), 0.25 for
    each standard deviation (the loudness z-score of JALI's jaw and lip fields, Edwards et al. 2016; the level of a
    fricative is its high-band energy), and a little from raised pitch. Of the line as a whole: `effort` of the voice,
    and how much louder it is than the character usually is, in dBFS (0: not known). Without that, the recording's
    level plays no part.
    """
    loud = _scores(speech)
    high = _pitch_scores(speech)
    whole = effort(speech)
    whispering = whispered(speech)
    louder = float(np.clip((level(speech) - usual_level) / _LOUDER, -1.0, 1.0)) if usual_level else 0.0
    jaw_of_all = (0.8 if whispering else 1.0 + 0.22 * whole) * (1.0 + 0.2 * louder)
    lips_of_all = 1.1 if whispering else 1.0 + 0.08 * whole
    return [
        Gain(
            jaw=phone.strength * jaw_of_all * float(np.clip(1.0 + 0.25 * level + 0.06 * tone, 0.6, 1.4)),
            lips=phone.strength * lips_of_all * float(np.clip(1.0 + 0.25 * level, 0.6, 1.4)),
        )
        for phone, level, tone in zip(speech.phones, loud, high, strict=True)
    ]


def level(speech: Speech) -> float:
    """dBFS of the vowels, their mean; -90 without any."""
    loud = over_vowels(speech, speech.loudness)
    return float(loud.mean()) if len(loud) else -90.0


def effort(speech: Speech) -> float:
    """-0.4 (soft, sad) over 0 (ordinary) to 1 (shouted), from how bright the vowels are; 0 where that is not known."""
    bright = over_vowels(speech, speech.brightness)
    return float(np.clip((bright.mean() - _ORDINARY) / _RAISED, -0.4, 1.0)) if len(bright) >= 20 else 0.0


def whispered(speech: Speech) -> bool:
    """Whether the vocal folds rest in most of the vowels."""
    pitch = over_vowels(speech, speech.pitch)
    return len(pitch) >= 20 and float((pitch > 0.0).mean()) < _WHISPERED


def over_vowels(speech: Speech, curve: Float32) -> Float32:
    """The frames of a curve that lie in vowels; none if the curve is not known."""
    if not len(curve):
        return curve
    inside = np.zeros(len(curve), dtype=bool)
    for phone in speech.phones:
        if phone.symbol in phones.VOWELS:
            inside[_frames(phone)] = True
    return curve[inside]


def _scores(speech: Speech) -> NDArray[np.float64]:
    """How loud each phone is [phones] in standard deviations of its class, at least 3 dB each; 0 in small classes."""
    levels = np.array([speech.loudness[_frames(p)].max(initial=-90.0) for p in speech.phones], dtype=np.float64)
    classes = np.array([_class(p) for p in speech.phones])
    scores = np.zeros(len(levels))
    for name in ("vowel", "sonorant", "obstruent"):
        members = classes == name
        if members.sum() >= 2:
            scores[members] = (levels[members] - levels[members].mean()) / max(3.0, float(levels[members].std()))
    return scores


def _pitch_scores(speech: Speech) -> NDArray[np.float64]:
    """How high each vowel is spoken [phones] in standard deviations (at least 2 semitones) above the line's mean."""
    scores = np.zeros(len(speech.phones))
    if not len(speech.pitch):
        return scores
    heights = [np.log2(np.maximum(1.0, speech.pitch[_frames(p)].max(initial=0.0))) for p in speech.phones]
    sung = np.array([h > 5.0 and p.symbol in phones.VOWELS for h, p in zip(heights, speech.phones, strict=True)])
    if sung.sum() >= 3:
        tones = 12.0 * np.array(heights)[sung]
        scores[sung] = np.clip((tones - np.median(tones)) / max(2.0, float(tones.std())), -1.0, 2.0)
    return scores


def _class(phone: Phone) -> str:
    if phone.symbol == phones.SILENCE:
        return "silence"
    if phone.symbol in phones.VOWELS:
        return "vowel"
    return "sonorant" if phone.symbol in phones.SONORANTS else "obstruent"


def _frames(phone: Phone) -> slice:
    first = int(phone.start * FRAME_RATE)
    return slice(first, max(first + 1, int(phone.end * FRAME_RATE)))
