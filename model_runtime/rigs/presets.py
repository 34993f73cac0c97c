"""Rig presets are data: presets/rigs/*.json, one file a standard."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..contracts import CHANNELS, LIFE
from ..errors import TrackFileError

SCHEMA = "labial-rig/1"
LIVING = tuple(channel for channel in LIFE if not channel.startswith("head_"))
"""What a preset may give targets to beside the mouth; the head turns on a bone."""
RIGS = Path(__file__).parents[2] / "presets" / "rigs"


@dataclass(frozen=True)
class RigPreset:
    """One naming standard of mouth targets and how the mouth track drives it.

    channels: channel of the mouth track -> {target name: weight}. jaw_keys: the targets that lower the jaw.
    closers: the targets that may be used to close the lips; tuckers: those that may bring the lower lip to the teeth,
    and how far. core and minimum: which names, and how many of all, must be there for the preset to be offered.
    life: channel of the life track -> {target name: weight}, as far as this standard has keys for it.
    """

    id: str
    title: str
    channels: Mapping[str, Mapping[str, float]]
    core: tuple[str, ...]
    minimum: int
    jaw_keys: tuple[str, ...]
    closers: tuple[str, ...]
    tuckers: Mapping[str, float]
    prefixes: tuple[str, ...]
    aliases: Mapping[str, str]
    life: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """All target names of the preset, each once, in reading order; not the tuckers, which may be of others."""
        listed = [name for weights in self.channels.values() for name in weights]
        return tuple(dict.fromkeys([*listed, *self.jaw_keys, *self.closers]))

    def normal(self, name: str) -> str:
        """A spelling-independent form: prefixes dropped, `_L` read as Left, case and separators ignored."""
        for prefix in self.prefixes:
            if name.lower().startswith(prefix.lower()) and len(name) > len(prefix):
                name = name[len(prefix) :]
                break
        name = re.sub(r"[._-]l$", "Left", name, flags=re.IGNORECASE)
        name = re.sub(r"[._-]r$", "Right", name, flags=re.IGNORECASE)
        plain = re.sub(r"[^a-z0-9]", "", name.lower())
        return self.aliases.get(plain, plain).lower()


def load_presets(folder: Path = RIGS) -> tuple[RigPreset, ...]:
    """All presets of a folder. Raises TrackFileError naming a damaged file and what is wrong."""
    return tuple(_read(path) for path in sorted(folder.glob("*.json")))


def _read(path: Path) -> RigPreset:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if data["schema"] != SCHEMA:
            raise ValueError(f"its schema is {data['schema']}, not {SCHEMA}")
        if missing := set(CHANNELS) ^ set(data["channels"]):
            raise ValueError(f"its channels differ from the mouth track's: {sorted(missing)}")
        life = data.get("life", {})
        if unknown := set(life) - set(LIVING):
            raise ValueError(f"its life has channels that there are not: {sorted(unknown)}")
        return RigPreset(
            id=data["id"],
            title=data["title"],
            channels=data["channels"],
            core=tuple(data["core"]),
            minimum=int(data["minimum"]),
            jaw_keys=tuple(data["jaw_keys"]),
            closers=tuple(data["closers"]),
            tuckers=data["tuckers"],
            prefixes=tuple(data["spelling"]["prefixes"]),
            aliases=data["spelling"].get("aliases", {}),
            life=life,
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TrackFileError(f"The rig preset {path.name} cannot be used: {error}. Delete or repair it.") from error
