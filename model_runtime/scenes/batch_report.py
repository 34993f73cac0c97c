"""One page about many lines: totals, what needs a look first, and the picture of every line; opens offline."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from html import escape
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple
from urllib.parse import quote

import numpy as np

from .. import phones
from ..acting.voice import level
from ..contracts import CHANNELS, AudioClip, ContactProof, MouthTrack, Speech
from . import plots
from .page import write_page

UNSURE = 0.45
"""Mean confidence of a line's phones below which it should be listened to."""
MISFIT = 0.7
"""Share of a transcript's phones that must be heard."""
CLIPPED = 0.001
"""Share of samples at full scale from which a recording is overdriven."""
LOUDER = 8.0
"""dB by which a line's vowels may differ from the median of its character's lines."""


SYNC_MS = (-125.0, 45.0)
"""From how early to how late a picture is not noticed to be off its sound (ITU-R BT.1359)."""
MEND, LISTEN, KNOW = 3, 2, 1
"""How grave a warning is: must be mended, should be looked at, is good to know."""


@dataclass(frozen=True)
class BatchLine:
    """What the page says of one line. status: DONE, UNCHANGED, FAILED or WAITING; note: a sentence on it.

    closures, touches: (proven, all) frames of p b m and of f v. confidence: 0-1; text_fit: 0-1 or None without
    transcript; level: dBFS of its vowels; clipped: share of samples at full scale; sync_ms: how much later than the
    voice the jaw moves, None where too little is said to tell; moved: frames by which its sound strip was moved away
    from it; dub: how it would fit its shot, "" if it does; still: a picture of the mouth, as a link from the page;
    picture: its drawing as SVG.
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
    sync_ms: float | None = None
    moved: int = 0
    dub: str = ""
    still: str = ""
    picture: str = ""


class Warned(NamedTuple):
    """Something that an artist should know, and how grave it is."""

    severity: int
    text: str


def described(
    line: BatchLine, clip: AudioClip, speech: Speech, track: MouthTrack, proofs: Sequence[ContactProof] = ()
) -> BatchLine:
    """The line with what its sound and motion tell."""
    spoken = [p for p in speech.phones if p.symbol != phones.SILENCE]
    length = sum(p.end - p.start for p in spoken)
    return replace(
        line,
        seconds=clip.duration,
        confidence=sum(p.confidence * (p.end - p.start) for p in spoken) / length if length else 0.0,
        text_fit=speech.text_fit,
        level=level(speech),
        clipped=float((np.abs(clip.samples) > 0.999).mean()),
        sync_ms=sync_offset(speech, track),
        picture=plots.line_plot(clip, speech, track, proofs),
    )


def sync_offset(speech: Speech, track: MouthTrack, furthest: int = 25) -> float | None:
    """Milliseconds by which the jaw follows the loudness of the voice: the lag of their largest correlation.

    Both are at 100 Hz; lags of up to `furthest` frames are looked at. None where fewer than 2 s are left to compare, or
    nothing moves.
    """
    count = min(len(speech.loudness), len(track.values))
    loud = np.array(speech.loudness[furthest : count - furthest], dtype=np.float64)
    jaw = np.array(track.values[:count, CHANNELS.index("jaw")], dtype=np.float64)
    if len(loud) < 200 or loud.std() == 0.0 or jaw[2 * furthest : -2 * furthest].std() == 0.0:
        return None
    likeness = [np.corrcoef(loud, jaw[at : at + len(loud)])[0, 1] for at in range(2 * furthest + 1)]
    return 10.0 * (int(np.argmax(likeness)) - furthest)


def warnings(line: BatchLine, usual: float | None = None) -> list[Warned]:
    """What an artist should look at, the gravest first. usual: the median of the character's lines in dBFS."""
    found = []
    if line.status == "FAILED":
        found.append(Warned(MEND, line.note))
    for (proven, count), what in ((line.closures, "p b m stay open"), (line.touches, "f v miss the teeth")):
        if proven < count:
            found.append(Warned(MEND, f"{count - proven} frames of {what}"))
    if line.moved:
        found.append(Warned(MEND, f"its sound was moved by {line.moved:+d} frames: Follow Sounds moves its mouth"))
    if line.dub:
        found.append(Warned(MEND, line.dub))
    if line.text_fit is not None and line.text_fit < MISFIT:
        found.append(Warned(LISTEN, f"the transcript fits {line.text_fit:.0%}"))
    if line.status != "FAILED" and line.confidence < UNSURE:
        found.append(Warned(LISTEN, f"heard with a confidence of {line.confidence:.2f} only"))
    if line.sync_ms is not None and not SYNC_MS[0] <= line.sync_ms <= SYNC_MS[1]:
        found.append(Warned(LISTEN, f"the jaw moves {line.sync_ms:+.0f} ms against the voice"))
    if line.clipped > CLIPPED:
        found.append(Warned(KNOW, f"{line.clipped:.1%} of the sound is overdriven"))
    if usual is not None and abs(line.level - usual) > LOUDER:
        found.append(Warned(KNOW, f"{line.level - usual:+.0f} dB against its character's other lines"))
    return found


def figures(lines: Sequence[BatchLine]) -> dict[str, Any]:
    """Everything that the page says but the pictures, as plain data: totals, and each line with its warnings."""
    told = [
        {**{name: value for name, value in asdict(line).items() if name != "picture"},
         "warnings": [warned.text for warned in found]}
        for line, found in _warned(lines)
    ]  # fmt: skip
    return {"totals": totals(lines), "lines": told}


def _warned(lines: Sequence[BatchLine]) -> list[tuple[BatchLine, list[Warned]]]:
    levels: dict[str, list[float]] = {}
    for line in lines:
        if line.seconds:
            levels.setdefault(line.character, []).append(line.level)
    return [(line, warnings(line, _usual(levels.get(line.character, [])))) for line in lines]


def _usual(levels: Sequence[float]) -> float | None:
    """The median, where there are enough lines to have one."""
    return median(levels) if len(levels) >= 3 else None


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
    ordered = sorted(_warned(lines), key=lambda item: _gravity(*item), reverse=True)
    told = totals(lines)
    facts = "".join(
        f"<div><dt>{name}</dt><dd>{value:g}</dd></div>"
        for name, value in told.items()
        if told.get(name.removesuffix(" proven")) or name in ("lines", "failed")
    )
    cards = "".join(_card(*item) for item in ordered)
    write_page(
        path,
        title,
        f'<header><p class="brand">Labial</p><h1>{escape(title)}</h1><dl class="facts">{facts}</dl></header>'
        f"<section><h2>Lines</h2><p>What needs a look comes first.</p>{cards}"
        f"{plots.legend()}</section><footer>Made by Labial on this computer, offline.</footer>",
    )


def _gravity(line: BatchLine, found: Sequence[Warned]) -> tuple[bool, list[int]]:
    """What failed first, then by the gravest warning, then by the next."""
    return line.status == "FAILED", sorted((warned.severity for warned in found), reverse=True)


def _card(line: BatchLine, found: Sequence[Warned]) -> str:
    verdict = "bad" if any(warned.severity > KNOW for warned in found) else "good"
    cells = [line.character or "nobody", line.language, line.status.lower()]
    if line.seconds:
        cells += [
            f"{line.seconds:.1f} s", f"p b m {line.closures[0]} of {line.closures[1]}",
            f"f v {line.touches[0]} of {line.touches[1]}", f"confidence {line.confidence:.2f}",
            f"{line.level:.0f} dB",
        ]  # fmt: skip
    if line.sync_ms is not None:
        cells.append(f"jaw {line.sync_ms:+.0f} ms")
    if line.text_fit is not None:
        cells.append(f"transcript {line.text_fit:.0%}")
    notes = "".join(f'<p class="warning">{escape(warned.text)}</p>' for warned in found)
    still = f'<p><a href="{escape(quote(line.still))}">Still at its widest</a></p>' if line.still else ""
    opened = " open" if found else ""
    return (
        f'<details{opened} data-line="{escape(f"{line.name} {line.language}")}"><summary>'
        f'<b class="{verdict}">{escape(line.name)}</b> '
        f"{escape(' · '.join(cells))}</summary>{notes}{line.picture}{still}</details>"
    )
