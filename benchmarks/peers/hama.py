"""hama's phone recogniser (CTC): no transcript, English and Korean.

Origin: PyPI hama 1.7.0 (S. Park), Apache-2.0, with the model of its wheel. A speech recogniser, not a lip-sync system:
the IPA becomes visemes by Labial's own tables. A phone starts where hama emits it and lasts to the next one; hama tells
no silence but word boundaries, so a phone lasts `LONGEST` at most and gaps shorter than `SHORTEST_REST` are closed.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from model_runtime.hearing.lexicon import inventory
from model_runtime.phones import VISEME_OF

from .children import ask_python

LONGEST, SHORTEST_REST = 0.25, 0.15
"""Seconds."""

PROGRAM = """
import hama
model = hama.ASRModel()
def answer(path):
    spans = model.phoneme_spans(model.transcribe_file(path))
    return [(span.start_ms / 1000, span.end_ms / 1000, span.phoneme) for span in spans]
"""


def cues(rows: Sequence[dict[str, Any]], folder: Path, work: Path) -> Iterator[dict[str, Any]]:
    """One track a row."""
    jobs = [(str(folder / row["audio"]),) for row in rows]
    for row, spans in zip(rows, ask_python(work, PROGRAM, jobs), strict=True):
        yield {"id": row["id"], "set": row["set"], "vocab": "ovr15", "cues": shapes(spans)}


def shapes(spans: Sequence[tuple[float, float, str]]) -> list[dict[str, Any]]:
    """Spans (start, end, IPA) as cues; a lone diacritic is no phone."""
    known = [(start, end, phones[0].symbol) for start, end, ipa in spans if (phones := inventory(ipa))]
    shown = []
    for (start, end, phone), (following, _, _) in pairwise([*known, (float("inf"), 0.0, "")]):
        end = min(following if following - end < SHORTEST_REST else end, start + LONGEST)
        shown.append({"start": start, "end": end, "viseme": VISEME_OF[phone]})
    return shown
