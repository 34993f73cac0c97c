"""How exact the cues are on hand-labelled speech: `python3 build.py bench detail` prints all of score_hand.py.

Runs the command line over ../shared/speech/handlabelled, without and with transcript. The recordings are for scoring
only; nothing is trained on them or tuned to them.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
RUNS = {"sound alone": (), "with transcript": ("--with-text",)}


def tables(shared: Path) -> str:
    """The scorer's table of each run, under its title."""
    labels, scorer = shared / "speech/handlabelled/labels.jsonl", shared / "bench/score_hand.py"
    parts = []
    with tempfile.TemporaryDirectory() as folder:
        cues = Path(folder) / "cues.jsonl"
        for title, options in RUNS.items():
            command = ["-m", "model_runtime", "cues", "--labels", str(labels), "--complete-only", *options]
            with open(cues, "w", encoding="utf-8") as out:
                subprocess.run([sys.executable, *command], cwd=ROOT, stdout=out, check=True)
            scored = subprocess.run([sys.executable, scorer, labels, cues], capture_output=True, text=True, check=True)
            parts.append(f"{title}\n{scored.stdout}")
    return "\n".join(parts)


def main() -> None:
    """Print them, or say what is missing."""
    shared = ROOT.parent / "shared"
    if not (shared / "speech/handlabelled").is_dir():
        sys.exit("build.py: the hand-labelled recordings (../shared/speech/handlabelled) are not here.")
    print(tables(shared))


if __name__ == "__main__":
    main()
