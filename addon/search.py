"""How a mouth opens when no name tells: every key and control is tried, and seen for what it parts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import bpy
import numpy as np

from ..model_runtime.contracts import Target
from ..model_runtime.errors import CharacterError
from .character import Character
from .controls import is_locked
from .jaw_bone import TURN
from .limits import held
from .lips import Floats, Indices, Surface, find_lips, tree_of
from .posing import at_rest, moves_of, posed, surfaces_of

_TRIED = 8
"""So many of the most promising movements are looked at closely."""
_WHOLE = 0.6
"""What moves a larger share of all points is the shape of the body, not an expression."""
_FACING, _CLOSE = -0.3, 0.012
"""Cosine below which two points face each other, and how near they must be, share of the character's height."""
_WIDEST = 0.6
"""Radians that a jaw opens at most."""
_TURNS = 4.0
"""A jaw that turns is taken before a lip that is pulled so many times wider open."""
_FURTHEST = 0.25
"""How far a control may carry a lip, in widths of the mouth."""


def find_opening(
    character: Character, view_layer: bpy.types.ViewLayer
) -> tuple[dict[Target, float], tuple[Target, ...]]:
    """The pose that opens the mouth, and the targets that move it. Raises CharacterError if none parts two lips."""
    tried = [target for target in character.targets if target.kind != "group"]
    with at_rest(character, tried, view_layer):
        rest = surfaces_of(character, view_layer)
        moves = {pose: move for pose in _poses(tried) if (move := _move(pose, rest, view_layer)) is not None}
    pairs = {name: _facing_pairs(surface) for name, surface in rest.items()}
    parting = {pose: sum(_parting(pairs[n], move[n]) for n in rest) for pose, move in moves.items()}
    best, widest, lips = None, 0.0, None
    ranked = sorted(parting, key=parting.__getitem__, reverse=True)
    for pose in ranked[:_TRIED] if any(parting.values()) else ranked:
        for name, surface in rest.items():
            found = find_lips(surface, moves[pose][name])
            if found is None or not _central(found.left, found.right, surface, found.up, found.forward):
                continue
            gap = found.gap(surface.points + moves[pose][name]) - found.gap(surface.points)
            wide = gap * found.width * (_TURNS if pose[0].kind == "rotation" else 1.0)
            if wide > widest:
                best, widest, lips, mesh = pose, wide, found, name
    if best is None or lips is None:
        causes = " ".join([*character.warnings, *held(character, view_layer)])
        raise CharacterError(
            f"“{character.name}” follows no known mouth standard, and none of its {len(moves)} shape keys and controls "
            f"parts two lips. {causes or 'Select the mesh or the rig whose mouth moves.'}"
        )
    mouth = np.unique(np.concatenate([*lips.upper, *lips.lower, [lips.left, lips.right, lips.chin]]))
    used: dict[Target, None] = {}
    keys_serve = best[0].is_shape
    for pose, move in moves.items():
        if keys_serve and not pose[0].is_shape and pose[0].kind == "location":
            continue
        reach = float(np.linalg.norm(move[mesh][mouth], axis=1).max()) / lips.width
        if reach > 0.02 and (pose[0].is_shape or pose[0].kind != "rotation" or pose == best):
            used[_ranged(pose[0], pose[1], reach)] = None
    return {best[0]: best[1]}, tuple(used)


def _poses(targets: Sequence[Target]) -> list[tuple[Target, float]]:
    """Each target at a value at which it shows."""
    found = []
    for target in targets:
        if target.kind == "rotation" and not target.is_shape:
            bone = bpy.data.objects[target.objects[0]].pose.bones[target.name]
            free = [axis for axis in range(3) if not is_locked(bone, "rotation", axis)]
            found += [(replace(target, axis=axis, sign=sign), TURN) for axis in free for sign in (1.0, -1.0)]
        else:
            found.append((target, target.maximum))
    return found


def _move(
    pose: tuple[Target, float], rest: Mapping[str, Surface], view_layer: bpy.types.ViewLayer
) -> dict[str, Floats] | None:
    """How far a pose moves every point, by mesh; None if nothing moves, or nearly everything."""
    with posed(dict([pose])):
        move = moves_of(rest, view_layer)
    lengths = np.concatenate([np.linalg.norm(m, axis=1) for m in move.values()])
    moving = lengths > 0.02 * lengths.max(initial=0.0)
    return move if 0 < moving.sum() < _WHOLE * len(lengths) else None


def _facing_pairs(surface: Surface) -> Indices:
    """Pairs of points [pairs, 2] that nearly touch and look at each other."""
    points, normals = surface.points, surface.normals
    tree = tree_of(points)
    near = _CLOSE * float(np.ptp(points, axis=0).max())
    pairs = [
        (i, j) for i, point in enumerate(points.tolist()) for _, j, away in tree.find_n(point, 8)
        if i < j and away < near and normals[i] @ normals[j] < _FACING
    ]  # fmt: skip
    return np.array(pairs, dtype=np.int64).reshape(-1, 2)


def _parting(pairs: Indices, move: Floats) -> float:
    """How much a movement drives facing points apart, summed over the pairs."""
    if not len(pairs):
        return 0.0
    return float(np.linalg.norm(move[pairs[:, 0]] - move[pairs[:, 1]], axis=1).sum())


def _central(left: int, right: int, surface: Surface, up: Floats, forward: Floats) -> bool:
    """Whether two corners lie on both sides of the middle: a mouth does, an eye does not."""
    points = surface.points
    side = points @ np.cross(forward, up)
    middle = float(np.median(side))
    first, second = sorted((side[left] - middle, side[right] - middle))
    return bool(first < 0.0 < second and abs(first + second) < 0.5 * (second - first))


def _ranged(target: Target, value: float, reach: float) -> Target:
    """A control with the range in which it carries the lips by `_FURTHEST`; keys keep theirs. reach: in widths."""
    if target.is_shape:
        return target
    if target.kind == "location":
        most = value * _FURTHEST / reach
        return replace(target, minimum=-most, maximum=most)
    return replace(target, minimum=0.0, maximum=_WIDEST) if target.kind == "rotation" else target
