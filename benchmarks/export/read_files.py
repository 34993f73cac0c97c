"""Exported files, read by parsers that other people wrote: prints JSON of name -> seconds and values, for each file.

Runs in an environment of its own (pygltflib, ufbx, usd-core, PyYAML, godot-parser, NumPy). Arguments: files. The frames
are those of the file: its own times, or of FBX its rate. Of keys of one name on several meshes the one that moves most.
"""

from __future__ import annotations

import base64
import json
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

Curves = dict[str, tuple[np.ndarray, np.ndarray]]
"""Name -> seconds and values."""


_kept: list[Any] = []
"""ufbx 0.0.5 crashes if a scene is freed before what points into it."""


def read_glb(path: Path) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Every weights channel of the first animation; in a VRM animation, the X of every node that moves."""
    import pygltflib

    gltf = pygltflib.GLTF2().load_binary(str(path))
    blob = gltf.binary_blob()

    def floats(index: int) -> np.ndarray:
        accessor = gltf.accessors[index]
        view = gltf.bufferViews[accessor.bufferView]
        width = {"SCALAR": 1, "VEC3": 3, "VEC4": 4}[accessor.type]
        start = (view.byteOffset or 0) + (accessor.byteOffset or 0)
        return np.frombuffer(blob, "<f4", accessor.count * width, start)

    animation = gltf.animations[0]
    for channel in animation.channels:
        sampler, node = animation.samplers[channel.sampler], gltf.nodes[channel.target.node]
        times, values = floats(sampler.input), floats(sampler.output)
        if channel.target.path == "weights":
            names = gltf.meshes[node.mesh].extras["targetNames"]
            yield from (
                (name, times, column) for name, column in zip(names, values.reshape(len(times), -1).T, strict=True)
            )
        elif channel.target.path == "translation" and "VRMC_vrm_animation" in (gltf.extensionsUsed or []):
            yield node.name, times, values.reshape(-1, 3)[:, 0]


def read_fbx(path: Path) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Every blend shape channel of the first take, at the file's frame rate."""
    import ufbx

    scene = ufbx.load_file(str(path))
    take, fps = scene.anim_stacks[0], scene.settings.frames_per_second
    _kept.extend((scene, take, take.anim))
    times = np.arange(round((take.time_end - take.time_begin) * fps) + 1) / fps
    for i in range(len(scene.blend_channels)):
        channel = scene.blend_channels[i]
        _kept.append(channel)
        weights = [ufbx.evaluate_blend_weight(take.anim, channel, take.time_begin + t) for t in times.tolist()]
        yield channel.name, times, np.array(weights)


def read_usd(path: Path) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """The blend shape weights of every skeleton animation."""
    from pxr import Usd, UsdSkel

    stage = Usd.Stage.Open(str(path))
    for prim in stage.Traverse():
        if prim.IsA(UsdSkel.Animation):
            animation = UsdSkel.Animation(prim)
            weights = animation.GetBlendShapeWeightsAttr()
            codes = weights.GetTimeSamples()
            rows = np.array([weights.Get(code) for code in codes])
            times = np.array(codes) / stage.GetTimeCodesPerSecond()
            yield from ((str(name), times, rows[:, i]) for i, name in enumerate(animation.GetBlendShapesAttr().Get()))


def read_unity(path: Path) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """The float curves of a clip, 0-1."""
    import yaml

    class Loader(yaml.CSafeLoader):  # type: ignore[misc]
        """Of Unity's tags."""

    Loader.add_multi_constructor("tag:unity3d.com,2011:", lambda loader, _, node: loader.construct_mapping(node, True))
    clip = yaml.load(path.read_text(encoding="utf-8"), Loader=Loader)["AnimationClip"]
    for curve in clip["m_FloatCurves"]:
        keys = curve["curve"]["m_Curve"]
        times, values = np.array([(key["time"], key["value"]) for key in keys]).T
        yield curve["attribute"].removeprefix("blendShape."), times, values / 100.0


def read_godot(path: Path) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """The blend shape tracks of an Animation."""
    from godot_parser import load

    rows = dict(load(str(path)).get_sections()[-1].properties)
    for name, value in rows.items():
        if name.endswith("/path"):
            keys = np.array(rows[name.removesuffix("path") + "keys"].args, dtype=float).reshape(-1, 3)
            yield value.path.rpartition(":")[2], keys[:, 0], keys[:, 2]


READERS: dict[str, tuple[str, Callable[[Path], Iterator[tuple[str, np.ndarray, np.ndarray]]]]] = {
    ".glb": ("pygltflib", read_glb),
    ".vrma": ("pygltflib", read_glb),
    ".fbx": ("ufbx", read_fbx),
    ".usdc": ("usd-core", read_usd),
    ".anim": ("PyYAML", read_unity),
    ".tres": ("godot-parser", read_godot),
}


def main() -> None:
    """One line of JSON a file."""
    for argument in sys.argv[1:]:
        path = Path(argument)
        reader, read = READERS[path.suffix]
        found: dict[str, Any] = {}
        for name, times, values in read(path):
            if name not in found or np.ptp(values) > np.ptp(found[name][1]):
                found[name] = (times, values)
        packed = {
            name: [base64.b64encode(np.asarray(part, dtype="<f8").tobytes()).decode() for part in pair]
            for name, pair in found.items()
        }
        print(json.dumps({"reader": reader, "curves": packed}), flush=True)
    os._exit(0)  # without freeing what is kept


if __name__ == "__main__":
    main()
