"""The measured character: how each target moves the lips, on the evaluated meshes, with the scene put back after."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import bpy
import numpy as np
from numpy.typing import NDArray

from ..model_runtime.contracts import RigProbe, Target, frozen_array
from ..model_runtime.errors import CharacterError
from ..model_runtime.rigs.detect import Proposal, by_name
from .character import Character, objects_of
from .jaw_bone import TURN, probe_bone
from .limits import held, limited
from .lips import Lips, Surface, find_lips
from .posing import at_rest, is_seen, moves_of, posed, surfaces_of
from .teeth import Teeth, find_teeth


@dataclass(frozen=True)
class Measured:
    """A probe for the pure side, and for the proof the lips on the mesh that shows them, and the upper teeth if any.

    rest_gap: between the lips at rest; rest_touch: from lower lip to teeth, or without teeth to the upper lip; widths.
    remarks: what on the character cannot be moved, and why.
    """

    probe: RigProbe
    lips: Lips
    mesh: str
    teeth: Teeth | None
    rest_gap: float
    rest_touch: float
    remarks: tuple[str, ...] = ()


def measure(
    character: Character, wanted: Sequence[Target], opening_pose: dict[Target, float], view_layer: bpy.types.ViewLayer
) -> Measured:
    """Poses every wanted target once and looks at the evaluated meshes.

    opening_pose: what opens the mouth. Raises CharacterError without lips.
    """
    with at_rest(character, [*wanted, *opening_pose], view_layer):
        rest = surfaces_of(character, view_layer)
        joints = [t for t in wanted if t.kind == "rotation" and not t.is_shape and t not in opening_pose]
        mesh, lips, opening = _lips(character, opening_pose, joints, rest, view_layer)
        points = rest[mesh].points
        bones = {t: probe_bone(t, points[lips.chin], lips, rest, opening, view_layer) for t in joints}
        teeth = _teeth(rest, mesh, lips, opening, list(bones.values()), view_layer)
        targets = tuple(bones[t][0] if t in bones else limited(t, view_layer) for t in wanted)
        chosen = np.array(
            [*(_rim(points, s, -lips.up) for s in lips.upper), *(_rim(points, s, lips.up) for s in lips.lower),
             lips.left, lips.right, lips.chin, *_some(lips.lower_lip)]
        )  # fmt: skip
        moves = [_displacement(t, {mesh: rest[mesh]}, chosen, view_layer) for t in targets]
        places = teeth.places(rest[teeth.mesh].points) if teeth else np.zeros((0, 3))
    count, lip = len(lips.upper), np.arange(2 * len(lips.upper) + 3, len(chosen))
    third = np.arange(count // 3, count - count // 3)
    moving = np.reshape(moves, (len(targets), len(chosen), 3))
    still = np.zeros((len(targets), len(places), 3))
    probe = RigProbe(
        targets=targets,
        rest=frozen_array(np.concatenate([points[chosen], places])),
        displacement=frozen_array(np.concatenate([moving, still], axis=1)),
        carried=frozen_array([bones[t][1] if t in bones else np.zeros(3) for t in wanted]),
        upper=frozen_array(range(count), np.int32),
        lower=frozen_array(range(count, 2 * count), np.int32),
        left_corner=2 * count,
        right_corner=2 * count + 1,
        chin=2 * count + 2,
        up=frozen_array(lips.up),
        forward=frozen_array(lips.forward),
        width=lips.width,
        lip=frozen_array(lip, np.int32),
        teeth=frozen_array(len(chosen) + np.arange(len(places)) if teeth else third, np.int32),
    )
    touch = lips.touch(points, places if teeth else None)
    return Measured(probe, lips, mesh, teeth, lips.gap(points), touch, held(character, view_layer))


def _teeth(
    rest: dict[str, Surface], mesh: str, lips: Lips, opening: dict[str, NDArray[np.float64]],
    bones: list[tuple[Target, NDArray[np.float32]]], view_layer: bpy.types.ViewLayer,
) -> Teeth | None:  # fmt: skip
    """The upper teeth: what neither the opening keys nor the jaw bones move."""
    moved = {name: np.linalg.norm(opened, axis=1) for name, opened in opening.items()}
    largest = float(moved[mesh][np.concatenate(lips.lower)].max())
    for bone, _ in bones:
        with posed({bone: TURN}):
            for name, away in moves_of(rest, view_layer).items():
                moved[name] = np.maximum(moved[name], np.linalg.norm(away, axis=1))
    return find_teeth(rest, moved, lips, mesh, largest)


def _some(indices: NDArray[np.int64], most: int = 150) -> NDArray[np.int64]:
    """At most so many, evenly chosen."""
    return indices[:: max(1, -(-len(indices) // most))]


def opening_pose(proposal: Proposal) -> dict[Target, float]:
    """The preset's jaw and "aa" on a character's targets."""
    preset = proposal.preset
    named = {preset.normal(name): target for name, target in reversed(by_name(proposal.targets))}
    return {
        named[preset.normal(name)]: min(1.0, weight)
        for channel in ("aa", "jaw")
        for name, weight in preset.channels[channel].items() if preset.normal(name) in named
    }  # fmt: skip


def _lips(
    character: Character,
    pose: dict[Target, float],
    bones: Sequence[Target],
    rest: dict[str, Surface],
    view_layer: bpy.types.ViewLayer,
) -> tuple[str, Lips, dict[str, NDArray[np.float64]]]:
    """Opens the mouth and takes the mesh on which lips part furthest; how far the pose alone moves all points.

    Where the pose holds groups that move more than the mouth, lips may show with one of their parts alone; where keys
    leave the jaw to a bone, with that.
    """
    alone = [{part: share} for target in pose for part, share in target.parts if len(target.parts) > 1]
    turned = [{**pose, replace(b, axis=axis, sign=sign): TURN} for b in bones for axis in range(3) for sign in (1, -1)]
    opening = _moved(pose, rest, view_layer)
    for ways in ([pose], alone, turned):
        parted = [found for way in ways for found in _parted(_moved(way, rest, view_layer), rest)]
        if parted:
            _, mesh, lips = max(parted, key=lambda found: found[0])
            return mesh, lips, opening
    unseen = [
        f"“{mesh.name}” is disabled in viewports: enable it." for mesh in objects_of(character)
        if mesh.data.shape_keys and not is_seen(mesh, view_layer)
    ]  # fmt: skip
    advice = unseen or character.warnings or ["Check that they open the mouth."]
    raise CharacterError(
        f"No lips were found on “{character.name}”: opening the mouth ({', '.join(t.name for t in pose)}) does not "
        f"part two lips on any of its meshes. {' '.join(advice)}"
    )


def _moved(
    pose: dict[Target, float], rest: dict[str, Surface], view_layer: bpy.types.ViewLayer
) -> dict[str, NDArray[np.float64]]:
    """How far a pose moves every point, by mesh."""
    with posed(pose):
        return moves_of(rest, view_layer)


def _parted(moved: dict[str, NDArray[np.float64]], rest: dict[str, Surface]) -> Iterator[tuple[float, str, Lips]]:
    """How far lips part, on which mesh, and the lips."""
    for name, surface in rest.items():
        lips = find_lips(surface, moved[name])
        if lips is not None:
            yield lips.gap(surface.points + moved[name]) * lips.width, name, lips


def _rim(points: NDArray[np.float64], members: NDArray[np.int64], towards: NDArray[np.float64]) -> int:
    """The point of a slice of a lip that comes nearest to the other lip."""
    return int(members[(points[members] @ towards).argmax()])


def _displacement(
    target: Target, rest: dict[str, Surface], chosen: NDArray[np.int64], view_layer: bpy.types.ViewLayer
) -> NDArray[np.float64]:
    """How far the chosen points of one mesh go at value 1.0 of a key, or per radian or unit of a bone, float
    [points, 3]."""
    value = target.maximum or target.minimum
    if target.kind == "rotation" and not target.is_shape:
        value = min(max(value, -TURN), TURN)
    if value == 0.0:
        return np.zeros((len(chosen), 3))
    with posed({target: value}):
        (moved,) = moves_of(rest, view_layer).values()
    return np.asarray(moved[chosen] / value)
