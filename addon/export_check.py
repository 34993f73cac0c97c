"""Files read again by Blender's importers, which are not ours, and compared with what was baked."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import bpy
import numpy as np

from ..model_runtime.contracts import frozen_array
from ..model_runtime.export.clip import Clip, Weights
from ..model_runtime.export.compare import Comparison, compare
from . import keyframes
from .bake import key_name, posed_bones, values_of
from .export_scene import parked, run, scratch

_NUMBER = re.compile(r"\.\d{3}$")
"""What Blender adds to a name that is taken; the glTF importer does so with skinned meshes."""


def check_glb(path: Path, clips: Sequence[Clip]) -> list[Comparison]:
    """The clips of a GLB, read by Blender's glTF importer. Raises ExportError if it cannot read the file."""

    def read() -> None:
        run(bpy.ops.import_scene.gltf, "glTF importer", filepath=str(path))

    return _check(read, clips, 0.0)


def _check(read: Callable[[], None], clips: Sequence[Clip], first: float) -> list[Comparison]:
    """Imports into a scene of its own. first: the frame that the importer gives to second 0."""
    fps = clips[0].fps
    names = {name for clip in clips for name in clip.weights}
    with parked(_named(names)), scratch("Labial check", fps) as scene:
        read()
        found = list(scene.objects)
        return [compare(clip, _reading(clip, found, first)) for clip in clips]


def _named(names: Iterable[str]) -> list[Any]:
    """The data-blocks that importers would find in the place of theirs."""
    objects = [bpy.data.objects[name] for name in names]
    return list(dict.fromkeys([*objects, *(obj.data for obj in objects)]))


def _reading(clip: Clip, objects: Sequence[bpy.types.Object], first: float) -> Clip | None:
    """A clip as imported, at the frames of the one that was written; None if nothing of its name was."""
    frames = first + np.arange(clip.frames, dtype=np.float64)
    weights, bones, keys = {}, {}, list[float]()
    for obj in objects:
        shapes = obj.data.shape_keys if obj.type == "MESH" else None
        if shapes and (curves := _curves(shapes, clip.name)):
            names = tuple(key_name(curve.data_path) for curve in curves)
            mesh = obj.name if obj.name in clip.weights else _NUMBER.sub("", obj.name)
            weights[mesh] = Weights(names, frozen_array(np.stack([values_of(c, frames) for c in curves], axis=1)))
            keys = _longest(keys, curves)
        if obj.type == "ARMATURE" and (curves := _curves(obj, clip.name)):
            bones.update(posed_bones(obj, curves, frames))
            keys = _longest(keys, curves)
    if not keys:
        return None
    # A clip of so many frames as the file's keys are apart and long.
    length = round(keys[-1] - keys[0]) + 1
    weights = {mesh: Weights(w.names, w.values[:length]) for mesh, w in weights.items()}
    step = float(np.median(np.diff(keys))) if len(keys) > 1 else 1.0
    return Clip(clip.name, clip.fps / step, weights, {name: basis[:length] for name, basis in bones.items()})


def _longest(keys: list[float], curves: Sequence[Any]) -> list[float]:
    """The frames of the keys of the curve that has most."""
    most = max(curves, key=lambda curve: len(curve.keyframe_points))
    co = np.empty(2 * len(most.keyframe_points), dtype=np.float32)
    most.keyframe_points.foreach_get("co", co)
    return max(keys, co[::2].tolist(), key=len)


def _curves(owner: Any, clip: str) -> Sequence[Any]:
    """The F-curves that a data-block has of a clip: of its Action or a strip of that name."""
    data = owner.animation_data
    if data is None:
        return ()
    played = [(data.action.name, data.action, data.action_slot)] if data.action else []
    played += [(track.name, strip.action, strip.action_slot) for track in data.nla_tracks for strip in track.strips]
    for name, action, slot in played:
        if clip in (name, _NUMBER.sub("", name)):
            return keyframes.curves_of(action, slot)
    return ()
