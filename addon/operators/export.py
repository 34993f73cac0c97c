"""Lines out of Blender: baked into Actions, or as files for engines."""

from __future__ import annotations

import bpy
from bpy.props import BoolProperty

from .. import export, export_lines
from ..character import find_character
from ..export_report import sentence
from ..export_scene import ExportError
from ..export_settings import settings_of
from .telling import tells_errors


class LABIAL_OT_export(bpy.types.Operator):
    """Write every line as a clip for an engine, and read the files again; the scene stays as it is"""

    bl_idname = "labial.export"
    bl_label = "Export Lines"
    bl_options = {"REGISTER"}

    everyone: BoolProperty(name="All Characters", description="Not only the selected one")  # type: ignore[valid-type]

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Edited meshes are not in their data yet."""
        if context.mode not in ("OBJECT", "POSE"):
            cls.poll_message_set("Leave the mode in which the character is edited")
        return context.mode in ("OBJECT", "POSE")

    @tells_errors
    def execute(self, context: bpy.types.Context) -> set[str]:
        """Writes them and tells what became of each file."""
        asked = context.scene.labial_export
        settings = settings_of(asked)
        who = (
            export_lines.speaking(context)
            if self.everyone
            else [find_character(context.active_object, context.view_layer)]
        )
        if not who:
            raise ExportError("No character of the scene has a line. Click Generate Lip Sync first.")
        made = [one for c in who for one in export.export(context, c, asked.target, asked.folder, settings)]
        asked.told = "\n".join(map(sentence, made))
        for exported in made:
            good = exported.passed and not exported.notes
            self.report({"INFO"} if good else {"WARNING"} if not exported.error else {"ERROR"}, sentence(exported))
        return {"FINISHED"} if any(not exported.error for exported in made) else {"CANCELLED"}


class LABIAL_OT_bake(bpy.types.Operator):
    """Make an Action of plain keys of every line of the selected character; the lines stay as they are"""

    bl_idname = "labial.bake"
    bl_label = "Bake to Actions"
    bl_options = {"REGISTER", "UNDO"}

    @tells_errors
    def execute(self, context: bpy.types.Context) -> None:
        """Bakes them."""
        settings = settings_of(context.scene.labial_export)
        names = export_lines.bake_actions(find_character(context.active_object, context.view_layer), settings)
        self.report({"INFO"}, f"Baked {', '.join(names)}")


CLASSES = (LABIAL_OT_export, LABIAL_OT_bake)
