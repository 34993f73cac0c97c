"""A mapping for targets whose names say nothing: fitted to what each of them does to the measured mouth."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..contracts import CHANNELS, VISEMES, Float32, RigMap, RigProbe, Target, frozen_array
from ..errors import TrackFileError
from .least_squares import bounded

SCHEMA = "labial-articulation/1"
ARTICULATION = Path(__file__).parents[2] / "presets" / "articulation.json"
FEATURES = ("upper_up", "lower_down", "chin_down", "widening", "corners_up", "upper_out", "lower_out")
"""What the mouth is seen to do, in widths of the mouth."""

_IMPORTANT = {"gap": 2.0, "upper_up": 1.0, "lower_down": 1.0, "chin_down": 0.6, "widening": 1.5, "corners_up": 0.5,
              "upper_out": 0.8, "lower_out": 0.8, "aside": 2.0}  # fmt: skip
"""How much each feature counts; "gap" is both lips together, "aside" what leaves the middle."""
_MOVES = 0.01
"""Targets that move no feature by this much at their largest value do not belong to the mouth."""
_JAW_LIKE, _JAW_DROP = 0.9, 0.12
"""A target is the jaw if its features look like the jaw's (cosine) and it lowers the chin so far."""
_SHARED = 0.3
"""Where others lower the chin by more than this share of the jaw's way, the jaw cannot be told from the visemes."""
_OF_WIDEST = 0.75
"""How much of the widest opening an ordinary "aa" takes where no jaw opens by itself."""
_TUCKS = 0.03
"""A target may bring the lower lip to the teeth if it raises it, or draws it back, by so much."""
_LITTLE = 0.1
"""Weights below this share of a target's range are left out."""
_MIRROR = (("left", "right"), ("_l", "_r"), (".l", ".r"), ("-l", "-r"), (" l", " r"))


@cache
def articulation(path: Path = ARTICULATION) -> dict[str, dict[str, float]]:
    """Channel -> feature -> how far. Raises TrackFileError if the file is damaged."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if data["schema"] != SCHEMA:
            raise ValueError(f"its schema is {data['schema']}, not {SCHEMA}")
        return {name: {f: float(row[f]) for f in FEATURES} for name, row in data["channels"].items()}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TrackFileError(f"The articulation {path.name} cannot be used: {error}. Install Labial again.") from error


def features(probe: RigProbe) -> Float32:
    """What each target does at value 1.0, float32 [targets, len(FEATURES) + 2]: FEATURES, gap and aside."""
    third = len(probe.upper) // 3
    middle = slice(third, max(third + 1, len(probe.upper) - third))
    upper = probe.displacement[:, probe.upper[middle]].mean(axis=1)
    lower = probe.displacement[:, probe.lower[middle]].mean(axis=1)
    left, right = probe.displacement[:, probe.left_corner], probe.displacement[:, probe.right_corner]
    chin = probe.displacement[:, probe.chin]
    across = np.cross(probe.forward, probe.up)
    across = across * np.sign(across @ (probe.rest[probe.left_corner] - probe.rest[probe.right_corner]))
    seen = [
        upper @ probe.up, -(lower @ probe.up), -(chin @ probe.up), (left - right) @ across,
        0.5 * (left + right) @ probe.up, upper @ probe.forward, lower @ probe.forward,
    ]  # fmt: skip
    gap = seen[0] + seen[1]
    aside = (upper + lower + left + right) @ across / 4.0
    return np.asarray(np.stack([*seen, gap, aside], axis=1) / probe.width, dtype=np.float32)


@dataclass(frozen=True)
class _Group:
    """Targets that move together, as both sides of one thing: index and sign; what they do at 1, and their range."""

    members: tuple[tuple[int, float], ...]
    does: Float32
    low: float
    high: float


def fit_map(probe: RigProbe) -> RigMap:
    """Every channel as the mixture of targets that comes nearest to its articulation."""
    seen = features(probe)
    groups = _mouth_groups(probe, seen)
    jaw = _jaw(groups)
    weights = _weights(groups, jaw, _goals(groups, jaw), len(probe.targets))
    closers = [i for group in groups if group is not jaw and _shuts(group) for i, _ in group.members]
    return RigMap(
        preset="fitted",
        targets=probe.targets,
        weights=frozen_array(weights),
        closers=frozen_array(closers, np.int32),
        tuckers=frozen_array(_tuckers(probe, seen, closers)),
        coverage=_coverage(probe, groups, jaw),
        approximated=tuple(c for c, row in zip(CHANNELS, weights, strict=True) if c != "sil" and not row.any()),
    )


def _mouth_groups(probe: RigProbe, seen: Float32) -> list[_Group]:
    """What moves the mouth, sides joined."""
    targets = probe.targets
    moving = np.abs(seen[:, : len(FEATURES)]).max(axis=1) * _reach(targets) > _MOVES
    return [
        _Group(
            tuple(members),
            np.asarray(sum(sign * seen[i] for i, sign in members), dtype=np.float32),
            max(_lowest(targets[i], sign) for i, sign in members),
            min(_highest(targets[i], sign) for i, sign in members),
        )
        for members in _groups(probe, seen, np.flatnonzero(moving))
    ]


def _goals(groups: Sequence[_Group], jaw: _Group | None) -> dict[str, Float32]:
    """What each channel should do here: wider where vowels are whole shapes, without the jaw where that is apart."""
    wanted = {name: _row(row) for name, row in articulation().items()}
    if jaw is None:
        gaps = [float(group.does[-2]) * group.high for group in groups]
        return _as_wide(wanted, max(gaps)) if gaps else wanted
    down, whole = FEATURES.index("chin_down"), wanted["jaw"]
    return {name: goal - goal[down] / whole[down] * whole if name in VISEMES else goal for name, goal in wanted.items()}


def _weights(groups: Sequence[_Group], jaw: _Group | None, goals: Mapping[str, Float32], targets: int) -> Float32:
    """The weights of all channels [len(CHANNELS), targets]; the jaw moves its own channel alone."""
    weights = np.zeros((len(CHANNELS), targets), dtype=np.float32)
    for channel, goal in goals.items():
        chosen = [g for g in groups if (g is jaw) == (channel == "jaw")]
        for group, weight in zip(chosen, _solve(chosen, goal), strict=True):
            for i, sign in group.members:
                weights[CHANNELS.index(channel), i] += sign * weight
    return weights


def _shuts(group: _Group) -> bool:
    """Whether it can bring the lips together."""
    return bool(max(-group.does[-2] * group.high, -group.does[-2] * group.low) > _MOVES)


def _tuckers(probe: RigProbe, seen: Float32, closers: Sequence[int]) -> Float32:
    """How far each target may bring the lower lip to the teeth: closers that raise it or draw it back."""
    lifts = (seen[:, FEATURES.index("lower_down")] < -_TUCKS) | (seen[:, FEATURES.index("lower_out")] < -_TUCKS)
    able = np.isin(np.arange(len(probe.targets)), closers) & lifts
    return np.asarray(np.where(able, 0.5 * _reach(probe.targets), 0.0), dtype=np.float32)


def _reach(targets: Sequence[Target]) -> Float32:
    return np.array([max(abs(t.minimum), abs(t.maximum)) for t in targets], dtype=np.float32)


def _coverage(probe: RigProbe, groups: Sequence[_Group], jaw: _Group | None) -> str:
    used = {i for group in groups for i, _ in group.members}
    jaw_name = ", ".join(probe.targets[i].name for i, _ in jaw.members) if jaw is not None else "with the visemes"
    return f"by what they do: {len(used)} targets move the mouth; jaw: {jaw_name}; tongue: none"


def _row(features_: Mapping[str, float]) -> Float32:
    values = [features_[name] for name in FEATURES]
    return np.array([*values, features_["upper_up"] + features_["lower_down"], 0.0], dtype=np.float32)


def _as_wide(wanted: dict[str, Float32], widest: float) -> dict[str, Float32]:
    """The goals of a mouth whose vowels are whole shapes: as far as these go, more on a drawn face than on a human."""
    gap = len(FEATURES)
    scale = float(np.clip(_OF_WIDEST * widest / wanted["aa"][gap], 1.0, 2.5))
    return {name: goal * (scale if goal[gap] > 0.0 and name != "jaw" else 1.0) for name, goal in wanted.items()}


def _solve(groups: Sequence[_Group], goal: Float32) -> Float32:
    """Weights [groups]; a second time without those that add little."""
    if not groups:
        return np.zeros(0, dtype=np.float32)
    important = np.array([_IMPORTANT[name] for name in (*FEATURES, "gap", "aside")], dtype=np.float32)
    effect = np.stack([group.does for group in groups]) * important
    low, high = (np.array([getattr(g, end) for g in groups], dtype=np.float32) for end in ("low", "high"))
    zero = np.zeros(len(effect), dtype=np.float32)
    found = bounded(effect, goal * important, zero, low, high, hold=0.02)
    keep = np.abs(found) > _LITTLE * np.maximum(high, -low)
    return bounded(effect, goal * important, zero, np.where(keep, low, 0.0), np.where(keep, high, 0.0), 0.02)


def _jaw(groups: Sequence[_Group]) -> _Group | None:
    """The group that opens the jaw and little else, if it can be told from the others."""
    if not groups:
        return None
    goal = _row(articulation()["jaw"])[: len(FEATURES)]
    rows = np.stack([group.does[: len(FEATURES)] for group in groups])
    alike = rows @ goal / np.maximum(np.linalg.norm(rows, axis=1) * np.linalg.norm(goal), 1e-9)
    drop = rows[:, FEATURES.index("chin_down")] * np.array([group.high for group in groups], dtype=np.float32)
    fit = np.where((alike > _JAW_LIKE) & (drop > _JAW_DROP), alike * drop, 0.0)
    best = int(fit.argmax())
    if fit[best] <= 0.0:
        return None
    others = np.delete(np.where(alike > 0.5, drop, 0.0), best)
    return groups[best] if others.max(initial=0.0) < _SHARED * drop[best] else None


def _groups(probe: RigProbe, seen: Float32, members: NDArray[np.int64]) -> list[list[tuple[int, float]]]:
    """Left and right of one thing move together: [(target, sign)], so that what they do is symmetrical."""
    targets = probe.targets
    names = {(targets[i].kind, _plain(_label(targets[i])), targets[i].axis): int(i) for i in members}
    groups, done = [], set()
    for (kind, name, axis), i in names.items():
        if i in done:
            continue
        other = next((names[kind, m, axis] for m in _mirrored(name) if (kind, m, axis) in names), None)
        if other is None or other == i:
            groups.append([(i, 1.0)])
            continue
        done.add(other)
        alike = seen[i, :-1] @ seen[other, :-1] - seen[i, -1] * seen[other, -1]  # mirrored, they go aside oppositely
        sign = 1.0 if alike >= 0.0 else -1.0
        groups.append([(i, 1.0), (other, sign)])
    return groups


def _label(target: Target) -> str:
    """What tells a target from others of its kind: the key that it moves, or the bone that has the property."""
    return target.aliases[0] if target.aliases else f"{target.bone} {target.name}"


def _plain(name: str) -> str:
    return name.lower()


def _mirrored(name: str) -> list[str]:
    """What the other side of a name may be called."""
    found = []
    for left, right in _MIRROR:
        for old, new in ((left, right), (right, left)):
            found += [name[: m.start()] + new + name[m.end() :] for m in re.finditer(re.escape(old), name)]
    return found


def _lowest(target: Target, sign: float) -> float:
    return target.minimum if sign > 0 else -target.maximum


def _highest(target: Target, sign: float) -> float:
    return target.maximum if sign > 0 else -target.minimum
