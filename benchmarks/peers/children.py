"""Runs a short program in a peer's own environment: it reads a JSON list of jobs and writes one JSON line a job."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .install import Unavailable, python

PYTHON_LOOP = """
import json, sys
with open(sys.argv[1]) as asked, open(sys.argv[2], "w") as answers:
    for job in json.load(asked):
        print(json.dumps(answer(*job)), file=answers)
"""
NODE_LOOP = """
import { appendFileSync, readFileSync } from "node:fs";
for (const job of JSON.parse(readFileSync(process.argv[2]))) {
  appendFileSync(process.argv[3], JSON.stringify(await answer(...job)) + "\\n");
}
"""


def ask_python(work: Path, program: str, jobs: Sequence[Sequence[str]]) -> list[Any]:
    """`program` defines `answer(*job)`, which returns plain values; run in the environment of a pip package."""
    return _ask(work, [str(python(work))], "run.py", program + PYTHON_LOOP, jobs)


def ask_node(work: Path, program: str, jobs: Sequence[Sequence[str]]) -> list[Any]:
    """`program` defines `answer(...job)`, which may be async; imports are seen from the npm prefix."""
    return _ask(work, ["node"], "run.mjs", program + NODE_LOOP, jobs)


def _ask(work: Path, interpreter: list[str], name: str, program: str, jobs: Sequence[Sequence[str]]) -> list[Any]:
    asked, answers = work / "asked.json", work / "answers.jsonl"
    (work / name).write_text(program, encoding="utf-8")
    asked.write_text(json.dumps(jobs), encoding="utf-8")
    answers.unlink(missing_ok=True)
    # What peers print is kept apart from their answers, and told only when they fail.
    done = subprocess.run(
        [*interpreter, str(work / name), str(asked), str(answers)], capture_output=True, text=True, errors="replace"
    )
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()[-12:]
        raise Unavailable(f"it failed when it ran: {' / '.join(said)}")
    return [json.loads(line) for line in answers.read_text(encoding="utf-8").splitlines()]
