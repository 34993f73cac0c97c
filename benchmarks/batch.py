"""How many lines an hour: `python3 build.py bench batch`, or `python -m benchmarks.batch --lines N --twice --kill`.

Lines of 5 s are made from the demo line at other places, levels and speeds, and by flite where it is installed. One
batch of two workers stands against two independent batches of one worker with half of the lines each: what sharing
costs is the difference. Every figure is of the command that a user types, from its start to its end. Seconds depend on
what else the machine does; processor seconds do so less, and the arithmetic at the end starts from them.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import wave
from collections import Counter
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model_runtime import track_file
from model_runtime.contracts import SAMPLE_RATE
from model_runtime.hearing import audio

ROOT = Path(__file__).resolve().parents[1]
LINE = ROOT / "presets/demo/line.wav"
SECONDS = 5.0
MANY = 100_000
_SAID = "Line number {} of this batch is spoken by a machine, so that no two of them sound the same to anybody here."


@dataclass(frozen=True)
class Measured:
    """Commands that ran at once: wall seconds, processor seconds of all processes, the largest of them in MB."""

    seconds: float
    processor: float
    megabytes: float


def make_lines(folder: Path, count: int) -> Path:
    """A sheet of `count` sounds, no two of them the same."""
    line = audio.load(LINE).samples
    random = np.random.default_rng(1)
    flite = shutil.which("flite")
    for k in range(count):
        path = folder / f"l{k:05}.wav"
        if flite and k % 4 == 3:
            subprocess.run([flite, "-t", _SAID.format(k), "-o", path], check=True)
            source = audio.load(path).samples
        else:
            source = np.roll(line, int(random.integers(len(line))))
        speed, gain = random.uniform(0.85, 1.15), random.uniform(0.3, 1.0)
        at = np.arange(int(SECONDS * SAMPLE_RATE)) * speed % (len(source) - 1)
        write(path, np.interp(at, np.arange(len(source)), source) * gain)
    return sheet_of(folder / "lines.csv", range(count))


def sheet_of(path: Path, numbers: Iterable[int]) -> Path:
    """A sheet of the sounds of these numbers."""
    path.write_text("sound\n" + "".join(f"l{k:05}.wav\n" for k in numbers), encoding="utf-8")
    return path


def write(path: Path, samples: NDArray[np.floating]) -> None:
    """16-bit mono WAV at 16 kHz."""
    with wave.open(str(path), "wb") as file:
        file.setparams((1, 2, SAMPLE_RATE, 0, "NONE", ""))
        file.writeframes((np.clip(samples, -1.0, 1.0) * 32767.0).astype("<i2").tobytes())


def command(*arguments: object) -> list[str]:
    """A batch as a user types it."""
    return [sys.executable, "-m", "model_runtime", "batch", *map(str, arguments)]


def measured(*commands: tuple[object, ...]) -> Measured:
    """Runs batches at once, with the arguments given. Raises RuntimeError if one of them fails."""
    started, processor, largest = time.perf_counter(), 0.0, 0.0
    quiet = {"cwd": ROOT, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    running = [subprocess.Popen(command(*arguments), **quiet) for arguments in commands]  # type: ignore[call-overload]
    for process in running:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        processor += usage.ru_utime + usage.ru_stime
        largest = max(largest, usage.ru_maxrss / 1024)
        if process.returncode != 0:
            raise RuntimeError(f"a batch ended with {process.returncode}")
    return Measured(time.perf_counter() - started, processor, largest)


def killed(sheet: Path, out: Path, count: int, times: int = 3) -> str:
    """Ends a batch of two workers with SIGKILL, at equal shares of its lines, and goes on; says what became of it."""
    ledger, started = out / "ledger.jsonl", time.perf_counter()
    for k in range(1, times + 1):
        with subprocess.Popen(command(sheet, "--out", out, "--workers", 2), cwd=ROOT, stderr=subprocess.DEVNULL) as run:
            while run.poll() is None and len(_entries(ledger)) < k * count // (times + 1):
                time.sleep(0.02)
            run.kill()
    last = measured((sheet, "--out", out, "--workers", 2))
    done = Counter(entry["id"] for entry in _entries(ledger) if entry["state"] == "done")
    whole = sum(track_file.read(path).duration > 0.9 * SECONDS for path in out.glob("*.mouth.json"))
    once = sum(number == 1 for number in done.values())
    return (
        f"Killed {times} times, gone on ({time.perf_counter() - started:.0f} s, the last part {last.seconds:.0f} s): "
        f"{once} of {count} lines once in the ledger, {sum(done.values()) - len(done)} twice, {whole} files whole."
    )


def _entries(ledger: Path) -> list[dict[str, Any]]:
    entries = []
    for row in ledger.read_bytes().split(b"\n") if ledger.exists() else ():
        with suppress(ValueError):  # a line that a kill has torn
            entries.append(json.loads(row))
    return entries


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--lines", type=int, default=200)
    parser.add_argument("--twice", action="store_true", help="also twice as many lines")
    parser.add_argument("--kill", action="store_true", help="also end a batch three times and go on")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as place:
        print(report(Path(place), options.lines, twice=options.twice, kill=options.kill))


def report(folder: Path, count: int, *, twice: bool, kill: bool) -> str:
    """Everything measured, as text; what is known so far is told meanwhile."""
    rows: list[tuple[str, int, Measured]] = []

    def row(name: str, done: int, *commands: tuple[object, ...]) -> Measured:
        rows.append((name, done, measured(*commands)))
        print(rows[-1], file=sys.stderr, flush=True)
        return rows[-1][2]

    every = make_lines(folder, count * (1 + twice))
    sheet = sheet_of(folder / "sheet.csv", range(count))
    measured((sheet, "--out", folder / "warm", "--shard", f"1/{count}"))  # the files of the program into memory
    two = row("two workers", count, (sheet, "--out", folder / "two", "--workers", 2))
    halves = [sheet_of(folder / f"half{k}.csv", range(k, count, 2)) for k in (0, 1)]
    apart = row("two batches of half the lines each", count, *((half, "--out", folder / half.stem) for half in halves))
    if twice:
        row("two workers, twice as many lines", 2 * count, (every, "--out", folder / "twice", "--workers", 2))
    longest = rows[-1] if twice else rows[0]
    row("the same again: all is done", count, (sheet, "--out", folder / "two"))
    many = folder / "many.csv"
    many.write_text("id,sound\n" + "".join(f"{k},l{k % count:05}.wav\n" for k in range(MANY)), encoding="utf-8")
    row(f"reading a sheet of {MANY} lines", MANY, (many, "--out", folder / "none", "--dry-run"))
    files = list((folder / "two").glob("*.mouth.json"))
    size = sum(path.stat().st_size for path in files) / len(files)
    told = [_table(rows, count), _comparison(two, apart)]
    told += [killed(sheet, folder / "killed", count)] if kill else []
    return "\n".join([*told, _projection(longest, size)])


def _table(rows: Sequence[tuple[str, int, Measured]], count: int) -> str:
    head = f"{count} lines of {SECONDS:g} s, {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}\n"
    lines = [head, "| what | seconds | processor seconds | the same, a line | lines a minute | largest process, MB |"]
    lines.append("|---|---|---|---|---|---|")
    for name, done, row in rows:
        lines.append(
            f"| {name} | {row.seconds:.1f} | {row.processor:.1f} | {row.processor / done:.4f} "
            f"| {60 * done / row.seconds:.0f} | {row.megabytes:.0f} |"
        )
    return "\n".join([*lines, ""])


def _comparison(two: Measured, apart: Measured) -> str:
    return (
        f"Two workers against two batches: {two.seconds / apart.seconds:.2f} times their seconds, "
        f"{two.processor / apart.processor:.2f} times their processor seconds."
    )


def _projection(row: tuple[str, int, Measured], size: float) -> str:
    """What the longest run says of very many lines."""
    _, done, ran = row
    each = ran.processor / done
    return (
        f"A line: {each:.4f} processor seconds, {ran.seconds / done:.3f} s of this machine, {size / 1000:.0f} kB.\n"
        f"{MANY} lines: {MANY * each / 3600:.2f} processor hours, {MANY * ran.seconds / done / 3600:.1f} h of this "
        f"machine as busy as it is, {MANY * size / 1e9:.1f} GB."
    )


if __name__ == "__main__":
    main()
