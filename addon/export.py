"""Lines of a character as files for engines: baked, named, written whole, and read again."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import bpy

from ..model_runtime.delivery import write_whole
from ..model_runtime.errors import LipSyncError
from ..model_runtime.export.clip import Clip, clip_name
from ..model_runtime.export.compare import Comparison
from ..model_runtime.export.formats import Engine, load_engine
from . import player
from .character import Character
from .export_blender import WRITERS, check, limits
from .export_check import check_glb
from .export_curves import write_curves
from .export_gltf import glb
from .export_lines import Baked, Settings, baked_lines, new_names
from .export_scene import ExportError
from .line_sound import write_sound

SPARSE = 0.001
"""How far values between the keys of sparse files may lie from what was baked, share of a whole shape."""


@dataclass(frozen=True)
class Exported:
    """A file, or a line of which none could be made (then `error` says why)."""

    target: str
    character: str
    path: str = ""
    clips: tuple[str, ...] = ()
    written_by: str = ""
    read_by: str = ""
    comparisons: tuple[Comparison, ...] = ()
    size: int = 0
    seconds: float = 0.0
    notes: tuple[str, ...] = ()
    error: str = ""

    @property
    def error_of_whole(self) -> float:
        """The largest error of any clip, a share of a whole shape or radians."""
        return max((max(one.error, one.turn_error) for one in self.comparisons), default=0.0)

    @property
    def passed(self) -> bool:
        """Whether it is there and holds what was baked."""
        return not self.error and all(comparison.passed for comparison in self.comparisons)


def export(
    context: bpy.types.Context, character: Character, target: str, path: str | Path, settings: Settings = Settings()
) -> list[Exported]:
    """Writes all lines of a character, or those of the settings. The scene stays as it is.

    path: a folder, or a file that ends in the target's suffix. Raises LipSyncError if nothing can be written; a line
    that fails alone is told in the list.
    """
    started, engine = time.perf_counter(), load_engine(target)
    folder, file = _place(path, engine)
    names = new_names(character, settings)
    baked, unbaked = baked_lines(character, settings.fps or engine.fps, settings)
    failed = [Exported(engine.id, character.name, clips=(name,), error=why) for name, why in unbaked.items()]
    if not baked:
        return failed
    job = _Job(character, engine, settings, names, time.perf_counter() - started)
    if target in ("glb", "player"):
        made = [_write_glb(job, baked, file or folder / f"{file_name(character.name)}{engine.suffix}")]
    elif file and len(baked) > 1:
        raise ExportError(f"{engine.title} takes one line a file, and there are {len(baked)}. Choose a folder.")
    else:
        made = [_tried(job, line, file or folder / f"{line[1].name}{engine.suffix}") for line in baked]
    lost = {clip.name: clip.notes for _, clip in baked}
    made = [replace(one, notes=one.notes + tuple(dict.fromkeys(n for c in one.clips for n in lost[c]))) for one in made]
    return made + failed + (_sounds(job, baked, folder) if settings.sounds else [])


@dataclass(frozen=True)
class _Job:
    """What the files of one export have in common. baking: seconds."""

    character: Character
    engine: Engine
    settings: Settings
    names: Mapping[str, str]
    baking: float

    def failed(self, clip: str, error: LipSyncError) -> Exported:
        """A line of which no file could be made."""
        return Exported(self.engine.id, self.character.name, clips=(clip,), error=str(error))


def file_name(text: str) -> str:
    """A name that every file system takes."""
    return clip_name("{line}", {"line": text})


def _place(path: str | Path, engine: Engine) -> tuple[Path, Path | None]:
    """The folder, which is made, and the file if one is named. Raises ExportError."""
    text = str(path)
    if text.startswith("//") and not bpy.data.filepath:
        raise ExportError(f"{text} is beside a file that was never saved. Save the .blend, or choose a whole path.")
    full = Path(bpy.path.abspath(text)).absolute()
    file = full if full.name.endswith(engine.suffix) and not full.is_dir() else None
    folder = full.parent if file else full
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ExportError(f"The folder {folder} cannot be made: {error}. Choose another one.") from error
    return folder, file


def _write_glb(job: _Job, baked: Sequence[Baked], path: Path) -> Exported:
    """One file for all lines."""
    started, clips, settings = time.perf_counter(), [clip for _, clip in baked], job.settings
    made = glb(
        job.character, clips, job.names, job.engine.options, deform_only=settings.deform_only,
        tolerance=SPARSE if settings.sparse else 0.0,
    )  # fmt: skip
    if job.engine.id == "player":
        made = player.page_of(made, baked, job.character.name)
    write_whole(made, path)
    exported = Exported(
        job.engine.id, job.character.name, str(path), tuple(clip.name for clip in clips),
        "Blender's glTF exporter and Labial", size=len(made),
        seconds=round(job.baking + time.perf_counter() - started, 2),
    )  # fmt: skip
    if not settings.check:
        return exported
    with player.model_in(path) as model:
        compared = check_glb(model, [clip.spelled(job.names) for clip in clips])
    return replace(exported, read_by="Blender's glTF importer", comparisons=tuple(compared))


def _tried(job: _Job, baked: Baked, path: Path) -> Exported:
    """One line in a file of its own, or why not."""
    started, (action, clip) = time.perf_counter(), baked
    try:
        if job.engine.id in WRITERS:
            exported = _write_scene(job, clip, path)
        else:
            reader, compared, notes = write_curves(
                clip, action, job.names, job.engine, path, SPARSE if job.settings.sparse else 0.0
            )
            exported = Exported(
                job.engine.id, job.character.name, str(path), (clip.name,), "Labial", reader, (compared,), notes=notes
            )
    except LipSyncError as error:
        return job.failed(clip.name, error)
    return replace(exported, size=path.stat().st_size, seconds=round(job.baking + time.perf_counter() - started, 2))


def _write_scene(job: _Job, clip: Clip, path: Path) -> Exported:
    """Through one of Blender's exporters."""
    engine = job.engine
    seen = WRITERS[engine.id](job.character, clip, job.names, engine, path, job.settings.deform_only)
    exporter = f"Blender's {engine.title.partition(' for ')[0]} exporter"
    exported = Exported(engine.id, job.character.name, str(path), (clip.name,), exporter, notes=limits(engine.id, clip))
    if not job.settings.check:
        return exported
    reader, compared = check(engine.id, path, clip.spelled(job.names), seen)
    return replace(exported, read_by=reader, comparisons=(compared,))


def _sounds(job: _Job, baked: Sequence[Baked], folder: Path) -> list[Exported]:
    """Copies of the lines' sounds; those that are not there are told."""
    failed = []
    for action, clip in baked:
        try:
            write_sound(action, folder / clip.name)
        except LipSyncError as error:
            failed.append(job.failed(clip.name, error))
    return failed
