"""What is mapped, and what is keyed for it: groups are taken apart, and targets that share a channel are added up."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np

from ..contracts import Curves, Float32, Target, frozen_array


def parts(target: Target) -> tuple[tuple[Target, float], ...]:
    """What is keyed where a target is 1, and its values there: the parts of a group, else the target itself."""
    return target.parts or ((target, 1.0),)


def keyed(targets: Iterable[Target]) -> tuple[Target, ...]:
    """All that may be keyed for some targets, each once."""
    return tuple(dict.fromkeys(part for target in targets for part, _ in parts(target)))


def on_channels(curves: Curves) -> Curves:
    """The same motion as values of what is keyed."""
    targets, values = spread(curves.targets, curves.values)
    return replace(curves, targets=targets, values=values)


def spread(targets: Sequence[Target], values: Float32) -> tuple[tuple[Target, ...], Float32]:
    """Values of targets, float32 [frames, targets], as values of what is keyed for them, inside its range.

    Targets that share a channel, as the two directions of a slider or one key of two expressions do, are added up.
    """
    uses: dict[tuple[object, ...], list[tuple[Target, Float32]]] = {}
    for target, column in zip(targets, values.T, strict=True):
        for part, share in parts(target):
            uses.setdefault(_channel(part), []).append((part, share * column))
    joined = [_joined(of_channel) for of_channel in uses.values()]
    columns = [column for _, column in joined] or [values[:, :0]]
    return tuple(target for target, _ in joined), frozen_array(np.column_stack(columns))


def _channel(target: Target) -> tuple[object, ...]:
    """The same for targets that are keyed on the same curve."""
    return target.kind, target.objects, target.name, target.axis, target.bone if target.kind == "property" else ""


def _joined(uses: Sequence[tuple[Target, Float32]]) -> tuple[Target, Float32]:
    """One target for all uses of a channel, as it is if they agree on it, else with the range of all of them."""
    first = uses[0][0]
    if any(target != first for target, _ in uses):
        ends = [t.sign * end for t, _ in uses for end in (t.minimum, t.maximum)]
        uses = [(target, target.sign * column) for target, column in uses]
        first = replace(first, minimum=min(ends), maximum=max(ends), sign=1.0, aliases=())
    total = sum((column for _, column in uses), np.zeros_like(uses[0][1]))
    return first, np.clip(total, first.minimum, first.maximum)
