"""Drawings of a line as SVG text: sound, words, phones, mouth motion and keys on one time axis.

Colours are names of the page's CSS variables, so one drawing serves light and dark. Each function returns two drawings
of the same height: the labels, which stay in view, and the plot, which scrolls.
"""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

import numpy as np

from ..contracts import (
    CHANNELS,
    FRAME_RATE,
    AudioClip,
    Contact,
    ContactProof,
    Float32,
    KeyTrack,
    KeyTracks,
    MouthTrack,
    Speech,
)
from ..phones import SILENCE, VISEME_OF

FAMILIES: dict[str, tuple[str, tuple[str, ...]]] = {
    "closed": ("lips closed", ("PP", "lip_press")),
    "teeth": ("lip on teeth", ("FF",)),
    "tongue": ("tongue", ("TH", "DD", "nn", "kk", "tongue_tip", "tongue_blade", "tongue_back")),
    "hiss": ("hissing", ("SS", "CH")),
    "open": ("open and spread", ("aa", "E", "I")),
    "round": ("rounded", ("O", "U", "RR", "lip_round")),
    "rest": ("rest", ("sil",)),
    "jaw": ("jaw", ("jaw",)),
}
"""CSS colour -> (what it means, the channels that it paints)."""
COLOUR_OF = {channel: colour for colour, (_, channels) in FAMILIES.items() for channel in channels}

LABELS = 112
MARGIN = 14.0
MINIMUM_WIDTH = 1020.0
PIXELS_PER_SECOND = 124.0
WAVE, WORDS, PHONES, JAW, LANE = 84.0, 40.0, 46.0, 76.0, 25.0
KEY_LANE = 34.0


class Drawing:
    """Rows of a plot, drawn from top to bottom on a common time axis."""

    def __init__(self, duration: float) -> None:
        self.scale = max(PIXELS_PER_SECOND, (MINIMUM_WIDTH - 2 * MARGIN) / duration)
        self.width = duration * self.scale + 2 * MARGIN
        self.duration = duration
        self.height = 0.0
        self.behind: list[str] = []
        self.marks: list[str] = []
        self.labels: list[str] = []

    def x(self, seconds: float) -> float:
        """Pixels from the left of a time."""
        return MARGIN + seconds * self.scale

    def row(self, height: float, label: str, kind: str = "", ruled: bool = True) -> tuple[float, float]:
        """Add a row; returns its top and bottom in pixels. `kind` is the CSS class of its label."""
        top, self.height = self.height, self.height + height
        middle = f"{top + height / 2 + 4:.1f}"
        self.labels.append(f'<text x="12" y="{middle}" class="{kind}">{escape(label)}</text>')
        if ruled:
            rule = f'<line class="rule" x1="0" x2="{{}}" y1="{self.height:.1f}" y2="{self.height:.1f}"/>'
            self.marks.append(rule.format(f"{self.width:.0f}"))
            self.labels.append(rule.format(LABELS))
        return top, self.height

    def svg(self, title: str) -> str:
        """Labels and plot side by side in a box that scrolls."""
        size = f'height="{self.height:.0f}" role="img"'
        plot = "".join(self.behind + self.marks)
        return (
            f'<div class="plot" tabindex="0" aria-label="{escape(title)}">'
            f'<svg width="{LABELS}" {size}>{"".join(self.labels)}</svg>'
            f'<svg width="{self.width:.0f}" {size}><title>{escape(title)}</title>{plot}</svg></div>'
        )


def line_plot(clip: AudioClip, speech: Speech, track: MouthTrack, proofs: Sequence[ContactProof]) -> str:
    """Waveform, words, phones, jaw and every other channel that moves, with the contacts as bands behind them."""
    drawing = Drawing(max(clip.duration, len(track.values) / FRAME_RATE))
    _wave(drawing, clip)
    _words(drawing, speech)
    _phones(drawing, speech)
    _jaw(drawing, track)
    for channel in sorted((name for name in CHANNELS if name != "jaw"), key=_order):
        top, bottom = drawing.row(LANE, channel.replace("_", " "), "soft")
        drawing.marks.append(_area(drawing, track.channel(channel), top + 3, bottom, COLOUR_OF[channel], "curve"))
    _axis(drawing)
    failed = {proof.contact for proof in proofs if not proof.passed}
    drawing.behind = [_band(drawing, contact, contact in failed) for contact in track.contacts]
    return drawing.svg("The line over time")


def _order(channel: str) -> tuple[int, int]:
    """Lanes go family by family, in the order of `FAMILIES`."""
    return list(FAMILIES).index(COLOUR_OF[channel]), CHANNELS.index(channel)


def _wave(drawing: Drawing, clip: AudioClip) -> None:
    """The envelope of the sound: least and largest sample of every 1.5 pixels."""
    top, bottom = drawing.row(WAVE, "sound", "strong")
    middle, reach = 0.5 * (top + bottom), 0.5 * (bottom - top) - 6
    columns = max(2, int(drawing.width / 1.5))
    edges = np.linspace(0, len(clip.samples), columns, endpoint=False).astype(int)
    scale = reach / max(float(np.abs(clip.samples).max()), 1e-6)
    high = middle - np.maximum.reduceat(clip.samples, edges) * scale - 0.4
    low = middle - np.minimum.reduceat(clip.samples, edges) * scale + 0.4
    x = MARGIN + edges / len(clip.samples) * clip.duration * drawing.scale
    outline = np.concatenate([np.stack([x, high], 1), np.stack([x, low], 1)[::-1]])
    drawing.marks.append(f'<path class="wave" d="{_path(outline)}Z"/>')


def _words(drawing: Drawing, speech: Speech) -> None:
    """The words where they start, on a second row if they would run into the one before."""
    if not speech.words:
        return
    top, _ = drawing.row(WORDS, "words", "strong", ruled=False)
    ends = [0.0, 0.0]
    for word in speech.words:
        left = drawing.x(word.start)
        row = min((0, 1), key=lambda row: max(ends[row], left))
        ends[row] = left + 7.6 * len(word.text) + 6
        drawing.marks.append(
            f'<text class="word" x="{left:.1f}" y="{top + 17 + 16 * row:.1f}">{escape(word.text)}</text>'
        )


def _phones(drawing: Drawing, speech: Speech) -> None:
    """A coloured block for each phone, its symbol above or below in turn so that short ones stay legible."""
    top, _ = drawing.row(PHONES, "phones", "strong")
    spoken = [phone for phone in speech.phones if phone.symbol != SILENCE]
    for index, phone in enumerate(spoken):
        left, right = drawing.x(phone.start), drawing.x(phone.end)
        colour = COLOUR_OF[VISEME_OF[phone.symbol]]
        tip = f"{phone.symbol} {phone.start:.2f}-{phone.end:.2f} s, confidence {phone.confidence:.2f}"
        drawing.marks.append(
            f'<rect x="{left + 0.5:.1f}" y="{top + 18:.1f}" width="{max(1.0, right - left - 1):.1f}" height="10" '
            f'rx="2" fill="var(--{colour})"><title>{escape(tip)}</title></rect>'
            f'<text class="phone" x="{0.5 * (left + right):.1f}" y="{top + (40 if index % 2 else 14):.1f}">'
            f"{escape(phone.symbol)}</text>"
        )


def _jaw(drawing: Drawing, track: MouthTrack) -> None:
    top, bottom = drawing.row(JAW, "jaw", "strong")
    drawing.marks.append(_area(drawing, track.channel("jaw"), top + 6, bottom, "jaw", "main"))


def _axis(drawing: Drawing) -> None:
    """Seconds along the bottom."""
    top, _ = drawing.row(22, "seconds", "soft", ruled=False)
    for second in range(int(drawing.duration) + 1):
        drawing.marks.append(f'<text class="soft" x="{drawing.x(second):.1f}" y="{top + 15:.1f}">{second}</text>')


def _band(drawing: Drawing, contact: Contact, failed: bool) -> str:
    """The time that lips or teeth hold, over the full height; one that failed its proof is outlined."""
    colour = "closed" if contact.kind == "closure" else "teeth"
    left, width = drawing.x(contact.start), max(2.0, (contact.end - contact.start) * drawing.scale)
    outline = ' stroke="var(--bad)" stroke-dasharray="3 3"' if failed else ""
    return (
        f'<rect class="band" x="{left:.1f}" y="0" width="{width:.1f}" height="{drawing.height - 22:.0f}" '
        f'fill="var(--{colour})"{outline}><title>{escape(contact.phone)} {contact.apex:.2f} s</title></rect>'
    )


def _area(drawing: Drawing, values: Float32, top: float, bottom: float, colour: str, kind: str) -> str:
    """A channel as filled hills; stretches at zero are left out."""
    moving = np.flatnonzero(values > 0.004)
    runs = np.split(moving, np.flatnonzero(np.diff(moving) > 1) + 1) if len(moving) else []
    hills = []
    for run in runs:
        frames = np.arange(max(run[0] - 1, 0), min(run[-1] + 2, len(values)))
        x = MARGIN + frames / FRAME_RATE * drawing.scale
        points = np.stack([x, bottom - np.clip(values[frames], 0, 1) * (bottom - top)], 1)
        hills.append(f"{_path(points)}V{bottom:.1f}H{points[0, 0]:.1f}Z")
    return f'<path class="curve {kind}" d="{"".join(hills)}" stroke="var(--{colour})" fill="var(--{colour})"/>'


def _path(points: np.typing.NDArray[np.floating]) -> str:
    return "M" + "L".join(f"{x:.1f} {y:.1f}" for x, y in points)


def key_plot(keys: KeyTracks) -> str:
    """The F-curves as Blender draws them, a lane for each target, a dot for each key."""
    drawing = Drawing(max(keys.clock.seconds(float(track.co[-1, 0])) for track in keys.tracks))
    for track in keys.tracks:
        top, bottom = drawing.row(KEY_LANE, _shortened(track.target.name), "soft")
        drawing.marks.append(_curve(drawing, track, keys, top + 6, bottom - 5))
    _axis(drawing)
    return drawing.svg("The keys over time")


def _shortened(name: str, length: int = 16) -> str:
    return name if len(name) <= length else name[: length - 1] + "…"


def _curve(drawing: Drawing, track: KeyTrack, keys: KeyTracks, top: float, bottom: float) -> str:
    low, high = min(0.0, float(track.co[:, 1].min())), max(0.05, float(track.co[:, 1].max()))

    def point(frame: float, value: float) -> str:
        height = bottom - (value - low) / (high - low) * (bottom - top)
        return f"{drawing.x(keys.clock.seconds(frame)):.1f} {height:.1f}"

    path = "M" + point(*track.co[0])
    for here, there in zip(range(len(track.co)), range(1, len(track.co)), strict=False):
        ends = point(*track.handles[here, 2:]), point(*track.handles[there, :2]), point(*track.co[there])
        path += "C" + ",".join(ends)
    dots = "".join(f"M{point(*key)}h0" for key in track.co)
    return (
        f'<path class="bare" d="{path}" stroke="var(--tongue)"/>'
        f'<path d="{dots}" stroke="var(--ink)" stroke-width="5" stroke-linecap="round"/>'
    )


def legend() -> str:
    """What the colours mean."""
    items = (f'<li><i style="background:var(--{c})"></i>{escape(text)}</li>' for c, (text, _) in FAMILIES.items())
    return f'<ul class="legend">{"".join(items)}</ul>'
