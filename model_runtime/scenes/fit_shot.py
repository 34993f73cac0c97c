"""How a dub that is longer than its shot could be made to fit: shorter pauses first, then a little faster.

Only a suggestion, until somebody asks for the sound: `fitted` makes it, as a new recording beside the old one.
"""

from __future__ import annotations

import heapq
import math
import os
import wave
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..contracts import Float32, Phone, Speech
from ..phones import SILENCE
from .time_stretch import faster

SHORTEST_S = 0.12
"""What is left of every pause: shorter ones are no longer heard as a pause but as the closure of a stop."""
FASTEST = 1.08
"""Speech that is 8 % faster is not noticed as such by most."""
_FADE_S = 0.01


@dataclass(frozen=True)
class Cut:
    """A pause, in seconds from the beginning of the sound, and how many frames are taken from its middle."""

    start: float
    end: float
    frames: int


@dataclass(frozen=True)
class Fit:
    """A way to fit a line into its shot.

    over: frames that it is too long; rate: frames a second; cuts: in the order of time; tempo: 1.0-1.08, how much
    faster the rest is spoken after that; left: frames that it is still too long.
    """

    over: int
    rate: float
    cuts: tuple[Cut, ...]
    tempo: float
    left: int

    @property
    def advice(self) -> str:
        """As a sentence."""
        frames = sum(cut.frames for cut in self.cuts)
        ways = [f"trim {len(self.cuts)} pause{'s'[: len(self.cuts) > 1]} by {frames} frames"] if frames else []
        ways += [f"speak {100 * (self.tempo - 1):.1f} % faster"] if self.tempo > 1 else []
        rest = f"; it stays {self.left} frames too long" if self.left else ""
        return f"{self.over} frames longer than its shot: {', '.join(ways) or 'nothing can be trimmed'}{rest}"


def suggest(speech: Speech, room: float, rate: float) -> Fit | None:
    """How a line fits into `room` frames at `rate` frames a second; None if it does.

    The silence after the last word goes first, then frame by frame the longest pause, so that long pauses become alike
    and short ones stay.
    """
    over = math.ceil(speech.duration * rate - room - 0.5)
    if over < 1:
        return None
    pauses = [phone for phone in speech.phones if phone.symbol == SILENCE]
    spare = [max(0, math.floor((pause.end - pause.start - SHORTEST_S) * rate + 1e-6)) for pause in pauses]
    taken = _trimmed(pauses, spare, over, ends=bool(pauses) and pauses[-1] is speech.phones[-1])
    cuts = tuple(Cut(p.start, p.end, frames) for p, frames in zip(pauses, taken, strict=True) if frames)
    rest = speech.duration * rate - sum(taken)
    tempo = min(max(rest / room, 1.0), FASTEST) if room > 0 and sum(taken) < over else 1.0
    return Fit(over, rate, cuts, tempo, max(0, math.ceil(rest / tempo - room - 0.5)))


def _trimmed(pauses: Sequence[Phone], spare: Sequence[int], over: int, *, ends: bool) -> list[int]:
    """Frames to take from each pause, `over` in all if there are so many. ends: the last one ends the line."""
    taken = [0] * len(pauses)
    if ends:
        taken[-1] = min(spare[-1], over)
        over -= taken[-1]
    longest = [(-count, k) for k, count in enumerate(spare) if count and not (ends and k == len(pauses) - 1)]
    heapq.heapify(longest)
    while over and longest:
        count, k = heapq.heappop(longest)
        taken[k] += 1
        over -= 1
        if count < -1:
            heapq.heappush(longest, (count + 1, k))
    return taken


def fitted(samples: Float32, rate: float, fit: Fit) -> Float32:
    """The line as suggested: samples float32 [n, channels] at `rate` Hz, fewer of them.

    What is cut out of a pause is its middle; the two sides are faded into each other over 10 ms.
    """
    pieces, at = [], 0
    fade = round(_FADE_S * rate)
    ramp = np.linspace(0.0, 1.0, fade, dtype=np.float32)[:, None]
    for cut in fit.cuts:
        gone = round(cut.frames / fit.rate * rate)
        first = round((cut.start + cut.end) / 2 * rate - gone / 2)
        joint = samples[first : first + fade] * (1 - ramp) + samples[first + gone : first + gone + fade] * ramp
        pieces += [samples[at:first], joint]
        at = first + gone + fade
    return faster(np.concatenate([*pieces, samples[at:]]), rate, fit.tempo)


def write_sound(path: Path, samples: Float32, rate: float) -> None:
    """A WAV file of 24 bits, samples float32 [n, channels]; it appears whole or not at all. Raises OSError."""
    whole = np.clip(np.rint(samples * (1 << 23)), -(1 << 23), (1 << 23) - 1).astype("<i4")
    part = path.with_name(path.name + ".part")
    try:
        with wave.open(str(part), "wb") as file:
            file.setparams((samples.shape[1], 3, round(rate), 0, "NONE", ""))
            file.writeframes(np.ascontiguousarray(whole).view(np.uint8).reshape(-1, 4)[:, :3].tobytes())
        os.replace(part, path)
    finally:
        part.unlink(missing_ok=True)
