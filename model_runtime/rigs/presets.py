"""Rig presets are data: presets/rigs/*.json, one file a standard; presets/schemas/rig.schema.json says how."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import cache, cached_property, lru_cache
from pathlib import Path

from ..contracts import CHANNELS, LIFE
from ..errors import TrackFileError

SCHEMA = "labial-rig/1"
LIVING = tuple(channel for channel in LIFE if not channel.startswith("head_"))
"""What a preset may give targets to beside the mouth; the head turns on a bone."""
RIGS = Path(__file__).parents[2] / "presets" / "rigs"

_SEPARATORS = re.compile(r"[\s!-/:-@\[-`{-~]+")
"""White space and the punctuation of ASCII: kana and signs such as ▲ are names."""
_SIDE = re.compile(r"(?<=.)(left|right)$", re.IGNORECASE)
_TELLING = 5
"""A core name of so many letters tells its standard, whatever stands before it."""


@dataclass(frozen=True)
class RigPreset:
    """One naming standard of mouth targets and how the mouth track drives it.

    channels: channel of the mouth track -> {target name: weight}. jaw_keys: the targets that lower the jaw.
    closers: the targets that may be used to close the lips; tuckers: those that may bring the lower lip to the teeth,
    and how far. core and minimum: which names, and how many of all, must be there for the preset to be offered.
    life: channel of the life track -> {target name: weight}, as far as this standard has keys for it.
    jaw_turns: degrees by which the jaw bone turns where a target is 1, if the standard leaves the jaw to a bone.

    Spelling. ignore: regular expressions of what may stand in a name or not, such as "^viseme_"; aliases: another
    spelling, in normal form -> the standard's name; cased: S and s are two names; lead: what one character has before
    all names, in normal form.
    """

    id: str
    title: str
    channels: Mapping[str, Mapping[str, float]]
    core: tuple[str, ...]
    minimum: int
    jaw_keys: tuple[str, ...]
    closers: tuple[str, ...]
    tuckers: Mapping[str, float]
    ignore: tuple[str, ...]
    aliases: Mapping[str, str]
    cased: bool = False
    life: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    jaw_turns: Mapping[str, float] = field(default_factory=dict)
    lead: str = ""

    @cached_property
    def names(self) -> tuple[str, ...]:
        """All target names of the preset, each once, in reading order; not the tuckers, which may be of others."""
        listed = [name for weights in self.channels.values() for name in weights]
        return tuple(dict.fromkeys([*listed, *self.jaw_keys, *self.closers]))

    def normal(self, name: str) -> str:
        """A spelling-independent form: `Left`, `_L` and `L` at the end are the same, case and separators are ignored.

        What the standard ignores, and the lead of this character, are dropped; another spelling becomes the
        standard's.
        """
        plain = self._plain(name)
        if self.lead and len(plain) > len(self.lead):
            plain = plain.removeprefix(self.lead)
        return self._standard.get(plain, plain)

    def worn(self, name: str) -> Iterator[RigPreset]:
        """The preset as spelled on a character on which `name` is its longest core name with something before it."""
        plain = self._plain(name)
        for form in self._telling:
            if plain.endswith(form) and plain != form:
                yield replace(self, lead=plain.removesuffix(form))

    def _plain(self, name: str) -> str:
        return _plain(name, self._ignored, self.cased)

    @cached_property
    def _ignored(self) -> re.Pattern[str]:
        return re.compile("|".join(self.ignore) or "(?!)", re.IGNORECASE)

    @cached_property
    def _standard(self) -> dict[str, str]:
        return {other: self._plain(name) for other, name in self.aliases.items()}

    @cached_property
    def _telling(self) -> tuple[str, ...]:
        longest = max((self._plain(name) for name in self.core), key=len)
        forms = (longest, *(other for other, name in self._standard.items() if name == longest))
        return tuple(form for form in forms if len(form) >= _TELLING)


@lru_cache(maxsize=1 << 16)
def _plain(name: str, ignored: re.Pattern[str], cased: bool) -> str:
    """Full width and half width are the same; left and right become l and r; a name of separators alone stays."""
    same = unicodedata.normalize("NFKC", ignored.sub("", name) or name)
    bare = _SEPARATORS.sub("", same if cased else same.lower()) or same
    return _SIDE.sub(lambda side: side[0][0].lower(), bare)


def load_presets(*folders: Path) -> tuple[RigPreset, ...]:
    """All presets of the folders (without any: those that ship); of one id, that of the later folder.

    Raises TrackFileError naming a damaged file and what is wrong.
    """
    paths = [path for folder in folders or (RIGS,) for path in sorted(folder.glob("*.json"))]
    return tuple({preset.id: preset for preset in (_read(path, path.stat().st_mtime_ns) for path in paths)}.values())


def usable_presets(folder: Path) -> tuple[tuple[RigPreset, ...], tuple[str, ...]]:
    """The presets of a folder as far as they can be used, and a sentence for each file that is damaged."""
    found, faults = [], []
    for path in sorted(folder.glob("*.json")):
        try:
            found.append(_read(path, path.stat().st_mtime_ns))
        except TrackFileError as error:
            faults.append(str(error))
    return tuple(found), tuple(faults)


@cache
def _read(path: Path, changed: int) -> RigPreset:
    """One preset; read again when the file was `changed`, because the panel asks for all at every redraw."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if data["schema"] != SCHEMA:
            raise ValueError(f"its schema is {data['schema']}, not {SCHEMA}")
        if missing := set(CHANNELS) ^ set(data["channels"]):
            raise ValueError(f"its channels differ from the mouth track's: {sorted(missing)}")
        life = data.get("life", {})
        if unknown := set(life) - set(LIVING):
            raise ValueError(f"its life has channels that there are not: {sorted(unknown)}")
        for row in (*data["channels"].values(), *life.values(), data["tuckers"], data.get("jaw_turns", {})):
            if not all(isinstance(weight, int | float) for weight in row.values()):
                raise ValueError(f"not all of its weights are numbers: {row}")
        if not data["core"]:
            raise ValueError("its core is empty")
        spelling = data["spelling"]
        for pattern in spelling["ignore"]:
            re.compile(pattern)
        return RigPreset(
            id=data["id"],
            title=data["title"],
            channels=data["channels"],
            core=tuple(data["core"]),
            minimum=int(data["minimum"]),
            jaw_keys=tuple(data["jaw_keys"]),
            closers=tuple(data["closers"]),
            tuckers=data["tuckers"],
            ignore=tuple(spelling["ignore"]),
            aliases=spelling.get("aliases", {}),
            cased=spelling.get("case", False),
            life=life,
            jaw_turns=data.get("jaw_turns", {}),
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, re.error) as error:
        raise TrackFileError(f"The rig preset {path.name} cannot be used: {error}. Delete or repair it.") from error
