"""Generate All: lines are made one after the other while the window stays alive; pause, go on, stop, retry."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import bpy
from bpy.props import BoolProperty

from ...model_runtime.pipeline import Performance
from ..dialogue import LineQueue, Outcome, make_lines
from ..job import Job
from ..line_list import DONE, FAILED, UNCHANGED


@dataclass
class Running:
    """A batch as the panel shows it: its lines, the one that is heard now, and whether it waits."""

    queue: LineQueue
    job: Job[Performance] | None = None
    paused: bool = False
    stopped: bool = False

    @property
    def fraction(self) -> float:
        """How much is done, 0-1."""
        return (len(self.queue.outcomes) + (self.job.fraction if self.job else 0.0)) / max(1, self.queue.count)

    @property
    def doing(self) -> str:
        """How far it is, in words."""
        done = f"{len(self.queue.outcomes)} of {self.queue.count} lines"
        if bpy.context.scene.name != self.queue.scene:
            return f"{done}, waiting for the scene {self.queue.scene}"
        return f"{done}, paused" if self.paused else done


running: Running | None = None
"""The batch whose progress the panel shows."""


class LABIAL_OT_generate_lines(bpy.types.Operator):
    """Make all lines of the list; those that did not change since are left as they are"""

    bl_idname = "labial.generate_lines"
    bl_label = "Generate All"
    bl_options = {"REGISTER", "UNDO"}

    anew: BoolProperty(name="All Anew", description="Also those that did not change")  # type: ignore[valid-type]
    failed: BoolProperty(  # type: ignore[valid-type]
        name="Failed Only", description="Only lines that failed before", options={"SKIP_SAVE"}
    )

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Needs lines."""
        if running is not None:
            cls.poll_message_set("Lines are being made; pause or stop them in the panel")
        elif not context.scene.labial.lines:
            cls.poll_message_set("Add lines first: from a sheet or from the sequencer")
        return running is None and bool(context.scene.labial.lines)

    def execute(self, context: bpy.types.Context) -> set[str]:
        """Makes them in one go: scripts and background."""
        return self._tell(list(make_lines(context, self._chosen(context), anew=self.anew)))

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        """Makes one after the other, each heard on a worker thread."""
        global running
        running = Running(LineQueue(context, self._chosen(context), anew=self.anew))
        self._timer = context.window_manager.event_timer_add(0.05, window=context.window)
        context.window_manager.modal_handler_add(self)
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Begins a line, waits for it, writes it; Esc stops and keeps what is made."""
        if running is None:
            return {"CANCELLED"}
        if event.type == "ESC" and event.value == "PRESS":
            stop(running)
            return {"RUNNING_MODAL"}
        if event.type == "Z" and (event.ctrl or event.oskey):  # undo in the middle would take half of the batch back
            return {"RUNNING_MODAL"}
        if event.type != "TIMER":
            return {"PASS_THROUGH"}
        try:
            going = _advance(context, running)
        except Exception:
            self._end(context)  # or the panel would say for good that lines are being made
            raise
        if not going:
            return self._end(context)
        context.workspace.status_text_set(f"Labial: {running.doing}   Esc: stop")
        _redraw(context)
        return {"PASS_THROUGH"}

    def cancel(self, context: bpy.types.Context) -> None:
        """Blender closes, or opens another file, while lines are made."""
        if running is not None:
            stop(running)
            self._end(context)

    def _chosen(self, context: bpy.types.Context) -> list[Any]:
        lines = list(context.scene.labial.lines)
        return [line for line in lines if line.status == FAILED] if self.failed else lines

    def _end(self, context: bpy.types.Context) -> set[str]:
        global running
        ended, running = running, None
        context.window_manager.event_timer_remove(self._timer)
        context.workspace.status_text_set(None)
        if ended is None:
            return {"CANCELLED"}
        ended.queue.close()
        _redraw(context)
        return self._tell(ended.queue.outcomes)

    def _tell(self, made: list[Outcome]) -> set[str]:
        counts = {status: sum(o.status == status for o in made) for status in (DONE, UNCHANGED, FAILED)}
        for outcome in [o for o in made if o.status == FAILED][:8]:
            self.report({"WARNING"}, f"{outcome.line} ({outcome.language}): {outcome.note}")
        text = f"{counts[DONE]} lines made, {counts[UNCHANGED]} unchanged, {counts[FAILED]} failed"
        self.report({"INFO"} if not counts[FAILED] else {"WARNING"}, text)
        return {"FINISHED"}


def _advance(context: bpy.types.Context, batch: Running) -> bool:
    """One step of a batch, which waits while another scene is shown; False after its last."""
    if context.scene.name != batch.queue.scene and not batch.stopped:
        return batch.queue.scene in bpy.data.scenes
    if batch.job is not None:
        if not batch.job.running:
            job, batch.job = batch.job, None
            batch.queue.end(context, job.result)
        return True
    if batch.stopped:
        return False
    if batch.paused:
        return True
    step = batch.queue.begin(context)
    if step is None:
        return False
    if not isinstance(step, Outcome):
        batch.job = Job(step)
    return True


def stop(batch: Running) -> None:
    """Ends a batch after the line that is being heard, which is left."""
    batch.stopped, batch.paused = True, False
    if batch.job is not None:
        batch.job.cancel()


def _redraw(context: bpy.types.Context) -> None:
    for area in context.screen.areas if context.screen else ():
        area.tag_redraw()


class OfBatch(bpy.types.Operator):
    """Needs a batch that runs."""

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        """Needs one."""
        return running is not None


class LABIAL_OT_pause_lines(OfBatch):
    """Pause the batch after the line that is being made, or go on with it"""

    bl_idname = "labial.pause_lines"
    bl_label = "Pause"
    bl_options = {"INTERNAL"}

    def execute(self, _context: bpy.types.Context) -> set[str]:
        """Changes from the one to the other."""
        if running is not None:
            running.paused = not running.paused
        return {"FINISHED"}


class LABIAL_OT_stop_lines(OfBatch):
    """Stop the batch; lines that are made stay, and Generate All goes on from there"""

    bl_idname = "labial.stop_lines"
    bl_label = "Stop"
    bl_options = {"INTERNAL"}

    def execute(self, _context: bpy.types.Context) -> set[str]:
        """Stops it."""
        if running is not None:
            stop(running)
        return {"FINISHED"}


CLASSES = (LABIAL_OT_generate_lines, LABIAL_OT_pause_lines, LABIAL_OT_stop_lines)
