"""Life track to curves on one character's shape keys."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np

from ..contracts import LIFE, Curves, Float32, LifeTrack, Target, frozen_array
from .detect import by_name
from .presets import RigPreset

RADIANS = {"head_nod": 0.105, "head_turn": 0.087, "breath": 0.026}
"""How far a bone turns for a whole movement: 6, 5 and 1.5 degrees."""

_NONE: Mapping[str, Target] = MappingProxyType({})


def liven(
    track: LifeTrack, preset: RigPreset | None, targets: Sequence[Target], bones: Mapping[str, Target] = _NONE
) -> Curves:
    """Values of those shape keys of `targets` that the preset's life names, in any spelling, inside their ranges.

    Of keys that differ in spelling only, the first is used; a key for both sides only where no side has its own. The
    corners of the mouth may be keys of the mouth track too (a smile shapes "ee"): `over` brings both together. bones:
    what turns for the channels of `RADIANS`. Without a preset nothing else moves.
    """
    moved, weights = _named(preset, targets) if preset else ((), np.zeros((len(LIFE), 0), dtype=np.float32))
    turns = [radians * track.channel(name) for name, radians in RADIANS.items() if name in bones]
    moved += tuple(bones[name] for name in RADIANS if name in bones)
    values = np.column_stack([track.values @ weights, *turns])
    return Curves(moved, frozen_array(_within(moved, values)), ())


def _named(preset: RigPreset, targets: Sequence[Target]) -> tuple[tuple[Target, ...], Float32]:
    """The keys that the preset's life names, and the weights of the channels on them [len(LIFE), keys]."""
    keys: dict[str, Target] = {}
    for name, target in by_name(targets):
        keys.setdefault(preset.normal(name), target)
    named = {preset.normal(name) for weights in preset.life.values() for name in weights}
    column = {name: i for i, name in enumerate(name for name in keys if name in named)}
    weights = np.zeros((len(LIFE), len(column)), dtype=np.float32)
    for channel, shares in preset.life.items():
        for name, share in shares.items():
            index = column.get(preset.normal(name))
            if index is not None and f"{preset.normal(name)}l" not in column:
                weights[LIFE.index(channel), index] += share
    return tuple(keys[name] for name in column), weights


def over(mouth: Curves, life: Curves) -> Curves:
    """Both on one character, equally long: life is added where they share a target; the mouth keeps its contacts."""
    shared = {target: i for i, target in enumerate(mouth.targets)}
    values = np.array(mouth.values)
    own = [i for i, target in enumerate(life.targets) if target not in shared]
    for i, target in enumerate(life.targets):
        if target in shared:
            values[:, shared[target]] += life.values[:, i]
    targets = mouth.targets + tuple(life.targets[i] for i in own)
    joined = np.concatenate([_within(mouth.targets, values), life.values[:, own]], axis=1)
    return Curves(targets, frozen_array(joined), mouth.contacts)


def _within(targets: Sequence[Target], values: Float32) -> Float32:
    low = np.array([target.minimum for target in targets], dtype=np.float32)
    high = np.array([target.maximum for target in targets], dtype=np.float32)
    return np.asarray(np.clip(values, low, high), dtype=np.float32)
