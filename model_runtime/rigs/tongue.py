"""Tongue bones join a mapping whose other targets leave the tongue alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from ..contracts import CHANNELS, RigMap, RigProbe, Target, frozen_array
from .channels import keyed

TURNS = {"tongue_tip": 0.45, "tongue_blade": 0.3, "tongue_back": 0.3}
"""Radians by which a bone lifts its part of the tongue for a full gesture."""


def with_tongue(rig_map: RigMap, probe: RigProbe, bones: Mapping[str, Target]) -> tuple[RigMap, RigProbe]:
    """The map and its probe with a bone for each tongue channel that nothing moves yet; positive turns lift it."""
    taken = {(part.kind, part.name) for part in keyed(rig_map.targets)}
    free = {
        channel: bone for channel, bone in bones.items()
        if not rig_map.weights[CHANNELS.index(channel)].any() and (bone.kind, bone.name) not in taken
    }  # fmt: skip
    if not free:
        return rig_map, probe
    targets = tuple(dict.fromkeys(free.values()))
    columns = np.zeros((len(CHANNELS), len(targets)), dtype=np.float32)
    for channel, bone in free.items():
        columns[CHANNELS.index(channel), targets.index(bone)] = TURNS[channel]
    none = np.zeros(len(targets), dtype=np.float32)
    still = np.zeros((len(targets), *probe.displacement.shape[1:]), dtype=np.float32)
    names = ", ".join(bone.name for bone in targets)
    joined = replace(
        rig_map,
        targets=rig_map.targets + targets,
        weights=frozen_array(np.concatenate([rig_map.weights, columns], axis=1)),
        tuckers=frozen_array(np.concatenate([rig_map.tuckers, none])),
        coverage=f"{rig_map.coverage.removesuffix('; tongue: none')}; tongue: {names}",
        approximated=tuple(name for name in rig_map.approximated if name not in free),
    )
    larger = replace(
        probe,
        targets=probe.targets + targets,
        displacement=frozen_array(np.concatenate([probe.displacement, still])),
        carried=frozen_array(np.concatenate([probe.carried, np.zeros((len(targets), 3), dtype=np.float32)])),
    )
    return joined, larger
