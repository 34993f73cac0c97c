"""pyLipSync, uLipSync's method in Python: MFCCs against one template a vowel; no consonants, no transcript.

Origin: PyPI pylipsync 0.2.1, MIT, with the templates of its wheel and its default settings. The track is the strongest
shape of every frame (60 a second).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from .children import ask_python

PROGRAM = """
import pylipsync
analyzer = pylipsync.PhonemeAnalyzer()
def answer(path):
    shown = []
    for segment in analyzer.extract_phoneme_segments(path, return_seconds=True):
        strongest = segment.dominant_phoneme
        name = strongest.name if strongest.target > 0 else "silence"
        shown.append({"start": float(segment.start), "end": float(segment.end), "viseme": name})
    return shown
"""


def cues(rows: Sequence[dict[str, Any]], folder: Path, work: Path) -> Iterator[dict[str, Any]]:
    """One track a row."""
    jobs = [(str(folder / row["audio"]),) for row in rows]
    for row, found in zip(rows, ask_python(work, PROGRAM, jobs), strict=True):
        yield {"id": row["id"], "set": row["set"], "vocab": "pylipsync", "cues": found}
