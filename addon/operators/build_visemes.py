"""Shape keys that a character lacks, built of those that it has, on request."""

from __future__ import annotations

from dataclasses import replace

import bpy
from bpy.props import EnumProperty

from ...model_runtime.errors import CharacterError, LipSyncError
from ...model_runtime.rigs.calibrate import calibrate
from ...model_runtime.rigs.mapping import RigMapping
from .. import mappings, visemes
from ..character import find_character
from ..mapping_list import stop_preview
from .of_character import OfCharacter
from .telling import tells_errors

_STANDARDS = [
    ("OCULUS", "Oculus 15", "viseme_sil, viseme_PP, viseme_FF … viseme_U"),
    ("VOWELS", "A I U E O", "The five vowels of VRM and MikuMikuDance"),
    ("PP", "Closed Lips", "viseme_PP alone: the pose that was measured to close these lips"),
]


class LABIAL_OT_build_visemes(OfCharacter):
    """Make shape keys that the character lacks of those that it has; keys that are there stay as they are"""

    bl_idname = "labial.build_visemes"
    bl_label = "Build Visemes"
    bl_options = {"REGISTER", "UNDO"}

    standard: EnumProperty(name="Keys", items=_STANDARDS)  # type: ignore[valid-type]

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        """Says what would be made, and asks."""
        return set(context.window_manager.invoke_props_dialog(self))

    def draw(self, context: bpy.types.Context) -> None:
        """The standard, and the keys that are lacking."""
        layout = self.layout
        layout.prop(self, "standard")
        try:
            character = find_character(context.active_object, context.view_layer)
        except LipSyncError as error:
            layout.label(text=str(error), icon="ERROR")
            return
        names = list(visemes.lacking(character, visemes.STANDARDS[self.standard]))
        layout.label(text=f"{len(names)} new keys" if names else "It lacks none of these", icon="SHAPEKEY_DATA")
        for first in range(0, len(names), 5):
            layout.label(text=", ".join(names[first : first + 5]))

    @tells_errors
    def execute(self, context: bpy.types.Context) -> None:
        """Measures, mixes and says what was made and what was not."""
        stop_preview(context)
        character = find_character(context.active_object, context.view_layer)
        mapping = mappings.stored(character)
        detected = mappings.detect(character, mapping, context.view_layer)
        if detected.preset is None:
            raise CharacterError(
                f"“{character.name}” follows no known mouth standard, so nothing tells which keys make a viseme. "
                "Save its mapping as a preset first."
            )
        rig_map = detected.edited(mapping)
        calibration = calibrate(detected.measured.probe, rig_map)
        built = visemes.build(character, rig_map, calibration, visemes.STANDARDS[self.standard])
        self._keep_standard(context, mapping, detected.preset.id)
        self.report({"INFO"} if built.made else {"WARNING"}, _told_of(built))

    def _keep_standard(self, context: bpy.types.Context, mapping: RigMapping, preset: str) -> None:
        """New names must not change how the character is mapped."""
        character = find_character(context.active_object, context.view_layer)
        now = mappings.standard(character, mapping)
        if now is None or now.preset.id != preset:
            mappings.store(character, replace(mapping, preset=preset))


def _told_of(built: visemes.Built) -> str:
    parts = [f"Built {len(built.made)} keys: {', '.join(built.made)}." if built.made else "No key was built."]
    if built.kept:
        parts.append(f"There already, left as they are: {', '.join(built.kept)}.")
    if built.unknown:
        parts.append(f"Not shown by any key of this character: {', '.join(built.unknown)}.")
    if built.bones:
        parts.append(f"A key cannot hold what bones do: {', '.join(built.bones)}.")
    return " ".join(parts)
