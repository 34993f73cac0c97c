"""The mouth of a voice that is still speaking: sound in, 60 shapes a second out, each with the moment it belongs to."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from ..contracts import CHANNELS, FRAME_RATE, NATURAL, SAMPLE_RATE, Float32, Hearing, Style, frozen_array
from ..hearing.network import SpeechNetwork
from .acting import LAG, LiveActing
from .stream import LOOK_AHEAD, PAST, Stream

RATE = 60
"""Shapes a second."""
HEARD = 0.02
"""Seconds of sound that are heard at once: each hearing costs the same, so less is dearer and more is later."""
DELAY = round(LOOK_AHEAD + LAG, 3)
"""Seconds by which a shape comes after the sound that it shows, at best; up to `HEARD` more, and the computing."""
_STEP = round(HEARD * SAMPLE_RATE)


@dataclass(frozen=True)
class MouthFrame:
    """A shape: `values` float32 [channels] of the mouth at `time`, seconds of the sound."""

    time: float
    values: Float32


class LiveMouth:
    """`push` takes samples as they come; the shapes that they decide come back, none twice, none left out."""

    def __init__(self, network: SpeechNetwork, style: Style = NATURAL, past: float = PAST) -> None:
        """past: seconds that the network hears again, as in `Stream`."""
        self._stream, self._acting = Stream(network, past=past), LiveActing(style)
        self._waiting: Float32 = np.zeros(0, np.float32)
        self._last = np.eye(1, len(CHANNELS), dtype=np.float32)[0]
        self._frame = self._given = 0

    def push(self, samples: Float32) -> list[MouthFrame]:
        """Samples float32 [n] at 16 kHz, of any n."""
        self._waiting = np.concatenate((self._waiting, samples))
        shown: list[MouthFrame] = []
        while len(self._waiting) >= _STEP:  # one after the other, so that blocks of any length give the same
            now, self._waiting = self._waiting[:_STEP], self._waiting[_STEP:]
            shown += self._shown(self._stream.push(now))
        return shown

    def finish(self) -> list[MouthFrame]:
        """The last shapes, when nothing more will come."""
        silence = np.zeros(round((LAG + 1.0 / RATE) * SAMPLE_RATE) + _STEP, np.float32)
        return [*self.push(silence), *self._shown(self._stream.finish())]

    def _shown(self, hearing: Hearing) -> Iterator[MouthFrame]:
        """The motion over some frames of 10 ms, at the moments of the 60 shapes a second that lie in it."""
        for values in self._acting.follow(hearing):
            while (at := (self._given / RATE + LAG) * FRAME_RATE) <= self._frame:
                share = np.float32(self._frame - at)
                yield MouthFrame(self._given / RATE, frozen_array(values + share * (self._last - values)))
                self._given += 1
            self._last = values
            self._frame += 1
