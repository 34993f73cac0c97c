"""The camera's half of the demo: engines, the film with its sound, stills."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import bpy


class Look(NamedTuple):
    """How the film is rendered."""

    engine: str
    size: int
    fps: int
    samples: int


WORKBENCH = Look("BLENDER_WORKBENCH", 480, 24, 5)
PLAIN = Look("CYCLES", 320, 12, 4)
HIGH = Look("CYCLES", 720, 24, 48)

CLAY = (0.66, 0.40, 0.27)

_TRIAL = (
    "import sys, bpy; bpy.ops.wm.read_homefile(use_factory_startup=True); scene = bpy.context.scene;"
    "scene.render.engine = 'BLENDER_WORKBENCH'; scene.render.resolution_x = scene.render.resolution_y = 16;"
    "scene.render.filepath = sys.argv[1]; bpy.ops.render.render(write_still=True)"
)


def workbench_runs() -> bool:
    """True if this machine can render with Workbench (OpenGL through EGL). Tried in a process of its own.

    Without a driver Blender may end the whole process, which no `except` catches.
    """
    with tempfile.TemporaryDirectory() as folder:
        picture = Path(folder) / "trial.png"
        subprocess.run([sys.executable, "-c", _TRIAL, str(picture)], capture_output=True, timeout=120)
        return picture.exists()


def use(scene: bpy.types.Scene, look: Look) -> None:
    """Set the scene up for a look. The frame rate of the scene stays: `look.fps` is that of the film."""
    render = scene.render
    render.engine = look.engine
    render.resolution_x = render.resolution_y = look.size
    render.resolution_percentage = 100
    render.threads_mode = "AUTO"
    if look.engine == "CYCLES":
        cycles = scene.cycles
        cycles.device, cycles.samples, cycles.use_denoising = "CPU", look.samples, True
        cycles.use_adaptive_sampling = False
        cycles.max_bounces, cycles.diffuse_bounces, cycles.glossy_bounces = 4, 2, 2
        render.use_persistent_data = True
    else:
        shading = scene.display.shading
        scene.display.render_aa = str(look.samples)
        shading.light, shading.studio_light = "STUDIO", "paint.sl"
        textured = any(
            node.type == "TEX_IMAGE" for m in bpy.data.materials if m.node_tree for node in m.node_tree.nodes
        )
        shading.color_type = "TEXTURE" if textured else "MATERIAL" if _painted() else "SINGLE"
        shading.single_color = CLAY
        shading.show_cavity, shading.cavity_type = True, "BOTH"
        shading.cavity_ridge_factor, shading.cavity_valley_factor = 0.6, 1.2
        shading.show_specular_highlight = True


def _painted() -> bool:
    """True if any material has a viewport colour of its own; a character without one is shown in clay."""
    return any(
        max(material.diffuse_color[:3]) - min(material.diffuse_color[:3]) > 0.02 for material in bpy.data.materials
    )


def as_movie(scene: bpy.types.Scene, path: Path) -> None:
    """Output as H.264 with AAC sound."""
    image = scene.render.image_settings
    if hasattr(image, "media_type"):  # Blender 5
        image.media_type = "VIDEO"
    image.file_format = "FFMPEG"
    image.color_mode = "RGB"
    ffmpeg = scene.render.ffmpeg
    ffmpeg.format, ffmpeg.codec, ffmpeg.audio_codec = "MPEG4", "H264", "AAC"
    ffmpeg.constant_rate_factor, ffmpeg.audio_bitrate = "HIGH", 160
    ffmpeg.gopsize = 12
    scene.render.filepath = str(path)


def as_picture(scene: bpy.types.Scene, path: Path) -> None:
    """Output as PNG."""
    image = scene.render.image_settings
    if hasattr(image, "media_type"):
        image.media_type = "IMAGE"
    image.file_format = "PNG"
    image.color_mode = "RGB"
    scene.render.filepath = str(path)


def shoot(scene: bpy.types.Scene, path: Path, progress: Callable[[int, int], None]) -> None:
    """Render the scene's frame range as a movie with its sequencer's sound; `progress` gets done and all frames."""
    as_movie(scene, path)
    total = scene.frame_end - scene.frame_start + 1

    def written(*_: object) -> None:
        progress(scene.frame_current - scene.frame_start + 1, total)

    bpy.app.handlers.render_write.append(written)
    try:
        bpy.ops.render.render(animation=True)
    finally:
        bpy.app.handlers.render_write.remove(written)


def snap(scene: bpy.types.Scene, camera: bpy.types.Object, frame: int, path: Path) -> bytes:
    """One frame through a camera, as PNG bytes."""
    usual = scene.camera
    scene.camera = camera
    as_picture(scene, path)
    scene.frame_set(frame)
    bpy.ops.render.render(write_still=True)
    scene.camera = usual
    return path.read_bytes()
