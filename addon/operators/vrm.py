"""The expressions of a VRM file for a character that was imported without the VRM add-on."""

from __future__ import annotations

from pathlib import Path

import bpy
from bpy.props import StringProperty
from bpy_extras.io_utils import ImportHelper

from ...model_runtime.errors import CharacterError
from ...model_runtime.rigs.vrm_file import read_expressions
from .. import vrm
from ..character import find_character, objects_of
from .of_character import OfCharacter
from .telling import tells_errors


class LABIAL_OT_read_vrm(OfCharacter, ImportHelper):  # type: ignore[misc]
    """Read which shape keys make A, I, U, E and O from the VRM file that the selected character was imported from"""

    bl_idname = "labial.read_vrm"
    bl_label = "Read Expressions from VRM File"
    bl_options = {"REGISTER", "UNDO"}

    filename_ext = ".vrm"
    filter_glob: StringProperty(default="*.vrm;*.glb", options={"HIDDEN"})  # type: ignore[valid-type]

    @tells_errors
    def execute(self, context: bpy.types.Context) -> None:
        """Keeps them with the character."""
        path = Path(bpy.path.abspath(self.filepath))
        expressions = read_expressions(path)
        character = find_character(context.active_object, context.view_layer)
        if character.armature is None:
            raise CharacterError(f"“{character.name}” has no armature, and VRM characters have. Select its face.")
        found = vrm.keep(bpy.data.objects[character.armature], expressions, objects_of(character))
        if not found:
            raise CharacterError(
                f"None of the shape keys that {path.name} names is on “{character.name}”. Select the character that "
                "was imported from this file."
            )
        self.report({"INFO"}, f"{len(found)} of {len(expressions)} expressions of {path.name} are on {character.name}")
