"""Many lines: from a scene's list to keys on the characters that speak them, in the language that is shown."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bpy

from ..model_runtime.contracts import Report
from ..model_runtime.errors import Cancelled, CharacterError, LipSyncError, SceneError
from ..model_runtime.hearing import network
from ..model_runtime.pipeline import Performance
from ..model_runtime.scenes.job import weights
from . import compat, generate, keyframes, placement
from .character import Character, find_character
from .generate import Prepared, Result
from .line_list import DONE, FAILED, UNCHANGED, WAITING, line_of, lines_called, title
from .profile import fitted_to
from .request import LipSyncRequest, SoundSource, clock_of, life_from, sound_of_file, style_from

if TYPE_CHECKING:
    from .properties import LabialLine

HASH, LANGUAGE, TAKE, PROVEN = "hash", "spoken_language", "take", "proven"
"""In the mark of an Action: what it was made from, in one number; the language and the take that it speaks; on how many
frames p b m closed, of how many, and the same of f v."""

Perform = Callable[..., Performance]
"""Hears and acts a line, on any thread; it may be given a Progress."""


@dataclass(frozen=True)
class Outcome:
    """What became of a line of a language: its status, a sentence, and its report if it was made."""

    line: str
    language: str
    status: str
    note: str
    report: Report | None = None


@dataclass(frozen=True)
class _Begun:
    """The line that is being made: name and language in the list, what it is made with, and from what."""

    name: str
    language: str
    prepared: Prepared
    mark: str


class LineQueue:
    """Lines that are made one after the other; whoever stops asking, and closes it, keeps what is made.

    A line that fails is named and the others go on; one whose sound, words, style and character did not change is left
    as it is unless `anew`. Lines are kept by their names: between `begin` and `end` the list may change.
    """

    def __init__(self, context: bpy.types.Context, lines: Sequence[LabialLine], *, anew: bool = False) -> None:
        self.outcomes: list[Outcome] = []
        self.scene = context.scene.name
        self._waiting = deque(dict.fromkeys((line.name, line.language) for line in lines))
        self.count = len(self._waiting)
        self._anew = anew
        self._known: dict[str, Prepared] = {}
        self._begun: _Begun | None = None
        self._placed = ExitStack()
        self._placed.enter_context(placement.lifted(context.scene))

    def begin(self, context: bpy.types.Context) -> Perform | Outcome | None:
        """How to hear and act the next line, or that there was nothing to do for it; None after the last."""
        while self._waiting:
            name, language = self._waiting.popleft()
            found = lines_called(context.scene, name, language)
            if found:
                try:
                    return self._prepare(context, *found)
                except (LipSyncError, OSError) as error:
                    return self._told(Outcome(name, language, FAILED, str(error)))
        return None

    def end(self, context: bpy.types.Context, perform: Callable[[], Performance]) -> Outcome:
        """Writes and proves the line that was begun. perform: gives what it became, or raises why it cannot be."""
        begun, self._begun = self._begun, None
        if begun is None:
            raise RuntimeError("no line was begun")
        try:
            result = generate.deliver(context, begun.prepared, perform(), as_strip=True)
            outcome = _marked(line_of(context.scene, begun.name, begun.language), result, begun)
        except Cancelled:
            outcome = Outcome(begun.name, begun.language, WAITING, "cancelled")
        except (LipSyncError, OSError) as error:
            outcome = Outcome(begun.name, begun.language, FAILED, str(error))
        return self._told(outcome)

    def close(self) -> None:
        """Every character speaks the scene's language, from where the scene wants its lines to play."""
        scene: bpy.types.Scene | None = bpy.data.scenes.get(self.scene)
        if scene is not None:
            show_language(scene, scene.labial.spoken)
        self._placed.close()

    def _prepare(self, context: bpy.types.Context, line: LabialLine, *alike: LabialLine) -> Perform | Outcome:
        if alike:
            raise SceneError(f"Two lines are called “{line.name}” in {line.language}. Give one of them another name.")
        request = request_of_line(context.scene, line)
        character = find_character(bpy.data.objects[line.character], context.view_layer)
        request = fitted_to(request, character)
        mark = digest(request, character)
        there = keyframes.actions_of(character, request.sound.name)
        if there and not self._anew and there[0][keyframes.MARK].get(HASH) == mark:
            return self._told(Outcome(line.name, line.language, UNCHANGED, "unchanged"))
        if character.name not in self._known:
            self._known[character.name] = generate.prepare(context, request)
        prepared = replace(self._known[character.name], request=request)
        self._begun = _Begun(line.name, line.language, prepared, mark)
        return lambda progress=None: generate.perform(prepared, progress)

    def _told(self, outcome: Outcome) -> Outcome:
        scene: bpy.types.Scene | None = bpy.data.scenes.get(self.scene)
        for line in lines_called(scene, outcome.line, outcome.language) if scene else ():
            line.status, line.note = outcome.status, outcome.note
        self.outcomes.append(outcome)
        return outcome


def _marked(line: LabialLine | None, result: Result, begun: _Begun) -> Outcome:
    """A line that was made, its Action marked with what it was made from."""
    mark: Any = bpy.data.actions[result.action][keyframes.MARK]
    mark[HASH], mark[LANGUAGE], mark[TAKE] = begun.mark, begun.language, line.take if line else ""
    (closed, closures), (touched, touches) = result.report.proven("closure"), result.report.proven("labiodental")
    mark[PROVEN] = [closed, closures, touched, touches]
    note = f"{closed} of {closures} closures, {touched} of {touches} f v"
    return Outcome(begun.name, begun.language, DONE, "; ".join([note, *result.report.warnings]), result.report)


def make_lines(context: bpy.types.Context, lines: Sequence[LabialLine], *, anew: bool = False) -> Iterator[Outcome]:
    """Makes lines and tells what became of each: `LineQueue` on this thread."""
    queue = LineQueue(context, lines, anew=anew)
    try:
        while (step := queue.begin(context)) is not None:
            yield step if isinstance(step, Outcome) else queue.end(context, step)
    finally:
        queue.close()


def request_of_line(scene: bpy.types.Scene, line: LabialLine) -> LipSyncRequest:
    """A line as a request. Raises LipSyncError naming what is missing."""
    if not line.character:
        raise CharacterError(f"The line “{line.name}” has no character. Choose who speaks it.")
    if line.character not in bpy.data.objects:
        raise CharacterError(
            f"“{line.character}”, who speaks the line “{line.name}”, is not in the file. Choose who speaks it."
        )
    source = sound_of_file(line.sound)
    rate = scene.render.fps / scene.render.fps_base
    cut = {"skip": line.skip / rate, "length": line.frames / rate} if line.frames else {}
    settings = scene.labial
    return LipSyncRequest(
        character=line.character,
        sound=SoundSource(title(line), source.path, **cut),
        clock=clock_of(scene, line.start),
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


def show_language(scene: bpy.types.Scene, language: str) -> int:
    """Lets every character speak the takes of one language; sound strips and subtitles follow. Returns how many lines.

    Lines of ids that the language lacks keep what they have.
    """
    if not language:
        return 0
    has = {line.name for line in scene.labial.lines if line.language == language}
    shown = 0
    with placement.lifted(scene):
        for line in scene.labial.lines:
            muted = line.name in has and line.language != language
            shown += not muted
            for action in actions_of_line(line):
                for strip in placement.strips_of(action):
                    strip.mute = muted
            for strip in compat.strips_named(scene, title(line)):
                strip.mute = muted
    return shown


def actions_of_line(line: LabialLine) -> list[Any]:
    """The Actions that were made for a line of the list."""
    every: list[Any] = list(bpy.data.actions)
    return [a for a in every if keyframes.MARK in a and a[keyframes.MARK].get("line") == title(line)]
