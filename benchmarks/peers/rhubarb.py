"""Rhubarb Lip Sync in its WebAssembly port, run by node: word recognition with PocketSphinx, with or without the text.

Origin: npm rhubarb-lip-sync-wasm 0.1.8 (port by D. Oquelis of Rhubarb by D. S. Wolf), MIT. English only. The port
offers neither the phonetic recogniser nor Rhubarb's larger acoustic model; its cues may overlap, and are left so.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from .children import ask_node
from .install import Package

PACKAGE = Package("npm", "rhubarb-lip-sync-wasm", "0.1.8", "MIT")

PROGRAM = """
import { readFileSync as read } from "node:fs";
import { Rhubarb } from "rhubarb-lip-sync-wasm";
const HEADER = 44;  // bytes before the samples of a plain WAV file
async function answer(path, dialogText) {
  const { mouthCues } = await Rhubarb.getLipSync(read(path).subarray(HEADER), { dialogText });
  return mouthCues.map((cue) => ({ start: cue.start, end: cue.end, viseme: cue.value }));
}
"""


def cues(rows: Sequence[dict[str, Any]], folder: Path, work: Path) -> Iterator[dict[str, Any]]:
    """One track a row, from sound alone."""
    yield from _tracks([(str(folder / row["audio"]), "") for row in rows], rows, work)


def cues_with_text(rows: Sequence[dict[str, Any]], folder: Path, work: Path) -> Iterator[dict[str, Any]]:
    """One track a row, with its text as dialog."""
    yield from _tracks([(str(folder / row["audio"]), row["text"]) for row in rows], rows, work)


def _tracks(jobs: list[tuple[str, str]], rows: Sequence[dict[str, Any]], work: Path) -> Iterator[dict[str, Any]]:
    for row, found in zip(rows, ask_node(work, PROGRAM, jobs), strict=True):
        yield {"id": row["id"], "set": row["set"], "vocab": "rhubarb", "cues": found}
