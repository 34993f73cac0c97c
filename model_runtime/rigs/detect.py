"""Which standard a character's targets follow, and how the mouth track drives them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile

import numpy as np

from ..contracts import CHANNELS, Float32, RigMap, RigProbe, Target, frozen_array
from ..errors import CharacterError
from .channels import keyed
from .presets import RigPreset

_LEAVES = 0.3
"""A key that lowers the chin by less than this share of what a bone would leaves the jaw to the bone."""
CARRIES_SKIN = 0.2
"""A jaw bone that takes more than this share of the chin along deforms the face itself."""


@dataclass(frozen=True)
class Proposal:
    """A preset that fits, as this character spells it, and why.

    targets: those of the character that it uses: the `matched` keys of its `total` mouth keys, then other keys, then
    jaw bones. score: 0-1, how much speaks for it: the share of its mouth keys that it alone, or best, explains.
    """

    preset: RigPreset
    targets: tuple[Target, ...]
    matched: int
    total: int
    reason: str
    score: float = 0.0

    @property
    def title(self) -> str:
        """The preset's title."""
        return self.preset.title


def rank(available: Sequence[Target], presets: Sequence[RigPreset]) -> list[Proposal]:
    """Every preset that fits, the one that finds most targets first; of two, that of the groups which stand before
    all else (what the character's file declares), then the one whose names say more.

    A key is evidence once: five keys A I U E O of a set of fifteen visemes do not speak for the five vowels as well.
    """
    proposals = [p for p in (_match(available, preset) for preset in presets) if p is not None]
    ranked, explained = [], set[Target]()
    declared = set(takewhile(lambda target: target.kind == "group", available))
    for proposal in sorted(proposals, key=lambda p: (-p.matched, -_declared(p, declared), -_letters(p))):
        found = set(keyed(proposal.targets[: proposal.matched]))
        new = sum(not explained.issuperset(keyed([t])) for t in proposal.targets[: proposal.matched])
        ranked.append(replace(proposal, score=new / proposal.total))
        explained |= found
    return ranked


def _declared(proposal: Proposal, declared: set[Target]) -> int:
    return len(declared & set(proposal.targets[: proposal.matched]))


def _letters(proposal: Proposal) -> int:
    return sum(len(proposal.preset.normal(t.name)) for t in proposal.targets[: proposal.matched])


def propose(available: Sequence[Target], presets: Sequence[RigPreset]) -> Proposal:
    """The best preset. Raises CharacterError saying what was looked for."""
    found = rank(available, presets)
    if not found:
        titles = " or ".join(p.title for p in presets)
        raise CharacterError(
            f"None of the character's {len(available)} shape keys and jaw bones fits a known mouth standard "
            f"({titles}). Add such shape keys, or select the mesh that has them."
        )
    return found[0]


def _match(available: Sequence[Target], preset: RigPreset) -> Proposal | None:
    """The proposal of the preset as it is spelled here, if it fits: with its own names, else with a lead before all."""
    names = [name for target in available for name in target.known_as]
    if (proposal := _fit(available, preset)) is not None:
        return proposal
    worn = {spelled.lead: spelled for name in names for spelled in preset.worn(name)}
    fitting = [p for p in (_fit(available, spelled) for spelled in worn.values()) if p is not None]
    return max(fitting, key=lambda p: p.matched, default=None)


def _fit(available: Sequence[Target], preset: RigPreset) -> Proposal | None:
    keys: dict[str, Target] = {}
    for name, target in by_name(available):
        keys.setdefault(preset.normal(name), target)
    found = {name: keys[preset.normal(name)] for name in preset.names if preset.normal(name) in keys}
    if len(found) < preset.minimum or not all(name in found for name in preset.core):
        return None
    posed = {part.name for part in keyed(found.values()) if part.kind in ("rotation", "location")}
    bones = tuple(t for t in available if t.kind == "rotation" and not t.is_shape and t.name not in posed)
    helpers = (keys[preset.normal(name)] for name in preset.tuckers if preset.normal(name) in keys)
    targets = tuple(dict.fromkeys([*found.values(), *helpers])) + bones
    shapes = "declared shapes" if all(t.kind == "group" for t in found.values()) else "mouth keys"
    reason = f"{preset.title}: {len(found)} of {len(preset.names)} {shapes}"
    return Proposal(preset, targets, len(found), len(preset.names), reason)


def by_name(targets: Sequence[Target]) -> list[tuple[str, Target]]:
    """(name, target) of everything that shows a shape; the names of properties after those of the keys they drive."""
    first = [(target.known_as[0], target) for target in targets if target.is_shape]
    return first + [(name, target) for target in targets for name in target.known_as[1:]]


def build_map(proposal: Proposal, probe: RigProbe) -> RigMap:
    """The weights of every channel on every probed target.

    A jaw bone joins if it carries teeth but not the skin (the jaw keys move that already), turned so that it keeps
    step with the chin of the jaw keys; or if the standard leaves the jaw to it, and the keys do not lower the chin.
    """
    preset = proposal.preset
    index_of = {target: i for i, target in enumerate(probe.targets)}
    column: dict[str, int] = {}
    for name, target in by_name(probe.targets):
        column.setdefault(preset.normal(name), index_of[target])
    weights = np.zeros((len(CHANNELS), len(probe.targets)), dtype=np.float32)
    for row, channel in enumerate(CHANNELS):
        for name, weight in preset.channels[channel].items():
            index = column.get(preset.normal(name))
            if index is not None:  # both sides may hang on one control
                weights[row, index] = max(weights[row, index] or weight, weight)
    joined = [i for i, t in enumerate(probe.targets) if not t.is_shape and t.kind == "rotation"]
    joined = [i for i in joined if not _carries_skin(probe, i) or _opens_alone(preset, probe, i)]
    for bone in joined[:1]:
        weights[:, bone] = weights @ follow(preset, probe, bone)
    unmapped = tuple(c for c, row in zip(CHANNELS, weights, strict=True) if c != "sil" and not row.any())
    bone_names = ", ".join(probe.targets[i].name for i in joined[:1]) or "none needed"
    return RigMap(
        preset=preset.id,
        targets=probe.targets,
        weights=frozen_array(weights),
        closers=frozen_array([column[n] for n in map(preset.normal, preset.closers) if n in column], np.int32),
        tuckers=frozen_array(_tuckers(preset, column, len(probe.targets))),
        coverage=f"{proposal.reason}; jaw bone: {bone_names}",
        approximated=unmapped,
    )


def _tuckers(preset: RigPreset, column: Mapping[str, int], targets: int) -> Float32:
    limits = np.zeros(targets, dtype=np.float32)
    for name, most in preset.tuckers.items():
        if (index := column.get(preset.normal(name))) is not None:
            limits[index] = most
    return limits


def follow(preset: RigPreset, probe: RigProbe, bone: int) -> Float32:
    """How many radians a bone must turn for each target's value 1.0 to keep step with the chin, float32 [targets].

    Least squares of the chin's displacement by a key on the path of a point carried by the bone; or where keys leave
    the jaw to the bone, what the standard states.
    """
    if _opens_alone(preset, probe, bone):
        return _stated_turns(preset, probe)
    carried = probe.carried[bone]
    jaw_keys = {preset.normal(name) for name in preset.jaw_keys}
    angles = np.zeros(len(probe.targets), dtype=np.float32)
    for i, target in enumerate(probe.targets):
        if jaw_keys & set(map(preset.normal, target.known_as)):
            angles[i] = max(0.0, float(probe.displacement[i, probe.chin] @ carried) / float(carried @ carried))
    return angles


def _stated_turns(preset: RigPreset, probe: RigProbe) -> Float32:
    """Radians of the jaw bone for each target's 1.0, float32 [targets]."""
    turns = {preset.normal(name): np.radians(degrees) for name, degrees in preset.jaw_turns.items()}
    found = [max(turns.get(name, 0.0) for name in map(preset.normal, t.known_as or ("",))) for t in probe.targets]
    return np.array(found, dtype=np.float32)


def _opens_alone(preset: RigPreset, probe: RigProbe, bone: int) -> bool:
    """Whether a bone lowers the lip that the keys which should, by the standard's turns of it, leave in place."""
    turns = _stated_turns(preset, probe)
    if not turns.any() or not _carries_skin(probe, bone):
        return False
    path = probe.displacement[bone, probe.chin]
    by_bone, by_key = turns * -float(path @ probe.up), -(probe.displacement[:, probe.chin] @ probe.up)
    widest = int(turns.argmax())
    return bool(by_bone[widest] > 0.0 and by_key[widest] < _LEAVES * by_bone[widest])


def _carries_skin(probe: RigProbe, bone: int) -> bool:
    reach = float(np.linalg.norm(probe.carried[bone]))
    return reach == 0.0 or float(np.linalg.norm(probe.displacement[bone, probe.chin])) > CARRIES_SKIN * reach
