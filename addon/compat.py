"""Every difference between Blender versions, in one place."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any, NamedTuple

import bpy

BESIDE_FILE = {"PATH_SUPPORTS_BLEND_RELATIVE"}
"""Options of a path that may begin with `//`; without it, 5.x paints such a path red."""


def sound_strips(scene: bpy.types.Scene) -> list[Any]:
    """The sound strips of a scene's sequencer, in time order."""
    return sorted((s for s in _strips(scene) if s.type == "SOUND"), key=strip_start)


def strips_named(scene: bpy.types.Scene, name: str) -> list[Any]:
    """The sound strip of this name, and the text strip `subtitle_name` of it."""
    return [s for s in _strips(scene) if s.name in (name, subtitle_name(name)) and s.type in ("SOUND", "TEXT")]


def subtitle_name(name: str) -> str:
    """The text strip of a sound strip: strips of a scene have names of their own."""
    return f"{name} text"


def _strips(scene: bpy.types.Scene) -> list[Any]:
    """All strips of a sequencer. 4.5 says `sequences_all`, 5.x only `strips_all`."""
    editor = scene.sequence_editor
    if editor is None:
        return []
    return list(editor.strips_all if hasattr(editor, "strips_all") else editor.sequences_all)


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


def retimed(strip: Any) -> str:
    """What to do about a sound strip that may play faster or slower than its sound; "" for others.

    Blender tells scripts where its retiming keys lie in the scene, not which moments of the sound they hold.
    """
    if not len(strip.retiming_keys):
        return ""
    return (
        f"“{strip.name}” is retimed, so keys would not be in time with it. Remove that (Strip > Retiming > Reset "
        "Retiming), or render it to a sound file (Render > Render Audio) and use that."
    )


def add_sound_strip(scene: bpy.types.Scene, name: str, path: str, frame: int, length: float = math.inf) -> Any:
    """A new sound strip on the lowest channel that is free for `length` frames."""
    strips, channel = _free_channel(scene, frame, length)
    return strips.new_sound(name=name, filepath=path, channel=channel, frame_start=frame)


def add_text_strip(scene: bpy.types.Scene, name: str, text: str, frame: int, length: int) -> Any:
    """A new text strip on the lowest channel that is free there; 4.5 wants its last frame, 5.x its length."""
    strips, channel = _free_channel(scene, frame, length)
    place = {"name": name, "type": "TEXT", "channel": channel, "frame_start": frame}
    try:
        strip = strips.new_effect(**place, length=length)
    except TypeError:
        strip = strips.new_effect(**place, frame_end=frame + length)
    strip.text = text
    return strip


def _free_channel(scene: bpy.types.Scene, frame: int, length: float) -> tuple[Any, int]:
    """The sequencer's strips, and a channel. There are 128; in the last one, Blender makes room by itself."""
    editor = scene.sequence_editor or scene.sequence_editor_create()
    strips = editor.strips if hasattr(editor, "strips") else editor.sequences
    taken = {s.channel for s in strips if strip_start(s) < frame + length and strip_start(s) + strip_length(s) > frame}
    return strips, next((c for c in range(1, 128) if c not in taken), 128)


def move_strip(strip: Any, frames: float) -> None:
    """Moves a strip as a whole."""
    if hasattr(strip, "content_start"):
        strip.content_start += frames
    else:
        strip.frame_start += frames


def play_sound(strip: Any, path: str, frames: int) -> None:
    """Lets a sound strip play another file from its beginning, for so many frames from where it begins."""
    start = strip_start(strip)
    strip.sound = bpy.data.sounds.load(path, check_existing=True)
    if hasattr(strip, "content_trim_start"):
        strip.content_trim_start = 0
    else:
        strip.frame_offset_start = 0
    move_strip(strip, start - strip_start(strip))
    set_strip_length(strip, frames)


def set_strip_length(strip: Any, frames: int) -> None:
    """Moves the end of a strip."""
    if hasattr(strip, "left_handle"):
        strip.duration = frames
    else:
        strip.frame_final_duration = frames


def addon_data(block: bpy.types.ID, name: str) -> Any:
    """What another add-on keeps on a data-block, which may be off or missing; None without. 5.x has it apart."""
    if hasattr(block, "bl_system_properties_get"):
        properties = block.bl_system_properties_get()
        return properties.get(name) if properties else None
    return block.get(name)


def use_cycles(scene: bpy.types.Scene, samples: int) -> None:
    """Rendering on the processor, with no more light than what lamps send."""
    render: Any = scene.render
    render.engine = "CYCLES"
    cycles: Any = scene.cycles
    cycles.device, cycles.samples, cycles.use_adaptive_sampling, cycles.use_denoising = "CPU", samples, False, False
    cycles.max_bounces = 1


def as_png(scene: bpy.types.Scene) -> None:
    """What is rendered is written as a PNG picture; 5.x has to be told that it is no film."""
    image = scene.render.image_settings
    if hasattr(image, "media_type"):
        image.media_type = "IMAGE"
    image.file_format, image.color_mode = "PNG", "RGB"


def add_picture_strip(scene: bpy.types.Scene, name: str, files: list[Path], frame: int, above: Any = None) -> Any:
    """A movie, or a sequence of images, on the lowest free channel, at least that of `above` plus one."""
    strips, channel = _free_channel(scene, frame, 1)
    channel = max(channel, above.channel + 1 if above is not None else 1)
    place = {"name": name, "filepath": str(files[0]), "channel": channel, "frame_start": frame}
    if len(files) == 1 and files[0].suffix.lower() not in (".png", ".jpg", ".jpeg", ".tif", ".tiff", ".bmp"):
        return strips.new_movie(**place)
    strip = strips.new_image(**place)
    for file in files[1:]:
        strip.elements.append(file.name)
    set_strip_length(strip, len(files))
    return strip


class MixNode(NamedTuple):
    """A node that lays one picture over another: the factor, the lower and the upper picture; and what comes out."""

    node: Any
    inputs: tuple[Any, Any, Any]
    output: Any


def new_mix_node(group: bpy.types.NodeTree) -> MixNode:
    """4.5 has a mix node of the compositor's own; 5.x uses that of shaders."""
    if bpy.app.version < (5, 0):
        node = group.nodes.new("CompositorNodeMixRGB")
        return MixNode(node, (node.inputs[0], node.inputs[1], node.inputs[2]), node.outputs[0])
    node = group.nodes.new("ShaderNodeMix")
    node.data_type = "RGBA"
    sockets = [next(s for s in node.inputs if s.name == n and s.enabled) for n in ("Factor", "A", "B")]
    return MixNode(node, (sockets[0], sockets[1], sockets[2]), next(s for s in node.outputs if s.enabled))
