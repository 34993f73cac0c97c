"""What the Export panel asks for, kept with the scene."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import bpy
from bpy.props import BoolProperty, EnumProperty, FloatProperty, StringProperty

from ..model_runtime.delivery import CONVENTIONS, read_names
from ..model_runtime.export.formats import FORMATS, FROM_BLENDER, load_engine
from .compat import BESIDE_FILE
from .export_lines import PATTERN, Settings

_TITLES = {
    "same": ("As They Are", "Shape keys keep their names"),
    "arkit": ("ARKit", "jawOpen, mouthSmileLeft: Apple, VRM perfect sync, Ready Player Me"),
    "arkit_pascal": ("ARKit, Capital Letters", "JawOpen, MouthSmileLeft: Live Link Face, Unreal"),
    "oculus": ("Oculus Visemes", "viseme_PP, viseme_aa: Oculus, VRChat"),
    "vrm": ("VRM Expressions", "aa, ih, ou, ee, oh"),
}
_CONVENTIONS = [(name, *_TITLES[name]) for name in CONVENTIONS]
_items: list[tuple[str, str, str]] = []
"""Blender keeps no reference to the strings of a dynamic enum: they must live here."""


def _targets(_self: object, _context: object) -> list[tuple[str, str, str]]:
    if not _items:
        engines = [load_engine(target) for target in (*FROM_BLENDER, *FORMATS)]
        _items.extend((engine.id, engine.title, engine.notes) for engine in engines)
    return _items


class LabialExport(bpy.types.PropertyGroup):
    """The settings of the next export."""

    target: EnumProperty(name="Target", items=_targets, description="What the file is for")
    folder: StringProperty(
        name="Folder", subtype="DIR_PATH", options=BESIDE_FILE, default="//export", description="Where the files go"
    )
    fps: FloatProperty(
        name="Rate", default=0.0, min=0.0, max=120.0, precision=2, step=100,
        description="Frames a second, 24 to 120; 0: what the target expects",
    )  # fmt: skip
    convention: EnumProperty(
        name="Names", items=_CONVENTIONS,
        description="How shape keys are called in the file",
    )  # fmt: skip
    table: StringProperty(
        name="Table", subtype="FILE_PATH", options=BESIDE_FILE,
        description='A JSON file of other names, {"jawOpen": "Kiefer"}; it goes before the convention',
    )  # fmt: skip
    pattern: StringProperty(
        name="Clips", default=PATTERN, description="Names of clips and files: {character}, {line}, {language}, {take}"
    )
    language: StringProperty(name="Language", description="Only lines of this language; empty: all")
    deform_only: BoolProperty(
        name="Deform Bones Only", description="What control rigs do goes into the bones that deform; others stay out"
    )
    sparse: BoolProperty(
        name="Sparse Keys", description="Only the keys that are needed, where the format can hold them"
    )
    sounds: BoolProperty(name="Sounds", description="Also a copy of each line's sound beside its clip")
    told: StringProperty()

    if TYPE_CHECKING:
        target: str
        folder: str
        fps: float
        convention: str
        table: str
        pattern: str
        language: str
        deform_only: bool
        sparse: bool
        sounds: bool
        told: str


def settings_of(asked: LabialExport) -> Settings:
    """The panel's settings. Raises LipSyncError on a table of names that cannot be read."""
    names = read_names(Path(bpy.path.abspath(asked.table))) if asked.table else {}
    return Settings(
        fps=asked.fps, convention=asked.convention, names=names, pattern=asked.pattern, language=asked.language.strip(),
        deform_only=asked.deform_only, sparse=asked.sparse, sounds=asked.sounds,
    )  # fmt: skip
