"""The hard rules that no style may break: which contacts a line demands, and how far the jaw may be open there."""

from __future__ import annotations

from collections.abc import Sequence

from .. import phones
from ..contracts import CONTACT_JAW, Contact, ContactKind, VisemeEvent

SIBILANT_JAW = 0.07
MERGE_WITHIN = 0.03
"""Contacts of one kind closer than this (seconds) are one contact: m and b in "number"."""


def contacts(events: Sequence[VisemeEvent]) -> tuple[Contact, ...]:
    """The plateaus of p b m and f v in motion time, neighbours of one kind merged."""
    found: list[Contact] = []
    for event in events:
        kind = _kind(event.phone)
        if kind is None:
            continue
        last = found[-1] if found else None
        if last is not None and last.kind == kind and event.apex - last.end < MERGE_WITHIN:
            found[-1] = Contact(kind, last.phone, last.start, max(last.end, event.hold_end))
        elif last is not None and event.apex < last.end:
            found.append(Contact(kind, event.phone, last.end, max(event.hold_end, last.end + 0.02)))
        else:
            found.append(Contact(kind, event.phone, event.apex, event.hold_end))
    return tuple(found)


def jaw_limit(phone: str) -> float | None:
    """The widest jaw that a phone allows, None if it is free."""
    if phone in phones.BILABIALS or phone in phones.LABIODENTALS:
        return CONTACT_JAW
    return SIBILANT_JAW if phone in phones.SIBILANTS else None


def _kind(phone: str) -> ContactKind | None:
    if phone in phones.BILABIALS:
        return "closure"
    return "labiodental" if phone in phones.LABIODENTALS else None
