"""A mouth track as a file of another tool, without a character: track -> a standard's values -> a format's bytes."""

from __future__ import annotations

import json
import math
import os
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

import numpy as np

from .contracts import FRAME_RATE, VISEMES, Contact, Float32, FrameClock, MouthTrack, Phone, Speech, frozen_array
from .errors import LipSyncError, TrackFileError
from .export.formats import FORMATS, SPELLINGS, Engine, load_engine
from .export.livelink import COLUMNS
from .export.motion import Motion
from .phones import SILENCE
from .rigs.keys import contact_frames
from .rigs.presets import RigPreset, load_presets
from .rigs.retarget import standard_weights

_RATES = (1.0, 1000.0)
_NO_RIG = RigPreset("", "", {}, (), 0, (), (), {}, (), {})


def export(
    track: MouthTrack,
    format_id: str,
    output: Path,
    *,
    fps: float | None = None,
    rig: str = "",
    names: Mapping[str, str] | None = None,
    paths: Sequence[str] = (),
) -> None:
    """Writes a track in a format; the file is there whole or not at all.

    fps, rig and paths: without them, what the engine expects. names: name of the standard -> name on the character.
    Raises LipSyncError naming what does not fit.
    """
    engine = load_engine(format_id)
    if format_id not in FORMATS:
        raise LipSyncError(f"{engine.title} needs a character: export it in Blender. Without: {', '.join(FORMATS)}.")
    title = output.name.removesuffix(engine.suffix) if output.name.endswith(engine.suffix) else output.stem
    made = motion(track, engine, title, engine.fps if fps is None else fps, rig, names, paths)
    write_whole(FORMATS[format_id](made), output)


def motion(
    track: MouthTrack,
    engine: Engine,
    title: str,
    fps: float,
    rig: str = "",
    names: Mapping[str, str] | None = None,
    paths: Sequence[str] = (),
) -> Motion:
    """A track as an engine wants it: its standard, spelling and unit."""
    if not _RATES[0] <= fps <= _RATES[1]:
        raise LipSyncError(f"{fps:g} frames a second cannot be written. Choose {_RATES[0]:g} to {_RATES[1]:g}.")
    if len(track.values) == 0 or track.duration <= 0.0:
        raise TrackFileError(f"The track of {title} has no length. Make it again from a sound that has some.")
    if paths and not engine.path:
        raise LipSyncError(f"{engine.title} addresses no meshes. Leave --path out.")
    preset = _preset(engine, rig)
    values = np.round(standard_values(sample(track, fps), preset).astype(np.float64), 6) * engine.scale
    spelled = _renamed(engine, preset, names or {})
    return Motion(title, spelled, frozen_array(values), fps, speech(track), tuple(paths) or (engine.path,))


def sample(track: MouthTrack, fps: float) -> Float32:
    """The track's channels at whole frames from 0 to its end, float32 [frames, channels].

    A contact that falls between two frames is moved onto one. A style that holds its poses is held here too.
    """
    hold = max(1, track.style.hold_frames)
    last, centre = math.ceil(track.duration * fps - 1e-6), 0.5 * (hold - 1)
    times = (np.arange(0, last + 1, hold) + centre) / fps
    clock = FrameClock(round(fps), hold * round(fps) / fps, -centre / hold)
    snapped = contact_frames(track.contacts, clock, 0, len(times) - 1)
    for pose, contact in snapped if hold == 1 else _nearest(snapped, clock):
        times[pose] = np.clip(times[pose], *_plateau(contact))
    at = np.arange(len(track.values)) / FRAME_RATE
    poses = np.stack([np.interp(times, at, column) for column in track.values.T], axis=1)
    return frozen_array(np.repeat(poses, hold, axis=0)[: last + 1])


def _nearest(snapped: Sequence[tuple[int, Contact]], clock: FrameClock) -> list[tuple[int, Contact]]:
    """Of the poses of each contact, the one at its centre: a pose that is held is long enough."""
    by_distance = sorted(snapped, key=lambda item: -abs(item[0] - clock.frame(item[1].apex)))
    own = {contact: pose for pose, contact in by_distance}
    return [(pose, contact) for contact, pose in own.items()]


def _plateau(contact: Contact) -> tuple[float, float]:
    """The seconds between which all samples of the track are in the contact."""
    low, high = math.ceil(contact.start * FRAME_RATE), math.floor(contact.end * FRAME_RATE)
    return low / FRAME_RATE, max(low, high) / FRAME_RATE


def standard_values(channels: Float32, preset: RigPreset) -> Float32:
    """Values 0-1 of a standard's names, float32 [frames, names]: no character is known, so nothing is calibrated."""
    return frozen_array(np.clip(channels @ standard_weights(preset), 0.0, 1.0))


def speech(track: MouthTrack) -> Speech:
    """The phones that the track's events show, with acoustic times, and silence where there is none."""
    found: list[Phone] = []
    at = 0.0
    for event in sorted(track.events, key=lambda event: (event.start, event.end)):
        if event.start > at:
            found.append(Phone(SILENCE, at, event.start))
        if event.end > at:
            found.append(Phone(event.phone, max(at, event.start), event.end))
            at = event.end
    if track.duration > at:
        found.append(Phone(SILENCE, at, track.duration))
    return Speech(tuple(found), track.duration, frozen_array([]))


def read_names(path: Path) -> dict[str, str]:
    """A JSON file of name of the standard -> name on the character. Raises LipSyncError naming it."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if not isinstance(data, dict) or not all(isinstance(name, str) and name for name in data.values()):
            raise ValueError("not every name has another")
    except (OSError, ValueError) as error:
        raise LipSyncError(f'{path} cannot be read as names ({error}). Write {{"jawOpen": "Jaw"}}.') from error
    return data


CONVENTIONS: Mapping[str, str] = {
    "same": "",
    "arkit": "arkit52",
    "arkit_pascal": "arkit52",
    "oculus": "oculus15",
    "vrm": "vrm1",
}
"""How an engine may want the shape keys of a character spelled, and the standard that has these names."""


def renaming(names: Sequence[str], convention: str, custom: Mapping[str, str] | None = None) -> dict[str, str]:
    """Name of a shape key -> its name in a convention; `custom` goes before it. Names of no standard stay as they are.

    Raises LipSyncError if the names are not of the convention's standard, or `custom` has names that are not here.
    """
    if unknown := sorted(set(custom or ()) - set(names)):
        raise LipSyncError(f"The character has no shape key {', '.join(unknown)}. Take it out of the table of names.")
    if convention not in CONVENTIONS:
        raise LipSyncError(f"There is no convention {convention}. Choose one of {', '.join(CONVENTIONS)}.")
    standard = CONVENTIONS[convention]
    found = {name: new for name in names if (new := as_in(standard, name))}
    if standard and not {*_presets()[standard].core} <= {*found.values()}:
        title = _presets()[standard].title
        raise LipSyncError(f"The character's shape keys are not those of {title}. Keep their names as they are.")
    spell = SPELLINGS["pascal" if convention == "arkit_pascal" else "same"]
    return {**{name: spell(new) for name, new in found.items()}, **(custom or {})}


def as_in(standard: str, name: str) -> str:
    """The name of a standard that a shape key's name is a spelling of; "" if it is none of them."""
    known = _spellings(standard) if standard else {}
    return known.get(_presets()[standard].normal(name), "") if known else ""


@cache
def _spellings(standard: str) -> dict[str, str]:
    """Names of a standard by their normal form; of ARKit and Oculus all, though a mouth uses fewer."""
    preset = _presets()[standard]
    living = [name for row in preset.life.values() for name in row]
    every = {
        "arkit52": [column[:1].lower() + column[1:] for column in COLUMNS[:52]],
        "oculus15": [f"viseme_{viseme}" for viseme in VISEMES],
    }.get(standard, [])
    return {preset.normal(name): name for name in (*living, *every, *preset.names)}


@cache
def _presets() -> dict[str, RigPreset]:
    return {preset.id: preset for preset in load_presets()}


def _preset(engine: Engine, rig: str) -> RigPreset:
    known = _presets()
    if rig and engine.fixed and rig != engine.rig:
        raise LipSyncError(f"{engine.title} takes only {engine.rig or 'its own shapes'}. Leave --rig {rig} out.")
    if rig and rig not in known:
        raise LipSyncError(f"There is no rig preset {rig}. Choose one of {', '.join(known)}.")
    return known[rig or engine.rig] if rig or engine.rig else _NO_RIG


def _renamed(engine: Engine, preset: RigPreset, names: Mapping[str, str]) -> tuple[str, ...]:
    """The preset's names as the engine spells them, or as the character has them."""
    if names and engine.fixed:
        raise LipSyncError(f"The names of {engine.title} are fixed. Leave --names out.")
    if unknown := sorted(set(names) - set(preset.names)):
        raise LipSyncError(f"{preset.title} has no {', '.join(unknown)}. Its names are {', '.join(preset.names)}.")
    spelled = tuple(names.get(name) or engine.spelled(name) for name in preset.names)
    if twice := sorted({name for name in spelled if spelled.count(name) > 1}):
        raise LipSyncError(f"Two shapes would be called {', '.join(twice)}. Give each its own name in --names.")
    return spelled


def write_whole(content: bytes, path: Path) -> None:
    """Writes a file that is there whole or not at all. Raises LipSyncError naming it if it cannot be written."""
    try:
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            part = Path(folder) / path.name
            part.write_bytes(content)
            os.replace(part, path)
    except OSError as error:
        raise LipSyncError(
            f"{path} cannot be written: {error}. Choose another file, or a folder that is there and has space."
        ) from error
