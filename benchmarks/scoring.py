"""Labial's own command line over labelled recordings, and what ../shared/bench/score_hand.py says of tracks."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
SHARED = ROOT.parent / "shared"
LABELS = SHARED / "speech/handlabelled/labels.jsonl"
SCORER = SHARED / "bench/score_hand.py"

Rows = Sequence[dict[str, Any]]


def require_labels() -> None:
    """Stop with the reason if there is nothing to score against."""
    if not LABELS.is_file():
        sys.exit("build.py: the hand-labelled recordings (../shared/speech/handlabelled) are not here.")


def read(path: Path) -> Rows:
    """One JSON object a line."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def write(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    """One JSON object a line, whole or not at all."""
    part = path.with_suffix(".part")
    with open(part, "w", encoding="utf-8") as out:
        out.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    part.replace(path)


def cued(labels: Path, *options: str) -> Rows:
    """The cues of every row of a list of labelled recordings."""
    command = [sys.executable, "-m", "model_runtime", "cues", "--labels", str(labels), *options]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def table(labels: Path, tracks: Rows) -> str:
    """The scorer's table."""
    return _scorer(labels, tracks)


def figures(labels: Path, tracks: Rows, lag: int = 0) -> dict[str, Any]:
    """The scorer's figures by row; the tracks are moved `lag` ms earlier first."""
    found: dict[str, Any] = json.loads(_scorer(labels, tracks, "--lag", str(lag), "--json"))
    return found


def _scorer(labels: Path, tracks: Rows, *options: str) -> str:
    with tempfile.TemporaryDirectory() as folder:
        made = Path(folder) / "cues.jsonl"
        write(made, tracks)
        command = [sys.executable, str(SCORER), str(labels), str(made), *options]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout
