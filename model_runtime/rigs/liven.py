"""Life track to curves on one character's shape keys."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..contracts import LIFE, Curves, Float32, LifeTrack, Target, frozen_array
from .detect import by_name
from .presets import RigPreset

NOD, TURN = 0.105, 0.087
"""Radians of a full nod and a full turn: 6 and 5 degrees."""


def liven(
    track: LifeTrack, preset: RigPreset | None, targets: Sequence[Target], head: tuple[Target, Target] | None = None
) -> Curves:
    """Values of those shape keys of `targets` that the preset's life names, in any spelling, inside their ranges.

    Of keys that differ in spelling only, the first is used; a key for both sides only where no side has its own. The
    corners of the mouth may be keys of the mouth track too (a smile shapes "ee"): `over` brings both together. head:
    the targets that nod and turn it. Without a preset nothing else moves.
    """
    moved, weights = _named(preset, targets) if preset else ((), np.zeros((len(LIFE), 0), dtype=np.float32))
    values = track.values @ weights
    if head is not None:
        moved += head
        turns = [NOD * track.channel("head_nod"), TURN * track.channel("head_turn")]
        values = np.column_stack([values, *turns])
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
