"""The proof: lips measured on the evaluated mesh at every frame that promises a closure."""

from __future__ import annotations

import bpy

from ..model_runtime.contracts import ContactProof, KeyTracks
from .measure import Measured
from .posing import points_of

CLOSED_BELOW = 0.03
"""Largest gap of closed lips, share of the mouth's width."""


def prove(
    measured: Measured, keys: KeyTracks, scene: bpy.types.Scene, view_layer: bpy.types.ViewLayer
) -> tuple[ContactProof, ...]:
    """Goes to every closure's frame and measures the gap; the scene's frame is put back."""
    here, subframe = scene.frame_current, scene.frame_subframe
    proofs = []
    try:
        for frame, contact in keys.contact_frames:
            if contact.kind == "closure":
                scene.frame_set(frame)
                gap = measured.lips.gap(points_of(bpy.data.objects[measured.mesh], view_layer))
                passed = gap < CLOSED_BELOW
                proofs.append(
                    ContactProof(contact, frame, gap, passed, "" if passed else _cause(measured, keys, frame))
                )
    finally:
        scene.frame_set(here, subframe=subframe)
    return tuple(proofs)


def _cause(measured: Measured, keys: KeyTracks, frame: int) -> str:
    """Why a closure stays open, as far as it can be seen: a key that does not have the value that was written."""
    for track in keys.tracks:
        rows = track.co[:, 0] == frame
        if track.target.kind != "shape_key" or not rows.any():
            continue
        wanted = float(track.co[rows, 1][0])
        for name in track.target.objects:
            key = bpy.data.objects[name].data.shape_keys.key_blocks[track.target.name]
            if key.mute:
                return f"the shape key {key.name} of {name} is muted"
            if abs(key.value - wanted) > 0.01:
                return f"the shape key {key.name} of {name} is held at {key.value:.2f} by other animation or its range"
    return "the shape keys of this mouth do not close it further"
