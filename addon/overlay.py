"""What Labial heard, drawn into the timeline and the dope sheet: the voice, its phones, and where lips must touch.

The first half is pure: speech and view in, boxes and labels in pixels out. The second half asks Blender what is in
view and draws it; whatever does not change from one redraw to the next is remembered.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any, NamedTuple

import bpy
import numpy as np

from ..model_runtime.contracts import FRAME_RATE, Float32, FrameClock, Phone, Speech, Word
from ..model_runtime.errors import CharacterError
from ..model_runtime.phones import BILABIALS, LABIODENTALS, SILENCE
from ..model_runtime.speech_data import from_text
from .character import find_character
from .keyframes import MARK, is_merged, owners

PHONES, VOICE, WORDS = 18.0, 24.0, 18.0
"""Heights of the rows from the bottom up, in pixels at interface scale 1; without words there is no third."""
TEXT = 11.0
"""Size of the text at interface scale 1."""
NARROW = 3.0
"""Pixels below which a phone is not told from its neighbours; contacts always are."""
BOTTOM, MARKERS, SCRUB = 4.0, 42.0, 24.0
"""Pixels at interface scale 1 that stay free: below the band, below it where markers are, and for the frame numbers."""
COLOURS = {
    "band": (0.07, 0.07, 0.08, 0.7),
    "phone": (0.27, 0.29, 0.33, 0.9),
    "word": (0.20, 0.21, 0.25, 0.9),
    "voice": (0.62, 0.68, 0.75, 0.9),
    "closure": (0.86, 0.20, 0.25, 1.0),
    "contact": (0.25, 0.45, 0.95, 1.0),
}
MODES = {"TIMELINE", "DOPESHEET", "ACTION", "SHAPEKEY"}
"""The editor's modes that show a character's keys."""


@dataclass(frozen=True)
class View:
    """What a region shows: the frames at its left and right edge, `width` pixels apart.

    bottom and top: the pixels that the band may use; scale: of the interface.
    """

    first: float
    last: float
    width: float
    bottom: float
    top: float
    scale: float = 1.0

    def x(self, frame: float) -> float:
        """The pixel of a frame."""
        return (frame - self.first) / (self.last - self.first) * self.width


class Box(NamedTuple):
    """A rectangle in pixels; its kind is a key of `COLOURS`."""

    kind: str
    left: float
    right: float
    bottom: float
    top: float


class Label(NamedTuple):
    """A text and the pixel where its baseline begins."""

    text: str
    x: float
    y: float


@dataclass(frozen=True)
class Picture:
    """What is visible of a line. voice: float32 [points, 3], the pixel and the lower and upper edge there."""

    boxes: tuple[Box, ...] = ()
    labels: tuple[Label, ...] = ()
    voice: Float32 = field(default_factory=lambda: np.empty((0, 3), dtype=np.float32))


def picture(speech: Speech, clock: FrameClock, view: View, text_width: Callable[[str], float]) -> Picture:
    """The visible part of a line; empty if there is none.

    A label stands where its `text_width` (pixels) fits. Where a row of text has no room there are contacts alone.
    """
    phones, voice, words = _rows(view, bool(speech.words))
    whole = _span(0.0, speech.duration, clock, view)
    if whole is None:
        return Picture()
    low = phones - view.bottom < TEXT * view.scale
    boxes = [] if low else [Box("band", *whole, view.bottom, words)]
    labels: list[Label] = []
    for phone, span in _in_view(speech.phones, clock, view):
        kind = _kind(phone.symbol)
        if kind == "phone" and (low or span[1] - span[0] < NARROW):
            continue
        box = Box(kind, *span, view.bottom, phones)
        boxes.append(box if kind == "phone" else box._replace(top=voice))
        labels += _label(phone.symbol, box, view, text_width)
    for word, span in _in_view(speech.words if words > voice else (), clock, view):
        boxes.append(Box("word", *span, voice, words))
        labels += _label(word.text, boxes[-1], view, text_width)
    return Picture(tuple(boxes), tuple(labels), _voice(speech.loudness, clock, view, phones, voice))


def triangles(shown: Picture) -> tuple[Float32, Float32]:
    """The picture for the graphics card: points float32 [n, 2] and their colours float32 [n, 4]."""
    corners = np.array([box[1:] for box in shown.boxes], dtype=np.float32).reshape(-1, 4)
    left, right, bottom, top = corners.T
    x, low, high = shown.voice.T
    quads = np.concatenate([
        _quads(left, right, bottom, bottom, top, top),
        _quads(x[:-1], x[1:], low[:-1], low[1:], high[:-1], high[1:]),
    ])  # fmt: skip
    kinds = [box.kind for box in shown.boxes] + ["voice"] * (len(quads) - len(corners))
    colours = np.array([COLOURS[kind] for kind in kinds], dtype=np.float32).reshape(-1, 4)
    return quads.reshape(-1, 2), np.repeat(colours, 6, axis=0)


def _quads(x0: Float32, x1: Float32, low0: Float32, low1: Float32, high0: Float32, high1: Float32) -> Float32:
    """Two triangles each, float32 [n, 6, 2]."""
    corners = ((x0, low0), (x1, low1), (x1, high1), (x0, low0), (x1, high1), (x0, high0))
    return np.stack([np.stack(corner, axis=-1) for corner in corners], axis=1)


def _rows(view: View, words: bool) -> tuple[float, float, float]:
    """The upper edges of the phones, the voice and the words; a row that there is no room for has no height."""
    phones = min(view.bottom + PHONES * view.scale, view.top)
    voice = phones + VOICE * view.scale
    if voice > view.top:
        return phones, phones, phones
    top = voice + WORDS * view.scale * words
    return phones, voice, top if top <= view.top else voice


def _kind(symbol: str) -> str:
    if symbol in BILABIALS:
        return "closure"
    return "contact" if symbol in LABIODENTALS else "phone"


def _in_view(
    timed: Sequence[Phone] | Sequence[Word], clock: FrameClock, view: View
) -> Iterator[tuple[Any, tuple[float, float]]]:
    """The phones or words that are seen, with their pixels; silence is none."""
    for item in timed:
        span = _span(item.start, item.end, clock, view)
        if span is not None and getattr(item, "symbol", "") != SILENCE:
            yield item, span


def _span(start: float, end: float, clock: FrameClock, view: View) -> tuple[float, float] | None:
    """The pixels between two times, with one left free before the next; None if they are out of view."""
    left, right = round(view.x(clock.frame(start))), round(view.x(clock.frame(end)))
    right = max(left + 1, right - 1)
    if right <= 0 or left >= view.width or view.top <= view.bottom:
        return None
    return max(0.0, left), min(view.width, right)


def _label(text: str, box: Box, view: View, text_width: Callable[[str], float]) -> Iterator[Label]:
    """The text in the middle of its box, if it fits."""
    room, wide = box.right - box.left, text_width(text)
    if wide <= room - 2.0 * view.scale and box.top - box.bottom >= TEXT * view.scale:
        low = 0.5 * (box.bottom + box.top - 0.7 * TEXT * view.scale)
        yield Label(text, round(box.left + 0.5 * (room - wide)), round(low))


def _voice(loudness: Float32, clock: FrameClock, view: View, bottom: float, top: float) -> Float32:
    """The outline of the voice in its row: loudest in each few pixels, as the root of the amplitude."""
    pixels = (view.x(clock.frame(1.0)) - view.x(clock.frame(0.0))) / FRAME_RATE
    step = max(1, round(2.0 * view.scale / pixels))
    first, last = (int(clock.seconds(frame) * FRAME_RATE) for frame in (view.first, view.last))
    # Whole multiples of the step, or the outline would flicker while the view is dragged.
    begins = np.arange(max(0, first // step - 1) * step, min(len(loudness), last + 2 * step), step)
    if not len(begins) or top <= bottom:
        return Picture().voice
    level = 10.0 ** ((loudness - loudness.max()) / 40.0)
    half = np.maximum(0.5, 0.45 * (top - bottom) * np.maximum.reduceat(level, begins))
    x = [view.x(clock.frame((begin + 0.5 * step) / FRAME_RATE)) for begin in begins]
    middle = 0.5 * (bottom + top)
    return np.stack([x, middle - half, middle + half], axis=1).astype(np.float32)


class Line(NamedTuple):
    """A line as it plays: what was heard in it, as its Action keeps it, and where its frames lie."""

    heard: str
    clock: FrameClock


def lines(context: bpy.types.Context) -> list[Line]:
    """The lines that the active character speaks, each once; what cannot be read is left out."""
    actions: Iterable[Any] = bpy.data.actions
    if not any(MARK in action for action in actions):
        return []
    try:
        character = find_character(context.active_object, context.view_layer)
        found = {line: None for owner in owners(character) for line in _played(owner, context.scene.render)}
    except CharacterError:
        return []
    return list(found)


def _played(owner: Any, render: bpy.types.RenderSettings) -> Iterator[Line]:
    """The lines on one data-block: of its Action, and of its NLA strips, moved and stretched as they are."""
    data = owner.animation_data
    if data is None:
        return
    if not data.use_tweak_mode:
        yield from _line(data.action, render, 0.0, 0.0, 1.0)
    merged = is_merged(data.action) or any(is_merged(s.action) for track in data.nla_tracks for s in track.strips)
    for strip in (s for track in data.nla_tracks if merged or not track.mute for s in track.strips if not s.mute):
        yield from _line(strip.action, render, strip.frame_start, strip.action_frame_start, strip.scale)


def _line(action: Any, render: bpy.types.RenderSettings, at: float, begin: float, scale: float) -> Iterator[Line]:
    """The line of an Action whose frame `begin` plays at frame `at`; nothing if its mark is not one of ours."""
    if action is None or MARK not in action:
        return
    try:
        made_from = action[MARK]
        start = at + (float(made_from["start"]) - begin) * scale
        yield Line(str(made_from["speech"]), FrameClock(render.fps, render.fps_base / scale, start))
    except (KeyError, TypeError, ValueError, ZeroDivisionError):
        return


def seen(line: Line, view: View, text_width: Callable[[str], float]) -> Picture:
    """The picture of a line; empty if what its Action keeps is broken."""
    try:
        return picture(_speech(line.heard), line.clock, view, text_width)
    except Exception:  # anybody may have edited the property: there is no telling what is wrong with it
        return Picture()


@lru_cache(maxsize=32)
def _speech(heard: str) -> Speech:
    return from_text(heard)


def draw() -> None:
    """What Blender calls at every redraw. No error gets out, or Blender would print it as often; it is told once."""
    try:
        _draw(bpy.context)
    except Exception:
        _tell(traceback.format_exc())


@lru_cache
def _tell(text: str) -> None:
    print(text)


def _draw(context: bpy.types.Context) -> None:
    space, region = context.space_data, context.region
    if bpy.app.background or space.mode not in MODES or not context.scene.labial.show_speech:
        return
    spoken = lines(context)
    if spoken:
        markers = space.show_markers and len(context.scene.timeline_markers) > 0
        view = _view(region, context.preferences.system.ui_scale, markers)
        for line in spoken:
            _paint(line, view)


def _view(region: bpy.types.Region, scale: float, markers: bool) -> View:
    """The lower half of what lies between the scale of frames and the markers: keys are at the top."""
    (first, _), (last, _) = (region.view2d.region_to_view(x, 0.0) for x in (0.0, region.width))
    bottom = scale * (MARKERS if markers and region.height > 4.0 * MARKERS * scale else BOTTOM)
    return View(first, last, region.width, bottom, bottom + 0.5 * (region.height - SCRUB * scale - bottom), scale)


def _paint(line: Line, view: View) -> None:
    """Draws one line. The graphics modules are not there without a window, hence imported here."""
    import blf
    import gpu

    batch, labels = _batch(line, view)
    if batch is None:
        return
    gpu.state.blend_set("ALPHA")
    batch.draw(_shader())
    gpu.state.blend_set("NONE")
    blf.size(0, TEXT * view.scale)
    blf.color(0, 0.95, 0.95, 0.95, 1.0)
    for label in labels:
        blf.position(0, label.x, label.y, 0.0)
        blf.draw(0, label.text)


@lru_cache(maxsize=32)
def _batch(line: Line, view: View) -> tuple[Any, tuple[Label, ...]]:
    """A line's triangles on the graphics card and its labels; none for what is out of view or broken."""
    import blf
    from gpu_extras.batch import batch_for_shader

    blf.size(0, TEXT * view.scale)
    shown = seen(line, view, lambda text: blf.dimensions(0, text)[0])
    if not shown.boxes:
        return None, ()
    content: Any = dict(zip(("pos", "color"), triangles(shown), strict=True))
    return batch_for_shader(_shader(), "TRIS", content), shown.labels


def _shader() -> Any:
    import gpu

    return gpu.shader.from_builtin("FLAT_COLOR")


handler: Any = None


def register() -> None:
    """Draws in every dope sheet from now on; the timeline is one of its modes."""
    global handler
    handler = bpy.types.SpaceDopeSheetEditor.draw_handler_add(draw, (), "WINDOW", "POST_PIXEL")


def unregister() -> None:
    """Stops, and forgets what was remembered."""
    global handler
    bpy.types.SpaceDopeSheetEditor.draw_handler_remove(handler, "WINDOW")
    handler = None
    for remembered in (_batch, _speech, _tell):
        remembered.cache_clear()
