"""The road: sound -> speech -> mouth motion -> curves on a rig -> few keys. Knows nothing of Blender."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .acting.articulate import articulate
from .acting.liveliness import Dials, live
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
    Target,
)
from .hearing import align, audio, lexicon, network
from .rigs.channels import on_channels
from .rigs.keys import thin
from .rigs.liven import liven, over
from .rigs.presets import RigPreset
from .rigs.retarget import retarget, swings


@dataclass(frozen=True)
class Liveliness:
    """What of a character moves beside the mouth, and how much: its shape keys, and bones by the channel of `LIFE`.

    seed: lines of different seeds blink and drift differently.
    """

    dials: Dials
    preset: RigPreset | None
    targets: tuple[Target, ...]
    bones: Mapping[str, Target] = field(default_factory=dict)
    seed: int = 0


@dataclass(frozen=True)
class Performance:
    """Everything that one line became on the way to its keys; `curves` are those of the mapped targets."""

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
    liveliness: Liveliness | None = None,
    progress: Progress | None = None,
) -> Performance:
    """One line, from sound to keys. Runs on any thread; `progress` may raise Cancelled."""
    speech = listen(clip, transcript, language, progress)
    return act(speech, rig_map, calibration, clock, style, tolerance, liveliness)


def act(
    speech: Speech, rig_map: RigMap, calibration: Calibration, clock: FrameClock, style: Style, tolerance: float,
    liveliness: Liveliness | None = None,
) -> Performance:  # fmt: skip
    """What was heard as keys on one character."""
    track = articulate(speech, style)
    curves = retarget(track, rig_map, calibration)
    if liveliness is not None:
        beside = live(speech, liveliness.dials, liveliness.seed)
        curves = over(curves, liven(beside, liveliness.preset, liveliness.targets, liveliness.bones))
    keys = thin(on_channels(curves), clock, tolerance, style.hold_frames, swings(rig_map))
    return Performance(speech, track, curves, keys)
