"""Phones to mouth motion: gestures compete for the lips in layers, the jaw follows loudness, contacts are exact."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from .. import phones
from ..contracts import (
    CHANNELS,
    FRAME_RATE,
    NATURAL,
    VISEMES,
    Contact,
    Float32,
    MouthTrack,
    Phone,
    Speech,
    Style,
    VisemeEvent,
    frozen_array,
)
from .gestures import (
    CLOSED,
    CRITICAL,
    FLOOR,
    JAW,
    TONGUE,
    Gesture,
    envelope,
    gestures,
)
from .rules import contacts, jaw_limit
from .voice import Gain, gains

_JAW_SIGMA = 0.044
"""Smoothing of the jaw in seconds: a mass that vowels move fully (4 Hz) and short obstruents hardly."""
_SHARPNESS = 1.5
"""How much more a gesture counts in the mix the nearer it is to its target; with 1 slow vowels blur one another."""
_SHORT_PAUSE = 0.22
"""Inner pauses up to this long (seconds) leave the mouth slightly open."""

_TO_REST = 0.04
"""Seconds at the ends of the track in which whatever moves there, because the sound begins or ends in the middle of a
word or because of an offset, comes from rest and goes to rest."""

_LONG_PAUSE, _BREATH, _BREATH_JAW = 0.6, 0.28, 0.08
"""A pause from which on a breath is drawn, how long before the voice it begins (seconds), how far the jaw opens."""


def articulate(speech: Speech, style: Style = NATURAL) -> MouthTrack:
    """The mouth motion of a line; 0.25 s longer than the sound so that the last gesture comes to rest.

    Deterministic. The style scales lips, jaw and timing; it never weakens a contact. One that a negative offset moves
    before the beginning is not promised.
    """
    frames = int(np.ceil((speech.duration + 0.25) * FRAME_RATE)) + 1
    times = np.asarray(np.arange(frames) / FRAME_RATE - style.offset_ms / 1000.0, dtype=np.float32)
    strengths = gains(speech, style.usual_level)
    made = gestures(speech.phones, strengths, style)
    values = np.zeros((frames, len(CHANNELS)), dtype=np.float32)
    _lips(values, made, times)
    values[:, CHANNELS.index("jaw")] = _jaw(speech.phones, strengths, made, times, style)
    values[:, CHANNELS.index("lip_round")] = _spread_rounding(values, made, times)
    _tongue(values, made, times, style)
    values[:, CHANNELS.index("lip_press")] = values[:, CHANNELS.index("PP")] * _press(made, times)
    shift = style.offset_ms / 1000.0
    events = tuple(_moved(g.event, shift) for g in made)
    kept = tuple(contact for contact in contacts(events) if contact.end >= 0.0)
    return MouthTrack(
        values=frozen_array(_from_rest_to_rest(np.clip(values, 0.0, 1.0), kept)),
        events=events,
        contacts=kept,
        duration=speech.duration,
        style=style,
    )


def _lips(values: Float32, made: Sequence[Gesture], times: Float32) -> None:
    """Fills the viseme columns: the floor is a mix in which gestures count by their dominance and the more, the nearer
    they are to their target; higher layers cover it by their envelope."""
    mixed = np.zeros((len(times), len(VISEMES)), dtype=np.float32)
    shares, left = np.zeros(len(times), dtype=np.float32), np.ones(len(times), dtype=np.float32)
    for g in made:
        if g.layer == FLOOR and g.dominance:
            span = _span(g.event, times)
            up = envelope(g.event, times[span])
            share = g.dominance * up**_SHARPNESS
            mixed[span, VISEMES.index(g.event.viseme)] += g.event.strength * share
            shares[span] += share
            left[span] *= 1.0 - up
    lips = mixed * ((1.0 - left) / np.maximum(shares, 1e-9))[:, None]
    for layer in (CRITICAL, CLOSED):
        cover = np.zeros_like(lips)
        for g in made:
            if g.layer == layer:
                span = _span(g.event, times)
                column = cover[span, VISEMES.index(g.event.viseme)]
                np.maximum(column, g.event.strength * envelope(g.event, times[span]), out=column)
        alpha = cover.max(axis=1)
        lips = lips * (1.0 - alpha)[:, None] + cover * (alpha / np.maximum(cover.sum(axis=1), 1e-9))[:, None]
    lips[:, 0] = np.maximum(0.0, 1.0 - lips[:, 1:].sum(axis=1))
    values[:, : len(VISEMES)] = lips


def _jaw(
    line: Sequence[Phone], strengths: Sequence[Gain], made: Sequence[Gesture], times: Float32, style: Style
) -> Float32:
    """Jaw opening [t]: the phones' targets, scaled by loudness, smoothed, then limited at contacts and sibilants."""
    steps = np.zeros(len(times), dtype=np.float32)
    for i, (phone, gain) in enumerate(zip(line, strengths, strict=True)):
        inside = (times >= phone.start) & (times < phone.end)
        if phone.symbol == phones.SILENCE:
            inner = 0 < i < len(line) - 1 and phone.end - phone.start <= _SHORT_PAUSE
            steps[inside] = 0.05 if inner else 0.0
            continue
        target = JAW[phone.symbol]
        if phone.symbol in phones.VOWELS:
            target *= gain.jaw * (0.8 + 0.2 * phone.stress)
        steps[inside] = target
        if phone.symbol in phones.GLIDE_OF:
            steps[inside & (times >= phone.start + 0.55 * (phone.end - phone.start))] = 0.35 * target
    jaw = _smoothed(steps, _JAW_SIGMA * (0.5 + 0.5 * style.smoothness)) * style.jaw * style.intensity
    jaw += style.breath * _breaths(line, times)
    for g in made:
        limit = jaw_limit(g.event.phone)
        if limit is not None:
            span = _span(g.event, times)
            hold = envelope(g.event, times[span])
            capped = np.full_like(hold, limit) if g.layer == CLOSED else np.minimum(jaw[span], limit)
            jaw[span] = (1.0 - hold) * jaw[span] + hold * capped
    return np.asarray(np.clip(jaw, 0.0, 1.0), dtype=np.float32)


def _breaths(line: Sequence[Phone], times: Float32) -> Float32:
    """Jaw opening [t] of the breath that is drawn in the last moments of a long pause, before speech."""
    open_ = np.zeros(len(times), dtype=np.float32)
    for pause, after in pairwise(line):
        if pause.symbol == phones.SILENCE and pause.end - pause.start >= _LONG_PAUSE:
            x = np.clip((times - (after.start - _BREATH)) / _BREATH, 0.0, 1.0)
            open_ += _BREATH_JAW * np.sin(np.pi * x) ** 2
    return open_


def _smoothed(signal: Float32, sigma: float) -> Float32:
    """Convolution with a normalised Gaussian of `sigma` seconds, edges held."""
    reach = max(1, int(3 * sigma * FRAME_RATE))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / (sigma * FRAME_RATE)) ** 2)
    return np.convolve(np.pad(signal, reach, mode="edge"), kernel / kernel.sum(), mode="valid").astype(np.float32)


def _spread_rounding(values: Float32, made: Sequence[Gesture], times: Float32) -> Float32:
    """Rounding [t] that reaches over the neighbours of protruded phones, beyond what their own visemes show."""
    wide = np.zeros(len(times), dtype=np.float32)
    for g in made:
        if g.event.phone in phones.PROTRUDED and g.event.viseme in ("U", "O"):
            span = _span(g.event, times)
            wide[span] = np.maximum(wide[span], g.event.strength * envelope(g.event, times[span]))
    shown = sum(values[:, VISEMES.index(v)] for v in ("U", "O", "CH"))
    taken = sum(values[:, VISEMES.index(v)] for v in ("PP", "FF"))
    return np.asarray(np.clip(0.6 * (wide - shown) * (1.0 - taken), 0.0, 1.0), dtype=np.float32)


def _tongue(values: Float32, made: Sequence[Gesture], times: Float32, style: Style) -> None:
    """Fills the tongue columns from the same events, a little faster than the lips."""
    for channel, amounts in TONGUE.items():
        column = values[:, CHANNELS.index(channel)]
        for g in made:
            if g.event.phone in amounts:
                span = _span(g.event, times)
                up = amounts[g.event.phone] * style.tongue * envelope(g.event, times[span]) ** 2
                column[span] = np.maximum(column[span], up)


def _press(made: Sequence[Gesture], times: Float32) -> Float32:
    """How hard the lips press [t]: p most, m least; only counts where they are closed."""
    press = np.zeros(len(times), dtype=np.float32)
    for g in made:
        if g.event.viseme == "PP":
            span = _span(g.event, times)
            hard = {"p": 1.0, "b": 0.7, "m": 0.4}[g.event.phone]
            press[span] = np.maximum(press[span], hard * envelope(g.event, times[span]))
    return press


def _from_rest_to_rest(values: Float32, kept: Sequence[Contact]) -> Float32:
    """[t, channels]: the first and the last sample are "sil" alone; a contact that a line begins with is whole."""
    inside = np.arange(len(values))[:, None] / (_TO_REST * FRAME_RATE)
    if kept and kept[0].start < _TO_REST:
        inside[:] = 1.0
    share = np.minimum(1.0, np.minimum(inside, np.arange(len(values))[::-1, None] / (_TO_REST * FRAME_RATE)))
    rest = np.eye(1, len(CHANNELS))
    return np.asarray(rest + (values - rest) * share, dtype=np.float32)


def _span(event: VisemeEvent, times: Float32) -> slice:
    """The samples that an event can touch."""
    return slice(int(np.searchsorted(times, event.onset)), int(np.searchsorted(times, event.release)) + 1)


def _moved(event: VisemeEvent, shift: float) -> VisemeEvent:
    if not shift:
        return event
    moved = {name: getattr(event, name) + shift for name in ("onset", "apex", "hold_end", "release")}
    return replace(event, **moved)
