"""VRM 1 animation (.vrma): binary glTF in which the X of a node's translation is the weight of an expression.

After the specification VRMC_vrm_animation 1.0. It requires a humanoid: its fifteen required bones stand in the T-pose
and have no animation.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .gltf import glb
from .motion import Motion

PRESETS = frozenset((
    "happy", "angry", "sad", "relaxed", "surprised", "aa", "ih", "ou", "ee", "oh", "blink", "blinkLeft", "blinkRight",
    "neutral",
))  # fmt: skip
"""Expressions that every VRM 1 may have; other names are custom ones."""
_FLOAT = 5126
_BONES: dict[str, tuple[str, tuple[float, float, float]]] = {
    "hips": ("", (0.0, 0.9, 0.0)),
    "spine": ("hips", (0.0, 0.1, 0.0)),
    "head": ("spine", (0.0, 0.5, 0.0)),
    "leftUpperArm": ("spine", (0.15, 0.4, 0.0)),
    "leftLowerArm": ("leftUpperArm", (0.25, 0.0, 0.0)),
    "leftHand": ("leftLowerArm", (0.25, 0.0, 0.0)),
    "rightUpperArm": ("spine", (-0.15, 0.4, 0.0)),
    "rightLowerArm": ("rightUpperArm", (-0.25, 0.0, 0.0)),
    "rightHand": ("rightLowerArm", (-0.25, 0.0, 0.0)),
    "leftUpperLeg": ("hips", (0.1, -0.05, 0.0)),
    "leftLowerLeg": ("leftUpperLeg", (0.0, -0.4, 0.0)),
    "leftFoot": ("leftLowerLeg", (0.0, -0.4, 0.0)),
    "rightUpperLeg": ("hips", (-0.1, -0.05, 0.0)),
    "rightLowerLeg": ("rightUpperLeg", (0.0, -0.4, 0.0)),
    "rightFoot": ("rightLowerLeg", (0.0, -0.4, 0.0)),
}
"""Bone -> its parent and its place from there in metres."""


def encode(motion: Motion) -> bytes:
    """The file; all expressions are in it, so that those of an earlier clip go to rest."""
    keys = [motion.keys(column) for column in range(len(motion.names))]
    curves = [(motion.times[frames], motion.values[frames, column]) for column, frames in enumerate(keys)]
    arrays = [array for times, values in curves for array in (times.astype("<f4"), _translations(values))]
    first = len(_BONES)
    nodes = _skeleton() + [{"name": name} for name in motion.names]
    targets = {name: {"node": first + i} for i, name in enumerate(motion.names)}
    expressions = {
        "preset": {name: target for name, target in targets.items() if name in PRESETS},
        "custom": {name: target for name, target in targets.items() if name not in PRESETS},
    }
    numbers = range(len(curves))
    samplers = [{"input": 2 * i, "output": 2 * i + 1, "interpolation": "LINEAR"} for i in numbers]
    channels = [{"sampler": i, "target": {"node": first + i, "path": "translation"}} for i in numbers]
    content = {
        "asset": {"version": "2.0", "generator": "Labial"},
        "extensionsUsed": ["VRMC_vrm_animation"],
        "extensions": {
            "VRMC_vrm_animation": {
                "specVersion": "1.0",
                "humanoid": {"humanBones": {bone: {"node": i} for i, bone in enumerate(_BONES)}},
                "expressions": {group: members for group, members in expressions.items() if members},
            }
        },
        "scene": 0,
        "scenes": [{"nodes": [0, *range(first, len(nodes))]}],
        "nodes": nodes,
        "animations": [{"name": motion.title, "samplers": samplers, "channels": channels}],
        **_stored(arrays),
    }
    return glb(content, b"".join(array.tobytes() for array in arrays))


def _translations(weights: Any) -> Any:
    places = np.zeros((len(weights), 3), dtype="<f4")
    places[:, 0] = weights
    return places


def _skeleton() -> list[dict[str, Any]]:
    number = {bone: i for i, bone in enumerate(_BONES)}
    nodes: list[dict[str, Any]] = [{"name": bone, "translation": place} for bone, (_, place) in _BONES.items()]
    for bone, (parent, _) in _BONES.items():
        if parent:
            nodes[number[parent]].setdefault("children", []).append(number[bone])
    return nodes


def _stored(arrays: Sequence[Any]) -> dict[str, Any]:
    """Accessors, views and the buffer of arrays that lie one after the other."""
    accessors, views, offset = [], [], 0
    for number, array in enumerate(arrays):
        rows = array.reshape(len(array), -1)
        accessors.append({
            "bufferView": number, "componentType": _FLOAT, "count": len(array),
            "type": "SCALAR" if array.ndim == 1 else "VEC3",
            "min": rows.min(axis=0).tolist(), "max": rows.max(axis=0).tolist(),
        })  # fmt: skip
        views.append({"buffer": 0, "byteOffset": offset, "byteLength": array.nbytes})
        offset += array.nbytes
    return {"accessors": accessors, "bufferViews": views, "buffers": [{"byteLength": offset}]}
