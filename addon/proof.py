"""The proof: lips measured on the evaluated mesh at every frame that promises a closure."""

from __future__ import annotations

import bpy

from ..model_runtime.contracts import ContactKind, ContactProof, KeyTracks
from .measure import Measured
from .posing import measurable, points_of

CLOSED_BELOW = 0.03
"""Largest gap of closed lips, and of a lower lip that touches the teeth, share of the mouth's width."""
_SAME = 0.002
"""Gaps that differ by less, in widths, are the same."""
_UNREACHED: dict[ContactKind, str] = {
    "closure": "the shape keys of this mouth do not close it further",
    "labiodental": "the shape keys of this mouth do not bring the lower lip nearer to the upper teeth",
}


def prove(
    measured: Measured, keys: KeyTracks, scene: bpy.types.Scene, view_layer: bpy.types.ViewLayer
) -> tuple[ContactProof, ...]:
    """Goes to every contact's frames and measures between the lips, or from lower lip to upper teeth; the scene's frame
    is put back."""
    here, subframe = scene.frame_current, scene.frame_subframe
    shown = {measured.mesh, measured.teeth.mesh} if measured.teeth else {measured.mesh}
    proofs = []
    try:
        with measurable([bpy.data.objects[name] for name in shown]):
            for frame, contact in keys.contact_frames:
                scene.frame_set(frame)
                gap = _gap(measured, contact.kind, view_layer)
                passed = gap < _limit(measured, contact.kind)
                cause = "" if passed else _furthest(keys, frame) or _UNREACHED[contact.kind]
                proofs.append(ContactProof(contact, frame, gap, passed, cause))
    finally:
        scene.frame_set(here, subframe=subframe)
    return tuple(proofs)


def _limit(measured: Measured, kind: ContactKind) -> float:
    """`CLOSED_BELOW`, or as it is at rest where the mouth rests open (for f v only where there are no teeth)."""
    rest = measured.rest_gap if kind == "closure" else 0.0 if measured.teeth else measured.rest_touch
    return max(CLOSED_BELOW, rest + _SAME)


def _gap(measured: Measured, kind: ContactKind, view_layer: bpy.types.ViewLayer) -> float:
    """What a contact should have closed, as the evaluated meshes show it, a share of the mouth's width."""
    points = points_of(bpy.data.objects[measured.mesh], view_layer)
    if kind == "closure":
        return measured.lips.gap(points)
    teeth = measured.teeth
    places = teeth.places(points_of(bpy.data.objects[teeth.mesh], view_layer)) if teeth else None
    return measured.lips.touch(points, places)


def held_keys(keys: KeyTracks, scene: bpy.types.Scene) -> str:
    """What keeps the line from moving the mouth, seen at the frame where its widest track peaks; "" if nothing does."""
    _, frame = max((track.co[:, 1].max(), int(track.co[track.co[:, 1].argmax(), 0])) for track in keys.tracks)
    here, subframe = scene.frame_current, scene.frame_subframe
    try:
        scene.frame_set(frame)
        return _furthest(keys, frame)
    finally:
        scene.frame_set(here, subframe=subframe)


def _furthest(keys: KeyTracks, frame: int) -> str:
    """Of the shape keys with a key at the scene's frame, the one furthest from it; "" if all are as written."""
    furthest, cause = 0.02, ""
    for track in keys.tracks:
        here = track.co[:, 0] == frame
        if track.target.kind != "shape_key" or not here.any():
            continue
        wanted = float(track.co[here, 1][0])
        for name in track.target.objects:
            key = bpy.data.objects[name].data.shape_keys.key_blocks[track.target.name]
            if abs(key.value - wanted) > furthest:
                furthest = abs(key.value - wanted)
                cause = f"the shape key {key.name} of {name} is held at {key.value:.2f} by other animation or its range"
    return cause
