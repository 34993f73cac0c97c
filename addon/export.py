"""Lines of a character as files for engines: baked, named, written whole, and read again."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import bpy

from ..model_runtime.delivery import renaming, write_whole
from ..model_runtime.errors import LipSyncError
from ..model_runtime.export.clip import Clip, clip_name, require_own_names
from ..model_runtime.export.compare import Comparison
from ..model_runtime.export.formats import Engine, load_engine
from . import keyframes
from .bake import bake, shape_keys
from .character import Character, find_character, objects_of
from .dialogue import LANGUAGE, TAKE
from .export_check import check_glb
from .export_gltf import glb
from .export_scene import ExportError

PATTERN = "{character}_{line}_{language}"


@dataclass(frozen=True)
class Settings:
    """How lines are exported.

    fps: frames a second, 0 for what the engine expects. convention: of `delivery.CONVENTIONS`; names: shape key -> its
    name in the file. pattern: of clip names. language: only its lines, "" for all; lines: only these. deform_only:
    control rigs go into the bones that deform. check: read the file again.
    """

    fps: float = 0.0
    convention: str = "same"
    names: Mapping[str, str] = field(default_factory=dict)
    pattern: str = PATTERN
    language: str = ""
    lines: tuple[str, ...] = ()
    deform_only: bool = False
    check: bool = True


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
    engine = load_engine(target)
    where, file = _place(path, engine)
    clips, failed = _baked(character, engine, settings)
    if not clips:
        return failed
    made = [
        _write_glb(character, clips, engine, settings, file or where / f"{file_name(character.name)}{engine.suffix}")
    ]
    return made + failed


def speaking(context: bpy.types.Context) -> list[Character]:
    """All characters of the view layer that have lines, each once."""
    found: dict[str, Character] = {}
    for obj in context.view_layer.objects:
        if obj.type in ("MESH", "ARMATURE") and _plays_lines(obj):
            character = find_character(obj, context.view_layer)
            found.setdefault(character.name, character)
    return list(found.values())


def lines_of(character: Character, settings: Settings = Settings()) -> list[Any]:
    """The Actions of a character's lines, by name. Raises ExportError if there is none."""
    every = [a for a in keyframes.actions_of(character) if "speech" in a[keyframes.MARK]]
    if not every:
        raise ExportError(f"“{character.name}” has no line. Click Generate Lip Sync first, then export.")
    chosen = [
        action for action in every
        if (not settings.language or _parts(character, action)["language"] == settings.language)
        and (not settings.lines or _parts(character, action)["line"] in settings.lines)
    ]  # fmt: skip
    if not chosen:
        there = ", ".join(sorted({"{line} ({language})".format_map(_parts(character, action)) for action in every}))
        raise ExportError(f"“{character.name}” has no such line. It has {there}.")
    return sorted(chosen, key=lambda action: action.name)


def file_name(text: str) -> str:
    """A name that every file system takes."""
    return clip_name("{line}", {"line": text})


def _plays_lines(obj: bpy.types.Object) -> bool:
    owners = [obj, obj.data.shape_keys if obj.type == "MESH" else None]
    data = [owner.animation_data for owner in owners if owner and owner.animation_data]
    playing = [a for d in data for a in (d.action, *(s.action for t in d.nla_tracks for s in t.strips))]
    return any(action is not None and action.get(keyframes.MARK) for action in playing)


def _parts(character: Character, action: Any) -> dict[str, str]:
    """What the pattern of names may hold, for one line."""
    mark = action[keyframes.MARK]
    language = mark.get(LANGUAGE) or mark["language"]
    line = str(mark["line"]).removesuffix(f" {language}")
    return {"character": character.name, "line": line, "language": language, "take": mark.get(TAKE, "")}


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


def _baked(character: Character, engine: Engine, settings: Settings) -> tuple[list[Clip], list[Exported]]:
    """The clips of all chosen lines, and the lines that cannot be baked."""
    actions = lines_of(character, settings)
    names = [clip_name(settings.pattern, _parts(character, action)) for action in actions]
    require_own_names(names, "clips", "Add {line}, {language} or {take} to the pattern of names.")
    clips, failed = [], []
    for action, name in zip(actions, names, strict=True):
        try:
            clips.append(bake(character, action, settings.fps or engine.fps, name, deform_only=settings.deform_only))
        except LipSyncError as error:
            failed.append(Exported(engine.id, character.name, clips=(name,), error=str(error)))
    return clips, failed


def new_names(character: Character, settings: Settings) -> dict[str, str]:
    """Shape key -> its name in the file. Raises LipSyncError on names that collide on a mesh."""
    meshes = [mesh for mesh in objects_of(character) if mesh.data.shape_keys]
    every = list(dict.fromkeys(key.name for mesh in meshes for key in shape_keys(mesh)))
    names = renaming(every, settings.convention, settings.names)
    for mesh in meshes:
        spelled = [names.get(key.name, key.name) for key in shape_keys(mesh)]
        if len(set(spelled)) < len(spelled):
            twice = sorted({name for name in spelled if spelled.count(name) > 1})
            raise ExportError(
                f"On “{mesh.name}” several shape keys would be called {', '.join(twice[:4])}. Keep the names as they "
                "are, or give each its own in a table of names."
            )
    return names


def _write_glb(character: Character, clips: Sequence[Clip], engine: Engine, settings: Settings, path: Path) -> Exported:
    started, names = time.perf_counter(), new_names(character, settings)
    write_whole(glb(character, clips, names, engine.options, deform_only=settings.deform_only), path)
    seconds = time.perf_counter() - started
    compared = check_glb(path, [clip.spelled(names) for clip in clips]) if settings.check else []
    return Exported(
        engine.id, character.name, str(path), tuple(clip.name for clip in clips), "Blender's glTF exporter and Labial",
        "Blender's glTF importer" if compared else "", tuple(compared), path.stat().st_size, round(seconds, 2),
    )  # fmt: skip
