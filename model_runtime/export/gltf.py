"""Clips in binary glTF 2.0: one animation a line, shape key weights and bones together.

Blender writes the mesh and the skin; the animations are put in here, because its own sampling costs a depsgraph
evaluation a frame and knows one scene's frame rate.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..contracts import Float32
from ..errors import LipSyncError
from .clip import Clip, needed_frames
from .turns import composed, decomposed

_FLOAT = 5126
_TYPES = {1: "SCALAR", 3: "VEC3", 4: "VEC4"}
_STILL = 1e-6
_SHARES = {"weights": 1.0, "translation": 1.0, "rotation": 0.25, "scale": 1.0}
"""A quaternion's error counts twice as an angle."""


def with_animations(data: bytes, clips: Sequence[Clip], tolerance: float = 0.0) -> bytes:
    """A GLB of a character at rest with a clip each as animation, instead of those that it has.

    tolerance: 0 for a key at every frame, else how far values between keys may lie from what was baked. Raises
    LipSyncError if a mesh of a clip is not in the file.
    """
    content, binary = parts(data)
    store = _Store(content, binary)
    meshes = {n["name"]: i for i, n in enumerate(content["nodes"]) if "mesh" in n}
    joints = {content["nodes"][i]["name"]: i for skin in content.get("skins", ()) for i in skin["joints"]}
    columns = {name: _target_names(content, node) for name, node in meshes.items()}
    content["animations"] = [_animation(clip, content, store, meshes, joints, columns, tolerance) for clip in clips]
    return glb(content, store.close())


def _animation(
    clip: Clip, content: dict[str, Any], store: _Store, meshes: Mapping[str, int], joints: Mapping[str, int],
    columns: Mapping[str, Sequence[str]], tolerance: float,
) -> dict[str, Any]:  # fmt: skip
    if absent := [name for name, w in clip.weights.items() if w.moves and not columns.get(name)]:
        raise LipSyncError(
            f"The shape keys of {', '.join(absent)} are not in the exported file: mute or delete what hides its mesh."
        )
    inputs: dict[bytes, int] = {}
    samplers: list[dict[str, Any]] = []
    channels: list[dict[str, Any]] = []

    def channel(node: int, path: str, values: Float32) -> None:
        if not np.ptp(values, axis=0).max(initial=0.0) > _STILL and path != "weights":
            return
        channels.append({"sampler": len(samplers), "target": {"node": node, "path": path}})
        frames = needed_frames(values, 0.0 if clip.held else tolerance * _SHARES[path])
        if frames.tobytes() not in inputs:
            inputs[frames.tobytes()] = store.add(clip.times[frames].astype(np.float32), bounds=True)
        kept = values[frames]
        output = store.add(kept.reshape(-1) if path == "weights" else kept)
        samplers.append(
            {"input": inputs[frames.tobytes()], "output": output, "interpolation": "STEP" if clip.held else "LINEAR"}
        )

    for name, weights in clip.weights.items():
        if weights.moves:
            index = [weights.names.index(key) for key in columns[name]]
            channel(meshes[name], "weights", np.ascontiguousarray(weights.values[:, index], dtype=np.float32))
    for bone, basis in clip.bones.items():
        if bone in joints:
            for path, values in _posed(content["nodes"][joints[bone]], basis).items():
                channel(joints[bone], path, values)
    return {"name": clip.name, "channels": channels, "samplers": samplers}


def _posed(node: Mapping[str, Any], basis: Float32) -> dict[str, Float32]:
    """The way, turn and size of a joint: its own at rest, then the bone's against its rest."""
    x, y, z, w = node.get("rotation", (0.0, 0.0, 0.0, 1.0))
    way, size = node.get("translation", (0.0, 0.0, 0.0)), node.get("scale", (1.0, 1.0, 1.0))
    rest = composed(*(np.array([part], dtype=np.float64) for part in (way, (w, x, y, z), size)))[0]
    way, turn, size = decomposed(rest @ basis.astype(np.float64))
    return {"translation": way, "rotation": np.ascontiguousarray(turn[:, [1, 2, 3, 0]]), "scale": size}


def _target_names(content: Mapping[str, Any], node: int) -> list[str]:
    mesh = content["meshes"][content["nodes"][node]["mesh"]]
    return list(mesh.get("extras", {}).get("targetNames", ()))


class _Store:
    """The buffer of a glTF file, with accessors and views added at its end."""

    def __init__(self, content: dict[str, Any], binary: bytes) -> None:
        self._content, self._chunks, self._size = content, [binary], len(binary)
        for name in ("accessors", "bufferViews", "buffers"):
            content.setdefault(name, [])
        if not content["buffers"]:
            content["buffers"].append({"byteLength": 0})

    def add(self, array: Float32, *, bounds: bool = False) -> int:
        """The number of the accessor of an array [n] or [n, 3 or 4]. bounds: with least and greatest value."""
        padding = -self._size % 4
        self._chunks += [b"\0" * padding, array.astype("<f4").tobytes()]
        self._size += padding
        views, accessors = self._content["bufferViews"], self._content["accessors"]
        views.append({"buffer": 0, "byteOffset": self._size, "byteLength": array.size * 4})
        self._size += array.size * 4
        rows = array.reshape(len(array), -1)
        ends = {"min": rows.min(axis=0).tolist(), "max": rows.max(axis=0).tolist()} if bounds else {}
        kind = {"componentType": _FLOAT, "count": len(array), "type": _TYPES[rows.shape[1]]}
        accessors.append({"bufferView": len(views) - 1, **kind, **ends})
        return len(accessors) - 1

    def close(self) -> bytes:
        """The whole buffer."""
        self._content["buffers"][0]["byteLength"] = self._size
        return b"".join(self._chunks)


def parts(data: bytes) -> tuple[dict[str, Any], bytes]:
    """The JSON and the buffer of a GLB. Raises LipSyncError if it is none."""
    magic, version, _ = struct.unpack_from("<4sII", data)
    if magic != b"glTF" or version != 2:
        raise LipSyncError("This is no binary glTF 2.0 file. Export it as GLB.")
    found, at = {}, 12
    while at < len(data):
        length, kind = struct.unpack_from("<I4s", data, at)
        found[kind] = data[at + 8 : at + 8 + length]
        at += 8 + length
    content = json.loads(found[b"JSON"])
    length = content["buffers"][0]["byteLength"] if content.get("buffers") else 0
    return content, found.get(b"BIN\0", b"")[:length]


def glb(content: dict[str, Any], binary: bytes) -> bytes:
    """A binary glTF 2.0 of the two chunks, each filled up to whole words."""
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 4)
    binary += b"\0" * (-len(binary) % 4)
    chunks = struct.pack("<I4s", len(text), b"JSON") + text + struct.pack("<I4s", len(binary), b"BIN\0") + binary
    return struct.pack("<4sII", b"glTF", 2, 12 + len(chunks)) + chunks
