"""Fits the refiner to the plate that is chosen, in a Python outside of Blender."""

from __future__ import annotations

from pathlib import Path

import bpy

from ...model_runtime.errors import Cancelled, LipSyncError
from .. import fit_process
from ..job import Job
from ..preferences import preferences
from .telling import tells_errors

running: Job[Path] | None = None
"""The job whose progress the panel shows."""


class LABIAL_OT_fit_plate(bpy.types.Operator):
    """Teach the network what this performer's lips and teeth look like, if their consent allows it; takes minutes"""

    bl_idname = "labial.fit_plate"
    bl_label = "Fit to this Plate"

    plate: bpy.props.StringProperty(options={"HIDDEN"})  # type: ignore[valid-type]
    consent: bpy.props.StringProperty(options={"HIDDEN"})  # type: ignore[valid-type]

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        """One at a time."""
        if running is not None:
            cls.poll_message_set("A plate is being fitted; Esc cancels it")
        return running is None

    @tells_errors
    def execute(self, context: bpy.types.Context) -> None:
        """Fits in one go: scripts and background."""
        fit = self._fit(context)
        self._tell(context, fit_process.run(fit, lambda _share, _text: None))

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        """Fits while the window stays alive."""
        global running
        try:
            fit = self._fit(context)
            fit.check()
        except LipSyncError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        running = self._job = Job(lambda progress: fit_process.run(fit, progress))
        self._timer = context.window_manager.event_timer_add(0.2, window=context.window)
        context.window_manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Shows progress; Esc cancels."""
        if event.type == "ESC":
            self._job.cancel()
        if event.type != "TIMER":
            return {"PASS_THROUGH"}
        if self._job.running:
            context.workspace.status_text_set(f"Labial: {self._job.doing} {self._job.fraction:.0%}   Esc: cancel")
            return {"PASS_THROUGH"}
        self._leave(context)
        try:
            self._tell(context, self._job.result())
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

    def _fit(self, context: bpy.types.Context) -> fit_process.Fit:
        chosen = preferences(context)
        plate, consent, python, folder = (
            Path(bpy.path.abspath(path)) for path in (self.plate, self.consent, chosen.fit_python, chosen.fit_folder)
        )
        beside = Path(bpy.data.filepath).parent if bpy.data.filepath else plate.parent
        return fit_process.Fit(python, folder, plate, consent, beside / f"{plate.stem}.fit.onnx", chosen.fit_minutes)

    def _tell(self, _context: bpy.types.Context, path: Path) -> None:
        self.report({"INFO"}, f"{path.name} is fitted; keep it beside the project and delete it with the consent")

    def _leave(self, context: bpy.types.Context) -> None:
        global running
        running = None
        context.window_manager.event_timer_remove(self._timer)
        context.workspace.status_text_set(None)
