"""The lines of characters, chosen, named and baked for export."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import bpy

from ..model_runtime.delivery import renaming
from ..model_runtime.errors import LipSyncError
from ..model_runtime.export.clip import Clip, clip_name, require_own_names
from . import keyframes
from .bake import bake, frame_rate, needs_evaluation, shape_keys
from .character import Character, find_character, objects_in, objects_of
from .clip_action import clip_action
from .dialogue import LANGUAGE, TAKE
from .export_scene import ExportError

PATTERN = "{character}_{line}_{language}"
Baked = tuple[Any, Clip]
"""A line's Action and what was baked of it."""


@dataclass(frozen=True)
class Settings:
    """How lines are exported.

    fps: frames a second, 0 for what the engine expects. convention: of `delivery.CONVENTIONS`; names: shape key -> its
    name in the file. pattern: of clip names. language: only its lines, "" for all; lines: only these. deform_only:
    control rigs go into the bones that deform. sparse: only the keys that are needed,
    where the format can hold them. sounds: a copy of each line's sound beside its clip. check: read the file again.
    """

    fps: float = 0.0
    convention: str = "same"
    names: Mapping[str, str] = field(default_factory=dict)
    pattern: str = PATTERN
    language: str = ""
    lines: tuple[str, ...] = ()
    deform_only: bool = False
    sparse: bool = False
    sounds: bool = False
    check: bool = True


def speaking(context: bpy.types.Context) -> list[Character]:
    """All characters of the view layer that have lines, each once."""
    found: dict[str, Character] = {}
    for obj in objects_in(context.view_layer):
        if obj.type in ("MESH", "ARMATURE") and _plays_lines(obj):
            character = find_character(obj, context.view_layer)
            found.setdefault(character.name, character)
    return list(found.values())


def lines_of(character: Character, settings: Settings = Settings()) -> list[Any]:
    """The Actions of a character's lines, by name. Raises ExportError if there is none."""
    every = [a for a in keyframes.actions_of(character) if "speech" in a[keyframes.MARK] and not keyframes.is_merged(a)]
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


def clip_names(character: Character, settings: Settings) -> list[str]:
    """The names of the clips of all chosen lines. Raises LipSyncError if two would be one."""
    names = [clip_name(settings.pattern, _parts(character, action)) for action in lines_of(character, settings)]
    require_own_names(names, "clips", "Add {line}, {language} or {take} to the pattern of names.")
    return names


def baked_lines(character: Character, fps: float, settings: Settings) -> tuple[list[Baked], dict[str, str]]:
    """The Actions and clips of all chosen lines; and clip -> why it cannot be baked."""
    baked, failed = [], {}
    for action, name in zip(lines_of(character, settings), clip_names(character, settings), strict=True):
        try:
            baked.append((action, bake(character, action, fps, name, deform_only=settings.deform_only)))
        except LipSyncError as error:
            failed[name] = str(error)
    return baked, failed


def bake_actions(character: Character, settings: Settings) -> list[str]:
    """An Action of plain keys beside each line, at the same frames; returns their names.

    With sparse keys, a line that nothing drives keeps its own. Raises LipSyncError before anything is made.
    """
    rate = frame_rate(bpy.context.scene)
    baked, failed = baked_lines(character, settings.fps or rate, settings)
    if failed:
        raise ExportError(" ".join(failed.values()))
    for _, clip in baked:
        earlier: Any = bpy.data.actions.get(clip.name)
        if earlier is not None:
            bpy.data.actions.remove(earlier)
    return [_bake_action(character, action, clip, rate, settings.sparse).name for action, clip in baked]


def _bake_action(character: Character, action: Any, clip: Clip, rate: float, sparse: bool) -> Any:
    if sparse and not needs_evaluation(character, action):
        made = action.copy()
        del made[keyframes.MARK]
        made.name = clip.name
    else:
        owners = {mesh.name: mesh.data.shape_keys for mesh in objects_of(character)}
        armature = bpy.data.objects[character.armature] if character.armature else None
        frames = float(action[keyframes.MARK]["start"]) + clip.times * rate
        made, _ = clip_action(clip, owners, armature, {}, frames)
    made.use_fake_user = True
    return made


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
