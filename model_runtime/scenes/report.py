"""One page about one line: what was heard, how the mouth moves, whether the lips meet, and the keys that were made.

The page is a single HTML file without scripts or links: drawings are inline SVG, pictures are data URIs.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from ..contracts import AudioClip, Contact, ContactKind, ContactProof, KeyTracks, MouthTrack, Report, Speech
from ..phones import SILENCE
from . import plots
from .page import write_page

BAR_FULL = 0.06
"""Lip opening, as a share of the mouth's width, that fills the bar of a contact."""


@dataclass(frozen=True)
class Still:
    """A picture of the mouth: PNG bytes, the phone that it shows and when (seconds)."""

    png: bytes
    phone: str
    seconds: float


def write_report(
    path: Path,
    clip: AudioClip,
    speech: Speech,
    track: MouthTrack,
    keys: KeyTracks,
    report: Report,
    *,
    text: str = "",
    stills: Sequence[Still] = (),
    versions: Mapping[str, str] | None = None,
    provenance: str = "",
) -> None:
    """Write the page of a line.

    text: the transcript; provenance: one sentence on where the voice comes from; versions: name -> version of what
    took part. Existing files are replaced at once, never half written.
    """
    sections = [
        _head(speech, keys, report, text),
        _line(clip, speech, track, report),
        _stills(stills),
        _proofs(report),
        _keys(keys, report),
        _making(report, versions or {}),
        f"<footer>{escape(provenance)} Made by Labial on this computer, offline.</footer>",
    ]
    write_page(path, report.name, "".join(sections))


def _head(speech: Speech, keys: KeyTracks, report: Report, text: str) -> str:
    """Name, transcript and the figures that matter."""
    spoken = sum(phone.symbol != SILENCE for phone in speech.phones)
    total = sum(report.seconds.values())
    facts = {
        "length": f"{report.duration:.1f} <small>s</small>",
        "phones": f"{spoken}",
        "lips meet": _met(report, "closure"),
        "lip on teeth": _met(report, "labiodental"),
        "keys": f"{keys.key_count}",
        "largest error": f"{100 * report.key_error:.1f} <small>% of range</small>",
        "made in": f"{total:.1f} <small>s</small>",
    }
    cells = "".join(f"<div><dt>{name}</dt><dd>{value}</dd></div>" for name, value in facts.items())
    warnings = "".join(f'<p class="warning">{escape(warning)}</p>' for warning in report.warnings)
    quote = f"<blockquote>{escape(text.strip())}</blockquote>" if text.strip() else ""
    return (
        f'<header><p class="brand">Labial</p><h1>{escape(report.name)}</h1>{quote}'
        f'<dl class="facts">{cells}</dl>{warnings}</header>'
    )


def by_contact(report: Report) -> dict[Contact, list[ContactProof]]:
    """The proofs of each contact, in the order of the line: a contact is proven on every frame that it holds."""
    found: dict[Contact, list[ContactProof]] = {}
    for proof in sorted(report.proofs, key=lambda proof: (proof.contact.start, proof.frame)):
        found.setdefault(proof.contact, []).append(proof)
    return found


def _verdict(good: bool) -> str:
    return "good" if good else "bad"


def _line(clip: AudioClip, speech: Speech, track: MouthTrack, report: Report) -> str:
    return (
        "<section><h2>From sound to mouth</h2>"
        "<p>What was heard, and the motion that it became. Every channel runs from 0 to 1. The upright bands are the "
        "moments at which lips must meet, or the lower lip the teeth.</p>"
        f"{plots.line_plot(clip, speech, track, report.proofs)}{plots.legend()}</section>"
    )


def _stills(stills: Sequence[Still]) -> str:
    if not stills:
        return ""
    figures = "".join(
        f'<figure><img src="data:image/png;base64,{base64.b64encode(still.png).decode()}" '
        f'alt="The mouth at {escape(still.phone)}"><figcaption><b>{escape(still.phone)}</b> '
        f"{still.seconds:.2f} s</figcaption></figure>"
        for still in stills
    )
    return (
        "<section><h2>The mouth</h2><p>Frames of the animation, and the phones that they show.</p>"
        f'<div class="stills">{figures}</div></section>'
    )


def _met(report: Report, kind: ContactKind) -> str:
    """How many contacts of a kind are proven on all of their frames."""
    whole = [all(p.passed for p in proofs) for contact, proofs in by_contact(report).items() if contact.kind == kind]
    return f'<span class="{_verdict(all(whole))}">{sum(whole)}</span> <small>of {len(whole)}</small>'


def _proofs(report: Report) -> str:
    """A card for each contact that was measured on the moving mesh."""
    if not report.proofs:
        return ""
    cards = "".join(_card(contact, proofs) for contact, proofs in by_contact(report).items())
    return (
        "<section><h2>Lips that meet</h2><p>Measured on the character's mesh, at every frame that promises a contact. "
        "The gap is the widest of them, as a share of the mouth's width: between the lips (below zero they press into "
        "each other), or for f and v from the lower lip to the upper teeth."
        f'</p><ul class="proofs">{cards}</ul></section>'
    )


def _card(contact: Contact, proofs: Sequence[ContactProof]) -> str:
    gap = max(proof.gap for proof in proofs)
    share = min(1.0, max(0.0, gap) / BAR_FULL)
    passed = all(proof.passed for proof in proofs)
    verdict, word = _verdict(passed), "touches" if passed else "open"
    first, last = proofs[0].frame, proofs[-1].frame
    frames = f"frame {first}" if first == last else f"frames {first}-{last}"
    causes = "".join(f"<div>{escape(cause)}</div>" for cause in dict.fromkeys(proof.cause for proof in proofs) if cause)
    return (
        f'<li><div class="head"><b>{escape(contact.phone)}</b><strong class="{verdict}">{word}</strong></div>'
        f'<div class="bar"><i style="width:{100 * share:.0f}%;background:var(--{verdict})"></i></div>'
        f"<div>gap {100 * gap:.1f} %</div><div>{contact.apex:.2f} s · {frames}</div>{causes}</li>"
    )


def _keys(keys: KeyTracks, report: Report) -> str:
    """What was written, against a key on every frame, and the curves themselves."""
    if not keys.tracks:
        return ""
    frames = round(report.duration * keys.clock.rate) + 1
    baked = frames * len(keys.tracks)
    return (
        f"<section><h2>{keys.key_count} keys</h2><p>On {len(keys.tracks)} targets at {keys.clock.rate:g} frames a "
        f"second, where a key on every frame would make {baked:,}: one in {baked / max(keys.key_count, 1):.1f}. No "
        f"frame is more than {100 * report.key_error:.1f} % of a target's range away from the full motion.</p>"
        f"<details open><summary>The curves, as Blender shows them</summary>{plots.key_plot(keys)}"
        "</details></section>"
    )


def _making(report: Report, versions: Mapping[str, str]) -> str:
    times = {name: f"{seconds:.2f} s" for name, seconds in report.seconds.items()}
    tables = _table("Time", times) + _table("Versions", {"character map": report.preset, **versions})
    return f'<section><h2>How it was made</h2><div class="tables">{tables}</div></section>'


def _table(caption: str, rows: Mapping[str, str]) -> str:
    lines = "".join(f"<tr><td>{escape(name)}</td><td>{escape(value)}</td></tr>" for name, value in rows.items())
    return f"<table><caption>{caption}</caption>{lines}</table>" if rows else ""
