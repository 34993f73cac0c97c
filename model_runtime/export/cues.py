"""Phones to cues: one mouth shape at a time, in the vocabularies that 2D tools read. Times are acoustic."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..contracts import VISEMES, Speech
from ..phones import VISEME_OF

RHUBARB = {
    "sil": "X", "PP": "A", "FF": "G", "TH": "B", "DD": "B", "kk": "B", "CH": "B", "SS": "B", "nn": "B", "RR": "E",
    "aa": "D", "E": "C", "I": "B", "O": "E", "U": "F",
}  # fmt: skip
PRESTON_BLAIR = {
    "sil": "rest", "PP": "MBP", "FF": "FV", "TH": "etc", "DD": "etc", "kk": "etc", "CH": "etc", "SS": "etc",
    "nn": "etc", "RR": "etc", "aa": "AI", "E": "E", "I": "E", "O": "O", "U": "U",
}  # fmt: skip
VRM = {
    "sil": "sil", "PP": "sil", "FF": "ih", "TH": "ih", "DD": "ih", "kk": "ih", "CH": "ou", "SS": "ih", "nn": "ih",
    "RR": "oh", "aa": "aa", "E": "ee", "I": "ih", "O": "oh", "U": "ou",
}  # fmt: skip
VOCABULARIES: dict[str, Mapping[str, str]] = {
    "ovr15": {v: v for v in VISEMES},
    "rhubarb": RHUBARB,
    "preston_blair": PRESTON_BLAIR,
    "vrm": VRM,
}
"""Oculus viseme to the shape of each vocabulary."""


@dataclass(frozen=True)
class Cue:
    """A mouth shape from `start` to `end` seconds."""

    start: float
    end: float
    viseme: str


def cues(speech: Speech, vocabulary: str = "ovr15") -> tuple[Cue, ...]:
    """One cue a phone, neighbours of one shape merged, without gaps; a diphthong shows its first shape."""
    table = VOCABULARIES[vocabulary]
    made: list[Cue] = []
    for phone in speech.phones:
        shape = table[VISEME_OF[phone.symbol]]
        if made and made[-1].viseme == shape:
            made[-1] = Cue(made[-1].start, phone.end, shape)
        else:
            made.append(Cue(phone.start, phone.end, shape))
    return tuple(made)


def as_rows(found: Sequence[Cue]) -> list[dict[str, float | str]]:
    """Cues as plain values, times rounded to a millisecond."""
    return [{"start": round(c.start, 3), "end": round(c.end, 3), "viseme": c.viseme} for c in found]


def as_json_line(row: Mapping[str, object]) -> str:
    """One file's cues as one line."""
    return json.dumps(row, ensure_ascii=False)


def as_table(name: str, found: Sequence[Cue], delimiter: str) -> str:
    """Cues as lines of id, start, end, viseme."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, lineterminator="\n")
    for cue in found:
        writer.writerow([name, f"{cue.start:.3f}", f"{cue.end:.3f}", cue.viseme])
    return out.getvalue()
