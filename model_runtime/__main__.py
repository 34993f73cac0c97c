"""The command line: `python -m model_runtime cues|phones|track|batch|export|live|plate|consent|verify …`."""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from . import delivery, pipeline, plate_command, track_file
from .acting.articulate import articulate
from .acting.styles import load_style
from .contracts import Speech
from .errors import LipSyncError
from .export import cues, formats
from .hearing import audio, network, transcript
from .live import server, sources
from .live.mouth import LiveMouth
from .plate import consent_commands, verify_command
from .scenes import batch, cluster, sheet
from .scenes.sheet_report import write_sheet_report


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


def run_export(options: argparse.Namespace) -> int:
    """Writes a *.mouth.json in the format of another tool."""
    track, suffix = track_file.read(options.track), formats.load_engine(options.to).suffix
    output = options.output or options.track.with_name(options.track.name.removesuffix(".mouth.json") + suffix)
    names = delivery.read_names(options.names) if options.names else {}
    delivery.export(track, options.to, output, fps=options.fps, rig=options.rig, names=names, paths=options.path)
    return 0


def run_batch(options: argparse.Namespace) -> int:
    """Writes the mouth motion of every line of a sheet; what is done already is left as it is."""
    lines = sheet.read(
        options.sheet, project=options.project, anywhere=options.anywhere, fps=options.fps,
        language=options.language, style=options.style, pattern=options.pattern,
    )  # fmt: skip
    for problem in lines.problems:
        batch.say(str(problem))
    scheduler = "" if options.dry_run else options.scheduler
    team = cluster.dask_team(scheduler) if scheduler else batch.local_team(options.workers, options.patience)
    result = batch.run(
        lines, options.out.absolute(), team, shard=options.shard, resume=options.resume, retry=options.retry,
        words=not options.sound_alone, dry=options.dry_run, say=batch.say,
    )  # fmt: skip
    if options.html and not options.dry_run:
        page = options.html.absolute()
        folder, words = options.out.absolute(), not options.sound_alone
        write_sheet_report(page, options.sheet.stem, lines, folder, result, words=words)
    if options.json:
        print(batch.report(result, sheet=str(options.sheet), out=str(options.out), dry_run=options.dry_run))
    elif options.dry_run:
        print(f"{result.todo} lines to do, {len(result.skipped)} are done already, {len(result.failed)} set aside.")
    else:
        print(batch.summary(result))
    return result.exit_code


def run_live(options: argparse.Namespace) -> int:
    """Sends the shapes of a voice as it speaks until it ends or Ctrl-C is pressed."""
    names = delivery.read_names(options.names) if options.names else {}
    vocabulary = server.vocabulary(options.to, options.rig, names)
    source = sources.opened(options.source, options.rate, options.device)
    mouth = LiveMouth(network.SpeechNetwork.load(threads=1), load_style(options.style))
    measured = server.Measured()
    with (
        contextlib.closing(server.sender(options.to, options.port, vocabulary.names, options.origin)) as out,
        contextlib.suppress(KeyboardInterrupt),
    ):
        print(f"labial: live on {out.address}; Ctrl-C ends it", file=sys.stderr, flush=True)
        if options.source not in sources.NAMES:  # a file is heard from its beginning
            out.wait()
        server.serve(source, mouth, vocabulary, out, measured)
    print(f"labial: {measured}", file=sys.stderr)
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
    _add_batch(commands)
    _add_export(commands)
    _add_live(commands)
    plate_command.add(commands)
    consent_commands.add(commands)
    verify_command.add(commands)
    for command, count in ((make_cues, "*"), (phones, "+"), (track, 1)):
        command.add_argument("audio", type=Path, nargs=count)
        words = command.add_mutually_exclusive_group()
        words.add_argument("--text", help="the words that are spoken; else those of a .txt beside the sound")
        words.add_argument("--text-file", type=Path, help="the transcript, UTF-8")
        words.add_argument("--sound-alone", action="store_true", help="do not look for a .txt beside the sound")
        command.add_argument("--language", default="en-us", help="language of the transcript (espeak-ng code)")
    return parser


def _add_batch(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    lines = commands.add_parser("batch", help="*.mouth.json of every line of a sheet, screenplay, subtitles or folder")
    lines.add_argument("sheet", type=Path, help="see docs/sheets.md")
    lines.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder of the results and their ledger")
    lines.add_argument("--workers", type=_positive, default=1, help="processes; each runs the network on one thread")
    lines.add_argument("--shard", type=_shard, default=(1, 1), metavar="I/N", help="only part I of N of the lines")
    lines.add_argument("--scheduler", default="", metavar="tcp://HOST:PORT", help="of a Dask cluster, for its workers")
    lines.add_argument(
        "--resume", action=argparse.BooleanOptionalAction, default=True, help="leave what is done and did not change"
    )
    lines.add_argument("--retry", action="store_true", help="try again what was set aside")
    lines.add_argument("--style", default="Natural", help="of lines that name none")
    lines.add_argument("--language", default="en-us", help="of lines that name none (espeak-ng code)")
    lines.add_argument("--fps", type=float, default=24.0, help="frames a second of timecodes")
    lines.add_argument("--pattern", default="", help='names of sounds, such as "{scene}_{character}_{id}.{language}"')
    lines.add_argument("--project", type=Path, metavar="DIR", help="sounds outside of it are refused; else the sheet's")
    lines.add_argument("--anywhere", action="store_true", help="sounds may lie outside of the project")
    lines.add_argument("--sound-alone", action="store_true", help="do not use transcripts")
    lines.add_argument("--patience", type=float, default=1800.0, metavar="SECONDS", help="for one line")
    lines.add_argument("--dry-run", action="store_true", help="only say what would be done")
    lines.add_argument("--json", action="store_true", help="print a report as JSON")
    lines.add_argument(
        "--html", type=Path, metavar="PAGE", help="also a page with a picture of every line, which is heard once more"
    )
    lines.set_defaults(run=run_batch)


def _add_export(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    made = commands.add_parser("export", help="*.mouth.json in the format of an engine, see docs/export.md")
    made.add_argument("track", type=Path, metavar="TRACK.mouth.json")
    made.add_argument("--to", required=True, choices=tuple(formats.FORMATS), metavar="FORMAT", help="%(choices)s")
    made.add_argument("-o", "--output", type=Path, help="without it, beside the track")
    made.add_argument("--fps", type=float, help="frames a second; else what the engine expects")
    made.add_argument("--rig", default="", help="arkit52, oculus15, vrm1 or another rig preset; else the engine's")
    made.add_argument("--names", type=Path, metavar="MAP.json", help="name of the rig preset -> name on the character")
    made.add_argument("--path", action="append", default=[], help="mesh in the engine; may be given for each of many")
    made.set_defaults(run=run_export)


def _add_live(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    live = commands.add_parser("live", help="the mouth of a voice that is speaking, see docs/live.md")
    live.add_argument("--from", dest="source", required=True, metavar="FILE|-|mic", help="a file, a pipe, a microphone")
    live.add_argument("--to", required=True, choices=tuple(server.PORTS))
    live.add_argument("--port", type=_port, help="on 127.0.0.1; else the usual one of the protocol")
    live.add_argument("--rig", help="arkit52, oculus15, vrm1 or another rig preset; else the protocol's")
    live.add_argument("--names", type=Path, metavar="MAP.json", help="name of the rig preset -> name on the character")
    live.add_argument("--style", default="Natural")
    live.add_argument("--rate", type=_positive, default=16_000, help="samples a second in a pipe (mono, s16le)")
    live.add_argument("--device", default="", help="name or number of the microphone")
    live.add_argument("--origin", action="append", default=[], metavar="URL", help="a web page that may listen")
    live.set_defaults(run=run_live)


def _port(text: str) -> int:
    if not text.isdecimal() or not 0 <= int(text) <= 65535:
        raise argparse.ArgumentTypeError(f"{text} is no port; choose 1024 to 65535")
    return int(text)


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is no positive number")
    return int(text)


def _shard(text: str) -> tuple[int, int]:
    number, _, of = text.partition("/")
    if not (number.isdecimal() and of.isdecimal() and 1 <= int(number) <= int(of)):
        raise argparse.ArgumentTypeError(f"{text} is no part of a whole; write 1/4 to 4/4")
    return int(number), int(of)


if __name__ == "__main__":
    sys.exit(main())
