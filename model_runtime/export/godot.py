"""Godot 4 Animation resource (.tres): a blend shape track MESH:NAME for each name and mesh, 0-1, linear.

Keys are triples of time, transition and value, as Animation::_set reads them.
"""

from __future__ import annotations

import json

from ..errors import LipSyncError
from .motion import Motion, plain


def encode(motion: Motion) -> bytes:
    """The resource; names that never move get no track. Raises LipSyncError on a name that Godot cannot address."""
    motion = motion.moving()
    return (
        f'[gd_resource type="Animation" format=3]\n\n[resource]\nresource_name = {_text(motion.title)}\n'
        f"length = {plain(motion.duration)}\nstep = {plain(1.0 / motion.fps)}\n"
        + "".join(_track(motion, number, *track) for number, track in enumerate(motion.tracks()))
    ).encode()


def _track(motion: Motion, number: int, path: str, column: int) -> str:
    name, frames = motion.names[column], motion.keys(column)
    if ":" in name or ":" in path:
        raise LipSyncError(f"Godot cannot address {path}:{name}: a colon parts node and shape. Rename it with --names.")
    pairs = zip(motion.times[frames], motion.values[frames, column], strict=True)
    keys = ", ".join(f"{plain(time)}, 1, {plain(value)}" for time, value in pairs)
    rows = {
        "type": '"blend_shape"',
        "imported": "false",
        "enabled": "true",
        "path": f"NodePath({_text(f'{path}:{name}')})",
        "interp": "1",
        "loop_wrap": "true",
        "keys": f"PackedFloat32Array({keys})",
    }
    return "".join(f"tracks/{number}/{key} = {value}\n" for key, value in rows.items())


def _text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)
