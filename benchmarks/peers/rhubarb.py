"""Rhubarb Lip Sync in its WebAssembly port, run by node: word recognition with PocketSphinx, with or without the text.

Origin: npm rhubarb-lip-sync-wasm 0.1.8 (port by D. Oquelis of Rhubarb by D. S. Wolf), MIT. English only. The port
offers neither the phonetic recogniser nor Rhubarb's larger acoustic model; its cues may overlap, and are left so.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

# The port prints its progress on standard output, so the results go to a file.
PROGRAM = """
import { appendFileSync, readFileSync } from "node:fs";
const { Rhubarb } = await import(process.argv[2]);
console.log = () => {};
for (const [path, dialogText] of JSON.parse(readFileSync(process.argv[3]))) {
  const { mouthCues } = await Rhubarb.getLipSync(readFileSync(path).subarray(44), { dialogText });
  appendFileSync(process.argv[4], JSON.stringify(mouthCues) + "\\n");
}
"""
"""Arguments: the package's entry, a JSON list of [WAV file with a plain header, text], the file of results."""


def cues(rows: Sequence[dict[str, Any]], folder: Path, work: Path) -> Iterator[dict[str, Any]]:
    """One track a row, from sound alone."""
    yield from _run([(str(folder / row["audio"]), "") for row in rows], rows, work)


def cues_with_text(rows: Sequence[dict[str, Any]], folder: Path, work: Path) -> Iterator[dict[str, Any]]:
    """One track a row, with its text as dialog."""
    yield from _run([(str(folder / row["audio"]), row["text"]) for row in rows], rows, work)


def _run(sounds: list[tuple[str, str]], rows: Sequence[dict[str, Any]], work: Path) -> Iterator[dict[str, Any]]:
    entry = (work / "node_modules/rhubarb-lip-sync-wasm/dist/index.js").resolve()
    program, asked, answers = work / "run.mjs", work / "asked.json", work / "answers.jsonl"
    program.write_text(PROGRAM)
    asked.write_text(json.dumps(sounds))
    answers.unlink(missing_ok=True)
    command = ["node", str(program), entry.as_uri(), str(asked), str(answers)]
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=True)
    for row, line in zip(rows, answers.read_text().splitlines(), strict=True):
        found = [{"start": c["start"], "end": c["end"], "viseme": c["value"]} for c in json.loads(line)]
        yield {"id": row["id"], "set": row["set"], "vocab": "rhubarb", "cues": found}
