"""Files read again by Blender's importers, which are not ours, and compared with what was baked."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import bpy
import numpy as np

from ..model_runtime.contracts import Float32, frozen_array
from ..model_runtime.export.clip import Clip, Weights
from ..model_runtime.export.compare import Comparison, compare
from ..model_runtime.export.motion import Motion
from . import keyframes
from .bake import key_name, posed_bones, values_of
from .export_scene import parked, run, scratch, temporary_file
from .posing import points_of

_NUMBER = re.compile(r"\.\d{3}$")
"""What Blender adds to a name that is taken; the glTF importer does so with skinned meshes."""
_LONG = 40
"""Bytes of names that Blender may have cut, with another name before."""


Points = Mapping[int, Mapping[str, Float32]]
"""Frame -> mesh -> points in the world, float32 [n, 3]."""


def check_glb(path: Path, clips: Sequence[Clip]) -> list[Comparison]:
    """The clips of a GLB, read by Blender's glTF importer. Raises ExportError if it cannot read the file."""
    called = _called_otherwise(clips[0].weights)
    with _imported(bpy.ops.import_scene.gltf, "glTF importer", path, clips[0].weights, clips[0].fps) as objects:
        return [compare(clip, _reading(clip, objects, called, 0.0)) for clip in clips]


def check_fbx(path: Path, clip: Clip) -> Comparison:
    """The clip of an FBX file, read by Blender's FBX importer, which puts second 0 on frame 1."""
    called = _called_otherwise(clip.weights)
    with _imported(bpy.ops.import_scene.fbx, "FBX importer", path, clip.weights, clip.fps) as objects:
        return compare(clip, _reading(clip, objects, called, 1.0))


def check_usd(path: Path, clip: Clip) -> Comparison:
    """The clip of a USD file, read by Blender's USD importer."""
    called = _called_otherwise(clip.weights)
    operator = bpy.ops.wm.usd_import
    with _imported(operator, "USD importer", path, clip.weights, clip.fps, import_materials=False) as objects:
        return compare(clip, _reading(clip, objects, called, 0.0, of_file=True))


def check_alembic(path: Path, clip: Clip, seen: Points) -> Comparison:
    """Points of an Alembic file, read by Blender's importer: errors as a share of the furthest way of any point."""
    names, operator = list(seen[min(seen)]), bpy.ops.wm.alembic_import
    with _imported(operator, "Alembic importer", path, names, clip.fps, as_background_job=False) as objects:
        scene, by_name = objects[0].users_scene[0], {_loose(obj.name): obj for obj in objects if obj.type == "MESH"}
        if absent := [name for name in names if _loose(name) not in by_name]:
            return Comparison(clip.name, problems=tuple(f"{name} is not in the file." for name in absent))
        first, furthest, error = seen[min(seen)], 0.0, 0.0
        for frame, meshes in seen.items():
            scene.frame_set(frame)
            for name, points in meshes.items():
                there = points_of(by_name[_loose(name)], scene.view_layers[0])
                if len(there) != len(points):
                    return Comparison(clip.name, problems=(f"{name} has {len(there)} points, not {len(points)}.",))
                error = max(error, float(np.linalg.norm(there - points, axis=1).max()))
                furthest = max(furthest, float(np.linalg.norm(points - first[name], axis=1).max()))
        duration = (scene.frame_end - scene.frame_start) / clip.fps
        return Comparison(clip.name, error / (furthest or 1.0), curves=len(names), duration=duration, fps=clip.fps)


def check_vrma(path: Path, motion: Motion) -> Comparison:
    """A VRM animation, read as the glTF file that it is: expressions are ways of nodes along X."""
    clip = Clip(motion.title, motion.fps, {})
    frames, errors, problems, keys = np.arange(len(motion.values), dtype=np.float64), [0.0], [], list[float]()
    with temporary_file(".glb") as copied:
        copied.write_bytes(path.read_bytes())
        with _imported(bpy.ops.import_scene.gltf, "glTF importer", copied, (), motion.fps) as objects:
            nodes = {_NUMBER.sub("", obj.name): obj for obj in objects}
            for name, values in zip(motion.names, motion.values.T, strict=True):
                curves = _curves(nodes[name], clip.name, True) if name in nodes else ()
                if not curves:
                    problems += [f"{name} is not in the file."] if np.ptp(values) > 0.0 else []
                    continue
                errors.append(float(np.abs(values_of(curves[0], frames) - values).max()))
                keys = _longest(keys, curves)
    duration = (keys[-1] - keys[0]) / motion.fps if keys else 0.0
    return Comparison(motion.title, max(errors), 0.0, len(errors) - 1, 0, duration, motion.fps, tuple(problems))


@contextmanager
def _imported(
    operator: Any, what: str, path: Path, names: Iterable[str], fps: float, **options: Any
) -> Iterator[list[bpy.types.Object]]:
    """What an importer makes of a file, in a scene of its own at a rate. names: objects whose names it may take."""
    with parked(_named(names)), scratch("Labial check", fps) as scene:
        run(operator, what, filepath=str(path), **options)
        yield list(scene.objects)


def _named(names: Iterable[str]) -> list[Any]:
    """The data-blocks that importers would find in the place of theirs."""
    objects = [bpy.data.objects[name] for name in names]
    return list(dict.fromkeys([*objects, *(obj.data for obj in objects)]))


def _called_otherwise(names: Iterable[str]) -> dict[str, str]:
    """How importers may call the objects -> their names: some call an object as its mesh."""
    objects = {name: bpy.data.objects[name] for name in names}
    return {_loose(obj.data.name): name for name, obj in objects.items()} | {_loose(name): name for name in objects}


def _reading(
    clip: Clip, objects: Sequence[bpy.types.Object], called: Mapping[str, str], first: float, of_file: bool = False
) -> Clip | None:
    """A clip as imported, at the frames of the one that was written; None if nothing of its name was.

    called: how the file's objects may be called -> mesh of the clip. first: the frame of second 0. of_file: the file
    has one clip, and its Actions are named otherwise.
    """
    frames = first + np.arange(clip.frames, dtype=np.float64)
    meshes, bones, keys = dict[str, Weights](), dict[str, Float32](), list[float]()
    for obj in objects:
        shapes = obj.data.shape_keys if obj.type == "MESH" else None
        if shapes and (curves := _curves(shapes, clip.name, of_file)):
            names = tuple(key_name(curve.data_path) for curve in curves)
            values = frozen_array(np.stack([values_of(curve, frames) for curve in curves], axis=1))
            meshes[obj.name] = Weights(names, values)
            keys = _longest(keys, curves)
        if obj.type == "ARMATURE" and (curves := _curves(obj, clip.name, of_file)):
            bones.update(posed_bones(obj, curves, frames))
            keys = _longest(keys, curves)
    if not keys:
        return None
    step = float(np.median(np.diff(keys))) if len(keys) > 1 else 1.0
    return _as_long(
        _called(clip, called, Clip(clip.name, clip.fps / step, meshes, bones)), round(keys[-1] - keys[0]) + 1
    )


def _as_long(clip: Clip, frames: int) -> Clip:
    """The first frames of a clip."""
    weights = {mesh: Weights(w.names, w.values[:frames]) for mesh, w in clip.weights.items()}
    return replace(clip, weights=weights, bones={name: basis[:frames] for name, basis in clip.bones.items()})


def _called(clip: Clip, meshes: Mapping[str, str], found: Clip) -> Clip:
    """A reading under the names of the clip: formats and Blender spell some signs otherwise and add numbers."""
    bones = {_loose(name): name for name in clip.bones}
    weights = {}
    for there, read in found.weights.items():
        mesh = meshes.get(_loose(there)) or meshes.get(_loose(_NUMBER.sub("", there)), there)
        keys = {_loose(name): name for name in clip.weights[mesh].names} if mesh in clip.weights else {}
        weights[mesh] = Weights(tuple(keys.get(_loose(name), name) for name in read.names), read.values)
    return replace(found, weights=weights, bones={bones.get(_loose(n), n): basis for n, basis in found.bones.items()})


def _loose(name: str) -> str:
    """What USD and Alembic leave of a name."""
    return re.sub(r"[^A-Za-z0-9]+", "_", name)


def _longest(keys: list[float], curves: Sequence[Any]) -> list[float]:
    """The frames of the keys of the curve that has most."""
    most = max(curves, key=lambda curve: len(curve.keyframe_points))
    co = np.empty(2 * len(most.keyframe_points), dtype=np.float32)
    most.keyframe_points.foreach_get("co", co)
    return max(keys, co[::2].tolist(), key=len)


def _curves(owner: Any, clip: str, of_file: bool) -> Sequence[Any]:
    """The F-curves that a data-block has of a clip: of its Action or of a strip of that name."""
    data = owner.animation_data
    if data is None:
        return ()
    played = [(data.action.name, data.action, data.action_slot)] if data.action else []
    played += [(track.name, strip.action, strip.action_slot) for track in data.nla_tracks for strip in track.strips]
    for name, action, slot in played:
        if of_file or _is_of(name.split("|")[-1], clip):
            return keyframes.curves_of(action, slot)
    return ()


def _is_of(name: str, clip: str) -> bool:
    """Whether a name is a clip's, though Blender adds numbers and cuts what is long."""
    bare = _NUMBER.sub("", name)
    return clip in (name, bare) or (len(bare.encode()) >= _LONG and clip.startswith(bare))
