"""Shape keys that drivers hold are moved from the other end: by the properties and bones that their drivers read."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import bpy

from ..model_runtime.contracts import Target
from .wiring import Channel, Wiring, holder_of, is_control

_SIDE = re.compile(r"left|right|(?<=[._-])[lr]$|(?<=[a-z])[LR]$", re.IGNORECASE)
_LARGE = 1e3
"""A range that reaches further was never set."""
_FURTHEST = {"location": 50.0, "rotation": 3.0}


@dataclass(frozen=True)
class Controls:
    """targets: what moves the driven keys; stuck: the keys that nothing of this character moves, by name.

    held: the kind, bone and axis of every channel of the rig that is driven or serves as a control.
    """

    targets: tuple[Target, ...]
    stuck: tuple[str, ...]
    held: frozenset[tuple[str, str, int]]


def find_controls(
    meshes: Sequence[bpy.types.Object], armature: bpy.types.Object | None, family: Iterable[bpy.types.Object]
) -> Controls:
    """The controls of all driven keys of a character; `family` are its objects. Nothing is evaluated or posed."""
    wiring, ours = Wiring(), set(family)
    alone: dict[Channel, dict[str, Channel]] = {}
    shared: dict[Channel, dict[str, Channel]] = {}
    stuck = []
    for mesh in meshes:
        for key in mesh.data.shape_keys.key_blocks[1:]:
            end = Channel("shape_key", mesh.data.shape_keys, key.name)
            if wiring.driver(end) is None:
                continue
            sources = wiring.sources(end)
            usable = [s for s in sources if s.kind != "shape_key" and is_control(s) and _is_ours(s.owner, ours)]
            if len(usable) == 1:
                alone.setdefault(usable[0], {}).setdefault(key.name, end)
            for source in usable:
                alone.setdefault(source, {})
                shared.setdefault(source, {}).setdefault(key.name, end)
            if not usable and not any(s.kind == "shape_key" for s in sources):
                stuck.append(key.name)
    driven = [channel for channel in wiring.ends(armature) if channel.kind != "property"] if armature else []
    for channel in driven:
        for source in wiring.sources(channel):
            if source.kind == "property" and is_control(source) and _is_ours(source.owner, ours):
                alone.setdefault(source, {})
    for source, ends in alone.items():
        if not ends and source.kind != "property":  # it moves keys together with others only, as phoneme bones do
            ends.update(shared.get(source, {}))
    targets = tuple(t for source, ends in alone.items() for t in _targets(source, ends, wiring, alone))
    held = [(c.kind, c.bone, c.axis) for c in (*driven, *alone) if c.owner == armature and c.kind != "property"]
    return Controls(targets, tuple(dict.fromkeys(stuck)), frozenset(held))


def driven_keys(shapes: bpy.types.Key) -> set[str]:
    """The names of the keys that drivers hold."""
    return {channel.name for channel in Wiring().ends(shapes)}


def _is_ours(owner: bpy.types.Object, family: set[bpy.types.Object]) -> bool:
    """An object of the character, or a board of controls that no other character hangs on."""
    if owner in family or owner.type == "EMPTY":
        return True
    return owner.type == "ARMATURE" and not any(
        o.type == "MESH" and o.find_armature() == owner for o in bpy.context.scene.objects
    )


def _targets(
    source: Channel, ends: Mapping[str, Channel], wiring: Wiring, controls: Collection[Channel]
) -> list[Target]:
    """A source under its own name, or under that of the key that it alone moves, one target for each way it goes."""
    low, high = _range(source)
    reach = {name: wiring.whole(end, source, low, high) for name, end in ends.items()}
    up, down = ({name: v for name, v in reach.items() if v and v * way > 0.0} for way in (1.0, -1.0))
    ways = [way for way in (up, down) if way]
    if source.kind == "property" and not (ways and all(map(_one, ways)) and (len(ways) == 2 or _one(ends))):
        return [Target("property", source.name, (source.owner.name,), low, high, bone=source.bone)]
    return [_way(source, way, low, high, controls) for way in ways]


def _way(source: Channel, reach: Mapping[str, float], low: float, high: float, controls: Collection[Channel]) -> Target:
    """A control in one direction; reach: the keys that it moves there, and where each is whole.

    It is known by the name of its keys if they are one, and by that of its bone.
    """
    whole = next(iter(reach.values())) if _one(reach) else min(reach.values(), key=abs)
    names = tuple(reach) if _one(reach) else ()
    if source.bone and source.kind != "property":
        lonely = sum(c.owner == source.owner and c.bone == source.bone for c in controls) == 1
        name = source.bone if lonely else f"{source.bone} {'xyz'[source.axis]}"
        names += (name if whole > 0.0 else f"{name} back",)
    most = min(1.0, (high if whole > 0.0 else low) / whole)
    return Target(source.kind, source.name, (source.owner.name,), 0.0, most, source.axis, whole, source.bone, names)


def _one(names: Iterable[str]) -> bool:
    """Whether names are one but for the side."""
    return len({_SIDE.sub("", name).lower() for name in names}) == 1


def _range(source: Channel) -> tuple[float, float]:
    if source.kind != "property":
        return -_FURTHEST[source.kind], _FURTHEST[source.kind]
    shown = holder_of(source).id_properties_ui(source.name).as_dict()
    low, high = shown.get("soft_min", 0.0), shown.get("soft_max", 1.0)
    return (low if low > -_LARGE else 0.0), (high if 0.0 < high < _LARGE else 1.0)
