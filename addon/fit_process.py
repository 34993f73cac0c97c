"""Runs labial-fit in a Python of the user's, outside of Blender, and tells how far it is. Nothing here touches bpy."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from ..model_runtime.contracts import Progress
from ..model_runtime.errors import PlateError

TICK = 0.2
"""Seconds between looks at whether the user has cancelled."""
FIT = "training/plate/fit.py"


@dataclass(frozen=True)
class Fit:
    """What to run: python of an environment with torch, the folder of labial-fit, and what to fit to what."""

    python: Path
    folder: Path
    plate: Path
    consent: Path
    out: Path
    minutes: float

    def check(self) -> None:
        """Raises PlateError naming what is not there."""
        if not self.python.is_file():
            raise PlateError(
                "Fitting runs in a Python of its own: name one in the preferences of Labial (Python for Fitting). The "
                "README of labial-fit says how to make it."
            )
        if not (self.folder / FIT).is_file():
            raise PlateError(
                f"{self.folder} is not the unpacked folder of labial-fit. Choose it in the preferences of Labial."
            )
        for path in (self.plate, self.consent):
            if not path.is_file():
                raise PlateError(f"There is no file {path}. Choose it in the panel.")


def run(fit: Fit, progress: Progress) -> Path:
    """Fits, and returns the network's path. `progress` may raise Cancelled: then the process is ended, nothing stays.

    Raises PlateError with what labial-fit said if it fails.
    """
    fit.check()
    command = [fit.python, "-m", "training.plate.fit", fit.plate, "--consent", fit.consent, "--out", fit.out,
               "--minutes", str(fit.minutes)]  # fmt: skip
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    process = subprocess.Popen([str(part) for part in command], cwd=fit.folder, env=clean, text=True, errors="replace",
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE)  # fmt: skip
    assert process.stdout is not None
    assert process.stderr is not None
    lines: queue.Queue[str | None] = queue.Queue()
    said: list[str] = []
    threads = [
        threading.Thread(target=_read, args=(process.stdout, lines), daemon=True),
        threading.Thread(target=said.extend, args=(process.stderr,), daemon=True),
    ]
    for thread in threads:
        thread.start()
    try:
        _follow(lines, progress)
    except BaseException:
        process.terminate()
        raise
    finally:
        code = process.wait()
        for thread in threads:
            thread.join()
    if not fit.out.is_file() or code != 0:
        last = said[-1].strip() if said else f"exit code {code}"
        hint = f" Install what it needs into {fit.python}." if "ModuleNotFoundError" in last else ""
        raise PlateError(f"labial-fit: {last}{hint}")
    return fit.out


def _read(pipe: IO[str], lines: queue.Queue[str | None]) -> None:
    for line in pipe:
        lines.put(line)
    lines.put(None)


def _follow(lines: queue.Queue[str | None], progress: Progress) -> None:
    share, text = 0.0, "Starting labial-fit"
    while True:
        progress(share, text)
        try:
            line = lines.get(timeout=TICK)
        except queue.Empty:
            continue
        if line is None:
            return
        try:
            told = json.loads(line)
            share, text = float(told["share"]), str(told["text"])
        except (ValueError, KeyError, TypeError):
            continue  # what libraries print
