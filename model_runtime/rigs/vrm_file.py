"""The expressions that a VRM file declares, read from its JSON: of VRM 0 and VRM 1, without an add-on.

Container: binary glTF 2.0 (Khronos, section 4.4). Expressions: `extensions.VRM.blendShapeMaster` (VRM 0, weights up to
100) and `extensions.VRMC_vrm.expressions` (VRM 1, weights up to 1).
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import TrackFileError

_MAGIC, _JSON = 0x46546C67, 0x4E4F534A


@dataclass(frozen=True)
class Bind:
    """A morph target that an expression moves: how far, 0-1, the `index` of `count` on a mesh that the file calls by
    one of `places` (its node's name, its own), and the target's name if the file has one."""

    places: tuple[str, ...]
    index: int
    count: int
    name: str
    weight: float


def read_expressions(path: Path) -> dict[str, tuple[Bind, ...]]:
    """Expressions by name, those that move nothing left out: `a` to `o` of VRM 0, `aa` to `oh` of VRM 1, and others.

    Raises TrackFileError naming the file and what is wrong with it.
    """
    try:
        data = _json_of(path)
        found = {name: binds for name, binds in _declared(data) if binds}
    except (OSError, ValueError, KeyError, IndexError, TypeError, AttributeError, struct.error) as error:
        what = f"{error} is missing" if isinstance(error, KeyError) else error
        raise TrackFileError(f"{path.name} is no VRM file that can be read: {what}. Choose another file.") from error
    if not found:
        raise TrackFileError(f"{path.name} declares no expression that moves a shape key. Choose another file.")
    return found


def _json_of(path: Path) -> dict[str, Any]:
    """The first chunk of a binary glTF file."""
    with path.open("rb") as file:
        magic, version, _, length, kind = struct.unpack("<5I", file.read(20))
        if (magic, version, kind) != (_MAGIC, 2, _JSON):
            raise ValueError("it is no binary glTF 2.0")
        data = json.loads(file.read(min(length, path.stat().st_size)))
    if not isinstance(data, dict):
        raise ValueError("its JSON is no object")
    return data


def _declared(data: Mapping[str, Any]) -> Iterator[tuple[str, tuple[Bind, ...]]]:
    extensions = data.get("extensions", {})
    if "VRMC_vrm" in extensions:
        expressions = extensions["VRMC_vrm"].get("expressions", {})
        for name, row in {**expressions.get("custom", {}), **expressions.get("preset", {})}.items():
            yield name, tuple(_bind_1(data, bind) for bind in row.get("morphTargetBinds") or ())
    elif "VRM" in extensions:
        for group in extensions["VRM"].get("blendShapeMaster", {}).get("blendShapeGroups", ()):
            preset = group.get("presetName", "unknown")
            name = group.get("name", "") if preset == "unknown" else preset
            yield name, tuple(_bind_0(data, bind) for bind in group.get("binds") or ())
    else:
        raise ValueError("it has neither VRM nor VRMC_vrm data")


def _bind_0(data: Mapping[str, Any], bind: Mapping[str, Any]) -> Bind:
    mesh = bind["mesh"]
    nodes = [node.get("name", "") for node in data["nodes"] if node.get("mesh") == mesh]
    return _bind(data["meshes"][mesh], nodes, bind["index"], bind["weight"] / 100.0)


def _bind_1(data: Mapping[str, Any], bind: Mapping[str, Any]) -> Bind:
    node = data["nodes"][bind["node"]]
    return _bind(data["meshes"][node["mesh"]], [node.get("name", "")], bind["index"], bind["weight"])


def _bind(mesh: Mapping[str, Any], nodes: list[str], index: int, weight: float) -> Bind:
    first = mesh["primitives"][0]
    count = len(first.get("targets", ()))
    if not 0 <= index < count:
        raise ValueError(f"an expression moves target {index} of {count}")
    names = (mesh.get("extras") or first.get("extras") or {}).get("targetNames", ())
    places = tuple(dict.fromkeys(name for name in (*nodes, mesh.get("name", "")) if name))
    return Bind(places, index, count, names[index] if index < len(names) else "", min(max(float(weight), 0.0), 1.0))
