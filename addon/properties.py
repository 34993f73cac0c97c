"""What the panel asks for, kept with the scene."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import bpy
from bpy.props import (
    BoolProperty,
    CollectionProperty,
    EnumProperty,
    FloatProperty,
    IntProperty,
    PointerProperty,
    StringProperty,
)

from ..model_runtime.contracts import Report
from . import compat, mapping_list, styles
from .operators import cutout, scene, words

_items: dict[str, list[tuple[str, str, str]]] = {}
"""Blender keeps no reference to the strings of a dynamic enum: they must live here."""


def _styles(_self: Any, _context: Any) -> list[tuple[str, str, str]]:
    if "styles" not in _items:
        _items["styles"] = [(name, name, "") for name in styles.available()]
    return _items["styles"]


def forget_styles() -> None:
    """The folders are read again when the styles are next asked for."""
    _items.pop("styles", None)


def _strips(_self: Any, context: bpy.types.Context | None) -> list[tuple[str, str, str]]:
    names = [s.name for s in compat.sound_strips(compat.sequencer_scene(context))] if context else []
    _items["strips"] = [(name, name, "") for name in names] or [("", "No sound strip", "Add a sound to the sequencer")]
    return _items["strips"]


class LabialReport(bpy.types.PropertyGroup):
    """The last line that was made, for the panel."""

    line: StringProperty()
    phones: IntProperty()
    keys: IntProperty()
    closures: IntProperty()
    proven: IntProperty()
    touches: IntProperty()
    touched: IntProperty()
    executor: StringProperty()
    words: StringProperty()
    notes: StringProperty()

    if TYPE_CHECKING:
        line: str
        phones: int
        keys: int
        closures: int
        proven: int
        touches: int
        touched: int
        executor: str
        words: str
        notes: str

    def show(self, report: Report) -> None:
        """What became of a line."""
        self.line, self.phones, self.keys = report.name, report.phone_count, report.key_count
        self.executor = report.executor
        self.words = "" if report.text_fit is None else f"Transcript fits {report.text_fit:.0%}"
        self.proven, self.closures = report.proven("closure")
        self.touched, self.touches = report.proven("labiodental")
        self.notes = "\n".join(report.warnings)


class LabialPhone(bpy.types.PropertyGroup):
    """One phone of the line that is edited."""

    symbol: EnumProperty(name="Phone", items=words.symbols, update=words.phone_changed, description="What is spoken")
    start: FloatProperty(
        name="Start", min=0.0, precision=3, step=1, unit="TIME_ABSOLUTE", update=words.phone_changed,
        description="Seconds from the beginning of the sound; the phone before ends here",
    )  # fmt: skip
    strength: FloatProperty(
        name="Strength", default=1.0, min=0.0, max=2.0, subtype="FACTOR", update=words.phone_changed,
        description="How much of its shape is shown; lips that must touch always do",
    )  # fmt: skip

    if TYPE_CHECKING:
        symbol: str
        start: float
        strength: float


class LabialWords(bpy.types.PropertyGroup):
    """The line that is edited."""

    action: StringProperty()
    heard: StringProperty()
    transcript: StringProperty(name="Words", description="What is spoken; Align Words finds it in the sound")
    phones: CollectionProperty(type=LabialPhone)
    index: IntProperty(update=words.row_chosen)

    if TYPE_CHECKING:
        action: str
        heard: str
        transcript: str
        phones: Any
        index: int


class LabialWeight(bpy.types.PropertyGroup):
    """One target of the channel that is edited."""

    name: StringProperty(name="Target")
    weight: FloatProperty(
        name="Weight", soft_min=0.0, soft_max=1.0, precision=3, update=mapping_list.weight_changed,
        description="The target's value when the channel is 1",
    )  # fmt: skip

    if TYPE_CHECKING:
        name: str
        weight: float


class LabialMapping(bpy.types.PropertyGroup):
    """The mapping that is edited: a view of what is kept with the character."""

    character: StringProperty()
    detected: StringProperty()
    before: StringProperty()
    message: StringProperty()
    channel: EnumProperty(
        name="Channel", items=mapping_list.CHANNEL_ITEMS, default="aa", update=mapping_list.channel_chosen,
        description="What the mouth shows: one of fifteen visemes, or what jaw, lips and tongue do by themselves",
    )  # fmt: skip
    preview: BoolProperty(
        name="Preview", update=mapping_list.preview_changed,
        description="Pose the character with this channel alone; switching off puts back what was there",
    )  # fmt: skip
    weights: CollectionProperty(type=LabialWeight)
    index: IntProperty()

    if TYPE_CHECKING:
        character: str
        detected: str
        before: str
        message: str
        channel: str
        preview: bool
        weights: Any
        index: int


class LabialLine(bpy.types.PropertyGroup):
    """One line of the scene's dialogue; its name is its id."""

    character: StringProperty(name="Character", description="The object, or rig, of who speaks")
    sound: StringProperty(name="Sound", subtype="FILE_PATH", options=compat.BESIDE_FILE)
    start: FloatProperty(name="Start", default=1.0, description="Frame at which the sound begins")
    skip: FloatProperty(description="Frames that are cut off before")
    frames: FloatProperty(description="Frames of the sound that are used; 0: all")
    transcript: StringProperty(name="Words")
    language: StringProperty(name="Language", default="en-us")
    style: StringProperty(name="Style", default="Natural")
    take: StringProperty(name="Take")
    status: StringProperty()
    note: StringProperty()

    if TYPE_CHECKING:
        character: str
        sound: str
        start: float
        skip: float
        frames: float
        transcript: str
        language: str
        style: str
        take: str
        status: str
        note: str


class LabialSettings(bpy.types.PropertyGroup):
    """The settings of the next line."""

    source: EnumProperty(
        name="Sound",
        items=[("FILE", "File", "A sound file"), ("STRIP", "Strip", "A sound strip of the sequencer")],
    )
    filepath: StringProperty(
        name="Sound File", subtype="FILE_PATH", options=compat.BESIDE_FILE, description="The line of dialogue"
    )
    strip: EnumProperty(name="Strip", items=_strips, description="The sound strip that speaks the line")
    start_frame: IntProperty(name="Start", default=1, description="Frame at which the sound file begins")
    add_sound: BoolProperty(
        name="Add to Sequencer", default=True, description="Also put the sound file into the sequencer, to hear it"
    )
    transcript: StringProperty(
        name="Transcript", description="The words that are spoken, if you have them: better timing"
    )
    language: StringProperty(
        name="Language", default="en-us", description="Language of the transcript: en-us, de, fr-fr …"
    )
    style: EnumProperty(name="Style", items=_styles, description="How the mouth acts")
    intensity: FloatProperty(name="Intensity", default=1.0, min=0.0, max=2.0, subtype="FACTOR", description="All of it")
    jaw: FloatProperty(
        name="Jaw", default=1.0, min=0.0, max=2.0, subtype="FACTOR", description="How wide the jaw opens"
    )
    lips: FloatProperty(
        name="Lips", default=1.0, min=0.0, max=2.0, subtype="FACTOR", description="How far the lips shape"
    )
    tongue: FloatProperty(
        name="Tongue",
        default=1.0,
        min=0.0,
        max=2.0,
        subtype="FACTOR",
        description="How far the tongue moves, if it can",
    )
    anticipation: FloatProperty(
        name="Anticipation", default=1.0, min=0.5, max=1.5, subtype="FACTOR",
        description="How long before their sound lips begin to move",
    )  # fmt: skip
    smoothness: FloatProperty(
        name="Smoothness", default=1.0, min=0.3, max=2.0, subtype="FACTOR", description="Soft or snappy changes"
    )
    breath: FloatProperty(
        name="Breath",
        default=1.0,
        min=0.0,
        max=3.0,
        subtype="FACTOR",
        description="How far the mouth opens to breathe in",
    )
    offset_ms: FloatProperty(
        name="Offset (ms)", default=0.0, soft_min=-200.0, soft_max=200.0, description="Later or earlier"
    )
    tolerance: FloatProperty(
        name="Key Error", default=0.02, min=0.001, max=0.2, subtype="FACTOR",
        description="How far keys may deviate from the motion: more means fewer keys",
    )  # fmt: skip
    life: BoolProperty(
        name="Life", description="Also blinks, brows and head from the voice, where the character has them"
    )
    blink: FloatProperty(
        name="Blinks", default=1.0, min=0.0, max=1.5, subtype="FACTOR", description="How often the eyes blink"
    )
    brows: FloatProperty(
        name="Brows", default=1.0, min=0.0, max=1.5, subtype="FACTOR", description="How far brows follow the melody"
    )
    head: FloatProperty(
        name="Head", default=1.0, min=0.0, max=1.5, subtype="FACTOR", description="How far the head nods and turns"
    )
    chest: FloatProperty(
        name="Chest", default=1.0, min=0.0, max=1.5, subtype="FACTOR", description="How far the chest rises to breathe"
    )
    mood: FloatProperty(
        name="Mood", default=1.0, min=0.0, max=1.5, subtype="FACTOR",
        description="How much an angry, calm or sad voice colours brows and mouth corners",
    )  # fmt: skip
    cutout_property: StringProperty(
        name="Property", default="mouth", description="Custom property (a whole number) that chooses the drawing"
    )
    cutout_set: EnumProperty(name="Drawings", items=cutout.drawing_sets, description="Which drawings, in which order")
    cutout_first: IntProperty(name="First", default=0, description="The number of the first drawing of the set")
    show_speech: BoolProperty(
        name="Show Speech in Timeline", default=True,
        description="Draw the voice, its phones and where lips must touch into the timeline and the dope sheet",
    )  # fmt: skip
    lines: CollectionProperty(type=LabialLine)
    line_index: IntProperty()
    spoken: EnumProperty(
        name="Spoken", items=scene.spoken_languages, update=scene.language_chosen,
        description="The language that characters speak and sound strips play",
    )  # fmt: skip
    placement: EnumProperty(
        name="Placement", update=scene.placement_chosen,
        items=[
            ("STRIPS", "NLA Strips", "Each line plays from a strip of its own"),
            ("MERGED", "One Action", "All lines of a character are one Action, with the same keys"),
        ],
        description="Where lines play; changing it back and forth loses nothing",
    )  # fmt: skip
    report: PointerProperty(type=LabialReport)
    words: PointerProperty(type=LabialWords)
    mapping: PointerProperty(type=LabialMapping)

    if TYPE_CHECKING:
        source: str
        filepath: str
        strip: str
        start_frame: int
        add_sound: bool
        transcript: str
        language: str
        style: str
        intensity: float
        jaw: float
        lips: float
        tongue: float
        anticipation: float
        smoothness: float
        breath: float
        offset_ms: float
        tolerance: float
        life: bool
        blink: float
        brows: float
        head: float
        chest: float
        mood: float
        cutout_property: str
        cutout_set: str
        cutout_first: int
        show_speech: bool
        lines: Any
        line_index: int
        spoken: str
        placement: str
        report: LabialReport
        words: LabialWords
        mapping: LabialMapping
