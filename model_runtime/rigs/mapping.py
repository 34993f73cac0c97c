"""A mapping that was edited by hand: which targets each channel of the mouth track moves, laid over what was detected.

It is kept as text with the character, exchanged as a file (labial-mapping/1), and saved as a preset (labial-rig/1) that
finds other characters with the same names.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..contracts import CHANNELS, Calibration, Float32, RigMap, RigProbe, Target, frozen_array
from ..errors import TrackFileError
from . import presets
from .detect import by_name
from .presets import RigPreset, load_presets

SCHEMA = "labial-mapping/1"
_VOWELS = ("aa", "E", "I", "O", "U")
_SIDE = re.compile(
    r"left|right|(?:^|(?<=[\W_]))[lr](?=[\W_]|$)|(?<=[a-z0-9UD])[LR](?=$|[\W_])", re.IGNORECASE
)  # fmt: skip
"""What tells the side in a name: Left, _L, .L, -L, L_ and the L of mouthPressL and FunnelUL."""
_OTHER = {"left": "right", "right": "left", "l": "r", "r": "l"}


@dataclass(frozen=True)
class RigMapping:
    """rows: channel -> {target's label: weight}; a channel that is not in it stays as detected.

    preset: id of the standard that it was made over, "" for whichever is found.
    """

    rows: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    preset: str = ""


def label(target: Target) -> str:
    """What a target is called in a mapping: a key, or what drives one, by the key; others by what they do."""
    if target.kind == "shape_key" or target.aliases:
        return target.known_as[0]
    match target.kind:
        case "rotation":
            return f"{target.name}.rotation"
        case "location":
            return f"{target.name}.location.{'xyz'[target.axis]}"
        case "group":
            return f"{target.name}.group"
    return f"{target.bone}.{target.name}.property" if target.bone else f"{target.name}.property"


def short(weight: float) -> float:
    """A number of single precision without the digits that it does not have: 0.35, not 0.3499999940395355."""
    return float(str(np.float32(weight)))


def rows_of(rig_map: RigMap, without: Collection[int] = ()) -> dict[str, dict[str, float]]:
    """All channels with what moves them; `without` are the indices of targets that only follow others."""
    return {
        channel: {label(t): short(w) for i, (t, w) in enumerate(zip(rig_map.targets, row, strict=True))
                  if w and i not in without}
        for channel, row in zip(CHANNELS, rig_map.weights, strict=True)
    }  # fmt: skip


def overlaid(rig_map: RigMap, mapping: RigMapping, followers: Mapping[int, Float32] | None = None) -> RigMap:
    """The map with the mapping's rows in place of its own, each weight inside its target's range.

    Targets that are not there are passed over; see `missing`. followers: index of a bone -> its radians for each
    target's 1.0, float32 [targets]: it keeps step with the new rows too, unless they name it. What PP moves may be
    used to close the lips, as long as it does not move the jaw.
    """
    column = {label(t): i for i, t in reversed(list(enumerate(rig_map.targets)))}
    weights = np.array(rig_map.weights)
    for channel, wanted in mapping.rows.items():
        row = weights[CHANNELS.index(channel)]
        row[:] = 0.0
        for name, weight in wanted.items():
            if (i := column.get(name)) is not None:
                row[i] = np.clip(weight, rig_map.targets[i].minimum, rig_map.targets[i].maximum)
    for bone, angles in (followers or {}).items():
        led = [CHANNELS.index(c) for c, row in mapping.rows.items() if label(rig_map.targets[bone]) not in row]
        alone = weights.copy()
        alone[:, bone] = 0.0
        weights[led, bone] = (alone @ angles)[led]
    closers = rig_map.closers.tolist()
    if "PP" in mapping.rows:
        opens = weights[CHANNELS.index("jaw")] != 0.0
        closers += np.flatnonzero((weights[CHANNELS.index("PP")] != 0.0) & ~opens).tolist()
    edited = f"; edited: {', '.join(mapping.rows)}" if mapping.rows else ""
    return replace(
        rig_map,
        weights=frozen_array(weights),
        closers=frozen_array(list(dict.fromkeys(closers)), np.int32),
        coverage=rig_map.coverage + edited,
        approximated=tuple(c for c, row in zip(CHANNELS, weights, strict=True) if c != "sil" and not row.any()),
    )


def missing(mapping: RigMapping, targets: Sequence[Target]) -> tuple[str, ...]:
    """What the mapping names and the character does not have."""
    there = {label(target) for target in targets}
    return tuple(dict.fromkeys(name for row in mapping.rows.values() for name in row if name not in there))


def narrowed(probe: RigProbe, count: int) -> RigProbe:
    """The probe of its first `count` targets."""
    return replace(
        probe,
        targets=probe.targets[:count],
        displacement=frozen_array(probe.displacement[:count]),
        carried=frozen_array(probe.carried[:count]),
    )


def widened(rig_map: RigMap, targets: Sequence[Target]) -> RigMap:
    """The map with more targets after its own, which nothing moves yet."""
    more = len(targets) - len(rig_map.targets)
    return replace(
        rig_map,
        targets=tuple(targets),
        weights=frozen_array(np.pad(rig_map.weights, ((0, 0), (0, more)))),
        tuckers=frozen_array(np.pad(rig_map.tuckers, (0, more))),
    )


def pose(rig_map: RigMap, calibration: Calibration, channel: str, jaw: float = 0.0) -> Float32:
    """The targets' values, float32 [targets], that show a channel at 1: PP and FF as calibrated, others over a jaw."""
    if channel == "PP":
        return calibration.closure
    if channel == "FF":
        return calibration.labiodental
    row = rig_map.weights[CHANNELS.index(channel)] + jaw * rig_map.weights[CHANNELS.index("jaw")]
    low = [target.minimum for target in rig_map.targets]
    return frozen_array(np.clip(row, low, [target.maximum for target in rig_map.targets]))


def mirrored(row: Mapping[str, float], names: Collection[str], to_right: bool) -> dict[str, float]:
    """The row with the weights of one side on the other too; names: the labels of all targets there are."""
    result = dict(row)
    for name in names:
        side, other = _other_side(name, names)
        if other is None or side != ("left" if to_right else "right"):
            continue
        result.pop(other, None)
        if name in row:
            result[other] = -row[name] if name.endswith(".location.x") else row[name]
    return result


def _other_side(name: str, names: Collection[str]) -> tuple[str, str | None]:
    """The side that a name tells, and the name of the same thing on the other side if there is one."""
    for found in _SIDE.finditer(name):
        word = _OTHER[found[0].lower()]
        word = word.upper() if found[0].isupper() else word.title() if found[0].istitle() else word
        other = name[: found.start()] + word + name[found.end() :]
        if other in names:
            return ("left" if found[0].lower().startswith("l") else "right"), other
    return "", None


def as_text(mapping: RigMapping) -> str:
    """The mapping as labial-mapping/1."""
    data = {"schema": SCHEMA, "preset": mapping.preset, "channels": mapping.rows}
    return json.dumps(data, ensure_ascii=False, indent=1) + "\n"


def from_text(text: str, whose: str, fix: str) -> RigMapping:
    """A mapping from labial-mapping/1, or a preset's channels. Raises TrackFileError saying `whose` and the `fix`."""
    try:
        data = json.loads(text)
        if not isinstance(data, dict) or data.get("schema") not in (SCHEMA, presets.SCHEMA):
            raise ValueError(f"its schema is not {SCHEMA}")
        if not isinstance(data["channels"], dict):
            raise ValueError("its channels are no table")
        if unknown := set(data["channels"]) - set(CHANNELS):
            raise ValueError(f"it has channels that there are not: {', '.join(sorted(unknown))}")
        rows = {channel: _row(channel, row) for channel, row in data["channels"].items()}
        return RigMapping(rows, str(data.get("preset", "")))
    except (ValueError, KeyError) as error:
        what = f"{error} is missing" if isinstance(error, KeyError) else error
        raise TrackFileError(f"The mapping {whose} cannot be used: {what}. {fix}") from error


def _row(channel: str, row: Any) -> dict[str, float]:
    if not isinstance(row, dict):
        raise ValueError(f"{channel} is no table of names and weights")
    for name, weight in row.items():
        if isinstance(weight, bool) or not isinstance(weight, int | float) or not math.isfinite(weight):
            raise ValueError(f"in {channel} the weight of {name} is {weight!r}, not a number")
    return {name: float(weight) for name, weight in row.items()}


def read(path: Path) -> RigMapping:
    """A mapping file. Raises TrackFileError naming it."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise TrackFileError(f"The mapping {path.name} cannot be read: {error}. Choose another file.") from error
    return from_text(text, path.name, "Export it again, or repair it.")


def write(path: Path, mapping: RigMapping) -> None:
    """Writes a mapping file, whole or not at all. Raises TrackFileError naming it."""
    _write(path, as_text(mapping), "mapping")


def as_preset(
    title: str, rig_map: RigMap, base: RigPreset | None, targets: Sequence[Target], without: Collection[int] = ()
) -> dict[str, Any]:
    """A map as labial-rig/1 for characters that have all of its names.

    base: the standard that the map was made over: its life, as spelled on the character's `targets`. without: bones
    that only follow. Raises TrackFileError for what a preset cannot hold.
    """
    spelled = {label(target): target.known_as[0] for target in rig_map.targets if target.is_shape}
    rows = rows_of(rig_map, without)
    if others := sorted({name for row in rows.values() for name in row} - spelled.keys()):
        raise TrackFileError(
            f"“{title}” cannot be saved as a preset: it moves {', '.join(others)}, and a preset names shape keys only. "
            "Export the mapping as a file instead."
        )
    if not rows["aa"] and not rows["jaw"]:
        raise TrackFileError(
            f"“{title}” cannot be saved as a preset: nothing in it opens the mouth. Give aa or jaw a shape key."
        )
    rows = {c: {spelled[name]: min(1.0, w) for name, w in row.items() if w > 0.0} for c, row in rows.items()}
    closers = [t.known_as[0] for t in (rig_map.targets[i] for i in rig_map.closers) if t.is_shape]
    tucking = zip(rig_map.targets, rig_map.tuckers, strict=True)
    lowering = {base.normal(name) for name in base.jaw_keys} if base else set()
    jaw = [name for name in spelled.values() if base and base.normal(name) in lowering]
    jaw_keys = sorted({*jaw, *rows["jaw"]}) or sorted({name for vowel in _VOWELS for name in rows[vowel]})
    core = list(dict.fromkeys([*(name for row in rows.values() for name in row), *jaw_keys, *closers]))
    return {
        "schema": presets.SCHEMA,
        "id": _stem(title),
        "title": title,
        "source": "made in Labial's mapping editor",
        "spelling": {"ignore": [], "case": len({name.lower() for name in core}) < len(core)},
        "core": core,
        "minimum": len(core),
        "jaw_keys": jaw_keys,
        "closers": closers,
        "tuckers": {t.known_as[0]: short(min(1.0, w)) for t, w in tucking if w > 0.0 and t.is_shape},
        "channels": rows,
        "life": _life(base, targets),
    }


def _life(base: RigPreset | None, targets: Sequence[Target]) -> dict[str, dict[str, float]]:
    if base is None:
        return {}
    spelled = {base.normal(name): name for name, _ in reversed(by_name(targets))}
    return {
        channel: {spelled[base.normal(name)]: weight for name, weight in row.items() if base.normal(name) in spelled}
        for channel, row in base.life.items()
    }


def save_preset(data: Mapping[str, Any], folder: Path) -> Path:
    """Writes what `as_preset` made as a file of its own; one of the same name is replaced.

    Raises TrackFileError if it cannot be written, or has no name or that of one that ships.
    """
    shipped = load_presets()
    if not data["id"] or data["id"] in {p.id for p in shipped} or data["title"] in {p.title for p in shipped}:
        raise TrackFileError(f"“{data['title']}” cannot be the name of a preset of yours: choose another one.")
    path = folder / f"{data['id']}.json"
    _write(path, json.dumps(data, ensure_ascii=False, indent=1) + "\n", "preset")
    return path


def _stem(title: str) -> str:
    """A name of plain letters; others by their number, so that two titles in another script stay two."""
    plain = re.sub(r"[^a-z0-9]+", lambda m: "".join(f"{ord(c):x}" if c.isalnum() else "_" for c in m[0]), title.lower())
    return re.sub(r"_+", "_", plain).strip("_")


def _write(path: Path, text: str, what: str) -> None:
    part = path.with_name(path.name + ".part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text(text, encoding="utf-8")
        part.replace(path)
    except OSError as error:
        raise TrackFileError(
            f"The {what} {path} cannot be written: {error}. Free some space or check the folder."
        ) from error
