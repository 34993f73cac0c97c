"""From Blender's context to a frozen request: the one way in."""

from __future__ import annotations

import json
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import aud
import bpy

from ..model_runtime.acting.liveliness import Dials
from ..model_runtime.contracts import AudioClip, FrameClock, Style
from ..model_runtime.errors import AudioError, LipSyncError, SceneError
from ..model_runtime.hearing import audio, transcript
from . import compat, styles
from .keyframes import MARK

if TYPE_CHECKING:
    from .properties import LabialSettings

DIALS = ("intensity", "jaw", "lips", "tongue", "anticipation", "smoothness", "breath")
"""The panel's settings that multiply a style's values of the same name."""
LIFE_DIALS = ("blink", "brows", "head", "chest", "mood")
"""The panel's settings of what moves beside the mouth."""
_LOST = 0.01
"""Peak of a sound of several channels below which they are looked at one by one."""


@dataclass(frozen=True)
class SoundSource:
    """A sound file, or the bytes of a packed one; `skip` seconds are cut off before, `length` seconds are used."""

    name: str
    path: str
    packed: bytes | None = None
    skip: float = 0.0
    length: float | None = None


@dataclass(frozen=True)
class LipSyncRequest:
    """Everything that generating a line needs from the scene."""

    character: str | None
    sound: SoundSource
    clock: FrameClock
    style: Style
    transcript: str = ""
    language: str = "en-us"
    tolerance: float = 0.02
    life: Dials | None = None


def request_from(context: bpy.types.Context) -> LipSyncRequest:
    """What the panel says. Raises LipSyncError naming what is missing."""
    settings = context.scene.labial
    sound, start = _sound(context)
    return LipSyncRequest(
        character=context.active_object.name if context.active_object else None,
        sound=sound,
        clock=clock_of(context.scene, start),
        style=style_from(settings, settings.style),
        transcript=settings.transcript.strip() or _found_words(sound),
        language=settings.language,
        tolerance=settings.tolerance,
        life=life_from(settings),
    )


def life_from(settings: LabialSettings) -> Dials | None:
    """The dials of life, if it is on."""
    return Dials(**{name: getattr(settings, name) for name in LIFE_DIALS}) if settings.life else None


def style_from(settings: LabialSettings, name: str) -> Style:
    """A style by its name with the panel's dials."""
    style = styles.available()[name]
    dials = {name: getattr(style, name) * getattr(settings, name) for name in DIALS}
    return replace(style, offset_ms=style.offset_ms + settings.offset_ms, **dials)


def request_of(action: bpy.types.Action, context: bpy.types.Context) -> LipSyncRequest:
    """What a line was made from, for the selected character and the scene's present frame rate."""
    made = action[MARK]
    return LipSyncRequest(
        character=context.active_object.name if context.active_object else None,
        sound=SoundSource(made["line"], made["sound"]),
        clock=clock_of(context.scene, made["start"]),
        style=Style(**json.loads(made["acting"])),
        transcript=made["transcript"],
        language=made["language"],
        tolerance=made["tolerance"],
        life=Dials(**life) if (life := json.loads(made["life"])) else None,
    )


def clock_of(scene: bpy.types.Scene, start: float) -> FrameClock:
    """The scene's rate. Raises SceneError if its time is remapped: Blender remaps keys and not sounds."""
    render = scene.render
    if render.frame_map_old != render.frame_map_new:
        raise SceneError(
            f"“{scene.name}” shows {render.frame_map_old} frames of keys in {render.frame_map_new}, so none can be in "
            "time with a sound. Set Old and New of Time Remapping to the same number, in the properties of the output."
        )
    return FrameClock(render.fps, render.fps_base, start)


def _found_words(sound: SoundSource) -> str:
    """The text file beside the sound, if nothing was typed."""
    path = transcript.beside(Path(sound.path)) if sound.packed is None else None
    return transcript.read(path) if path else ""


def sound_of_file(path: str) -> SoundSource:
    """A sound file by its path; `//` is the folder of the .blend."""
    full = Path(bpy.path.abspath(path))
    if not full.is_file():
        raise AudioError(f"There is no sound file {full}. Choose another file or repair the path.")
    return SoundSource(full.stem, str(full))


def decode(source: SoundSource) -> AudioClip:
    """Any sound that Blender plays, as a clip. Raises AudioError naming the file and the fix."""
    file = Path(source.path)
    if source.packed is None and not file.is_file():
        raise AudioError(f"There is no sound file {file}. Choose another file or repair the path.")
    with ExitStack() as stack:
        if source.packed is not None:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
            file = folder / (file.name or "packed.wav")
            file.write_bytes(source.packed)
        try:
            sound = aud.Sound(str(file))
            rate, channels = sound.specs
            samples = sound.rechannel(1).data()
            if channels > 1 and max(samples.max(initial=0.0), -samples.min(initial=0.0)) < _LOST:
                samples = sound.data()  # channels that cancel each other out
        except (aud.error, RuntimeError, ValueError) as error:
            raise AudioError(f"“{file.name}” is not a sound that can be read ({error}). Export it as WAV.") from error
    first = round(source.skip * rate)
    last = len(samples) if source.length is None else first + round(source.length * rate)
    return audio.from_samples(samples[first:last], rate, source.name)


def _sound(context: bpy.types.Context) -> tuple[SoundSource, float]:
    """The chosen sound and the frame at which it starts."""
    settings = context.scene.labial
    if settings.source == "FILE":
        if not settings.filepath:
            raise LipSyncError("Choose a sound file in the Labial panel.")
        return sound_of_file(settings.filepath), float(settings.start_frame)
    scene = compat.sequencer_scene(context)
    strip = next((s for s in compat.sound_strips(scene) if s.name == settings.strip), None)
    if strip is None:
        raise LipSyncError("Choose a sound strip of the sequencer in the Labial panel.")
    if problem := compat.retimed(strip):
        raise AudioError(problem)
    rate = scene.render.fps / scene.render.fps_base
    packed = bytes(strip.sound.packed_file.data) if strip.sound.packed_file else None
    source = SoundSource(
        name=strip.name,
        path=bpy.path.abspath(strip.sound.filepath, library=strip.sound.library),
        packed=packed,
        skip=compat.strip_skipped(strip) / rate,
        length=compat.strip_length(strip) / rate,
    )
    return source, compat.strip_start(strip)
