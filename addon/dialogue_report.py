"""The page and the figures about all lines of a scene."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bpy

from ..model_runtime.acting.articulate import articulate
from ..model_runtime.contracts import Style
from ..model_runtime.errors import LipSyncError
from ..model_runtime.scenes.batch_report import BatchLine, described, write_batch_report
from ..model_runtime.speech_data import from_text
from . import dubs, keyframes, stills
from .dialogue import PROVEN, actions_of_line
from .line_list import WAITING
from .request import decode, sound_of_file
from .sound_strips import moved_by

if TYPE_CHECKING:
    from .properties import LabialLine


def lines_of(scene: bpy.types.Scene) -> list[BatchLine]:
    """What there is to say of each line of the scene."""
    advice = {(dub.line, dub.language): dub.fit.advice for dub in dubs.too_long(scene)}
    return [_described(scene, line, advice) for line in scene.labial.lines]


def write_report(context: bpy.types.Context, path: str, *, pictures: bool = False) -> list[BatchLine]:
    """A page about all lines of the scene. Returns what it says of each.

    pictures: stills of the lines that are to be seen, in a folder beside the page. Raises OSError.
    """
    scene, page = context.scene, Path(bpy.path.abspath(path))
    rows = lines_of(scene)
    if pictures:
        folder = page.with_name(f"{page.stem}_stills")
        made = stills.take(context, folder)
        rows = [
            replace(row, still=f"{folder.name}/{name}") if (name := made.get((row.name, row.language))) else row
            for row in rows
        ]
    write_batch_report(page, bpy.path.display_name_from_filepath(bpy.data.filepath) or scene.name, rows)
    return rows


def _described(scene: bpy.types.Scene, line: LabialLine, advice: Mapping[tuple[str, str], str]) -> BatchLine:
    row = BatchLine(
        line.name, line.character, line.language, line.status or WAITING, line.note, moved=moved_by(scene, line),
        dub=advice.get((line.name, line.language), ""),
    )  # fmt: skip
    for action in actions_of_line(line):
        made: Any = action[keyframes.MARK]
        closed, closures, touched, touches = made.get(PROVEN, (0, 0, 0, 0))
        speech = from_text(made["speech"])
        track = articulate(speech, Style(**json.loads(made["acting"])))
        row = replace(row, closures=(closed, closures), touches=(touched, touches))
        try:
            return described(row, decode(sound_of_file(line.sound)), speech, track)
        except LipSyncError as error:
            return replace(row, note=str(error))
    return row
