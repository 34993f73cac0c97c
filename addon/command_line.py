"""`blender FILE.blend --command labial ...`: the panel's work without a window, for scripts and farms.

Exit codes: 0 all done, 1 some lines failed, 2 nothing could start.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import bpy

from ..model_runtime import plate_command
from ..model_runtime.errors import LipSyncError
from ..model_runtime.scenes.batch_report import figures
from . import dialogue, dialogue_report, dubs, export_command, generate, plate, styles
from .line_list import DONE, FAILED, WAITING, fill_from_sheet
from .request import LipSyncRequest, clock_of, sound_of_file


def main(arguments: Sequence[str]) -> int:
    """Runs one command on the open file."""
    options = _parser().parse_args(list(arguments))
    try:
        report = options.run(options)
        if options.save and not options.dry_run:
            _save(Path(options.save).resolve())
    except LipSyncError as error:
        print(f"labial: {error}", file=sys.stderr)
        return 2
    if options.json:
        print(json.dumps(report, ensure_ascii=False))
    return 1 if any(line["status"] == FAILED for line in report["lines"]) else 0


def _save(path: Path) -> None:
    try:
        bpy.ops.wm.save_as_mainfile(filepath=str(path))
    except RuntimeError as error:
        raise LipSyncError(f"{path} cannot be saved: {error}".strip()) from error


def _generate(options: argparse.Namespace) -> dict[str, Any]:
    """One sound on one character."""
    if options.style not in styles.available():
        raise LipSyncError(f"There is no style “{options.style}”; choose one of: {', '.join(styles.available())}.")
    request = LipSyncRequest(
        character=options.character,
        sound=sound_of_file(str(Path(options.sound).resolve())),
        clock=clock_of(bpy.context.scene, options.start),
        style=styles.available()[options.style],
        transcript=options.text,
        language=options.language,
    )
    if options.dry_run:
        generate.prepare(bpy.context, request)
        return {"lines": [{"line": request.sound.name, "status": WAITING, "note": "would be made"}]}
    report = generate.generate(bpy.context, request).report
    (closed, closures), note = report.proven("closure"), "; ".join(report.warnings)
    print(f"labial: {report.name}: {report.key_count} keys, {closed} of {closures} closures {note}", file=sys.stderr)
    return {"lines": [{"line": report.name, "status": DONE, "note": note, "report": _plain(report)}]}


def _batch(options: argparse.Namespace) -> dict[str, Any]:
    """All lines of the scene, after those of a sheet were added."""
    scene = bpy.context.scene
    problems: tuple[str, ...] = ()
    if options.sheet:
        problems = fill_from_sheet(scene, str(Path(options.sheet).resolve()), options.anywhere)
    for problem in problems:
        print(f"labial: {problem}", file=sys.stderr)
    lines = [line for line in scene.labial.lines if not options.language or line.language == options.language]
    if not lines:
        raise LipSyncError("The scene has no lines of dialogue. Give a sheet: --sheet FILE.")
    made = []
    if options.dry_run:
        made = [dialogue.Outcome(line.name, line.language, WAITING, "would be made") for line in lines]
    for outcome in () if options.dry_run else dialogue.make_lines(bpy.context, lines, anew=options.anew):
        made.append(outcome)
        print(
            f"labial: {len(made)} of {len(lines)}: {outcome.line} ({outcome.language}): "
            f"{outcome.status.lower()} {outcome.note}",
            file=sys.stderr,
        )
    rows = [
        {"line": o.line, "language": o.language, "status": o.status, "note": o.note,
         **({"report": _plain(o.report)} if o.report else {})}
        for o in made
    ]  # fmt: skip
    return {"lines": rows, "problems": list(problems)}


def _list(options: argparse.Namespace) -> dict[str, Any]:
    """The scene's lines as they are, also as a page."""
    scene = bpy.context.scene
    if options.html and not options.dry_run:
        try:
            page = str(Path(options.html).resolve())
            rows = dialogue_report.write_report(bpy.context, page, pictures=options.stills)
        except OSError as error:
            raise LipSyncError(f"The page cannot be written: {error}. Choose another folder.") from error
    else:
        rows = dialogue_report.lines_of(scene)
    told = figures(rows)
    lines = [
        {"line": row["name"], "start": line.start, **row}
        for row, line in zip(told["lines"], scene.labial.lines, strict=True)
    ]
    long = [
        {"line": dub.line, "language": dub.language, "frames": dub.fit.over, "advice": dub.fit.advice,
         "cuts": [asdict(cut) for cut in dub.fit.cuts], "tempo": dub.fit.tempo, "left": dub.fit.left}
        for dub in dubs.too_long(scene)
    ]  # fmt: skip
    return {"totals": told["totals"], "lines": lines, "too_long": long}


def _plate(options: argparse.Namespace) -> dict[str, Any]:
    """A film with a new mouth, above its plate in the sequencer."""
    task = plate.command_task(bpy.context, options)
    if options.dry_run:
        return {"lines": [{"line": options.plate.name, "status": WAITING, "note": "would be made"}]}
    told = task.run(lambda share, text: None)
    note = plate.place(bpy.context.scene, options.plate, told, options.at)
    for line in (note, *told["notes"]):
        print(f"labial: {line}", file=sys.stderr)
    return {"lines": [{"line": options.plate.name, "status": DONE, "note": note, "report": told}]}


def _plain(report: Any) -> dict[str, Any]:
    return {**asdict(report), "proofs": [asdict(proof) for proof in report.proofs]}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="blender FILE.blend --command labial", description=__doc__)
    parts = parser.add_subparsers(required=True)

    def part(name: str, run: Any, text: str) -> argparse.ArgumentParser:
        sub = parts.add_parser(name, help=text, description=text)
        sub.set_defaults(run=run)
        sub.add_argument("--json", action="store_true", help="print a report to standard output")
        sub.add_argument("--save", metavar="FILE.blend", help="save the file afterwards")
        sub.add_argument("--dry-run", action="store_true", help="say what would be done, and change nothing")
        return sub

    one = part("generate", _generate, "one sound on one character")
    one.add_argument("--character", required=True, help="name of an object of the character")
    one.add_argument("--sound", required=True)
    one.add_argument("--start", type=float, default=1.0, help="frame at which the sound begins")
    one.add_argument("--text", default="", help="the words, for better timing")
    one.add_argument("--language", default="en-us")
    one.add_argument("--style", default="Natural")
    many = part("batch", _batch, "all lines of the scene, or of a sheet")
    many.add_argument("--sheet", help="csv, tsv, json, fountain, srt, vtt or a folder of sounds")
    many.add_argument("--anywhere", action="store_true", help="also take sounds outside of the project's folder")
    many.add_argument("--language", default="", help="only the lines of this language")
    many.add_argument("--anew", action="store_true", help="also lines that did not change")
    told = part("report", _list, "the scene's lines as they are")
    told.add_argument("--html", metavar="FILE.html", help="also as a page with a picture of every line")
    told.add_argument("--stills", action="store_true", help="with --html: also render each line's mouth at its widest")
    export_command.add_arguments(part("export", export_command.run, "lines as files for engines, see docs/export.md"))
    film = part("plate", _plate, "a consenting performer's film says a new line, see docs/plate.md")
    film.add_argument("plate", type=Path, help="a movie, or a folder of images")
    film.add_argument("--python", type=Path, help="with the packages for films; else the one in the preferences")
    film.add_argument("--at", type=int, default=1, metavar="FRAME", help="where the plate begins in the scene")
    plate_command.arguments(film)
    return parser
