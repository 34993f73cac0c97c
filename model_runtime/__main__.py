"""The command line: `python -m model_runtime cues|phones|track …`."""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from . import pipeline, track_file
from .acting.articulate import articulate
from .acting.styles import load_style
from .contracts import Speech
from .errors import LipSyncError
from .export import cues
from .hearing import audio, transcript


@dataclass(frozen=True)
class Line:
    """One sound to work on; `tags` are copied into its row."""

    path: Path
    text: str | None
    language: str
    tags: dict[str, str]


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs a command. Exit code 0, 1 if some files failed, 2 on a user's mistake."""
    options = _parser().parse_args(arguments)
    try:
        return int(options.run(options))
    except LipSyncError as error:
        print(f"labial: {error}", file=sys.stderr)
        return 2


def run_cues(options: argparse.Namespace) -> int:
    """Prints the cues of every file, in the order given; a file that fails is named and the others go on."""
    failed = 0
    for line in _lines(options):
        started = time.perf_counter()
        try:
            clip = audio.load(line.path)
            found = cues.cues(pipeline.listen(clip, line.text, line.language), options.vocabulary)
        except LipSyncError as error:
            failed += 1
            print(f"labial: {line.path.name}: {error}", file=sys.stderr)
            continue
        if options.format == "jsonl":
            seconds = {"audio_s": round(clip.duration, 3), "wall_s": round(time.perf_counter() - started, 3)}
            print(cues.as_json_line({**line.tags, "vocab": options.vocabulary, "cues": cues.as_rows(found), **seconds}))
        else:
            print(cues.as_table(line.tags["id"], found, "\t" if options.format == "tsv" else ","), end="")
    return 1 if failed else 0


def run_phones(options: argparse.Namespace) -> int:
    """Prints start, end, phone and confidence of every phone."""
    for line in _lines(options):
        for phone in _listen(line).phones:
            print(f"{line.tags['id']}\t{phone.start:.3f}\t{phone.end:.3f}\t{phone.symbol}\t{phone.confidence:.2f}")
    return 0


def run_track(options: argparse.Namespace) -> int:
    """Writes the mouth motion of one sound as *.mouth.json."""
    (line,) = _lines(options)
    track_file.write(articulate(_listen(line), load_style(options.style)), options.output)
    return 0


def _listen(line: Line) -> Speech:
    return pipeline.listen(audio.load(line.path), line.text, line.language)


def _lines(options: argparse.Namespace) -> Iterator[Line]:
    """The files named on the command line, or the rows of a list of labelled recordings."""
    if getattr(options, "labels", None):
        yield from _labelled(options)
        return
    if not options.audio:
        raise LipSyncError("Name at least one sound file.")
    given = transcript.read(options.text_file) if options.text_file else options.text
    for path in options.audio:
        found = None if given is not None or options.sound_alone else transcript.beside(path)
        yield Line(path, transcript.read(found) if found else given, options.language, {"id": path.stem})


def _labelled(options: argparse.Namespace) -> Iterator[Line]:
    try:
        rows = options.labels.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise LipSyncError(f"{options.labels} cannot be read as a list of recordings ({error}).") from error
    for row in map(json.loads, rows):
        if options.complete_only and not row.get("complete", True):
            continue
        text = row.get("text") if options.with_text else None
        yield Line(options.labels.parent / row["audio"], text, row["lang"], {"id": row["id"], "set": row["set"]})


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m model_runtime", description="Speech to mouth shapes, without Blender."
    )
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    make_cues = commands.add_parser("cues", help="one mouth shape at a time, with acoustic times")
    make_cues.add_argument("--vocabulary", choices=sorted(cues.VOCABULARIES), default="ovr15")
    make_cues.add_argument("--format", choices=("jsonl", "tsv", "csv"), default="jsonl")
    make_cues.add_argument("--labels", type=Path, metavar="LABELS.jsonl", help="a list of recordings instead of files")
    make_cues.add_argument("--complete-only", action="store_true", help="leave out rows marked as cut")
    make_cues.add_argument("--with-text", action="store_true", help="use the text of the rows as transcript")
    make_cues.set_defaults(run=run_cues)
    phones = commands.add_parser("phones", help="the phones that are heard")
    phones.set_defaults(run=run_phones)
    track = commands.add_parser("track", help="continuous mouth motion as *.mouth.json")
    track.add_argument("-o", "--output", type=Path, required=True)
    track.add_argument("--style", default="Natural")
    track.set_defaults(run=run_track)
    for command, count in ((make_cues, "*"), (phones, "+"), (track, 1)):
        command.add_argument("audio", type=Path, nargs=count)
        words = command.add_mutually_exclusive_group()
        words.add_argument("--text", help="the words that are spoken; else those of a .txt beside the sound")
        words.add_argument("--text-file", type=Path, help="the transcript, UTF-8")
        words.add_argument("--sound-alone", action="store_true", help="do not look for a .txt beside the sound")
        command.add_argument("--language", default="en-us", help="language of the transcript (espeak-ng code)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
