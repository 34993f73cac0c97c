"""Phones as they are heard to mouth motion, with nothing known of what follows.

Every channel is a mass on a critically damped spring: it comes to what is heard as fast as it can without
swinging over.
p b m and f v are decided, held and whole: they lie over all else, as they do in a line that is known.
"""

from __future__ import annotations

import numpy as np

from .. import phones
from ..acting.gestures import JAW, TONGUE
from ..contracts import CHANNELS, CONTACT_JAW, FRAME_RATE, NATURAL, VISEMES, Float32, Hearing, Style
from ..phones import GLIDE_OF, PHONES, VISEME_OF

LAG = 0.05
"""Seconds by which the motion is behind the frames that it follows: the springs take their time. Measured against the
motion of the same lines when they are known whole (`python3 build.py bench live`)."""

_LIPS, _TIGHT_LIPS, _JAW, _TONGUE = 34.0, 48.0, 30.0, 55.0
_CLOSING, _OPENING = 130.0, 45.0
"""Stiffness of the springs in 1/s: half of the way is gone after 1.7 of its inverse."""
_BEYOND = 1.1
"""Where the spring of a contact pulls to, so that 1 is reached (in 30 ms) and not only approached."""
_MADE, _LEFT = 0.45, 0.3
"""The share of p b m (or f v) in what is heard at which a contact is made, and below which it is left again."""
_HELD = 7
"""The fewest frames of a contact: three to close, four closed."""
_STRENGTH, _GLIDE = 0.95, 0.4
"""How much of its shape a phone shows, and how much of that is the second vowel of a diphthong."""
_KEPT = 0.6
"""How much of the shape before them consonants with free lips (t d n k) keep."""
_STRESS = 0.9
"""How far the jaw opens for a vowel of which it is not known whether it is stressed."""
_QUIET = -60.0
"""dBFS below which nothing is speech."""
_VARIETY, _ADAPTING = 5.0, 0.02
"""dB by which vowels differ in loudness, and how fast their mean is learned, share a frame."""
_TIGHT = ("SS", "CH", "TH", "RR", "U")
_PRESS = {"p": 1.0, "b": 0.7, "m": 0.4}


def _of_phones(values: dict[str, float]) -> Float32:
    return np.array([values.get(phone, 0.0) for phone in PHONES], dtype=np.float32)


_VISEME = np.array([VISEMES.index(VISEME_OF[phone]) for phone in PHONES])
_CLOSED, _BITTEN, _VOWEL, _FREE = (
    _of_phones(dict.fromkeys(kind, 1.0))
    for kind in (phones.BILABIALS, phones.LABIODENTALS, phones.VOWELS, phones.TONGUE_ONLY)
)
_SHAPED = 1.0 - _CLOSED - _BITTEN - _FREE - _of_phones({phones.SILENCE: 1.0})
_JAW_OF, _PRESS_OF = _of_phones(JAW), _of_phones(_PRESS)
_TONGUE_OF = np.stack([_of_phones(amounts) for amounts in TONGUE.values()], axis=1)
_PP, _FF = VISEMES.index("PP"), VISEMES.index("FF")


class LiveActing:
    """The mouth of one voice; `follow` takes what is heard in order."""

    def __init__(self, style: Style = NATURAL) -> None:
        self._style = style
        self._shapes = _shapes(style)
        slow = 0.5 + 0.5 * style.smoothness
        lips = np.array([_TIGHT_LIPS if v in _TIGHT else _LIPS for v in VISEMES], dtype=np.float32)
        self._lips, self._jaw = _Spring(lips / slow), _Spring(np.array([_JAW / slow], dtype=np.float32))
        self._tongue = _Spring(np.full(len(TONGUE), _TONGUE, dtype=np.float32))
        self._bite, self._closure = _Contact(), _Contact()
        self._before = np.zeros(len(VISEMES), dtype=np.float32)
        self._usual: float | None = None

    def follow(self, hearing: Hearing) -> Float32:
        """The mouth after each frame, float32 [frames, channels]; it shows the sound of `LAG` before the frame."""
        motion = np.zeros((len(hearing.phones), len(CHANNELS)), dtype=np.float32)
        for row, heard, loudness in zip(motion, _heard(hearing), hearing.loudness.tolist(), strict=True):
            row[:] = self._step(heard, loudness)
        return motion

    def _step(self, heard: Float32, loudness: float) -> Float32:
        """One frame: heard float32 [phones] sums to 1."""
        gain = self._gain(float(heard @ _VOWEL), loudness)
        style = self._style
        lips = self._lips.pull(self._wanted_lips(heard, gain))
        lips *= min(1.0, 1.0 / max(1e-6, float(lips.sum())))
        opening = float(heard @ (_JAW_OF * (1.0 + _VOWEL * (_STRESS * gain - 1.0)))) * style.jaw * style.intensity
        jaw = float(self._jaw.pull(np.float32(opening))[0])
        for contact, kind, shown in ((self._bite, _BITTEN, _FF), (self._closure, _CLOSED, _PP)):
            share = contact.follow(float(heard @ kind))
            lips *= 1.0 - share
            lips[shown] += share
            jaw += share * (CONTACT_JAW - jaw)
        lips[0] = 1.0 - lips[1:].sum()
        press = float(heard @ _PRESS_OF) / max(0.3, float(heard @ _CLOSED)) * lips[_PP]
        tongue = self._tongue.pull(style.tongue * (heard @ _TONGUE_OF))
        return np.clip(np.concatenate((lips, (jaw, press, 0.0), tongue)), 0.0, 1.0).astype(np.float32)

    def _wanted_lips(self, heard: Float32, gain: float) -> Float32:
        """The shape below the contacts, float32 [15]: of what shapes the lips; where they are free, of what was before.

        In silence they rest.
        """
        own = (heard * _SHAPED * (1.0 + _VOWEL * (gain - 1.0))) @ self._shapes
        free, held = heard * _FREE, float(heard @ (_CLOSED + _BITTEN))
        wanted = own + (1.0 - _KEPT) * (free @ self._shapes) + (_KEPT * float(free.sum()) + held) * self._before
        shaped = float(heard @ _SHAPED)
        if shaped > 0.5:
            self._before = own / shaped
        elif heard[0] > 0.5:
            self._before = self._before * np.float32(0.8)
        return np.asarray(wanted * self._style.intensity * self._style.lips, dtype=np.float32)

    def _gain(self, vowel: float, loudness: float) -> float:
        """How far a vowel opens: 0.6 to 1.4, by its loudness against that of the vowels before it."""
        if vowel > 0.5:
            usual = loudness if self._usual is None else self._usual
            self._usual = usual + _ADAPTING * (loudness - usual)
        against = 0.0 if self._usual is None else (loudness - self._usual) / _VARIETY
        return min(1.4, max(0.6, 1.0 + 0.25 * against))


class _Spring:
    """Masses at `place` float32 [n], moved exactly over frames of constant pull."""

    def __init__(self, stiffness: Float32) -> None:
        self.stiffness = stiffness
        self.place, self.speed = np.zeros_like(stiffness), np.zeros_like(stiffness)

    def pull(self, towards: Float32 | np.float32) -> Float32:
        """One frame on; a copy of the places."""
        step = np.float32(1.0 / FRAME_RATE)
        away = self.place - towards
        momentum = (self.speed + self.stiffness * away) * step
        fading = np.exp(-self.stiffness * step)
        self.place = towards + (away + momentum) * fading
        self.speed = (self.speed - self.stiffness * momentum) * fading
        return self.place.copy()


class _Contact:
    """One kind of contact: made when it is heard, whole, held, then let go."""

    def __init__(self) -> None:
        self._spring = _Spring(np.array([_CLOSING], dtype=np.float32))
        self._frames = 0

    def follow(self, heard: float) -> float:
        """How far it is made, 0-1, one frame on; `heard` is the share of its phones."""
        if self._frames or heard >= _MADE:
            self._frames += 1
        if self._frames > _HELD and heard < _LEFT:
            self._frames = 0
        spring = self._spring
        spring.stiffness[:] = _CLOSING if self._frames else _OPENING
        share = float(spring.pull(np.float32(_BEYOND if self._frames else 0.0))[0])
        if share >= 1.0:
            spring.place[:], spring.speed[:] = 1.0, 0.0
        return min(1.0, max(0.0, share))


def _heard(hearing: Hearing) -> Float32:
    """What is heard of each phone, float32 [t, phones]: both outputs of the network agree, rows sum to 1."""
    both = hearing.phones * hearing.visemes[:, _VISEME]
    both[hearing.loudness < _QUIET] = np.eye(1, len(PHONES), dtype=np.float32)
    return np.asarray(both / np.maximum(both.sum(axis=1, keepdims=True), 1e-12), dtype=np.float32)


def _shapes(style: Style) -> Float32:
    """The shape of each phone, float32 [phones, visemes], as the style shows it; contacts lie above and have none."""
    shapes = np.zeros((len(PHONES), len(VISEMES)), dtype=np.float32)
    for row, phone in zip(shapes, PHONES, strict=True):
        glide = _GLIDE if phone in GLIDE_OF else 0.0
        for viseme, share in ((VISEME_OF[phone], 1.0 - glide), (GLIDE_OF.get(phone, "sil"), glide)):
            if shown := style.shapes.get(viseme, viseme):
                row[VISEMES.index(shown)] += _STRENGTH * share
    shapes[:, [0, _PP, _FF]] = 0.0
    return shapes
