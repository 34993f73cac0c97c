"""Twelve mouths of a line that show what it can do, and their contact sheet."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import bpy
from PIL import Image, ImageDraw, ImageFont

WISHES = (
    "p", "b", "m", "f", "v", "w", "u", "tʃ", "θ", "aɪ", "i", "l", "oʊ", "s", "aʊ", "ɛ", "æ", "eɪ", "ʃ", "ɔ", "a", "ɝ",
    "ð", "dʒ", "ɹ", "z", "o", "ʌ", "ɪ", "n", "k",
)  # fmt: skip
"""Phones worth seeing, the most telling first."""
COLUMNS, ROWS = 4, 3
GAP, CAPTION = 16, 44
PAPER, INK, SOFT = (247, 245, 242), (34, 31, 28), (120, 112, 104)


class Moment(NamedTuple):
    """A frame worth a picture; `seconds` is the time of the motion."""

    phone: str
    seconds: float
    frame: int


def choose(track: Any, keys: Any) -> list[Moment]:
    """At most twelve moments of a MouthTrack in the order of the line: each wished phone once, at its strongest.

    Contacts are shown on the frame that was proven, other phones in the middle of their hold where no contact is near.
    """
    moments: dict[str, tuple[float, Moment]] = {}
    for frame, contact in keys.contact_frames:
        length = contact.end - contact.start
        if length > moments.get(contact.phone, (0.0,))[0]:
            moments[contact.phone] = length, Moment(contact.phone, contact.apex, frame)
    contacts, held = set(moments), {frame for frame, _ in keys.contact_frames}
    for event in track.events:
        seconds = 0.5 * (event.apex + event.hold_end)
        frame = round(keys.clock.frame(seconds))
        weight = float(track.channel(event.viseme)[min(round(seconds * 100), len(track.values) - 1)])
        if event.phone not in contacts and frame not in held and weight > moments.get(event.phone, (0.0,))[0]:
            moments[event.phone] = weight, Moment(event.phone, seconds, frame)
    wished = [moments[phone][1] for phone in WISHES if phone in moments]
    return sorted(wished[: COLUMNS * ROWS], key=lambda moment: moment.seconds)


def write(stills: Sequence[Any], path: Path) -> None:
    """The pictures (report.Still) in a grid, each with its phone and time below it."""
    pictures = [Image.open(io.BytesIO(still.png)).convert("RGB") for still in stills]
    size = pictures[0].width
    rows = -(-len(pictures) // COLUMNS)
    page = Image.new("RGB", (COLUMNS * (size + GAP) + GAP, rows * (size + CAPTION) + 2 * GAP), PAPER)
    draw = ImageDraw.Draw(page)
    font = Path(bpy.utils.system_resource("DATAFILES", path="fonts")) / "Inter.woff2"
    large, small = (ImageFont.truetype(str(font), points) for points in (26, 16))
    for index, (still, picture) in enumerate(zip(stills, pictures, strict=True)):
        left = GAP + (index % COLUMNS) * (size + GAP)
        top = GAP + (index // COLUMNS) * (size + CAPTION)
        page.paste(picture, (left, top))
        base = top + size + 30
        draw.text((left + 2, base), still.phone, INK, large, anchor="ls")
        draw.text((left + size - 2, base), f"{still.seconds:.2f} s", SOFT, small, anchor="rs")
    page.save(path, optimize=True)
