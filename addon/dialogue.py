"""A scene's lines of dialogue: from a sheet or the sequencer to keys on the characters that speak them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bpy

from ..model_runtime.acting.articulate import articulate
from ..model_runtime.contracts import FrameClock, Report, Style
from ..model_runtime.errors import CharacterError, LipSyncError
from ..model_runtime.hearing import network
from ..model_runtime.scenes import sheet
from ..model_runtime.scenes.batch_report import BatchLine, described, write_batch_report
from ..model_runtime.scenes.job import weights
from ..model_runtime.speech_data import from_data
from . import compat, generate, keyframes, styles
from .character import Character, find_character
from .generate import Prepared
from .profile import fitted_to
from .request import LipSyncRequest, SoundSource, decode, life_from, sound_of_file, style_from

if TYPE_CHECKING:
    from .properties import LabialLine

WAITING, DONE, UNCHANGED, FAILED = "WAITING", "DONE", "UNCHANGED", "FAILED"
HASH, LANGUAGE, TAKE, PROVEN = "hash", "spoken_language", "take", "proven"
"""In the mark of an Action: what it was made from, in one number; the language and the take that it speaks; on how many
frames p b m closed, of how many, and the same of f v."""


@dataclass(frozen=True)
class Outcome:
    """What became of a line: its status, a sentence, and its report if it was made."""

    line: str
    status: str
    note: str
    report: Report | None = None


def fill_from_sheet(scene: bpy.types.Scene, path: str, anywhere: bool = False) -> tuple[str, ...]:
    """Adds a sheet's lines to the scene's list; those of the same id and language are replaced. Returns what to mend.

    Raises SheetError if nothing of it can be used.
    """
    rate = scene.render.fps / scene.render.fps_base
    project = bpy.path.abspath("//") or None
    read = sheet.read(bpy.path.abspath(path), project=project, anywhere=anywhere, fps=rate)
    problems = [str(problem) for problem in read.problems]
    for line in read.lines:
        row = _row(scene, line.id.removesuffix(f".{line.language}"), line.language)
        row.sound, row.transcript, row.take = str(line.sound), line.text, line.take
        row.style = line.style if line.style in styles.available() else "Natural"
        row.start = 1.0 if line.start is None else FrameClock(scene.render.fps, scene.render.fps_base).frame(line.start)
        row.character = speaker(line.character)
        if not row.character:
            problems.append(
                f"{line.source}, row {line.row}: nobody in the scene is called “{line.character}”. Choose one."
            )
    return tuple(problems)


def fill_from_sequencer(scene: bpy.types.Scene, sequences: bpy.types.Scene) -> int:
    """A line for every sound strip whose file is there: who speaks is told by the strip's name, or by its channel's
    other strips. Returns how many."""
    strips = compat.sound_strips(sequences)
    by_channel = {s.channel: who for s in strips if (who := speaker(s.name))}
    for strip in strips:
        row = _row(scene, Path(strip.name).stem, scene.labial.language)
        row.sound, row.start = bpy.path.abspath(strip.sound.filepath), compat.strip_start(strip)
        row.skip = compat.strip_skipped(strip)
        row.frames = compat.strip_length(strip)
        row.character = speaker(strip.name) or by_channel.get(strip.channel, "")
    return len(strips)


def _row(scene: bpy.types.Scene, name: str, language: str) -> LabialLine:
    lines = scene.labial.lines
    row = next((r for r in lines if r.name == name and r.language == language), None) or lines.add()
    row.name, row.language, row.status, row.note = name, language, WAITING, ""
    return row


def speaker(name: str) -> str:
    """The object of the scene whose name is, or is a word of, a speaker's name; "" if there is none."""
    wanted = name.casefold()
    able = [obj for obj in bpy.context.view_layer.objects if obj.type in ("MESH", "ARMATURE", "EMPTY")]
    exact = [obj for obj in able if obj.name.casefold() == wanted]
    words = set(wanted.replace(".", " ").replace("_", " ").replace("-", " ").split())
    near = [obj for obj in able if words & set(obj.name.casefold().replace(".", " ").replace("_", " ").split())]
    rigs_first = sorted(exact or near, key=lambda obj: (obj.type != "ARMATURE", len(obj.name)))
    return rigs_first[0].name if wanted and rigs_first else ""


def request_of_line(scene: bpy.types.Scene, line: LabialLine) -> LipSyncRequest:
    """A line as a request. Raises LipSyncError naming what is missing."""
    if line.character not in bpy.data.objects:
        raise CharacterError(f"The line “{line.name}” has no character. Choose who speaks it.")
    source = sound_of_file(line.sound)
    render, rate = scene.render, scene.render.fps / scene.render.fps_base
    cut = {"skip": line.skip / rate, "length": line.frames / rate} if line.frames else {}
    settings = scene.labial
    return LipSyncRequest(
        character=line.character,
        sound=SoundSource(f"{line.name} {line.language}", source.path, **cut),
        clock=FrameClock(render.fps, render.fps_base, line.start),
        style=style_from(settings, line.style),
        transcript=line.transcript,
        language=line.language,
        tolerance=settings.tolerance,
        life=life_from(settings),
    )


def digest(request: LipSyncRequest, character: Character) -> str:
    """One number for all that a line's keys depend on: sound, words, style, place, targets, network."""
    data = hashlib.sha256(Path(request.sound.path).read_bytes())
    parts = (
        replace(request, sound=replace(request.sound, path="")), character.targets, network.shared().executor,
        weights(),
    )  # fmt: skip
    data.update(repr(parts).encode())
    return data.hexdigest()[:32]


def make_lines(context: bpy.types.Context, lines: Sequence[LabialLine], *, anew: bool = False) -> Iterator[Outcome]:
    """Makes lines one after the other and tells what became of each; whoever stops asking keeps what is made.

    A line that fails is named and the others go on; one whose sound, words, style and character did not change is left
    as it is unless `anew`.
    """
    known: dict[str, Prepared] = {}
    for line in lines:
        try:
            outcome = _one(context, line, known, anew)
        except (LipSyncError, OSError) as error:
            outcome = Outcome(line.name, FAILED, str(error))
        line.status, line.note = outcome.status, outcome.note
        yield outcome
    show_language(context.scene, context.scene.labial.spoken)


def _one(context: bpy.types.Context, line: LabialLine, known: dict[str, Prepared], anew: bool) -> Outcome:
    request = request_of_line(context.scene, line)
    character = find_character(bpy.data.objects[line.character], context.view_layer)
    request = fitted_to(request, character)
    mark = digest(request, character)
    there = keyframes.actions_of(character, request.sound.name)
    if there and not anew and there[0][keyframes.MARK].get(HASH) == mark:
        return Outcome(line.name, UNCHANGED, "unchanged")
    if character.name not in known:
        known[character.name] = generate.prepare(context, request)
    prepared = replace(known[character.name], request=request)
    result = generate.deliver(context, prepared, generate.perform(prepared), as_strip=True)
    action = bpy.data.actions[result.action]
    action[keyframes.MARK][HASH] = mark
    action[keyframes.MARK][LANGUAGE], action[keyframes.MARK][TAKE] = line.language, line.take
    (closed, closures), (touched, touches) = result.report.proven("closure"), result.report.proven("labiodental")
    action[keyframes.MARK][PROVEN] = [closed, closures, touched, touches]
    note = f"{closed} of {closures} closures, {touched} of {touches} f v"
    return Outcome(line.name, DONE, "; ".join([note, *result.report.warnings]), result.report)


def languages(scene: bpy.types.Scene) -> list[str]:
    """The languages of the scene's lines, in the order of their first line."""
    return list(dict.fromkeys(line.language for line in scene.labial.lines))


def show_language(scene: bpy.types.Scene, language: str) -> int:
    """Lets every character speak the takes of one language, and its sound strips be heard. Returns how many lines.

    Lines of ids that the language lacks keep what they have.
    """
    if not language:
        return 0
    has = {line.name for line in scene.labial.lines if line.language == language}
    shown = 0
    for line in scene.labial.lines:
        muted = line.name in has and line.language != language
        shown += not muted
        for action in _actions(f"{line.name} {line.language}"):
            for strip in _strips_of(action):
                strip.mute = muted
        for strip in compat.sound_strips(scene):
            if strip.name == f"{line.name} {line.language}":
                strip.mute = muted
    return shown


def add_sounds(scene: bpy.types.Scene) -> int:
    """A sound strip for every line that has none yet, one channel a character. Returns how many were added."""
    there = {strip.name for strip in compat.sound_strips(scene)}
    added = 0
    for line in scene.labial.lines:
        name = f"{line.name} {line.language}"
        if name not in there and Path(bpy.path.abspath(line.sound)).is_file() and not line.frames:
            compat.add_sound_strip(scene, name, bpy.path.abspath(line.sound), round(line.start))
            added += 1
    return added


def follow_sounds(scene: bpy.types.Scene) -> int:
    """Moves the mouths of lines whose sound strip was moved. Returns how many lines."""
    starts = {strip.name: compat.strip_start(strip) for strip in compat.sound_strips(scene)}
    moved = 0
    for line in scene.labial.lines:
        start = starts.get(f"{line.name} {line.language}", starts.get(line.name))
        if start is None or abs(start - line.start) < 1e-3:
            continue
        shift = start - line.start
        for action in _actions(f"{line.name} {line.language}"):
            for strip in _strips_of(action):
                strip.frame_end, strip.frame_start = strip.frame_end + shift, strip.frame_start + shift
        line.start = start
        moved += 1
    return moved


def too_long(scene: bpy.types.Scene) -> list[tuple[str, str, int]]:
    """Dubs that are longer than the shot: (line, language, frames too many), the shot being the first language's line
    or the time until its character speaks again, whichever is longer."""
    rate, found = scene.render.fps / scene.render.fps_base, []
    first = languages(scene)[:1]
    own = {line.name: line for line in scene.labial.lines if line.language in first}
    for line in scene.labial.lines:
        if line.language in first or line.name not in own:
            continue
        room = _frames(own[line.name], rate)
        later = [o.start - line.start for o in own.values() if o.character == line.character and o.start > line.start]
        over = _frames(line, rate) - max([room, *([min(later)] if later else [])])
        if over > 0.5:
            found.append((line.name, line.language, round(over)))
    return found


def write_report(scene: bpy.types.Scene, path: str) -> list[BatchLine]:
    """A page about all lines of the scene. Returns what it says of each."""
    rows = [_described(line) for line in scene.labial.lines]
    write_batch_report(
        Path(bpy.path.abspath(path)), bpy.path.display_name_from_filepath(bpy.data.filepath) or scene.name, rows
    )
    return rows


def _described(line: LabialLine) -> BatchLine:
    row = BatchLine(line.name, line.character, line.language, line.status or WAITING, line.note)
    for action in _actions(f"{line.name} {line.language}"):
        made = action[keyframes.MARK]
        closed, closures, touched, touches = made.get(PROVEN, (0, 0, 0, 0))
        speech = from_data(json.loads(made["speech"]))
        track = articulate(speech, Style(**json.loads(made["acting"])))
        row = replace(row, closures=(closed, closures), touches=(touched, touches))
        try:
            return described(row, decode(sound_of_file(line.sound)), speech, track)
        except LipSyncError as error:
            return replace(row, note=str(error))
    return row


def _frames(line: LabialLine, rate: float) -> float:
    for action in _actions(f"{line.name} {line.language}"):
        return float(json.loads(action[keyframes.MARK]["speech"])["duration"]) * rate
    return 0.0


def _actions(name: str) -> list[Any]:
    every: list[Any] = list(bpy.data.actions)
    return [a for a in every if keyframes.MARK in a and a[keyframes.MARK].get("line") == name]


def _strips_of(action: Any) -> list[Any]:
    """The NLA strips of a line, on every data-block that carries one."""
    carriers = [*bpy.data.shape_keys, *bpy.data.objects]
    return [
        strip for owner in carriers if owner.animation_data for track in owner.animation_data.nla_tracks
        for strip in track.strips if strip.action == action
    ]  # fmt: skip
