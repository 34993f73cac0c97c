"""What drives what: the drivers of a character's data-blocks, followed to the properties and bones before them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

import bpy

from ..model_runtime.contracts import TargetKind
from .expressions import evaluated

_NAME = r'\["((?:[^"\\]|\\.)*)"\]'
_PROPERTY = re.compile(rf"^(?:pose\.bones{_NAME})?{_NAME}$")
_BONE = re.compile(rf"^pose\.bones{_NAME}\.(location|rotation_euler|rotation_quaternion)(?:\[(\d)\]|\.([wxyz]))?$")
_KEY = re.compile(rf"^key_blocks{_NAME}\.value$")
_DEPTH = 8
"""So many drivers may follow on each other."""
_AT_REST, _SHOWS, _NEARLY = 0.05, 0.02, 0.99
_SMALLEST = 1e-6


class Channel(NamedTuple):
    """What a driver reads or holds: a custom property, a bone's way or turn along an axis, or a shape key."""

    kind: TargetKind
    owner: Any
    name: str
    bone: str = ""
    axis: int = 0


class Wiring:
    """The drivers of all data-blocks that were asked about, each read once."""

    def __init__(self) -> None:
        self._drivers: dict[Any, dict[Channel, Any]] = {}
        self._inputs: dict[Channel, list[tuple[str, Channel | None]]] = {}

    def ends(self, owner: Any) -> dict[Channel, Any]:
        """What drivers hold on a data-block."""
        if owner not in self._drivers:
            curves = owner.animation_data.drivers if owner.animation_data else ()
            found = ((_channel(owner, curve.data_path, curve.array_index), curve) for curve in curves if not curve.mute)
            self._drivers[owner] = {channel: curve for channel, curve in found if channel is not None}
        return self._drivers[owner]

    def driver(self, channel: Channel) -> Any | None:
        """The driver that holds a channel."""
        return self.ends(channel.owner).get(channel)

    def inputs(self, channel: Channel) -> list[tuple[str, Channel | None]]:
        """The variables of the driver that holds a channel, by name; None is none that can be followed."""
        if channel not in self._inputs:
            curve = self.driver(channel)
            self._inputs[channel] = [(v.name, _read(v)) for v in curve.driver.variables] if curve else []
        return self._inputs[channel]

    def sources(self, channel: Channel, depth: int = 0) -> list[Channel]:
        """The channels at the beginning of the drivers before a channel; none if one of them cannot be followed."""
        curve = self.driver(channel)
        if curve is None:
            return [channel] if depth else []
        if depth > _DEPTH or not curve.driver.is_valid:
            return []
        found: dict[Channel, None] = {}
        for _, read in self.inputs(channel):
            if read is not None:
                found.update(dict.fromkeys(self.sources(read, depth + 1)))
        return list(found)

    def value(self, channel: Channel, given: Mapping[Channel, float], depth: int = 0) -> float | None:
        """What a channel would be with some at the given values and all other controls at rest; None if unknown."""
        if channel in given:
            return given[channel]
        curve = self.driver(channel)
        if curve is None or depth > _DEPTH:
            return 0.0 if channel.kind != "property" or is_control(channel) else float(_current(channel))
        values = {}
        for name, read in self.inputs(channel):
            seen = None if read is None else self.value(read, given, depth + 1)
            if seen is None:
                return None
            values[name] = seen
        result = _joined(curve.driver, values)
        shaped = len(curve.keyframe_points) or len(curve.modifiers)
        return float(curve.evaluate(result)) if shaped and result is not None else result

    def whole(self, end: Channel, source: Channel, low: float, high: float) -> float | None:
        """The value of a source at which it alone has moved `end` to 1.0, or as far as it ever does, or would to 1.0 if
        it went further than it can.

        None if it does not start from rest, or cannot be foretold.
        """
        at_rest = self.value(end, {source: 0.0})
        if at_rest is None or abs(at_rest) > _AT_REST:
            return None

        def shown(value: float) -> float:
            return self.value(end, {source: value}) or 0.0

        for limit in [high] if low >= 0.0 else [high, low]:
            value, there = limit, shown(limit)
            if there <= _SHOWS:
                continue
            if there < _NEARLY and abs(shown(0.5 * limit) - there) < 1e-3:  # it goes no further
                return _first(shown, limit, _NEARLY * there)
            while there > _NEARLY and abs(value) > _SMALLEST:
                value, there = 0.5 * value, shown(0.5 * value)
            if there > 0.0:
                straight = value / there
                if value == limit or max(abs(shown(straight * s) - s) for s in (0.25, 0.75, 1.0)) < 1e-3:
                    return float(f"{straight:.6g}")
            return _first(shown, limit, _NEARLY)
        return None


def _first(shown: Any, limit: float, level: float) -> float:
    """The smallest value at which a shape is so far, by halving."""
    below, above = 0.0, limit
    for _ in range(30):
        middle = 0.5 * (below + above)
        below, above = (below, middle) if shown(middle) > level else (middle, above)
    return float(f"{above:.6g}")


def _joined(driver: Any, values: Mapping[str, float]) -> float | None:
    if driver.type == "SCRIPTED":
        return evaluated(driver.expression, values)
    if not values:
        return None
    total = sum(values.values())
    joined = {"SUM": total, "AVERAGE": total / len(values), "MIN": min(values.values()), "MAX": max(values.values())}
    return joined[driver.type]


def _read(variable: Any) -> Channel | None:
    """What a driver's variable reads."""
    target = variable.targets[0]
    if target.id is None:
        return None
    if variable.type == "SINGLE_PROP":
        return _channel(*_nearest(target.id, target.data_path))
    if variable.type != "TRANSFORMS" or target.transform_space != "LOCAL_SPACE" or not target.bone_target:
        return None
    kind, _, axis = target.transform_type.partition("_")
    kinds: dict[str, TargetKind] = {"LOC": "location", "ROT": "rotation"}
    if kind not in kinds or axis not in ("X", "Y", "Z"):
        return None
    return Channel(kinds[kind], target.id, target.bone_target, target.bone_target, "XYZ".index(axis))


def _nearest(owner: Any, path: str) -> tuple[Any, str]:
    """The same property from the data-block that it lies in: an object's path may lead through its data."""
    for step in ("data", "shape_keys"):
        if path.startswith((f"{step}.", f"{step}[")) and getattr(owner, step, None) is not None:
            owner, path = getattr(owner, step), path[len(step) :].removeprefix(".")
    return owner, path


def _channel(owner: Any, path: str, index: int = 0) -> Channel | None:
    plain = bpy.utils.unescape_identifier
    if isinstance(owner, bpy.types.Key):
        found = _KEY.match(path)
        return Channel("shape_key", owner, plain(found[1])) if found else None
    if found := _PROPERTY.match(path):
        return Channel("property", owner, plain(found[2]), plain(found[1] or ""))
    if not (found := _BONE.match(path)):
        return None
    axis = int(found[3]) if found[3] else index
    if found[4]:
        axis = ("wxyz" if found[2] == "rotation_quaternion" else "xyz").index(found[4])
    if found[2] == "rotation_quaternion":
        axis -= 1
    kind: TargetKind = "location" if found[2] == "location" else "rotation"
    return Channel(kind, owner, plain(found[1]), plain(found[1]), axis) if axis >= 0 else None


def holder_of(channel: Channel) -> Any:
    """What carries a channel: an object or one of its pose bones; None if it is gone."""
    bones = channel.owner.pose.bones if channel.bone else {}
    return bones.get(channel.bone) if channel.bone else channel.owner


def _current(channel: Channel) -> float:
    holder = holder_of(channel)
    value = holder.get(channel.name, 0.0) if holder is not None else 0.0
    return value if isinstance(value, int | float) else 0.0


def is_control(channel: Channel) -> bool:
    """Whether a channel can be keyed and rests at 0; what rests elsewhere is a switch."""
    if not isinstance(channel.owner, bpy.types.Object) or (holder := holder_of(channel)) is None:
        return False
    if channel.kind != "property":
        return True
    if not isinstance(holder.get(channel.name), float):
        return False
    return bool(holder.id_properties_ui(channel.name).as_dict().get("default", 0.0) == 0.0)
