"""Many lines: fill the list, follow the sounds, speak another language, fit dubs, tell how they are."""

from __future__ import annotations

from typing import Any

import bpy
from bpy.props import BoolProperty, StringProperty

from ...model_runtime.errors import SceneError
from .. import compat, dialogue, dialogue_report, dubs, line_list, placement, profile, sound_strips
from .queue import CLASSES as QUEUE
from .telling import tells_errors


def language_chosen(settings: Any, context: bpy.types.Context) -> None:
    """The scene speaks another language: characters and sound strips follow."""
    dialogue.show_language(context.scene, settings.spoken)


def placement_chosen(_settings: Any, context: bpy.types.Context) -> None:
    """Lines play from other places: their strips, or one Action for each character."""
    placement.settle(context.scene)


def spoken_languages(_self: Any, context: bpy.types.Context | None) -> list[tuple[str, str, str]]:
    """The languages of the scene's lines."""
    _shown[:] = [(name, name, "") for name in line_list.languages(context.scene)] if context else []
    return _shown or [("", "No lines yet", "")]


_shown: list[tuple[str, str, str]] = []
"""Blender keeps no reference to the strings of a dynamic enum: they must live here."""


class LABIAL_OT_lines_from_sheet(bpy.types.Operator):
    """Add the lines of a dialogue sheet (csv, tsv, json, Fountain, srt, vtt) or of a folder of sounds"""

    bl_idname = "labial.lines_from_sheet"
    bl_label = "Lines from Sheet"
    bl_options = {"REGISTER", "UNDO"}

    filepath: StringProperty(subtype="FILE_PATH", options=compat.BESIDE_FILE)  # type: ignore[valid-type]
    anywhere: BoolProperty(  # type: ignore[valid-type]
        name="Sounds Anywhere", description="Also take sounds that lie outside of the project's folder"
    )

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        """Asks for the file."""
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    @tells_errors
    def execute(self, context: bpy.types.Context) -> None:
        """Reads it; what is wrong with rows is told and the others are taken."""
        problems = line_list.fill_from_sheet(context.scene, self.filepath, self.anywhere)
        for problem in problems[:8]:
            self.report({"WARNING"}, problem)
        more = f", {len(problems)} things to mend" if problems else ""
        self.report({"INFO"}, f"{len(context.scene.labial.lines)} lines{more}")


class LABIAL_OT_lines_from_strips(bpy.types.Operator):
    """Add a line for every sound strip of the sequencer; its name, its colour or its channel tells who speaks"""

    bl_idname = "labial.lines_from_strips"
    bl_label = "Lines from Sequencer"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Fills the list."""
        count, problems = line_list.fill_from_sequencer(context.scene, compat.sequencer_scene(context))
        for problem in problems[:8]:
            self.report({"WARNING"}, problem)
        self.report({"INFO"}, f"{count} sound strips" if count else "There is no sound strip that can be used")
        return {"FINISHED"} if count else {"CANCELLED"}


class LABIAL_OT_clear_lines(bpy.types.Operator):
    """Empty the list; animation that was made stays"""

    bl_idname = "labial.clear_lines"
    bl_label = "Empty List"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Empties it."""
        context.scene.labial.lines.clear()
        return {"FINISHED"}


class LABIAL_OT_learn_levels(bpy.types.Operator):
    """Listen to all lines of each character, so that its whisper is not opened like its shout"""

    bl_idname = "labial.learn_levels"
    bl_label = "Learn Voices"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Keeps the level with each character; lines that were made are to be made again."""
        levels = profile.learn(context, list(context.scene.labial.lines))
        text = ", ".join(f"{name} {level:.0f} dB" for name, level in levels.items())
        self.report({"INFO"}, text or "No line could be heard")
        return {"FINISHED"} if levels else {"CANCELLED"}


class LABIAL_OT_sync_lines(bpy.types.Operator):
    """Move the mouths of lines whose sound strip was moved"""

    bl_idname = "labial.sync_lines"
    bl_label = "Follow Sounds"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Moves them."""
        moved = sound_strips.follow_sounds(context.scene)
        self.report({"INFO"}, f"{moved} lines moved")
        return {"FINISHED"}


class LABIAL_OT_add_sounds(bpy.types.Operator):
    """Add a sound strip for every line that has none"""

    bl_idname = "labial.add_sounds"
    bl_label = "Add Sounds"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Adds them, muted but for the language that is spoken."""
        count = sound_strips.add_sounds(context.scene)
        dialogue.show_language(context.scene, context.scene.labial.spoken)
        self.report({"INFO"}, f"{count} sound strips added")
        return {"FINISHED"}


class LABIAL_OT_check_dubs(bpy.types.Operator):
    """List the dubbed lines that are longer than their shot, and how each could be made to fit"""

    bl_idname = "labial.check_dubs"
    bl_label = "Check Dubs"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Tells them, also in their notes."""
        found = dubs.too_long(context.scene)
        for dub in found:
            self.report({"WARNING"}, f"{dub.line} in {dub.language}: {dub.fit.advice}")
            line = line_list.line_of(context.scene, dub.line, dub.language)
            if line is not None:
                line.note = dub.fit.advice
        if not found:
            self.report({"INFO"}, "Every dub fits its shot")
        return {"FINISHED"}


class LABIAL_OT_fit_dub(bpy.types.Operator):
    """Write a shorter sound beside the recording, as Check Dubs suggests, and let the line speak it"""

    bl_idname = "labial.fit_dub"
    bl_label = "Fit to Shot"
    bl_options = {"REGISTER", "UNDO"}

    every: BoolProperty(  # type: ignore[valid-type]
        name="All Dubs", description="All dubs that are too long, not only the chosen line"
    )

    @tells_errors
    def execute(self, context: bpy.types.Context) -> set[str]:
        """Makes the sounds; their lines are to be made again."""
        settings, found = context.scene.labial, dubs.too_long(context.scene)
        if not self.every:
            chosen = settings.lines[settings.line_index] if 0 <= settings.line_index < len(settings.lines) else None
            found = [dub for dub in found if chosen and (dub.line, dub.language) == (chosen.name, chosen.language)]
        for dub in found:
            path = dubs.apply(context.scene, dub)
            self.report({"INFO"}, f"{path.name}: {dub.fit.advice}; Generate All makes its mouth")
        if not found:
            self.report({"INFO"}, "It is not longer than its shot, or was not made yet")
        return {"FINISHED"} if found else {"CANCELLED"}


class LABIAL_OT_report_lines(bpy.types.Operator):
    """Write a page about all lines: totals, what needs a look, and a picture of each; it opens offline"""

    bl_idname = "labial.report_lines"
    bl_label = "Write Report"

    filepath: StringProperty(subtype="FILE_PATH", options=compat.BESIDE_FILE, default="//dialogue.html")  # type: ignore[valid-type]
    pictures: BoolProperty(  # type: ignore[valid-type]
        name="Stills", description="Also render the mouth of each line that is to be seen, where it is widest"
    )

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        """Asks where."""
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    @tells_errors
    def execute(self, context: bpy.types.Context) -> None:
        """Writes it."""
        try:
            rows = dialogue_report.write_report(context, self.filepath, pictures=self.pictures)
        except OSError as error:
            raise SceneError(f"The report cannot be written: {error}. Choose another file.") from error
        self.report({"INFO"}, f"{len(rows)} lines in {self.filepath}")


CLASSES = (
    LABIAL_OT_lines_from_sheet,
    LABIAL_OT_lines_from_strips,
    LABIAL_OT_clear_lines,
    *QUEUE,
    LABIAL_OT_learn_levels,
    LABIAL_OT_sync_lines,
    LABIAL_OT_add_sounds,
    LABIAL_OT_check_dubs,
    LABIAL_OT_fit_dub,
    LABIAL_OT_report_lines,
)
