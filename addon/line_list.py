"""The list of a scene's lines of dialogue: filled from a sheet or from the sequencer."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bpy

from ..model_runtime.contracts import FrameClock
from ..model_runtime.scenes import sheet
from . import compat, styles
from .character import objects_in

if TYPE_CHECKING:
    from .properties import LabialLine

WAITING, DONE, UNCHANGED, FAILED = "WAITING", "DONE", "UNCHANGED", "FAILED"
"""What became of a line."""


def title(line: LabialLine) -> str:
    """What its Action, its sound strip and its subtitle are named after: takes of a line differ in the language."""
    return f"{line.name} {line.language}"


def lines_called(scene: bpy.types.Scene, name: str, language: str) -> list[LabialLine]:
    """The lines of the list with this id and language: one, unless somebody named two alike."""
    return [line for line in scene.labial.lines if (line.name, line.language) == (name, language)]


def line_of(scene: bpy.types.Scene, name: str, language: str) -> LabialLine | None:
    """A line of the list by its id and its language."""
    return next(iter(lines_called(scene, name, language)), None)


def languages(scene: bpy.types.Scene) -> list[str]:
    """The languages of the scene's lines, in the order of their first line."""
    return list(dict.fromkeys(line.language for line in scene.labial.lines))


def fill_from_sheet(scene: bpy.types.Scene, path: str, anywhere: bool = False) -> tuple[str, ...]:
    """Adds a sheet's lines to the scene's list; those of the same id and language are replaced. Returns what to mend.

    Raises SheetError if nothing of it can be used.
    """
    rate = scene.render.fps / scene.render.fps_base
    project = bpy.path.abspath("//") or None
    read = sheet.read(bpy.path.abspath(path), project=project, anywhere=anywhere, fps=rate)
    problems = [str(problem) for problem in read.problems]
    known, row_of = cache(speaker), _rows(scene)
    for line in read.lines:
        row = row_of(line.id.removesuffix(f".{line.language}"), line.language)
        row.sound, row.transcript, row.take = str(line.sound), line.text, line.take
        row.style = line.style if line.style in styles.available() else "Natural"
        clock = FrameClock(scene.render.fps, scene.render.fps_base)
        row.start = 1.0 if line.start is None else round(clock.frame(line.start))  # where a sound strip can begin
        row.character = known(line.character)
        if not row.character:
            problems.append(
                f"{line.source}, row {line.row}: nobody in the scene is called “{line.character}”. Choose one."
            )
    return tuple(problems)


def fill_from_sequencer(scene: bpy.types.Scene, sequences: bpy.types.Scene) -> tuple[int, tuple[str, ...]]:
    """A line for every sound strip that is not retimed. Returns how many, and what to mend.

    Who speaks is told by the strip's name, else by another strip of the same colour, else of the same channel: by its
    name, or by whom the list already gives it.
    """
    there = compat.sound_strips(sequences)
    problems = [compat.retimed(strip) for strip in there]
    strips = [strip for strip, problem in zip(there, problems, strict=True) if not problem]
    known = {strip.name: speaker(strip.name) or _listed(scene, strip) for strip in strips}
    row_of = _rows(scene)
    for strip in strips:
        who = known[strip.name] or _alike(strip, strips, known, "color_tag") or _alike(strip, strips, known, "channel")
        row = row_of(Path(strip.name).stem, scene.labial.language)
        row.sound, row.start = bpy.path.abspath(strip.sound.filepath), compat.strip_start(strip)
        row.skip, row.frames = compat.strip_skipped(strip), compat.strip_length(strip)
        row.character = who
    return len(strips), tuple(filter(None, problems))


def _listed(scene: bpy.types.Scene, strip: Any) -> str:
    """Who speaks a strip according to the list."""
    name = Path(strip.name).stem
    return next((line.character for line in scene.labial.lines if line.name == name and line.character), "")


def _alike(strip: Any, strips: Sequence[Any], known: Mapping[str, str], what: str) -> str:
    """Who speaks the nearest strip that has the same colour, or channel, and a known speaker."""
    wanted = getattr(strip, what)
    if wanted == "NONE":
        return ""
    same = [s for s in strips if getattr(s, what) == wanted and known[s.name]]
    nearest = min(same, key=lambda s: abs(compat.strip_start(s) - compat.strip_start(strip)), default=None)
    return known[nearest.name] if nearest else ""


def _rows(scene: bpy.types.Scene) -> Callable[[str, str], LabialLine]:
    """Gives a row of the list, a new one where there is none of that id and language, to be filled."""
    places = {(line.name, line.language): k for k, line in enumerate(scene.labial.lines)}

    def row_of(name: str, language: str) -> LabialLine:
        if (name, language) not in places:
            places[name, language] = len(scene.labial.lines)
            scene.labial.lines.add()
        row: LabialLine = scene.labial.lines[places[name, language]]
        row.name, row.language, row.status, row.note = name, language, WAITING, ""
        return row

    return row_of


def speaker(name: str) -> str:
    """The object of the scene whose name is, or is a word of, a speaker's name; "" if there is none."""
    wanted = name.casefold()
    able = [obj for obj in objects_in(bpy.context.view_layer) if obj.type in ("MESH", "ARMATURE", "EMPTY")]
    exact = [obj for obj in able if obj.name.casefold() == wanted]
    words = set(wanted.replace(".", " ").replace("_", " ").replace("-", " ").split())
    near = [obj for obj in able if words & set(obj.name.casefold().replace(".", " ").replace("_", " ").split())]
    rigs_first = sorted(exact or near, key=lambda obj: (obj.type != "ARMATURE", len(obj.name)))
    return rigs_first[0].name if wanted and rigs_first else ""
