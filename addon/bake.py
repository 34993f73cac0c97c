"""A line's Action as values at a steady rate: what drives, holds and constrains is resolved. The scene stays as it is.

Where nothing drives or constrains, F-curves are read as they are; else the character is evaluated frame by frame, in a
scene of its own that is never the active one, so that Blender writes nothing back to the originals.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import bpy
import numpy as np
from numpy.typing import NDArray

from ..model_runtime.contracts import ContactKind, Float32, frozen_array
from ..model_runtime.errors import LipSyncError
from ..model_runtime.export.clip import Clip, Weights, sample_times
from ..model_runtime.export.turns import axis_quaternions, composed, euler_quaternions, without_shear
from . import keyframes
from .character import Character, objects_of
from .generate import CONTACTS
from .playing import playing, with_parents

RATES = (24.0, 120.0)
"""Frames a second that can be chosen."""
_KEY = re.compile(r'^key_blocks\["((?:[^"\\]|\\.)*)"\]\.value$')
_BONE = re.compile(
    r'^pose\.bones\["((?:[^"\\]|\\.)*)"\]\.(location|rotation_quaternion|rotation_euler|rotation_axis_angle|scale)$'
)
_STILL = 1e-5
"""A bone whose matrix changes by less does not move."""

_SKEWED = 0.05
"""So far off may a bone's matrix be that is not called skewed."""

Matrices = NDArray[np.float32]


class BakeError(LipSyncError):
    """A line cannot be baked: it has no keys, no length, or the rate does not fit."""


@dataclass(frozen=True)
class Skeleton:
    """The bones that are kept, and for each the nearest one above it that is kept too, or -1; matrices at rest."""

    bones: tuple[str, ...]
    parents: tuple[int, ...]
    rest: Float32


def bake(character: Character, action: Any, fps: float, name: str, *, deform_only: bool = False) -> Clip:
    """One line of a character at `fps`. deform_only: control rigs go into the bones that deform.

    Raises BakeError naming the line and the fix.
    """
    if not RATES[0] <= fps <= RATES[1]:
        raise BakeError(f"{fps:g} frames a second cannot be baked. Choose {RATES[0]:g} to {RATES[1]:g}.")
    mark, rate = action[keyframes.MARK], frame_rate(bpy.context.scene)
    start, contacts = float(mark["start"]), _contacts(action, rate)
    times, shown = sample_times(_duration(action, rate), fps, [(first, last) for first, last, _ in contacts])
    frames = start + times * rate
    if needs_evaluation(character, action, deform_only):
        weights, bones, sheared = _evaluated(character, action, frames, skeleton(character, deform_only))
    else:
        weights, bones, sheared = _read(character, action, frames), _read_bones(character, action, frames), []
    kinds = tuple((sample, kind) for sample, (*_, kind) in zip(shown, contacts, strict=True))
    held = all(p.interpolation == "CONSTANT" for _, c in _curves(character, action) for p in c.keyframe_points)
    return Clip(name, fps, weights, bones, held, kinds, str(mark["line"]), _lost(character, list(bones), sheared))


def _lost(character: Character, moving: Sequence[str], sheared: Sequence[str]) -> tuple[str, ...]:
    """What of moving bones no engine can hold, a sentence each."""
    rig = bpy.data.objects[character.armature].data.bones if moving else {}
    bent = [name for name in moving if rig[name].bbone_segments > 1]
    said = []
    if bent:
        said.append(f"{len(bent)} bendy bones, such as {bent[0]}, are straight in the file.")
    if sheared:
        said.append(
            f"{len(sheared)} bones, such as {sheared[0]}, are skewed by their rig and only nearly so in the file."
        )
    return tuple(said)


def frame_rate(scene: bpy.types.Scene) -> float:
    """Frames a second of a scene."""
    return scene.render.fps / scene.render.fps_base


def _duration(action: Any, rate: float) -> float:
    """Seconds from the beginning of the sound to its end, or to the last key after it."""
    mark = action[keyframes.MARK]
    spoken = float(json.loads(mark["speech"])["duration"])
    last = (action.curve_frame_range[1] - float(mark["start"])) / rate
    if spoken <= 0.0 or last <= 0.0:
        raise BakeError(f"The line “{mark['line']}” has no length. Generate it again from a sound that has some.")
    return max(spoken, last)


def _contacts(action: Any, rate: float) -> list[tuple[float, float, ContactKind]]:
    """First and last second, in the sound, of the frames at which each contact is held, and its kind."""
    mark, held = action[keyframes.MARK], dict[tuple[str, float], list[float]]()
    for frame, kind, begins in json.loads(mark.get(CONTACTS, "[]")):
        held.setdefault((kind, begins), []).append((frame - float(mark["start"])) / rate)
    return [(min(at), max(at), kind) for (kind, _), at in held.items()]  # type: ignore[misc]


def _curves(character: Character, action: Any) -> Iterator[tuple[Any, Any]]:
    """(data-block that plays it, F-curve) of a line."""
    for owner in keyframes.owners(character):
        slot = keyframes.played_slot(action, owner)
        for curve in keyframes.curves_of(action, slot) if slot else ():
            yield owner, curve


def values_of(curve: Any, frames: NDArray[np.float64]) -> Float32:
    """An F-curve at some frames."""
    return np.fromiter(map(curve.evaluate, frames.tolist()), dtype=np.float32, count=len(frames))


def rest_weights(character: Character) -> dict[str, Float32]:
    """The shape keys of every mesh without any line: zero where an animation moves them, else as they are."""
    return {
        mesh.name: frozen_array([0.0 if key.name in moved else key.value for key in shape_keys(mesh)])
        for mesh in objects_of(character) if mesh.data.shape_keys
        for moved in [_moved_keys(mesh.data.shape_keys)]
    }  # fmt: skip


def shape_keys(mesh: bpy.types.Object) -> list[Any]:
    """The keys of a mesh that show something: neither the first nor a muted one."""
    keys = mesh.data.shape_keys
    return [key for key in keys.key_blocks if key != keys.reference_key and not key.mute]


def _moved_keys(shapes: Any) -> set[str]:
    """The keys that any animation of a data-block moves."""
    data = shapes.animation_data
    if data is None:
        return set()
    playing = [(data.action, data.action_slot)]
    playing += [(strip.action, strip.action_slot) for track in data.nla_tracks for strip in track.strips]
    curves = [c for action, slot in playing if action and slot for c in keyframes.curves_of(action, slot)]
    return {name for curve in (*curves, *data.drivers) if (name := key_name(curve.data_path))}


def key_name(path: str) -> str:
    found = _KEY.match(path)
    return bpy.utils.unescape_identifier(found[1]) if found else ""


def _read(character: Character, action: Any, frames: NDArray[np.float64]) -> dict[str, Weights]:
    """The shape keys of every mesh, straight from the F-curves; held within their sliders, as Blender does."""
    found: dict[tuple[str, str], Float32] = {}
    for owner, curve in _curves(character, action):
        if isinstance(owner, bpy.types.Key) and (name := key_name(curve.data_path)) in owner.key_blocks:
            key = owner.key_blocks[name]
            found[owner.name, name] = np.clip(values_of(curve, frames), key.slider_min, key.slider_max)
    rest, made = rest_weights(character), {}
    for mesh in objects_of(character):
        if mesh.name not in rest or not rest[mesh.name].size:
            continue
        names = tuple(key.name for key in shape_keys(mesh))
        values = np.repeat(rest[mesh.name][None], len(frames), axis=0)
        for column, name in enumerate(names):
            values[:, column] = found.get((mesh.data.shape_keys.name, name), values[:, column])
        made[mesh.name] = Weights(names, frozen_array(values))
    return made


def _read_bones(character: Character, action: Any, frames: NDArray[np.float64]) -> dict[str, Float32]:
    """The bones that the F-curves turn, move or scale, against their rest."""
    if character.armature is None:
        return {}
    curves = [curve for owner, curve in _curves(character, action) if not isinstance(owner, bpy.types.Key)]
    bones = posed_bones(bpy.data.objects[character.armature], curves, frames)
    return {name: basis for name, basis in bones.items() if _moves(basis)}


def posed_bones(armature: bpy.types.Object, curves: Iterable[Any], frames: NDArray[np.float64]) -> dict[str, Float32]:
    """The matrix of every pose bone that some F-curves pose, against its rest, float32 [frames, 4, 4]."""
    channels: dict[str, dict[tuple[str, int], Float32]] = {}
    for curve in curves:
        if found := _BONE.match(curve.data_path):
            name = bpy.utils.unescape_identifier(found[1])
            channels.setdefault(name, {})[found[2], curve.array_index] = values_of(curve, frames)
    pose = armature.pose.bones
    return {
        name: frozen_array(_basis(pose[name], rows, len(frames))) for name, rows in channels.items() if name in pose
    }


def _basis(bone: Any, rows: Mapping[tuple[str, int], Float32], count: int) -> Matrices:
    """The matrix of a pose bone at every frame, from its channels; those without a curve are at rest."""

    def channel(name: str, at_rest: Sequence[float]) -> NDArray[np.float64]:
        columns = [rows.get((name, i), np.full(count, value)) for i, value in enumerate(at_rest)]
        return np.stack(columns, axis=1).astype(np.float64)

    if bone.rotation_mode == "QUATERNION":
        turns = channel("rotation_quaternion", (1.0, 0.0, 0.0, 0.0))
    elif bone.rotation_mode == "AXIS_ANGLE":
        turns = axis_quaternions(channel("rotation_axis_angle", (0.0, *list(bone.rotation_axis_angle)[1:])))
    else:
        turns = euler_quaternions(channel("rotation_euler", (0.0, 0.0, 0.0)), bone.rotation_mode)
    turns /= np.maximum(np.linalg.norm(turns, axis=1, keepdims=True), 1e-12)
    made = composed(channel("location", (0.0, 0.0, 0.0)), turns, channel("scale", (1.0, 1.0, 1.0)))
    return made.astype(np.float32)


def _moves(basis: Matrices) -> bool:
    return bool(np.ptp(basis, axis=0).max() > _STILL)


def needs_evaluation(character: Character, action: Any, deform_only: bool = False) -> bool:
    """Whether what is seen is more than the line's curves: drivers, constraints, bones that inherit less.

    deform_only: or the curves pose bones that are not kept.
    """
    if any(_drives(mesh.data.shape_keys) for mesh in objects_of(character)):
        return True
    paths = [c.data_path for owner, c in _curves(character, action) if not isinstance(owner, bpy.types.Key)]
    if not paths or character.armature is None:
        return bool(paths)
    armature = bpy.data.objects[character.armature]
    plain = all(b.use_inherit_rotation and b.inherit_scale == "FULL" for b in armature.data.bones)
    free = not any(_works(c) for b in armature.pose.bones for c in b.constraints)
    posed = [_BONE.match(path) for path in paths]
    if not (plain and free and not _drives(armature) and all(posed)):
        return True
    kept = skeleton(character, deform_only).bones if deform_only else ()
    return deform_only and any(bpy.utils.unescape_identifier(found[1]) not in kept for found in posed if found)


def _works(constraint: Any) -> bool:
    return not constraint.mute and constraint.influence > 0.0


def _drives(block: Any) -> bool:
    data = block.animation_data if block else None
    return bool(data and any(not driver.mute and driver.driver.is_valid for driver in data.drivers))


def skeleton(character: Character, deform_only: bool) -> Skeleton:
    """All bones of a character's rig, or those that deform or carry objects, each after and below one that is kept.

    Of the deforming bones alone, none hangs below one that stretches: it would be sheared, and no engine shears bones.
    """
    if character.armature is None:
        return Skeleton((), (), frozen_array(np.zeros((0, 4, 4))))
    armature = bpy.data.objects[character.armature]
    carriers = {obj.parent_bone for obj in with_parents(character) if obj.parent_type == "BONE"}
    kept = [b for b in armature.data.bones if not deform_only or b.use_deform or b.name in carriers]
    bones = sorted(kept, key=lambda bone: len(bone.parent_recursive))
    index = {bone.name: i for i, bone in enumerate(bones)}
    pose = armature.pose.bones
    stretched = {b.name for b in bones if deform_only and any(c.type == "STRETCH_TO" for c in pose[b.name].constraints)}
    able = {name: i for name, i in index.items() if name not in stretched}
    parents = [next((able[p.name] for p in bone.parent_recursive if p.name in able), -1) for bone in bones]
    rest = np.array([bone.matrix_local for bone in bones], dtype=np.float32).reshape(-1, 4, 4)
    return Skeleton(tuple(index), tuple(parents), frozen_array(rest))


def _evaluated(
    character: Character, action: Any, frames: NDArray[np.float64], bones: Skeleton
) -> tuple[dict[str, Weights], dict[str, Float32], list[str]]:
    """Shape keys and bones as the dependency graph shows them at every frame; and the bones that are skewed."""
    meshes = [mesh for mesh in objects_of(character) if mesh.data.shape_keys and shape_keys(mesh)]
    values = {mesh.name: np.empty((len(frames), len(shape_keys(mesh))), dtype=np.float32) for mesh in meshes}
    poses = np.empty((len(frames), len(bones.bones), 4, 4), dtype=np.float32)
    with playing(character, action) as scene:
        graph = scene.view_layers[0].depsgraph
        for k, frame in enumerate(frames.tolist()):
            scene.frame_set(int(frame), subframe=frame % 1.0)
            for mesh in meshes:
                shown = mesh.data.shape_keys.evaluated_get(graph).key_blocks
                values[mesh.name][k] = [shown[key.name].value for key in shape_keys(mesh)]
            if bones.bones:
                pose = bpy.data.objects[character.armature].evaluated_get(graph).pose.bones
                poses[k] = np.array([pose[name].matrix for name in bones.bones])
    weights = {m.name: Weights(tuple(k.name for k in shape_keys(m)), frozen_array(values[m.name])) for m in meshes}
    against_rest, lost = without_shear(poses, bones.rest, bones.parents)
    moving = {name: basis for name, basis in zip(bones.bones, against_rest, strict=True) if _moves(basis)}
    return weights, moving, [name for name, shear in zip(bones.bones, lost, strict=True) if shear > _SKEWED]
