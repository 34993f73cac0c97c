"""Lines in other languages that are longer than their shots: which, how they would fit, and the sound that does."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import aud
import bpy
import numpy as np

from ..model_runtime.contracts import Float32
from ..model_runtime.errors import AudioError
from ..model_runtime.scenes import fit_shot
from ..model_runtime.scenes.fit_shot import Fit
from ..model_runtime.speech_data import from_text
from . import compat, keyframes
from .dialogue import actions_of_line
from .line_list import WAITING, languages, line_of, title
from .request import sound_of_file
from .sound_strips import frames_of

if TYPE_CHECKING:
    from .properties import LabialLine

ENDING = ".fit.wav"


class Dub(NamedTuple):
    """A line that does not fit, by its id and language, and a way to make it."""

    line: str
    language: str
    fit: Fit


def too_long(scene: bpy.types.Scene) -> list[Dub]:
    """Dubs that are longer than the shot: that is the first language's line, or the time until its character speaks
    again, whichever is longer. Lines that are not made, or not from their present sound, are left out."""
    rate, found = scene.render.fps / scene.render.fps_base, []
    first = languages(scene)[:1]
    own = {line.name: line for line in scene.labial.lines if line.language in first}
    for line in scene.labial.lines:
        if line.language in first or line.name not in own:
            continue
        later = [o.start - line.start for o in own.values() if o.character == line.character and o.start > line.start]
        room = max([frames_of(own[line.name], rate), *([min(later)] if later else [])])
        fit = _fit(line, room, rate)
        if fit is not None:
            found.append(Dub(line.name, line.language, fit))
    return found


def _fit(line: LabialLine, room: float, rate: float) -> Fit | None:
    for action in actions_of_line(line):
        made = action[keyframes.MARK]
        if made["sound"] == bpy.path.abspath(line.sound):
            return fit_shot.suggest(from_text(made["speech"]), room, rate)
    return None


def apply(scene: bpy.types.Scene, dub: Dub) -> Path:
    """Makes a dub's sound as suggested, `NAME.fit.wav` beside the recording, which stays as it is; line and sound strip
    play it. The line is to be made again. Raises AudioError if the sound cannot be read or written."""
    line = line_of(scene, dub.line, dub.language)
    if line is None:
        raise AudioError(f"The line “{dub.line}” in {dub.language} is not in the list any more. Check the dubs again.")
    rate = scene.render.fps / scene.render.fps_base
    source = Path(sound_of_file(line.sound).path)
    if source.name.endswith(ENDING):
        raise AudioError(
            f"“{source.name}” was fitted before. Give the line its recording, generate, then fit it again."
        )
    samples, sample_rate = _samples(source)
    first = round(line.skip / rate * sample_rate)
    used = samples[first : first + round(line.frames / rate * sample_rate)] if line.frames else samples
    made = fit_shot.fitted(used, sample_rate, dub.fit)
    path = source.with_name(source.stem + ENDING)
    try:
        fit_shot.write_sound(path, made, sample_rate)
    except OSError as error:
        raise AudioError(f"{path} cannot be written ({error.strerror}). Make room, or copy the sounds.") from error
    line.sound, line.skip, line.frames = str(path), 0.0, 0.0
    line.status, line.note = WAITING, dub.fit.advice
    _play(scene, line, path, max(1, round(len(made) / sample_rate * rate)))
    return path


def _play(scene: bpy.types.Scene, line: LabialLine, path: Path, frames: int) -> None:
    """The strips of a line play another sound, and end with it."""
    for strip in compat.strips_named(scene, title(line)) or compat.strips_named(scene, line.name):
        if strip.type == "SOUND":
            compat.play_sound(strip, str(path), frames)
        else:
            compat.set_strip_length(strip, frames)


def _samples(path: Path) -> tuple[Float32, float]:
    """A sound as it is: float32 [n, channels] and its rate. Raises AudioError."""
    try:
        sound = aud.Sound(str(path))
        return np.array(sound.data(), dtype=np.float32).reshape(-1, sound.specs[1]), float(sound.specs[0])
    except (aud.error, RuntimeError, ValueError) as error:
        raise AudioError(f"“{path.name}” is not a sound that can be read ({error}). Export it as WAV.") from error
