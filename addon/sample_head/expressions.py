"""The ARKit shapes of the face as displacements; names and meanings after Apple's ARFaceAnchor.BlendShapeLocation."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from .eyes import GAZES, LID_LOOPS, lid_points, loop_turns
from .fields import Fields, smooth
from .surface import EYE_CENTRE

Array = NDArray[np.float64]
Shapes = dict[str, Array]

HALVED = (
    "mouthSmile", "mouthFrown", "mouthDimple", "mouthStretch", "mouthPress", "mouthLowerDown", "mouthUpperUp",
    "browDown", "browOuterUp", "cheekSquint", "noseSneer",
)  # fmt: skip
"""Shapes that exist for each side; made symmetric, then split by a soft edge along the face's middle."""


def arkit_shapes(fields: Fields) -> Shapes:
    """All shapes that the face carries, displacement [n, 3] mm by name."""
    symmetric = _mouth(fields) | _jaw(fields) | _upper_face(fields)
    shapes = {}
    for name, moved in symmetric.items():
        if name in HALVED:
            shapes[f"{name}Left"] = moved * fields.left[:, None]
            shapes[f"{name}Right"] = moved * (1.0 - fields.left)[:, None]
        else:
            shapes[name] = moved
    shapes["mouthClose"] = _closing(fields, shapes["jawOpen"])
    shapes.update(_eyelids(fields))
    return shapes


def _jaw(f: Fields) -> Shapes:
    opened = f.opened_jaw() + f.narrowed(f.corner(26.0), 0.07)
    lips = f.reach(14.0)
    follow = f.jaw * (1.0 - lips) + lips * (0.7 + 0.3 * (f.lower - f.upper))
    right = np.stack([-7.0 * follow, 0 * follow, 0 * follow], -1)
    return {
        "jawOpen": opened,
        "jawForward": f.pushed(follow, y=-7.0),
        "jawRight": right,
        "jawLeft": -right,
    }


def _closing(f: Fields, opened: Array) -> Array:
    """Brings the lips of jawOpen = 1 together again; the chin stays down."""
    contact = np.asarray(f.face.mouth["contact"])
    count = len(contact)
    partner = contact[-np.arange(count) % count]
    is_lower = (f.face.columns.side < 0)[:, None]
    upper = np.where(is_lower, opened[partner], opened[contact])
    lower = np.where(is_lower, opened[contact], opened[partner])
    pull = 0.72 * upper + 0.28 * lower - opened[contact]
    half = count // 4
    columns = np.arange(-half, half + 1) % count
    moved = np.stack([np.interp(f.rise, f.rise[contact[columns]], pull[columns, axis]) for axis in range(3)], -1)
    moved[:, 0] *= np.sign(f.points[:, 0])
    radius = np.where(f.rise < 0, 19.0, 13.0)
    return moved * (np.exp(-((f.distance / radius) ** 2)) * f.depth)[:, None]


def _mouth(f: Fields) -> Shapes:
    lips, corner = f.reach(17.0), f.arc(27.0)
    up, down = f.upper, f.lower
    edge = f.corner(13.0)
    pursed = f.narrowed(f.reach(19.0), 0.42) + f.levelled(f.reach(20.0)) * 1.3
    pursed += f.pushed(f.reach(13.0), y=-4.5) + f.pushed(f.reach(7.0), y=-5.0)
    right = np.stack([-8.0 * f.reach(24.0), 1.0 * lips, 0 * lips], -1)
    smile = f.pushed(corner, x=7.5, y=4.5, z=9.5) + f.rolled(down, 0.12) + f.swollen(f.ball((44, -68, 142), 17), 3.5)
    smile += f.pushed(f.ball((44, -68, 145), 18), z=3.0) + f.pushed(f.reach(10.0) * (up + down), y=1.5)
    return {
        "mouthFunnel": f.narrowed(f.reach(18.0), 0.24) + f.pushed(f.reach(13.0), y=-4.0)
        + f.pushed(f.reach(7.0), y=-3.0) + f.pushed(f.reach(10.0) * up, z=6.0, y=-1.5)
        + f.pushed(f.reach(11.0) * down, z=-7.0, y=-1.5)
        + f.rolled(up + down, -0.22) + f.levelled(f.reach(18.0)),
        "mouthPucker": pursed,
        "mouthRight": right,
        "mouthLeft": -right * [1.0, -1.0, 1.0],
        "mouthSmile": smile,
        "mouthFrown": f.pushed(corner, x=1.5, y=1.0, z=-10.0),
        "mouthDimple": f.pushed(edge, x=4.5, y=4.0, z=0.5),
        "mouthStretch": f.pushed(corner, x=9.0, y=4.0, z=-5.0) + f.pushed(lips * (up + down), y=1.0),
        "mouthRollLower": f.rolled(down, 1.0) + f.pushed(f.reach(9.0) * down, y=2.0),
        "mouthRollUpper": f.rolled(up, 1.0) + f.pushed(f.reach(9.0) * up, y=2.0),
        "mouthShrugLower": f.pushed(f.reach(12.0) * (0.35 + 0.65 * np.maximum(up, down)), z=4.5, y=-1.2)
        + f.pushed(f.ball((0, -84, 88), 18), z=5.0, y=-1.0),
        "mouthShrugUpper": f.pushed(f.reach(12.0) * (0.35 + 0.65 * np.maximum(up, down)), z=4.0, y=-2.0),
        "mouthPress": f.rolled(up + down, 0.5) + f.pushed(lips, y=1.2) + f.pushed(edge, x=1.0, y=1.5),
        "mouthUpperUp": f.pushed(f.reach(13.0) * up, z=8.5, y=-0.5)
        + f.pushed(f.ball((27, -78, 142), 12), z=2.5, y=-1.5),
        "mouthLowerDown": f.pushed(f.reach(13.0) * down, z=-9.0, y=0.5),
        "cheekPuff": f.swollen(f.ball((48, -58, 122), 27) * (1 - f.reach(8.0)), 18.0) + f.pushed(lips, y=-2.0),
    }  # fmt: skip


def _upper_face(f: Fields) -> Shapes:
    shapes = _brows_and_nose(f)
    held = [k for loops in f.face.lids for name, loop in loops.items() if not name.startswith("skin") for k in loop]
    for moved in shapes.values():
        moved[held] = 0.0  # or the eyeball would come through the lids
    return shapes


def _brows_and_nose(f: Fields) -> Shapes:
    nose = f.ball((12, -102, 152), 10)
    return {
        "browInnerUp": f.pushed(f.ball((13, -88, 216), 21), z=9.0) + f.pushed(f.ball((10, -88, 216), 12), x=-1.0),
        "browDown": f.pushed(f.ball((22, -86, 214), 22), z=-7.5, y=-1.5, x=-2.0),
        "browOuterUp": f.pushed(f.ball((50, -72, 217), 20), z=9.0),
        "cheekSquint": f.swollen(f.ball((44, -72, 150), 17), 3.0) + f.pushed(f.ball((42, -74, 154), 15), z=4.5),
        "noseSneer": f.pushed(nose, z=3.5, x=1.5) + f.pushed(f.ball((20, -88, 150), 12), z=3.0, y=-1.0),
    }  # fmt: skip


def _eyelids(f: Fields) -> Shapes:
    """Blink, squint, wide and the lids' share of the gaze; the lids slide along the eyeball."""
    shapes: Shapes = {}
    for loops, side, name in zip(f.face.lids, (1.0, -1.0), ("Left", "Right"), strict=True):
        turn = loop_turns(len(loops["fold"]), side)
        rise = np.sin(turn)
        blink = np.zeros_like(f.points)
        for loop_name, share, radii in LID_LOOPS:
            shut = lid_points(turn, share, radii, 1.0) - lid_points(turn, share, radii)
            blink[loops[loop_name]] = shut * [side, 1.0, 1.0]
        centre = EYE_CENTRE * [side, 1.0, 1.0]
        near = np.exp(-np.sum((f.points - centre - [0.0, -26.0, 26.0]) ** 2, axis=1) / 14.0**2)
        lid_vertices = [k for loop, _, _ in LID_LOOPS for k in loops[loop]]
        near[lid_vertices] = 0.0
        blink[:, 2] -= 2.0 * near
        upper = np.zeros(len(f.points))
        lower = np.zeros(len(f.points))
        for loop_name, _, _ in LID_LOOPS:
            upper[loops[loop_name]] = np.maximum(rise, 0.0)
            lower[loops[loop_name]] = np.maximum(-rise, 0.0)
        is_upper = smooth(upper - lower, -0.15, 0.15)
        shapes[f"eyeBlink{name}"] = blink
        shapes[f"eyeSquint{name}"] = blink * (0.30 * upper + 0.75 * lower)[:, None]
        shapes[f"eyeWide{name}"] = -0.26 * blink * (upper + 0.3 * lower)[:, None]
        for direction in GAZES:
            amount = {"Up": -0.2, "Down": 0.42, "In": 0.0, "Out": 0.0}[direction]
            shapes[f"eyeLook{direction}{name}"] = amount * blink * (is_upper - 0.5 * (1.0 - is_upper))[:, None]
    return shapes
