"""Unity animation clip (.anim): text YAML with a float curve `blendShape.NAME` for each name and mesh, straight between
keys. The class numbers and flags are those that Unity writes itself."""

from __future__ import annotations

import json
import re

import numpy as np

from .motion import Motion, plain

_SKINNED_MESH_RENDERER = 137
_LINEAR = 69
"""Tangent mode of a broken, linear key."""
_SAFE = re.compile(r"(?!(?i:true|false|yes|no|on|off|null)$)[A-Za-z_][\w./ -]*\w", re.ASCII)
_HEAD = """%YAML 1.1
%TAG !u! tag:unity3d.com,2011:
--- !u!74 &7400000
AnimationClip:
  m_ObjectHideFlags: 0
  m_CorrespondingSourceObject: {fileID: 0}
  m_PrefabInstance: {fileID: 0}
  m_PrefabAsset: {fileID: 0}
"""
_EMPTY = "  m_RotationCurves: []\n  m_CompressedRotationCurves: []\n  m_EulerCurves: []\n  m_PositionCurves: []\n"


def encode(motion: Motion) -> bytes:
    """The clip; names that never move get no curve."""
    motion = motion.moving()
    curves = "".join(_curve(motion, column, path) for path, column in motion.tracks())
    curves = f"\n{curves}" if curves else " []\n"
    return (
        f"{_HEAD}  m_Name: {scalar(motion.title)}\n  serializedVersion: 6\n  m_Legacy: 0\n  m_Compressed: 0\n"
        f"  m_UseHighQualityCurve: 1\n{_EMPTY}  m_ScaleCurves: []\n  m_FloatCurves:{curves}  m_PPtrCurves: []\n"
        f"  m_SampleRate: {plain(motion.fps)}\n  m_WrapMode: 0\n"
        "  m_Bounds:\n    m_Center: {x: 0, y: 0, z: 0}\n    m_Extent: {x: 0, y: 0, z: 0}\n"
        "  m_AnimationClipSettings:\n    serializedVersion: 2\n    m_StartTime: 0\n"
        f"    m_StopTime: {plain(motion.duration)}\n    m_LoopTime: 0\n    m_KeepOriginalPositionY: 1\n"
        f"  m_EditorCurves:{curves}  m_EulerEditorCurves: []\n  m_HasGenericRootTransform: 0\n"
        "  m_HasMotionFloatCurves: 0\n  m_Events: []\n"
    ).encode()


def _curve(motion: Motion, column: int, path: str) -> str:
    frames = motion.keys(column)
    times, values = motion.times[frames], motion.values[frames, column].astype(np.float64)
    slopes = np.diff(values) / np.diff(times)
    before, after = np.concatenate([[0.0], slopes]), np.concatenate([slopes, [0.0]])
    keys = "".join(_key(*key) for key in zip(times, values, before, after, strict=True))
    return (
        f"  - curve:\n      serializedVersion: 2\n      m_Curve:\n{keys}      m_PreInfinity: 2\n"
        f"      m_PostInfinity: 2\n      m_RotationOrder: 4\n"
        f"    attribute: {scalar('blendShape.' + motion.names[column])}\n    path: {scalar(path)}\n"
        f"    classID: {_SKINNED_MESH_RENDERER}\n    script: {{fileID: 0}}\n"
    )


def _key(time: float, value: float, before: float, after: float) -> str:
    return (
        f"      - serializedVersion: 3\n        time: {plain(time)}\n        value: {plain(value)}\n"
        f"        inSlope: {plain(before)}\n        outSlope: {plain(after)}\n        tangentMode: {_LINEAR}\n"
        "        weightedMode: 0\n        inWeight: 0.33333334\n        outWeight: 0.33333334\n"
    )


def scalar(text: str) -> str:
    """A YAML string: bare where it can only be read as such, else in quotes."""
    return text if _SAFE.fullmatch(text) else json.dumps(text, ensure_ascii=False)
