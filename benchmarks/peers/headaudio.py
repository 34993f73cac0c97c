"""HeadAudio: MFCCs against Gaussian prototypes of visemes, with a vote over 100 ms; no transcript.

Origin: npm @met4citizen/headaudio 0.1.0 (M. Suominen), MIT, with its model and default settings. Its audio
processor runs in node as it does in a browser; a viseme holds from the time that the processor gives it to the next.
The browser part drops viseme 0, "aa", as if it were none; here it is kept.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from .children import ask_node

PROGRAM = """
import { readFileSync as read } from "node:fs";
import { createRequire } from "node:module";
import { Processor } from "@met4citizen/headaudio/modules/processor.mjs";
import { Training } from "@met4citizen/headaudio/modules/training.mjs";
const NAMES = ["aa", "E", "I", "O", "U", "PP", "SS", "TH", "DD", "FF", "kk", "nn", "RR", "CH", "sil"];
const HEADER = 44, BLOCK = 128, RATE = 16000;
const file = createRequire(import.meta.url).resolve("@met4citizen/headaudio/dist/model-en-mixed.bin");
const location = "data:application/octet-stream;base64," + read(file).toString("base64");
async function answer(path) {
  const events = [];
  const worklet = { port: { postMessage: (event) => events.push(event) } };
  const processor = new Processor({ sampleRate: RATE }, worklet);
  processor._onmessage({ data: { event: "model", model: (await new Training().loadModel(location)).model } });
  const bytes = read(path).subarray(HEADER);
  const samples = Float32Array.from({ length: bytes.length >> 1 }, (_, i) => bytes.readInt16LE(2 * i) / 32768);
  for (let at = 0; at < samples.length; at += BLOCK) processor.process(samples.subarray(at, at + BLOCK));
  const cues = [];
  for (const { event, viseme, t } of events) {
    if (event === "started" || (event === "viseme" && viseme === null)) continue;
    if (cues.length) cues.at(-1).end = t;
    cues.push({ start: t, end: samples.length / RATE, viseme: event === "ended" ? "sil" : NAMES[viseme] });
  }
  return cues;
}
"""


def cues(rows: Sequence[dict[str, Any]], folder: Path, work: Path) -> Iterator[dict[str, Any]]:
    """One track a row."""
    jobs = [(str(folder / row["audio"]),) for row in rows]
    for row, found in zip(rows, ask_node(work, PROGRAM, jobs), strict=True):
        yield {"id": row["id"], "set": row["set"], "vocab": "ovr15", "cues": found}
