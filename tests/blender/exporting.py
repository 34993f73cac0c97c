"""What tests of bake and export share: clicking Export, all of a file's data-blocks, a GLB's two parts."""

from __future__ import annotations

import importlib
import json
import struct
from pathlib import Path
from typing import Any

import bpy
import numpy as np

from .conftest import MODULE
from .scene import snapshot


def module(name: str) -> Any:
    """A module of the installed add-on."""
    return importlib.import_module(f"{MODULE}.addon.{name}")


def character() -> Any:
    """The selected one."""
    return module("character").find_character(bpy.context.active_object, bpy.context.view_layer)


def export(target: str, path: Path, **settings: Any) -> list[Any]:
    """The lines of the selected character; every file must hold what was baked."""
    made = module("export").export(
        bpy.context, character(), target, str(path), module("export_lines").Settings(**settings)
    )
    for exported in made:
        assert exported.passed, (exported.error, [one.problems for one in exported.comparisons])
    return made


def state() -> dict[str, object]:
    """All of the file that an export must leave as it was."""
    blocks = sorted((type(block).__name__, block.name) for block in bpy.data.user_map())
    played = {
        owner.name: (
            owner.animation_data.action, owner.animation_data.action_slot, owner.animation_data.use_nla,
            [(s.name, s.mute, s.frame_start) for t in owner.animation_data.nla_tracks for s in t.strips],
        )
        for owner in (*bpy.data.objects, *bpy.data.shape_keys) if owner.animation_data
    }  # fmt: skip
    here = (bpy.context.scene.name, bpy.context.active_object, bpy.context.selected_objects)
    return {**snapshot(), "blocks": blocks, "played": played, "here": here}


def glb_parts(path: Path) -> tuple[dict[str, Any], bytes]:
    """The JSON and the buffer of a GLB."""
    data = path.read_bytes()
    assert data[:4] == b"glTF" and struct.unpack_from("<I", data, 8)[0] == len(data)
    length = struct.unpack_from("<I", data, 12)[0]
    return json.loads(data[20 : 20 + length]), data[28 + length :]


def accessor(content: dict[str, Any], binary: bytes, index: int) -> np.ndarray:
    """Floats of an accessor, a row an element."""
    read = content["accessors"][index]
    view = content["bufferViews"][read["bufferView"]]
    width = {"SCALAR": 1, "VEC3": 3, "VEC4": 4}[read["type"]]
    floats = np.frombuffer(binary, "<f4", read["count"] * width, view.get("byteOffset", 0) + read.get("byteOffset", 0))
    return floats.reshape(-1, width)
