"""Runs what needs packages that Blender has not in a Python of the user's, and tells how far it is. No bpy here."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import IO, Any

from ..model_runtime.contracts import Progress
from ..model_runtime.errors import PlateError

TICK = 0.2
"""Seconds between looks at whether the user has cancelled."""


def run(python: Path, folder: Path, arguments: Sequence[str | Path], progress: Progress) -> dict[str, Any]:
    """Runs `python ARGUMENTS` in a folder; what it says last, in lines of JSON, {"share": 0-1, "text": …}.

    `progress` may raise Cancelled: then the process is ended. Raises PlateError with what it said if it fails.
    """
    if not python.is_file():
        raise PlateError(
            "Video plates are made in a Python of their own: name one in the preferences of Labial (Python for Video "
            "Plates). docs/plate.md says which packages it needs."
        )
    clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    process = subprocess.Popen(
        [str(part) for part in (python, *arguments)], cwd=folder, env=clean, text=True, encoding="utf-8",
        errors="replace", stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
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
        told = _follow(lines, progress)
    except BaseException:
        process.terminate()
        raise
    finally:
        code = process.wait()
        for thread in threads:
            thread.join()
        process.stdout.close()
        process.stderr.close()
    if code not in (0, 1) or not told:
        last = said[-1].strip().removeprefix("labial: ") if said else f"it ended with code {code}"
        raise PlateError(last + (f". Install it into {python}." if "ModuleNotFoundError" in last else ""))
    return told


def _read(pipe: IO[str], lines: queue.Queue[str | None]) -> None:
    for line in pipe:
        lines.put(line)
    lines.put(None)


def _follow(lines: queue.Queue[str | None], progress: Progress) -> dict[str, Any]:
    told: dict[str, Any] = {}
    share, text = 0.0, "Starting"
    while True:
        progress(share, text)
        try:
            line = lines.get(timeout=TICK)
        except queue.Empty:
            continue
        if line is None:
            return told
        try:
            told = dict(json.loads(line))
            share, text = float(told["share"]), str(told["text"])
        except (ValueError, KeyError, TypeError):
            continue  # what libraries print
