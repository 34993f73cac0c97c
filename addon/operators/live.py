"""Live: the selected character follows the chosen sound, or a microphone, as it speaks."""

from __future__ import annotations

import bpy
from bpy.props import BoolProperty

from ...model_runtime.errors import LipSyncError
from .. import live
from ..live import LiveMouthOn
from .telling import tells_errors

running: LiveMouthOn | None = None
"""What the panel offers to stop."""
_EVERY = 1.0 / 60.0


class LABIAL_OT_live(bpy.types.Operator):
    """Show the voice on the selected character while it speaks, without keys. Esc stops, and all is as it was"""

    bl_idname = "labial.live"
    bl_label = "Live"

    microphone: BoolProperty(options={"SKIP_SAVE"})  # type: ignore[valid-type]

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Says what is missing when the button is grey."""
        if running is not None:
            cls.poll_message_set("A character is live; Esc stops it")
        elif context.active_object is None:
            cls.poll_message_set("Select a character: its face or its rig")
        else:
            return True
        return False

    @tells_errors
    def execute(self, _context: bpy.types.Context) -> None:
        """Only a window has the time that live takes."""
        raise LipSyncError("Live runs in Blender's window. In a script: python -m model_runtime live, or Generate.")

    def invoke(self, context: bpy.types.Context, _event: bpy.types.Event) -> set[str]:
        """Begins; a timer ticks from now on."""
        global running
        try:
            running = self._live = live.start(context, self.microphone)
        except LipSyncError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}
        self._timer = context.window_manager.event_timer_add(_EVERY, window=context.window)
        context.window_manager.modal_handler_add(self)
        context.workspace.status_text_set("Labial is live   Esc: stop")
        return {"RUNNING_MODAL"}

    def modal(self, context: bpy.types.Context, event: bpy.types.Event) -> set[str]:
        """Shows the shape of the moment; Esc and the panel's button stop it."""
        if running is not self._live or event.type == "ESC":
            return self._leave(context)
        if event.type != "TIMER":
            return {"PASS_THROUGH"}
        try:
            goes_on = self._live.tick()
        except LipSyncError as error:
            self.report({"ERROR"}, str(error))
            goes_on = False
        except Exception:
            self._leave(context)
            raise
        return {"PASS_THROUGH"} if goes_on else self._leave(context)

    def cancel(self, context: bpy.types.Context) -> None:
        """Blender closes, or opens another file."""
        self._leave(context)

    def _leave(self, context: bpy.types.Context) -> set[str]:
        if running is self._live:
            stop()
        self._live.stop()
        context.window_manager.event_timer_remove(self._timer)
        context.workspace.status_text_set(None)
        return {"FINISHED"}


class LABIAL_OT_stop_live(bpy.types.Operator):
    """Stop; the character is again as it was"""

    bl_idname = "labial.stop_live"
    bl_label = "Stop"

    @classmethod
    def poll(cls, _context: bpy.types.Context) -> bool:
        """Needs something to stop."""
        return running is not None

    def execute(self, _context: bpy.types.Context) -> set[str]:
        """The timer notices."""
        stop()
        return {"FINISHED"}


def stop() -> None:
    """Nothing is live any more."""
    global running
    running = None
