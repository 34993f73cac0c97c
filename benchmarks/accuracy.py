"""Labial beside other systems on hand-labelled speech: `python3 build.py bench` prints one Markdown table.

Runs in the training environment. Packages of peers and the tracks that they made are kept in `.cache/peers`: a second
run only scores. Every figure is score_hand.py's; closures and onsets are pooled over ae and EmoDB. CPU is the seconds
of all cores for one second of sound, with loading; it tells cost where a busy machine makes wall time meaningless.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import json
import os
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import soundfile

from .peers.install import Package, Unavailable, install
from .peers.registry import ABSENT, PEERS, Peer
from .scoring import LABELS, ROOT, Rows, cued, figures, read, require_labels, write

CACHE = ROOT / ".cache" / "peers"
POOLED = ("ae", "emodb")
HEADER = (
    "system", "transcript", "English F1", "German neutral F1", "German emotional F1", "VoxAngeles F1",
    "closure onset P / R", "onset median", "silence P / R", "CPU s / s",
)  # fmt: skip


def ours(rows: Rows, folder: Path, work: Path) -> Iterator[dict[str, Any]]:
    """Labial's own command line, from sound alone."""
    yield from _command_line(rows, folder, work, ())


def ours_with_text(rows: Rows, folder: Path, work: Path) -> Iterator[dict[str, Any]]:
    """Labial's own command line, with the text of the rows."""
    yield from _command_line(rows, folder, work, ("--with-text",))


def _command_line(rows: Rows, folder: Path, work: Path, options: Sequence[str]) -> Iterator[dict[str, Any]]:
    listed = work / "rows.jsonl"
    write(listed, ({**row, "audio": str(folder / row["audio"])} for row in rows))
    for row in cued(listed, *options):
        yield {key: row[key] for key in ("id", "set", "vocab", "cues")}


def systems() -> tuple[Peer, ...]:
    """Labial, then its peers."""
    files = sorted(path for path in (ROOT / "model_runtime").rglob("*") if path.is_file() and path.suffix != ".pyc")
    labial = Package("here", "labial", _digest(files), "GPL-3.0-or-later")
    return (
        Peer("labial-text", "**Labial**", labial, ours_with_text, transcript=True),
        Peer("labial", "**Labial**", labial, ours),
        *PEERS,
    )


def sounds() -> tuple[Rows, Path]:
    """The complete recordings as WAV files in the cache, with rows that name those."""
    folder, rows = CACHE / "sounds", []
    for row in read(LABELS):
        if not row.get("complete", True):
            continue
        path = (folder / row["audio"]).with_suffix(".wav")
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            samples, rate = soundfile.read(LABELS.parent / row["audio"], dtype="int16")
            soundfile.write(path, samples, rate, subtype="PCM_16")
        rows.append({**row, "audio": str(path.relative_to(folder))})
    return rows, folder


def tracks(system: Peer, rows: Rows, folder: Path) -> tuple[Path, float]:
    """The file of a system's tracks, made unless it is there, and its CPU seconds for a second of sound."""
    place, work = CACHE / system.name, CACHE / system.package.name.replace("/", "-")
    place.mkdir(parents=True, exist_ok=True)
    path, stamp = place / "cues.jsonl", place / "made.json"
    adapter = importlib.import_module(system.cues.__module__).__file__
    key = f"{system.package.requirement} {_digest([Path(str(adapter))]) if system in PEERS else ''}".strip()
    if stamp.exists() and (made := json.loads(stamp.read_text()))["key"] == key:
        return path, made["cpu"]
    if system in PEERS:
        install(system.package, work)
    work.mkdir(parents=True, exist_ok=True)
    wanted = [row for row in rows if system.takes(row)]
    print(f"{system.name}: {len(wanted)} recordings", file=sys.stderr, flush=True)
    begin = sum(os.times()[:4])
    write(path, system.cues(wanted, folder, work))
    cpu = (sum(os.times()[:4]) - begin) / sum(row["dur"] for row in wanted)
    stamp.write_text(json.dumps({"key": key, "cpu": cpu}))
    return path, cpu


def score(path: Path, lag: int) -> tuple[dict[str, Any], dict[str, Any]]:
    """The scorer's rows, and its figures pooled over ae and EmoDB."""
    tracks = read(path)
    pooled = figures(LABELS, [track for track in tracks if track["set"] in POOLED], lag)
    return figures(LABELS, tracks, lag), pooled.get("all") or pooled["ae"]


def cells(system: Peer, lag: int, path: Path, cpu: float) -> list[str]:
    """A row of the table."""
    rows, pooled = score(path, lag)
    macro = [rows[name]["f1_7"] if name in rows else None for name in ("ae", "emodb neutral", "emodb emotional")]
    foreign = rows.get("voxangeles macro", {}).get("f1_7")
    only = f" ({', '.join(system.languages)} only)" if system.languages else ""
    return [
        system.title + only + (f", moved {lag} ms earlier" if lag else ""),
        "yes" if system.transcript else "no",
        *(_number(value, 3) for value in (*macro, foreign)),
        f"{_number(pooled['closure_p_on'])} / {_number(pooled['closure_r_on'])}",
        f"{_number(pooled['onset_med'], 0)} ms",
        f"{_number(rows['ae']['silence_p'])} / {_number(rows['ae']['silence_r'])}",
        _number(cpu, 3),
    ]


def _number(value: float | None, digits: int = 2) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _digest(files: Sequence[Path]) -> str:
    return hashlib.sha256(b"".join(path.read_bytes() for path in files)).hexdigest()[:12]


def table(chosen: Sequence[str]) -> str:
    """The Markdown table of the named systems, or of all; below it those that could not run."""
    rows, folder = sounds()
    lines, absent = [" | ".join(HEADER), " | ".join("---" for _ in HEADER)], dict(ABSENT)
    for system in systems():
        if chosen and system.name not in chosen:
            continue
        try:
            made = tracks(system, rows, folder)
        except Unavailable as reason:
            absent[system.title] = str(reason)
            continue
        lines += [" | ".join(cells(system, lag, *made)) for lag in system.lags]
    notes = [f"{title}: not available: {reason}." for title, reason in absent.items()]
    return "\n".join([*(f"| {line} |" for line in lines), "", *notes])


def main() -> None:
    """Print it, or say what is missing."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.accuracy", description=__doc__.partition("\n\n")[0])
    parser.add_argument("systems", nargs="*", help=f"only these: {' '.join(system.name for system in systems())}")
    options = parser.parse_args()
    require_labels()
    print(table(options.systems))


if __name__ == "__main__":
    main()
