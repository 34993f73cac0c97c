"""Mappings are kept as presets of one's own, and exchanged as files."""

from __future__ import annotations

from pathlib import Path

import bpy
from bpy.props import StringProperty
from bpy_extras.io_utils import ExportHelper, ImportHelper

from ...model_runtime.errors import CharacterError
from ...model_runtime.rigs.mapping import RigMapping, as_preset, missing, read, save_preset, write
from .. import mappings
from ..character import find_character
from ..mapping_list import as_detected, fill, rows_of, shown, stop_preview
from .of_character import OfCharacter
from .telling import tells_errors


class LABIAL_OT_save_rig(OfCharacter):
    """Save the mapping as a preset: other characters that have all of its names are known by it"""

    bl_idname = "labial.save_rig"
    bl_label = "Save as Preset"
    bl_options = {"REGISTER"}

    name: StringProperty(name="Name", default="My Rig")  # type: ignore[valid-type]

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        """Asks for the name."""
        return set(context.window_manager.invoke_props_dialog(self))

    @tells_errors
    def execute(self, context: bpy.types.Context) -> None:
        """Writes it into the user's folder."""
        character = find_character(context.active_object, context.view_layer)
        mapping = mappings.stored(character)
        detected = mappings.detect(character, mapping, context.view_layer)
        rig_map = detected.edited(mapping)
        data = as_preset(
            self.name.strip(), rig_map, detected.preset, character.targets, detected.found_anew(rig_map)
        )  # fmt: skip
        self.report({"INFO"}, f"Saved as {save_preset(data, mappings.own_folder())}")


class LABIAL_OT_export_mapping(OfCharacter, ExportHelper):  # type: ignore[misc]
    """Write the mapping of all channels to a file"""

    bl_idname = "labial.export_mapping"
    bl_label = "Export Mapping"
    bl_options = {"REGISTER"}

    filename_ext = ".json"
    filter_glob: StringProperty(default="*.json", options={"HIDDEN"})  # type: ignore[valid-type]

    @tells_errors
    def execute(self, context: bpy.types.Context) -> None:
        """Writes detected and edited rows alike."""
        character = shown(context)
        rows = rows_of(context, character)
        write(Path(bpy.path.abspath(self.filepath)), RigMapping(rows, as_detected(context).preset))
        self.report({"INFO"}, f"Exported {self.filepath}")


class LABIAL_OT_import_mapping(OfCharacter, ImportHelper):  # type: ignore[misc]
    """Use the mapping in a file, or that of a rig preset, for the selected character"""

    bl_idname = "labial.import_mapping"
    bl_label = "Import Mapping"
    bl_options = {"REGISTER", "UNDO"}

    filename_ext = ".json"
    filter_glob: StringProperty(default="*.json", options={"HIDDEN"})  # type: ignore[valid-type]

    @tells_errors
    def execute(self, context: bpy.types.Context) -> None:
        """Keeps it with the character; names that it does not have are told."""
        character = find_character(context.active_object, context.view_layer)
        path = Path(bpy.path.abspath(self.filepath))
        mapping = read(path)
        detected = mappings.detect(character, mapping, context.view_layer)
        absent = missing(mapping, detected.rig_map.targets)
        if absent and len(absent) == len({name for row in mapping.rows.values() for name in row}):
            raise CharacterError(
                f"“{character.name}” has none of the names in {path.name} ({', '.join(absent[:3])} …). "
                "Choose the file of a character like it."
            )
        stop_preview(context)
        mappings.store(character, mapping)
        fill(context)
        remarks = mappings.remarks(mapping, detected.rig_map)
        self.report({"WARNING"} if absent else {"INFO"}, " ".join([f"Imported {path.name}.", *remarks]))
