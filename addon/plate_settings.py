"""What the panel "Video Plate" asks for, kept with the scene."""

from __future__ import annotations

from typing import TYPE_CHECKING

import bpy
from bpy.props import BoolProperty, EnumProperty, IntProperty, StringProperty

from ..model_runtime.plate.consent_commands import consent_media
from .compat import BESIDE_FILE

_KINDS = [
    ("mp4", "MP4", "H.264, looks like the plate"),
    ("mov", "QuickTime", "H.264, looks like the plate"),
    ("mkv", "FFV1", "Lossless: pixels outside of the matte are the plate's"),
    ("png", "PNG Images", "Lossless, one file a frame"),
]
_MEDIA = [(name, name.capitalize(), "") for name in consent_media()]


class LabialPlate(bpy.types.PropertyGroup):
    """A plate, its line, and where it will be shown."""

    plate: StringProperty(
        name="Plate", subtype="FILE_PATH", options=BESIDE_FILE, description="The film, or a folder of its frames"
    )
    sound: StringProperty(
        name="New Line", subtype="FILE_PATH", options=BESIDE_FILE, description="The sound that the mouth shall say"
    )
    consent: StringProperty(
        name="Consent", subtype="FILE_PATH", options=BESIDE_FILE, description="The performer's signed *.consent.json"
    )
    text: StringProperty(name="Words", description="What is said in it: makes the timing more exact")
    language: StringProperty(name="Language", default="en-us", description="Of the line, as espeak-ng names it")
    media: EnumProperty(name="Shown In", items=_MEDIA, options={"ENUM_FLAG"}, description="Where it will be shown")
    territories: StringProperty(name="Territories", default="WORLD", description="ISO 3166 codes, or WORLD")
    folder: StringProperty(
        name="Folder", subtype="DIR_PATH", options=BESIDE_FILE, default="//plates", description="Where the film goes"
    )
    kind: EnumProperty(name="As", items=_KINDS)
    start: IntProperty(name="First Frame", default=1, description="Where the plate begins in the scene")
    lips_only: BoolProperty(name="Lips Only", description="Chin and beard stay the plate's")
    plain: BoolProperty(name="Without Refining", description="Only painted from other frames of the plate; faster")
    refiner: StringProperty(
        name="Fitted Network", subtype="FILE_PATH", options=BESIDE_FILE, description="What Fit to this Plate has made"
    )
    told: StringProperty(options={"HIDDEN", "SKIP_SAVE"})

    if TYPE_CHECKING:
        plate: str
        sound: str
        consent: str
        text: str
        language: str
        media: set[str]
        territories: str
        folder: str
        kind: str
        start: int
        lips_only: bool
        plain: bool
        refiner: str
        told: str
