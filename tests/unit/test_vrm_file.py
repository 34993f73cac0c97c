"""The expressions in the JSON of VRM files of both versions, and what damaged files are told."""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

import pytest

from model_runtime.errors import TrackFileError
from model_runtime.rigs.vrm_file import Bind, read_expressions

MESHES = [{"name": "FaceMesh", "primitives": [{"targets": [{}, {}, {}], "extras": {"targetNames": ["x", "y", "z"]}}]}]
NODES: list[dict[str, Any]] = [{"name": "Root"}, {"name": "Face", "mesh": 0}]


def glb(folder: Path, content: Any) -> Path:
    text = json.dumps(content).encode()
    path = folder / "hero.vrm"
    path.write_bytes(struct.pack("<5I", 0x46546C67, 2, 20 + len(text), len(text), 0x4E4F534A) + text)
    return path


def vrm_0(*groups: dict[str, Any]) -> dict[str, Any]:
    return {"meshes": MESHES, "nodes": NODES, "extensions": {"VRM": {"blendShapeMaster": {"blendShapeGroups": groups}}}}


def test_vrm_0(tmp_path: Path) -> None:
    binds = [{"mesh": 0, "index": 1, "weight": 100}, {"mesh": 0, "index": 2, "weight": 25}]
    content = vrm_0(
        {"name": "Aaah", "presetName": "a", "binds": binds}, {"name": "Smirk", "presetName": "unknown", "binds": binds},
        {"name": "Neutral", "presetName": "neutral", "binds": []},
    )  # fmt: skip
    found = read_expressions(glb(tmp_path, content))
    places = ("Face", "FaceMesh")
    assert found["a"] == found["Smirk"] == (Bind(places, 1, 3, "y", 1.0), Bind(places, 2, 3, "z", 0.25))
    assert set(found) == {"a", "Smirk"}


def test_vrm_1(tmp_path: Path) -> None:
    meshes = [{"name": "FaceMesh", "primitives": [{"targets": [{}]}], "extras": {"targetNames": ["wide"]}}]
    row = {"morphTargetBinds": [{"node": 1, "index": 0, "weight": 0.5}]}
    expressions = {"preset": {"aa": row, "happy": {"isBinary": True}}, "custom": {"mine": row}}
    content = {"meshes": meshes, "nodes": NODES, "extensions": {"VRMC_vrm": {"expressions": expressions}}}
    bind = (Bind(("Face", "FaceMesh"), 0, 1, "wide", 0.5),)
    assert read_expressions(glb(tmp_path, content)) == {"aa": bind, "mine": bind}


@pytest.mark.parametrize(("content", "what"), [
    ({"meshes": []}, "neither VRM nor VRMC_vrm"),
    ([], "no object"),
    (vrm_0({"name": "A", "presetName": "a", "binds": [{"mesh": 0, "index": 3, "weight": 100}]}), "target 3 of 3"),
    (vrm_0({"name": "A", "presetName": "a", "binds": [{"mesh": 4, "index": 0, "weight": 100}]}), "range"),
    (vrm_0({"name": "A", "presetName": "a", "binds": [{"index": 0, "weight": 100}]}), "mesh"),
    (vrm_0(), "declares no expression"),
])  # fmt: skip
def test_what_is_wrong_is_named(tmp_path: Path, content: Any, what: str) -> None:
    with pytest.raises(TrackFileError, match=rf"hero\.vrm.*{what}"):
        read_expressions(glb(tmp_path, content))


@pytest.mark.parametrize(
    "data", [b"", b"glTF", b"PK\x03\x04" + bytes(40), struct.pack("<5I", 0x46546C67, 2, 99, 90, 0x4E4F534A)]
)
def test_what_is_no_vrm_file_is_named(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "hero.vrm").write_bytes(data)
    with pytest.raises(TrackFileError, match=r"hero\.vrm is no VRM file"):
        read_expressions(tmp_path / "hero.vrm")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(TrackFileError, match=r"gone\.vrm"):
        read_expressions(tmp_path / "gone.vrm")
