"""One line on one character: generate, clear, and the sample head."""

from __future__ import annotations

import math
from typing import Any

import bpy

from ...model_runtime.errors import Cancelled, LipSyncError
from ...model_runtime.pipeline import Performance
from .. import compat, generate, keyframes
from ..character import find_character
from ..job import Job
from ..request import request_from
from .telling import tells_errors

running: Job[Performance] | None = None
"""The job whose progress the panel shows."""


class LABIAL_OT_generate(bpy.types.Operator):
    """Make the selected character speak the chosen sound"""

    bl_idname = "labial.generate"
    bl_label = "Generate Lip Sync"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Says what is missing when the button is grey."""
        settings = context.scene.labial
        if running is not None:
            cls.poll_message_set("A line is being made; Esc cancels it")
        elif context.active_object is None:
            cls.poll_message_set("Select a character: its face or its rig")
        elif settings.source == "FILE" and not settings.filepath:
            cls.poll_message_set("Choose a sound file")
        elif settings.source == "STRIP" and not settings.strip:
            cls.poll_message_set("Add a sound to the sequencer, or choose a sound file")
        else:
            return True
        return False

    @tells_errors
    def execute(self, context: bpy.types.Context) -> None:
        """Makes the line in one go: scripts and background."""
        self._tell(context, generate.generate(context, request_from(context)))

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        """Makes the line on a worker thread while the window stays alive."""
        global running
        try:
            self._prepared = generate.prepare(context, request_from(context))
        except LipSyncError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        prepared = self._prepared
        running = self._job = Job(lambda progress: generate.perform(prepared, progress))
        self._timer = context.window_manager.event_timer_add(0.1, window=context.window)
        context.window_manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Shows progress; Esc cancels; writes when the thread has ended."""
        if event.type == "ESC":
            self._job.cancel()
        if event.type != "TIMER":
            return {"PASS_THROUGH"}
        if self._job.running:
            context.workspace.status_text_set(f"Labial: {self._job.doing} {self._job.fraction:.0%}   Esc: cancel")
            _redraw(context)
            return {"PASS_THROUGH"}
        return self._end(context)

    def cancel(self, context: bpy.types.Context) -> None:
        """Blender closes while the work runs."""
        self._job.cancel()
        self._leave(context)

    def _end(self, context: bpy.types.Context) -> set[str]:
        self._leave(context)
        try:
            self._tell(context, generate.deliver(context, self._prepared, self._job.result()))
        except Cancelled:
            self.report({"INFO"}, "Cancelled; nothing was changed")
            return {"CANCELLED"}
        except LipSyncError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return {"FINISHED"}

    def _leave(self, context: bpy.types.Context) -> None:
        global running
        running = None
        context.window_manager.event_timer_remove(self._timer)
        context.workspace.status_text_set(None)
        _redraw(context)

    def _tell(self, context: bpy.types.Context, result: generate.Result) -> None:
        """The report, for the panel and the status bar; the sound, for the ears."""
        report, settings = result.report, context.scene.labial
        settings.report.show(report)
        if settings.source == "FILE" and settings.add_sound:
            _add_sound(context.scene, report.name, settings.filepath, settings.start_frame)
        (closed, closures), (touched, touches) = report.proven("closure"), report.proven("labiodental")
        text = f"{report.key_count} keys; {closed} of {closures} closures and {touched} of {touches} f v proven."
        self.report({"INFO"} if not report.warnings else {"WARNING"}, " ".join([text, *report.warnings]))


class LABIAL_OT_clear(bpy.types.Operator):
    """Take Labial's animation off the selected character; other animation stays"""

    bl_idname = "labial.clear"
    bl_label = "Clear Lip Sync"
    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Needs a character."""
        if context.active_object is None:
            cls.poll_message_set("Select a character: its face or its rig")
        return context.active_object is not None

    @tells_errors
    def execute(self, context: bpy.types.Context) -> set[str]:
        """Removes every line of this character."""
        count = keyframes.remove(find_character(context.active_object, context.view_layer))
        self.report({"INFO"}, f"{count} line(s) removed" if count else "There was nothing of Labial to remove")
        return {"FINISHED"} if count else {"CANCELLED"}


class LABIAL_OT_add_head(bpy.types.Operator):
    """Add Labial's sample character: a head with ARKit 52 and Oculus 15 shape keys and a jaw bone"""

    bl_idname = "labial.add_head"
    bl_label = "Labial Head"
    bl_options = {"REGISTER", "UNDO"}

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Builds the head at the 3D cursor."""
        from ..sample_head import build_head

        build_head(context)
        return {"FINISHED"}


def _add_sound(scene: bpy.types.Scene, name: str, path: str, frame: int) -> None:
    """Puts the sound into the sequencer, once, and lets the scene last as long as it."""
    if not any(s.name == name and round(compat.strip_start(s)) == frame for s in compat.sound_strips(scene)):
        strip = compat.add_sound_strip(scene, name, bpy.path.abspath(path), frame)
        scene.frame_end = max(scene.frame_end, math.ceil(frame + compat.strip_length(strip)) - 1)


def _redraw(context: bpy.types.Context) -> None:
    for area in context.screen.areas if context.screen else ():
        if area.type == "VIEW_3D":
            area.tag_redraw()


def draw_add_menu(self: Any, _context: bpy.types.Context) -> None:
    """The entry of Add > Mesh."""
    self.layout.operator(LABIAL_OT_add_head.bl_idname, icon="USER")
