"""`blender FILE.blend --command labial export`: all lines, or some, to files for an engine."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import bpy

from ..model_runtime.delivery import CONVENTIONS, read_names
from ..model_runtime.export.formats import FORMATS, FROM_BLENDER
from . import export, export_lines
from .character import Character, find_character
from .export_report import row, sentence
from .export_scene import ExportError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """What can be asked for."""
    parser.add_argument("--to", required=True, choices=(*FROM_BLENDER, *FORMATS), metavar="TARGET", help="%(choices)s")
    parser.add_argument("--out", required=True, metavar="DIR", help="folder, or the file if it is one")
    parser.add_argument("--character", default="", help="name of an object of it; without, all that have lines")
    parser.add_argument("--line", action="append", default=[], help="only this line; may be given more than once")
    parser.add_argument("--language", default="all", help="only lines of this language")
    parser.add_argument("--fps", type=float, default=0.0, help="24 to 120; without, what the target expects")
    parser.add_argument("--names", default="same", help=f"{', '.join(CONVENTIONS)} or a JSON file of names")
    parser.add_argument("--pattern", default=export_lines.PATTERN, help="names of clips, %(default)s")
    parser.add_argument("--deform-only", action="store_true", help="control rigs go into the bones that deform")
    parser.add_argument("--sparse", action="store_true", help="only the keys that are needed")
    parser.add_argument("--sounds", action="store_true", help="also a copy of each line's sound")
    parser.add_argument("--unchecked", action="store_true", help="do not read the files again")


def run(options: argparse.Namespace) -> dict[str, Any]:
    """Exports the lines of the open file and returns a report. Raises LipSyncError if nothing can start."""
    settings, characters = _settings(options), _characters(options.character)
    if options.dry_run:
        names = [name for character in characters for name in export_lines.clip_names(character, settings)]
        return {"lines": [{"line": name, "status": "WAITING", "note": "would be exported"} for name in names]}
    made = []
    for character in characters:
        with _said_aside():
            files = export.export(bpy.context, character, options.to, str(Path(options.out).absolute()), settings)
        for exported in files:
            print(f"labial: {sentence(exported)}", file=sys.stderr)
        made += files
    return {"lines": [row(exported) for exported in made]}


def _characters(name: str) -> list[Character]:
    if name and name not in bpy.data.objects:
        raise ExportError(f"There is no object {name} in this file. Name one of the character's.")
    if name:
        return [find_character(bpy.data.objects[name], bpy.context.view_layer)]
    found = export_lines.speaking(bpy.context)
    if not found:
        raise ExportError("No character of this file has a line. Make one: labial generate, or labial batch.")
    return found


def _settings(options: argparse.Namespace) -> export_lines.Settings:
    names: Mapping[str, str] = {}
    if options.names not in CONVENTIONS:
        names = read_names(Path(options.names))
    return export_lines.Settings(
        fps=options.fps, convention="same" if names else options.names, names=names, pattern=options.pattern,
        language="" if options.language == "all" else options.language, lines=tuple(options.line),
        deform_only=options.deform_only, sparse=options.sparse, sounds=options.sounds, check=not options.unchecked,
    )  # fmt: skip


@contextmanager
def _said_aside() -> Iterator[None]:
    """What Blender's exporters print goes to the standard error, so that the report stands alone."""
    sys.stdout.flush()
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        yield
    finally:
        os.dup2(kept, 1)
        os.close(kept)
