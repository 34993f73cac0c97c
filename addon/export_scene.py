"""A scene of its own for exporters and importers: shown while they work, and gone afterwards with all they made."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout, suppress
from io import StringIO
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import bpy

from ..model_runtime.errors import LipSyncError


class ExportError(LipSyncError):
    """A line cannot be exported; the text names the thing and the fix."""


@contextmanager
def scratch(name: str, fps: float, objects: Sequence[bpy.types.Object] = ()) -> Iterator[bpy.types.Scene]:
    """A scene with some objects in the place of the one that is shown; whatever is new afterwards is removed.

    fps: its frame rate. Exporters read values of originals, and Blender writes those of the shown scene alone.
    """
    window = bpy.context.window or bpy.context.window_manager.windows[0]
    before, shown = {block.session_uid for block in _blocks()}, window.scene
    scene = bpy.data.scenes.new(name)
    scene.render.fps, scene.render.fps_base = rate(fps)
    try:
        for obj in objects:
            scene.collection.objects.link(obj)
        window.scene = scene
        with redirect_stdout(StringIO()):
            yield scene
    finally:
        window.scene = shown
        bpy.data.batch_remove([block for block in _blocks() if block.session_uid not in before])
        bpy.context.view_layer.update()


def _blocks() -> list[Any]:
    return [block for block in bpy.data.user_map() if not block.is_embedded_data]


def rate(fps: float) -> tuple[int, float]:
    """Frames a second as Blender keeps them: a whole number and what it is divided by."""
    return round(fps), round(fps) / fps


@contextmanager
def temporary_file(suffix: str) -> Iterator[Path]:
    """A path in a folder that is removed afterwards."""
    with TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        yield Path(folder) / f"labial{suffix}"


def run(operator: Any, what: str, **options: Any) -> None:
    """Runs an exporter or importer of Blender with those options that this version knows. Raises ExportError."""
    try:
        known = operator.get_rna_type().properties.keys()
    except KeyError:
        raise ExportError(f"This Blender was built without the {what}. Use the Blender of blender.org.") from None
    given = {name: set(v) if isinstance(v, list) else v for name, v in options.items() if name in known}
    try:
        done = operator(**given)
    except RuntimeError as error:
        raise ExportError(f"Blender's {what} failed: {error}. Try it with this character by hand.") from error
    if done != {"FINISHED"}:
        raise ExportError(f"Blender's {what} gave up. Try it with this character by hand.")


def require_object_mode(objects: Sequence[bpy.types.Object]) -> None:
    """Raises ExportError naming an object that is being edited: what is edited is not in its data yet."""
    for obj in objects:
        if obj.mode not in ("OBJECT", "POSE"):
            raise ExportError(f"“{obj.name}” is in {obj.mode.title().replace('_', ' ')} Mode. Leave it, then export.")


@contextmanager
def parked(blocks: Sequence[Any]) -> Iterator[None]:
    """Frees the names of data-blocks for stand-ins that are exported under them; afterwards they have them again."""
    names = [(block, block.name) for block in blocks if block.library is None]
    try:
        for number, (block, _) in enumerate(names):
            block.name = f"labial parked {number}"
        yield
    finally:
        for block, name in names:
            with suppress(ReferenceError):
                block.name = name


@contextmanager
def part_of(path: Path) -> Iterator[Path]:
    """A file beside `path` that takes its place when all is written. Raises ExportError if it cannot be."""
    part = path.with_name(f"labial-part-{path.name}")
    try:
        if path.exists() and not os.access(path, os.W_OK):
            raise PermissionError(f"{path.name} is read-only")
        part.touch()
        yield part
        os.replace(part, path)
    except OSError as error:
        raise ExportError(
            f"{path} cannot be written: {error}. Choose another folder, or one that is there and has space."
        ) from error
    finally:
        with suppress(OSError):
            part.unlink(missing_ok=True)
