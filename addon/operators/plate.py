"""Gives a video plate a new line, or fits the network to it; both run in a Python outside of Blender."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import bpy

from ...model_runtime.errors import Cancelled, LipSyncError
from .. import plate
from ..job import Job
from .telling import tells_errors

running: Job[dict[str, Any]] | None = None
"""The job whose progress the panel shows."""


class Outside(bpy.types.Operator):
    """A button whose work runs outside, with progress and cancel."""

    bl_options = {"REGISTER", "UNDO"}

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        """One at a time."""
        if running is not None:
            cls.poll_message_set("A plate is being worked on; Esc cancels it")
        return running is None

    @tells_errors
    def execute(self, context: bpy.types.Context) -> None:
        """Works in one go: scripts and background."""
        self._done(context, self._task(context).run(lambda _share, _text: None))

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        """Works while the window stays alive."""
        global running
        try:
            task = self._task(context)
        except LipSyncError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        running = self._job = Job(task.run)
        self._timer = context.window_manager.event_timer_add(0.2, window=context.window)
        context.window_manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Shows progress; Esc cancels."""
        if event.type == "ESC":
            self._job.cancel()
        if event.type != "TIMER":
            return {"PASS_THROUGH"}
        for area in context.screen.areas:
            area.tag_redraw()
        if self._job.running:
            context.workspace.status_text_set(f"Labial: {self._job.doing} {self._job.fraction:.0%}   Esc: cancel")
            return {"PASS_THROUGH"}
        self._leave(context)
        try:
            self._done(context, self._job.result())
        except Cancelled:
            self.report({"INFO"}, "Cancelled; nothing was written")
            return {"CANCELLED"}
        except LipSyncError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        return {"FINISHED"}

    def cancel(self, context: bpy.types.Context) -> None:
        """Blender closes while it runs."""
        self._job.cancel()
        self._leave(context)

    def _leave(self, context: bpy.types.Context) -> None:
        global running
        running = None
        context.window_manager.event_timer_remove(self._timer)
        context.workspace.status_text_set(None)


class LABIAL_OT_redub_plate(Outside):
    """Let the performer in the film say the new line; needs their signed consent for exactly that"""

    bl_idname = "labial.redub_plate"
    bl_label = "Re-voice Plate"

    def _task(self, context: bpy.types.Context) -> plate.Task:
        return plate.redub_task(context)

    def _done(self, context: bpy.types.Context, told: dict[str, Any]) -> None:
        asked = context.scene.labial_plate
        film = Path(bpy.path.abspath(asked.plate))
        asked.told = "\n".join([plate.place(context.scene, film, told, asked.start), *told["notes"]])
        self.report({"WARNING"} if told["notes"] else {"INFO"}, asked.told.replace("\n", ". "))


class LABIAL_OT_fit_plate(Outside):
    """Teach the network what this performer's lips and teeth look like, if their consent allows it; takes minutes"""

    bl_idname = "labial.fit_plate"
    bl_label = "Fit to this Plate"

    def _task(self, context: bpy.types.Context) -> plate.Task:
        task, self._out = plate.fit_task(context)
        return task

    def _done(self, context: bpy.types.Context, _told: dict[str, Any]) -> None:
        context.scene.labial_plate.refiner = str(self._out)
        self.report({"INFO"}, f"{self._out.name} is fitted; keep it beside the project, delete it with the consent")
