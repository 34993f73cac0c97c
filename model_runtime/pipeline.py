"""The road: sound -> speech -> mouth motion -> curves on a rig -> few keys. Knows nothing of Blender."""

from __future__ import annotations

from dataclasses import dataclass

from .acting.articulate import articulate
from .contracts import (
    NATURAL,
    AudioClip,
    Calibration,
    Curves,
    FrameClock,
    KeyTracks,
    MouthTrack,
    Progress,
    RigMap,
    Speech,
    Style,
)
from .hearing import align, audio, lexicon, network
from .rigs.keys import thin
from .rigs.retarget import retarget


@dataclass(frozen=True)
class Performance:
    """Everything that one line became on the way to its keys."""

    speech: Speech
    track: MouthTrack
    curves: Curves
    keys: KeyTracks


def listen(
    clip: AudioClip, transcript: str | None = None, language: str = "en-us", progress: Progress | None = None
) -> Speech:
    """The phones of a clip, held to the transcript if there is one. Raises AudioError on silence."""
    audio.require_speech(clip)
    words = lexicon.pronounce(transcript, language) if transcript and transcript.strip() else ()
    hearing = network.shared().hear(clip, progress)
    return align.align(hearing, words) if words else align.recognise(hearing)


def generate(
    clip: AudioClip,
    rig_map: RigMap,
    calibration: Calibration,
    clock: FrameClock,
    style: Style = NATURAL,
    *,
    transcript: str | None = None,
    language: str = "en-us",
    tolerance: float = 0.02,
    progress: Progress | None = None,
) -> Performance:
    """One line, from sound to keys. Runs on any thread; `progress` may raise Cancelled."""
    return act(listen(clip, transcript, language, progress), rig_map, calibration, clock, style, tolerance)


def act(
    speech: Speech, rig_map: RigMap, calibration: Calibration, clock: FrameClock, style: Style, tolerance: float
) -> Performance:
    """What was heard as keys on one character."""
    track = articulate(speech, style)
    curves = retarget(track, rig_map, calibration)
    return Performance(speech, track, curves, thin(curves, clock, tolerance, style.hold_frames))
