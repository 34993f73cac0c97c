"""The sound of a line as a file beside its clip."""

from __future__ import annotations

import shutil
import wave
from pathlib import Path
from typing import Any

import aud
import bpy
import numpy as np

from . import keyframes
from .export_scene import ExportError, part_of
from .generate import CUT


def write_sound(action: Any, path: Path) -> Path:
    """Writes what a line speaks to `path`, whose ending becomes that of the sound; a part of a sound becomes WAV.

    Raises ExportError if the sound is not there any more or cannot be read.
    """
    mark = action[keyframes.MARK]
    sound, (skip, length) = Path(bpy.path.abspath(mark["sound"])), mark.get(CUT, (0.0, 0.0))
    packed = next((s.packed_file for s in bpy.data.sounds if s.packed_file and _is(s, sound)), None)
    if packed is None and not sound.is_file():
        raise ExportError(
            f"The sound {sound} of the line “{mark['line']}” is not there. Put it back, or export without sounds."
        )
    whole = not skip and not length
    target = path.with_name(path.name + (sound.suffix if whole else ".wav"))
    with part_of(target) as part:
        source = part.with_name(f"labial-sound-{sound.name}") if packed else sound
        try:
            if packed:
                source.write_bytes(packed.data)
            _copy(source, part, skip, length)
        finally:
            if packed:
                source.unlink(missing_ok=True)
    return target


def _copy(source: Path, target: Path, skip: float, length: float) -> None:
    if not skip and not length:
        shutil.copyfile(source, target)
        return
    try:
        sound = aud.Sound(str(source))
        rate, samples = int(sound.specs[0]), sound.data()
    except (aud.error, RuntimeError, ValueError) as error:
        raise ExportError(f"The sound {source.name} cannot be cut ({error}). Export without sounds.") from error
    first = round(skip * rate)
    part = samples[first : first + round(length * rate) if length else None]
    with wave.open(str(target), "wb") as file:
        file.setparams((part.shape[1], 2, rate, len(part), "NONE", ""))
        file.writeframes((np.clip(part, -1.0, 1.0) * 32767.0).astype("<i2").tobytes())


def _is(sound: bpy.types.Sound, path: Path) -> bool:
    return Path(bpy.path.abspath(sound.filepath, library=sound.library)) == path
