"""Many lines: fill the list, make them all, follow the sounds, speak another language."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import bpy
from bpy.props import BoolProperty, StringProperty

from ...model_runtime.errors import LipSyncError
from .. import compat, dialogue, profile
from .telling import tells_errors


def language_chosen(settings: Any, context: bpy.types.Context) -> None:
    """The scene speaks another language: characters and sound strips follow."""
    dialogue.show_language(context.scene, settings.spoken)


def spoken_languages(_self: Any, context: bpy.types.Context | None) -> list[tuple[str, str, str]]:
    """The languages of the scene's lines."""
    _shown[:] = [(name, name, "") for name in dialogue.languages(context.scene)] if context else []
    return _shown or [("", "No lines yet", "")]


_shown: list[tuple[str, str, str]] = []
"""Blender keeps no reference to the strings of a dynamic enum: they must live here."""


class LABIAL_OT_lines_from_sheet(bpy.types.Operator):
    """Add the lines of a dialogue sheet (csv, tsv, json, Fountain, srt, vtt) or of a folder of sounds"""

    bl_idname = "labial.lines_from_sheet"
    bl_label = "Lines from Sheet"
    bl_options = {"REGISTER", "UNDO"}

    filepath: StringProperty(subtype="FILE_PATH")  # type: ignore[valid-type]
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
        problems = dialogue.fill_from_sheet(context.scene, self.filepath, self.anywhere)
        for problem in problems[:8]:
            self.report({"WARNING"}, problem)
        more = f", {len(problems)} things to mend" if problems else ""
        self.report({"INFO"}, f"{len(context.scene.labial.lines)} lines{more}")


class LABIAL_OT_lines_from_strips(bpy.types.Operator):
    """Add a line for every sound strip of the sequencer; its name, or its channel, tells who speaks"""

    bl_idname = "labial.lines_from_strips"
    bl_label = "Lines from Sequencer"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Fills the list."""
        count = dialogue.fill_from_sequencer(context.scene, compat.sequencer_scene(context))
        self.report({"INFO"}, f"{count} sound strips" if count else "There is no sound strip in the sequencer")
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


class LABIAL_OT_generate_lines(bpy.types.Operator):
    """Make all lines of the list; those that did not change since are left as they are"""

    bl_idname = "labial.generate_lines"
    bl_label = "Generate All"
    bl_options = {"REGISTER", "UNDO"}

    anew: BoolProperty(name="All Anew", description="Also those that did not change")  # type: ignore[valid-type]

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Needs lines."""
        if not context.scene.labial.lines:
            cls.poll_message_set("Add lines first: from a sheet or from the sequencer")
        return bool(context.scene.labial.lines)

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Makes them in one go: scripts and background."""
        return self._tell(list(dialogue.make_lines(context, list(context.scene.labial.lines), anew=self.anew)))

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        """Makes one after the other while the window shows how far it is; Esc stops and keeps what is made."""
        lines = list(context.scene.labial.lines)
        self._made: list[dialogue.Outcome] = []
        self._count, self._making = len(lines), dialogue.make_lines(context, lines, anew=self.anew)
        self._timer = context.window_manager.event_timer_add(0.05, window=context.window)
        context.window_manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """One line a tick."""
        if event.type == "ESC":
            return self._end(context)
        if event.type != "TIMER":
            return {"PASS_THROUGH"}
        making: Iterator[dialogue.Outcome] = self._making
        outcome = next(making, None)
        if outcome is None:
            return self._end(context)
        self._made.append(outcome)
        done = f"Labial: {len(self._made)} of {self._count} lines, last {outcome.line}   Esc: stop"
        context.workspace.status_text_set(done)
        for area in context.screen.areas:
            area.tag_redraw()
        return {"PASS_THROUGH"}

    def _end(self, context: bpy.types.Context) -> set[str]:
        context.window_manager.event_timer_remove(self._timer)
        context.workspace.status_text_set(None)
        return self._tell(self._made)

    def _tell(self, made: list[dialogue.Outcome]) -> set[str]:
        counts = {status: sum(o.status == status for o in made) for status in ("DONE", "UNCHANGED", "FAILED")}
        for outcome in [o for o in made if o.status == dialogue.FAILED][:8]:
            self.report({"WARNING"}, f"{outcome.line}: {outcome.note}")
        text = f"{counts['DONE']} lines made, {counts['UNCHANGED']} unchanged, {counts['FAILED']} failed"
        self.report({"INFO"} if not counts["FAILED"] else {"WARNING"}, text)
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
        moved = dialogue.follow_sounds(context.scene)
        self.report({"INFO"}, f"{moved} lines moved")
        return {"FINISHED"}


class LABIAL_OT_add_sounds(bpy.types.Operator):
    """Add a sound strip for every line that has none"""

    bl_idname = "labial.add_sounds"
    bl_label = "Add Sounds"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Adds them, muted but for the language that is spoken."""
        count = dialogue.add_sounds(context.scene)
        dialogue.show_language(context.scene, context.scene.labial.spoken)
        self.report({"INFO"}, f"{count} sound strips added")
        return {"FINISHED"}


class LABIAL_OT_check_dubs(bpy.types.Operator):
    """List the dubbed lines that are longer than their shot"""

    bl_idname = "labial.check_dubs"
    bl_label = "Check Dubs"

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Tells them."""
        found = dialogue.too_long(context.scene)
        for name, language, frames in found:
            self.report({"WARNING"}, f"{name} in {language} is {frames} frames longer than its shot")
        if not found:
            self.report({"INFO"}, "Every dub fits its shot")
        return {"FINISHED"}


class LABIAL_OT_report_lines(bpy.types.Operator):
    """Write a page about all lines: totals, what needs a look, and a picture of each; it opens offline"""

    bl_idname = "labial.report_lines"
    bl_label = "Write Report"

    filepath: StringProperty(subtype="FILE_PATH", default="//dialogue.html")  # type: ignore[valid-type]

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        """Asks where."""
        context.window_manager.fileselect_add(self)
        return {"RUNNING_MODAL"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Writes it."""
        try:
            rows = dialogue.write_report(context.scene, self.filepath)
        except (LipSyncError, OSError) as error:
            self.report({"ERROR"}, f"The report cannot be written: {error}")
            return {"CANCELLED"}
        self.report({"INFO"}, f"{len(rows)} lines in {self.filepath}")
        return {"FINISHED"}


CLASSES = (
    LABIAL_OT_lines_from_sheet,
    LABIAL_OT_lines_from_strips,
    LABIAL_OT_clear_lines,
    LABIAL_OT_generate_lines,
    LABIAL_OT_learn_levels,
    LABIAL_OT_sync_lines,
    LABIAL_OT_add_sounds,
    LABIAL_OT_check_dubs,
    LABIAL_OT_report_lines,
)
