"""The network on sound that is still coming: each frame is decided a fixed time after it was spoken."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..contracts import FRAME_RATE, SAMPLE_RATE, AudioClip, Float32, Hearing, frozen_array
from ..hearing.network import HOP, SpeechNetwork

LOOK_AHEAD = 0.1
"""Seconds between a frame and the sound that decides it. The network itself would look 0.23 s ahead."""
PAST = 0.2
"""Seconds before a frame that the network hears again with it. It could use 2 s; with 0.2 s it finds as many p b m
as with 1.5 s at a third of the work (`python3 build.py bench live`)."""


class Stream:
    """`push` takes samples as they come and returns what was heard up to `look_ahead` seconds before their end.

    How loud the whole will be, and which noise lies under it, is not known yet: unlike a clip, a quiet stream is not
    raised, and a noisy one is heard once.
    """

    def __init__(self, network: SpeechNetwork, look_ahead: float = LOOK_AHEAD, past: float = PAST) -> None:
        self._network = network
        self._ahead = round(look_ahead * FRAME_RATE)
        self._past = min(network.past_frames, round(past * FRAME_RATE))
        self._samples: Float32 = np.zeros(0, np.float32)
        self._decided = 0

    def push(self, samples: Float32) -> Hearing:
        """Samples float32 [n] at 16 kHz, of any n; the frames that they decide, in order, none twice."""
        self._samples = np.concatenate((self._samples, samples))
        return self._decide(len(self._samples) // HOP - self._ahead)

    def finish(self) -> Hearing:
        """The last frames, when nothing more will come."""
        return self._decide(len(self._samples) // HOP)

    def _decide(self, end: int) -> Hearing:
        """Frames up to `end` of the sound that is kept; what no later frame depends on is let go."""
        heard = self._network.hear(AudioClip(frozen_array(self._samples), "live"), whole=False)
        first, last = self._decided, max(self._decided, end)
        new = slice(first, last)
        spent = self._network.grid(last - self._past)
        self._samples = self._samples[spent * HOP :]
        self._decided = last - spent
        return Hearing(
            phones=heard.phones[new],
            visemes=heard.visemes[new],
            voice=heard.voice[new],
            loudness=heard.loudness[new],
            pitch=heard.pitch[new],
            brightness=heard.brightness[new],
            duration=(last - first) * HOP / SAMPLE_RATE,
        )


def joined(parts: Sequence[Hearing]) -> Hearing:
    """What a stream has said so far, as if it had been heard at once."""
    return Hearing(
        phones=frozen_array(np.concatenate([part.phones for part in parts])),
        visemes=frozen_array(np.concatenate([part.visemes for part in parts])),
        voice=frozen_array(np.concatenate([part.voice for part in parts])),
        loudness=frozen_array(np.concatenate([part.loudness for part in parts])),
        pitch=frozen_array(np.concatenate([part.pitch for part in parts])),
        brightness=frozen_array(np.concatenate([part.brightness for part in parts])),
        duration=sum(part.duration for part in parts),
    )
