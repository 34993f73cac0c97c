"""The selected character follows a voice at once: shapes are shown, never keyed, and all is put back in the end."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator
from typing import Any

import aud
import bpy
import numpy as np

from ..model_runtime.contracts import SAMPLE_RATE, AudioClip, Calibration, Float32, MouthTrack, RigMap, Style
from ..model_runtime.errors import CharacterError
from ..model_runtime.hearing import network
from ..model_runtime.live import sources
from ..model_runtime.live.mouth import LiveMouth, MouthFrame
from ..model_runtime.rigs.calibrate import calibrate
from ..model_runtime.rigs.retarget import retarget
from . import generate, preview
from .character import find_character
from .request import decode, request_from, style_from

_AHEAD = 2.0
"""Seconds that a sound of the scene is heard before it is played."""


class LiveMouthOn:
    """A voice on one character. `tick` shows the shape of the moment, `stop` puts back what was there.

    The sound is heard on a thread; that touches nothing of Blender.
    """

    def __init__(
        self, rig_map: RigMap, calibration: Calibration, style: Style, source: sources.Source, clip: AudioClip | None
    ) -> None:
        """clip: what is played while it is followed; None for a microphone."""
        self._rig_map, self._calibration = rig_map, calibration
        self._before = preview.remembered(rig_map.targets)
        self._playing = _play(clip) if clip else None
        self._begun = time.perf_counter()
        self._in_time = clip is not None
        self._frames: deque[MouthFrame] = deque()
        self._error: BaseException | None = None
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._hear, args=(source, style), daemon=True, name="labial live")
        self._thread.start()

    def tick(self, seconds: float | None = None) -> bool:
        """Shows the newest shape, of a sound the one of now; False once the voice has ended.

        seconds: since the sound began, if not by the clock. Raises CharacterError if the character is gone, and
        whatever hearing raised.
        """
        now = time.perf_counter() - self._begun if seconds is None else seconds
        heard, frame = self._thread.is_alive(), None
        while self._frames and (not self._in_time or self._frames[0].time <= now):
            frame = self._frames.popleft()
        if frame is not None:
            self._show(frame.values)
        if self._error is not None:
            raise self._error
        return heard or bool(self._frames)

    def stop(self) -> None:
        """Ends it and puts back what was there."""
        self._stopped.set()
        if self._playing is not None:
            self._playing[1].stop()
        preview.put_back(self._before)

    def _show(self, values: Float32) -> None:
        track = MouthTrack(values[None], (), (), 0.0)
        try:
            preview.show(self._rig_map.targets, retarget(track, self._rig_map, self._calibration).values[0])
        except KeyError as error:
            raise CharacterError(f"{error} is not there any more. Select the character again.") from None

    def _hear(self, source: sources.Source, style: Style) -> None:
        try:
            mouth = LiveMouth(network.shared(), style)
            for block in source:
                self._frames.extend(mouth.push(block))
                while self._in_time and self._is_ahead() and not self._stopped.wait(0.01):
                    continue
                if self._stopped.is_set():
                    return
            self._frames.extend(mouth.finish())
        except BaseException as error:
            self._error = error

    def _is_ahead(self) -> bool:
        try:
            return self._frames[-1].time - self._frames[0].time > _AHEAD
        except IndexError:  # the other thread took the last
            return False


def start(context: bpy.types.Context, microphone: bool = False) -> LiveMouthOn:
    """Begins on the selected character with the panel's sound and style. Raises LipSyncError: what is missing."""
    settings = context.scene.labial
    character = find_character(context.active_object, context.view_layer)
    if microphone:
        source, clip, style = sources.microphone(), None, style_from(settings, settings.style)
    else:
        request = request_from(context)
        clip, style = decode(request.sound), request.style
        source = sources.Source(_blocks(clip), SAMPLE_RATE)
    measured, rig_map, _ = generate.mapped(character, context.view_layer)
    return LiveMouthOn(rig_map, calibrate(measured.probe, rig_map), style, source, clip)


def _blocks(clip: AudioClip) -> Iterator[Float32]:
    """The clip and a silence in which the mouth comes to rest."""
    samples = np.concatenate((clip.samples, np.zeros(round(sources.TAIL * SAMPLE_RATE), np.float32)))
    size = round(sources.BLOCK * SAMPLE_RATE)
    return (samples[at : at + size] for at in range(0, len(samples), size))


def _play(clip: AudioClip) -> tuple[Any, Any] | None:
    """Starts the sound: the device, which must live as long, and what stops it; None where there is none to play on."""
    try:
        device = aud.Device()
        return device, device.play(aud.Sound.buffer(np.array(clip.samples[:, None]), SAMPLE_RATE))
    except aud.error:
        return None
