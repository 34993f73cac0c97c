"""Every difference between Blender versions, in one place."""

from __future__ import annotations

from typing import Any

import bpy


def sound_strips(scene: bpy.types.Scene) -> list[Any]:
    """The sound strips of a scene's sequencer, in time order. 4.5 says `sequences_all`, 5.x only `strips_all`."""
    editor = scene.sequence_editor
    if editor is None:
        return []
    strips = editor.strips_all if hasattr(editor, "strips_all") else editor.sequences_all
    return sorted((s for s in strips if s.type == "SOUND"), key=strip_start)


def sequencer_scene(context: bpy.types.Context) -> bpy.types.Scene:
    """The scene whose sequencer the user sees; in 5.x the workspace may show another than the active one."""
    return getattr(context.workspace, "sequencer_scene", None) or context.scene


def strip_start(strip: Any) -> float:
    """The scene frame at which the visible part of a strip begins."""
    return float(strip.left_handle if hasattr(strip, "left_handle") else strip.frame_final_start)


def strip_length(strip: Any) -> float:
    """Frames of the visible part of a strip."""
    return float(strip.duration if hasattr(strip, "left_handle") else strip.frame_final_duration)


def strip_skipped(strip: Any) -> float:
    """Frames of the sound that lie hidden before the visible part begins."""
    content = strip.content_start if hasattr(strip, "content_start") else strip.frame_start
    return max(0.0, strip_start(strip) - float(content))


def add_sound_strip(scene: bpy.types.Scene, name: str, path: str, frame: int) -> Any:
    """A new sound strip on the lowest free channel."""
    editor = scene.sequence_editor or scene.sequence_editor_create()
    strips = editor.strips if hasattr(editor, "strips") else editor.sequences
    taken = {s.channel for s in strips}
    channel = next(c for c in range(1, 129) if c not in taken)
    return strips.new_sound(name=name, filepath=path, channel=channel, frame_start=frame)
