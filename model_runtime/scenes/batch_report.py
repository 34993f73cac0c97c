"""One page about many lines: totals, what needs a look first, and the picture of every line; opens offline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from statistics import median

import numpy as np

from .. import phones
from ..acting.voice import level
from ..contracts import AudioClip, ContactProof, MouthTrack, Speech
from . import plots
from .report import STYLESHEET

UNSURE = 0.45
"""Mean confidence of a line's phones below which it should be listened to."""
MISFIT = 0.7
"""Share of a transcript's phones that must be heard."""
CLIPPED = 0.001
"""Share of samples at full scale from which a recording is overdriven."""
LOUDER = 8.0
"""dB by which a line's vowels may differ from the median of its character's lines."""


@dataclass(frozen=True)
class BatchLine:
    """What the page says of one line. status: DONE, UNCHANGED, FAILED or WAITING; note: a sentence on it.

    closures, touches: (proven, all) frames of p b m and of f v. confidence: 0-1; text_fit: 0-1 or None without
    transcript; level: dBFS of its vowels; clipped: share of samples at full scale; picture: its drawing as SVG.
    """

    name: str
    character: str
    language: str
    status: str
    note: str = ""
    seconds: float = 0.0
    closures: tuple[int, int] = (0, 0)
    touches: tuple[int, int] = (0, 0)
    confidence: float = 1.0
    text_fit: float | None = None
    level: float = -20.0
    clipped: float = 0.0
    picture: str = ""


def described(
    line: BatchLine, clip: AudioClip, speech: Speech, track: MouthTrack, proofs: Sequence[ContactProof] = ()
) -> BatchLine:
    """The line with what its sound and motion tell."""
    spoken = [p for p in speech.phones if p.symbol != phones.SILENCE]
    length = sum(p.end - p.start for p in spoken)
    return BatchLine(
        line.name, line.character, line.language, line.status, line.note, clip.duration, line.closures, line.touches,
        sum(p.confidence * (p.end - p.start) for p in spoken) / length if length else 0.0,
        speech.text_fit, level(speech),
        float((np.abs(clip.samples) > 0.999).mean()), plots.line_plot(clip, speech, track, proofs),
    )  # fmt: skip


def warnings(line: BatchLine, usual: float | None = None) -> list[str]:
    """What an artist should look at, worst first. usual: the median of the character's lines in dBFS."""
    found = []
    if line.status == "FAILED":
        found.append(line.note)
    for (proven, count), what in ((line.closures, "p b m stay open"), (line.touches, "f v miss the teeth")):
        if proven < count:
            found.append(f"{count - proven} frames of {what}")
    if line.text_fit is not None and line.text_fit < MISFIT:
        found.append(f"the transcript fits {line.text_fit:.0%}")
    if line.status != "FAILED" and line.confidence < UNSURE:
        found.append(f"heard with a confidence of {line.confidence:.2f} only")
    if line.clipped > CLIPPED:
        found.append(f"{line.clipped:.1%} of the sound is overdriven")
    if usual is not None and abs(line.level - usual) > LOUDER:
        found.append(f"{line.level - usual:+.0f} dB against its character's other lines")
    return found


def totals(lines: Sequence[BatchLine]) -> dict[str, float]:
    """The figures of the page's head, by name."""
    return {
        "lines": len(lines),
        "failed": sum(line.status == "FAILED" for line in lines),
        "seconds": round(sum(line.seconds for line in lines), 1),
        "closures": sum(line.closures[1] for line in lines),
        "closures proven": sum(line.closures[0] for line in lines),
        "f v": sum(line.touches[1] for line in lines),
        "f v proven": sum(line.touches[0] for line in lines),
    }


def write_batch_report(path: Path, title: str, lines: Sequence[BatchLine]) -> None:
    """Writes the page; an existing file is replaced at once, never half written."""
    levels: dict[str, list[float]] = {}
    for line in lines:
        if line.seconds:
            levels.setdefault(line.character, []).append(line.level)
    flagged = [(line, warnings(line, _usual(levels.get(line.character, [])))) for line in lines]
    ordered = sorted(flagged, key=lambda item: (item[0].status != "FAILED", -len(item[1])))
    facts = "".join(f"<div><dt>{name}</dt><dd>{value:g}</dd></div>" for name, value in totals(lines).items())
    page = (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)} · Labial</title><style>{STYLESHEET.read_text(encoding='utf-8')}</style></head>"
        f'<body><header><p class="brand">Labial</p><h1>{escape(title)}</h1><dl class="facts">{facts}</dl></header>'
        f"<section><h2>Lines</h2><p>What needs a look comes first.</p>{''.join(_card(*item) for item in ordered)}"
        f"{plots.legend()}</section><footer>Made by Labial on this computer, offline.</footer></body></html>\n"
    )
    part = path.with_name(path.name + ".part")
    part.write_text(page, encoding="utf-8")
    part.replace(path)


def _usual(levels: Sequence[float]) -> float | None:
    """The median, where there are enough lines to have one."""
    return median(levels) if len(levels) >= 3 else None


def _card(line: BatchLine, found: Sequence[str]) -> str:
    verdict = "bad" if line.status == "FAILED" or found else "good"
    cells = [line.character or "nobody", line.language, line.status.lower()]
    if line.seconds:
        cells += [
            f"{line.seconds:.1f} s", f"p b m {line.closures[0]} of {line.closures[1]}",
            f"f v {line.touches[0]} of {line.touches[1]}", f"confidence {line.confidence:.2f}",
        ]  # fmt: skip
    notes = "".join(f'<p class="warning">{escape(text)}</p>' for text in found)
    opened = " open" if found else ""
    return (
        f'<details{opened} data-line="{escape(line.name)}"><summary><b class="{verdict}">{escape(line.name)}</b> '
        f"{escape(' · '.join(cells))}</summary>{notes}{line.picture}</details>"
    )
