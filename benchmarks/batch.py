"""How many lines an hour: `python3 build.py bench batch`, or `python -m benchmarks.batch --lines N`.

Lines of 5 s are made from the demo line at other places, levels and speeds, and by flite where it is installed. One
batch of two workers stands against two independent batches of one worker with half of the lines each: what sharing
costs is the difference. Every figure is of the command that a user types, from its start to its end. Seconds depend on
what else the machine does; processor seconds do so less, and the arithmetic at the end starts from them.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
import wave
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

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


def measured(*commands: tuple[object, ...]) -> Measured:
    """Runs batches at once, with the arguments given. Raises RuntimeError if one of them fails."""
    started, processor, largest = time.perf_counter(), 0.0, 0.0
    running = []
    for arguments in commands:
        command = [sys.executable, "-m", "model_runtime", "batch", *map(str, arguments)]
        running.append(subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL))
    for process in running:
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        processor += usage.ru_utime + usage.ru_stime
        largest = max(largest, usage.ru_maxrss / 1024)
        if process.returncode != 0:
            raise RuntimeError(f"a batch ended with {process.returncode}")
    return Measured(time.perf_counter() - started, processor, largest)


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--lines", type=int, default=200)
    count = parser.parse_args().lines
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        sheet = make_lines(folder, count)
        measured((sheet, "--out", folder / "warm", "--shard", f"1/{count}"))  # the files of the program into memory
        one = measured((sheet, "--out", folder / "one"))
        two = measured((sheet, "--out", folder / "two", "--workers", 2))
        halves = [sheet_of(folder / f"half{k}.csv", range(k, count, 2)) for k in (0, 1)]
        apart = measured(*((half, "--out", folder / half.stem) for half in halves))
        again = measured((sheet, "--out", folder / "two"))
        files = list((folder / "two").glob("*.mouth.json"))
        size = sum(path.stat().st_size for path in files) / len(files)
        many = folder / "many.csv"
        many.write_text("id,sound\n" + "".join(f"{k},l{k % count:05}.wav\n" for k in range(MANY)), encoding="utf-8")
        planned = measured((many, "--out", folder / "none", "--dry-run"))
    print(f"{count} lines of {SECONDS:g} s, {os.cpu_count()} processors, load {os.getloadavg()[0]:.1f}\n")
    print("| what | seconds | processor seconds | lines a minute | largest process, MB |\n|---|---|---|---|---|")
    for name, row, done in (
        ("one worker", one, count),
        ("two workers", two, count),
        ("two batches of half the lines each", apart, count),
        ("the same again: all is done", again, count),
        (f"reading a sheet of {MANY} lines", planned, MANY),
    ):
        rate = 60 * done / row.seconds
        print(f"| {name} | {row.seconds:.1f} | {row.processor:.1f} | {rate:.0f} | {row.megabytes:.0f} |")
    print(f"\nTwo workers against two batches: {two.seconds / apart.seconds:.2f} times their seconds.")
    each = two.processor / count
    print(f"A line: {each:.3f} processor seconds, {two.seconds / count:.3f} s of this machine, {size / 1000:.0f} kB.")
    print(f"{MANY} lines: {MANY * each / 3600:.1f} processor hours, {MANY * two.seconds / count / 3600:.1f} h of this")
    print(f"machine as busy as it is, {MANY * size / 1e9:.1f} GB.")


if __name__ == "__main__":
    main()
