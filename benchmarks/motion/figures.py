"""What can be said of a performance in numbers; plain arrays in, plain numbers out.

The aperture is the opening of the lips at the midline in widths of the mouth; where a rate is asked for it is divided
by its range, the 98th percentile over the line, and taken from the keys at 60 frames a second.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Contract = Any
"""Values of the installed extension, whose classes this file cannot name."""

RATE = 60
CLOSED = 0.03


def evaluated(keys: Contract, frames: Array) -> Array:
    """The keyed values [frames, tracks]: Bezier pieces whose handles lie a third of the way are Hermite splines."""
    columns = []
    for track in keys.tracks:
        at, level = track.co[:, 0].astype(float), track.co[:, 1].astype(float)
        if len(at) == 1:
            columns.append(np.full(len(frames), level[0]))
            continue
        i = np.clip(np.searchsorted(at, frames, side="right") - 1, 0, len(at) - 2)
        width = at[i + 1] - at[i]
        x = np.clip((frames - at[i]) / width, 0.0, 1.0)
        out = (track.handles[i, 3] - level[i]) / (track.handles[i, 2] - at[i])
        into = (level[i + 1] - track.handles[i + 1, 1]) / (at[i + 1] - track.handles[i + 1, 0])
        columns.append(
            (1 + 2 * x) * (1 - x) ** 2 * level[i] + x * (1 - x) ** 2 * width * out
            + x * x * (3 - 2 * x) * level[i + 1] + x * x * (x - 1) * width * into
        )  # fmt: skip
    return np.stack(columns, axis=1)


def aperture(probe: Contract, targets: tuple[Contract, ...], values: Array) -> Array:
    """Opening at the midline in widths [frames], not below 0; values [frames, targets] of the named targets."""
    rows = [probe.targets.index(target) for target in targets]
    middle = len(probe.upper) // 2
    up, low = probe.upper[middle], probe.lower[middle]
    moves = (probe.displacement[rows, up] - probe.displacement[rows, low]) @ probe.up
    rest = (probe.rest[up] - probe.rest[low]) @ probe.up
    return np.maximum(0.0, (rest + values @ moves) / probe.width)


def smoothness(opening: Array) -> dict[str, float]:
    """rms jerk (s^-3) and 95th percentile of speed (1/s) below 12 Hz, and the share of energy above 12 Hz."""
    scaled = opening / max(1e-9, float(np.percentile(opening, 98)))
    spectrum = np.fft.rfft(scaled - scaled.mean())
    above = np.fft.rfftfreq(len(scaled), 1 / RATE) > 12.0
    power = np.square(np.abs(spectrum))
    calm = np.fft.irfft(np.where(above, 0.0, spectrum), len(scaled))
    return {
        "jerk": float(np.sqrt(np.square(np.diff(calm, 3) * RATE**3).mean())),
        "speed95": float(np.percentile(np.abs(np.diff(calm)) * RATE, 95)),
        "above12": float(power[above].sum() / max(1e-12, power.sum())),
    }


def shape_changes(track: Contract) -> float:
    """How often a second of speech a new viseme leads all others by 0.1."""
    shapes = track.values[:, :15]
    ordered = np.sort(shapes, axis=1)
    leading = np.where(ordered[:, -1] - ordered[:, -2] >= 0.1, shapes.argmax(axis=1), -1)
    kept = leading[leading >= 0]
    speaking = float((leading != 0).sum()) / 100
    return float((np.diff(kept) != 0).sum()) / max(speaking, 0.01)


def medial_closures(speech: Contract, opening: Array) -> list[tuple[float, float, float]]:
    """Of p b m between vowels: seconds from the start of closing to the phone, from the closed lips to the phone, and
    from their parting to the phone's end. opening [frames] at 100 Hz."""
    found = []
    for before, phone, after in zip(speech.phones, speech.phones[1:], speech.phones[2:], strict=False):
        if phone.symbol not in ("p", "b", "m") or not (_vowel(before) and _vowel(after)):
            continue
        first, last = round(phone.start * 100), round(phone.end * 100)
        inside = np.flatnonzero(opening[max(0, first - 8) : last + 4] < CLOSED)
        if not len(inside):
            continue
        closed, parted = max(0, first - 8) + inside[0], max(0, first - 8) + inside[-1] + 1
        lead = opening[max(0, first - 30) : closed + 1]
        begun = max(0, first - 30) + int(np.flatnonzero(lead >= 0.95 * lead.max())[-1])
        found.append((phone.start - begun / 100, phone.start - closed / 100, phone.end - parted / 100))
    return found


def false_closures(speech: Contract, track: Contract, opening: Array) -> int:
    """How often the lips are closed for 30 ms or longer inside a phone, with no contact within 60 ms.

    opening [frames] at 100 Hz.
    """
    free = np.zeros(len(opening), dtype=bool)
    for phone in speech.phones:
        if phone.symbol != "sil":
            free[round(phone.start * 100) + 2 : round(phone.end * 100) - 2] = True
    for contact in track.contacts:
        free[max(0, round(contact.start * 100) - 6) : round(contact.end * 100) + 7] = False
    edges = np.flatnonzero(np.diff(np.concatenate([[0], (free & (opening < CLOSED)).astype(int), [0]])))
    return int((edges[1::2] - edges[::2] >= 3).sum())


def jaw_lags(speech: Contract, jaw: Array) -> list[float]:
    """Seconds from the loudest moment of each vowel to the widest jaw. jaw [frames] at 100 Hz."""
    lags = []
    for phone in filter(_vowel, speech.phones):
        first, last = round(phone.start * 100), round(phone.end * 100)
        if last - first >= 5:
            loud = first + int(speech.loudness[first:last].argmax())
            begin = max(0, first - 8)
            lags.append((begin + int(jaw[begin : last + 10].argmax()) - loud) / 100)
    return lags


def stillness(speech: Contract, values: Array) -> float:
    """The largest excursion of a value, share of its range, from 0.3 s after a phone until 0.3 s before the next.

    values [frames, targets] at 100 Hz.
    """
    span = np.maximum(np.percentile(values, 98, axis=0), 1e-3)
    worst = 0.0
    for phone in speech.phones:
        first, last = round(phone.start * 100) + 30, round(phone.end * 100) - 30
        if phone.symbol == "sil" and last - first > 2:
            worst = max(worst, float((np.ptp(values[first:last], axis=0) / span).max()))
    return worst


def _vowel(phone: Contract) -> bool:
    return phone.symbol[0] in "iɪeɛæaʌəɝɔoʊuyø"
