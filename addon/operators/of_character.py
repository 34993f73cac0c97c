"""What operators share that work on a character."""

from __future__ import annotations

import bpy


class OfCharacter(bpy.types.Operator):
    """Needs a selected object; what it belongs to is found when the operator runs."""

    @classmethod
    def poll(cls, context: bpy.types.Context) -> bool:
        """Needs a character."""
        if context.active_object is None:
            cls.poll_message_set("Select a character: its face or its rig")
        return context.active_object is not None
