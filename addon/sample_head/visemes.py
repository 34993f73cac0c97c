"""The fifteen Oculus visemes of the face, composed from its ARKit shapes and a few shapes of their own."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from .fields import Fields, smooth

Array = NDArray[np.float64]

VISEME_RECIPES: Mapping[str, Mapping[str, float]] = {
    "sil": {},
    "PP": {"mouthPress": 0.75, "mouthDimple": 0.2},
    "FF": {"jawOpen": 0.02, "lipToTeeth": 1.0, "mouthUpperUp": 0.6, "mouthDimple": 0.25},
    "TH": {"jawOpen": 0.17, "mouthUpperUp": 0.5, "mouthLowerDown": 0.3, "mouthStretch": 0.1},
    "DD": {"jawOpen": 0.14, "mouthUpperUp": 0.45, "mouthLowerDown": 0.4, "mouthDimple": 0.2},
    "kk": {"jawOpen": 0.26, "mouthUpperUp": 0.3, "mouthLowerDown": 0.15},
    "CH": {"jawOpen": 0.04, "mouthFunnel": 0.95, "mouthPucker": 0.1},
    "SS": {"jawOpen": 0.03, "mouthUpperUp": 0.35, "mouthLowerDown": 0.35, "mouthStretch": 0.35, "mouthSmile": 0.2},
    "nn": {"jawOpen": 0.13, "mouthUpperUp": 0.3, "mouthLowerDown": 0.2, "mouthDimple": 0.15},
    "RR": {"jawOpen": 0.12, "mouthFunnel": 0.5, "mouthPucker": 0.3},
    "aa": {"jawOpen": 0.6, "mouthUpperUp": 0.25, "mouthLowerDown": 0.1},
    "E": {"jawOpen": 0.2, "mouthUpperUp": 0.4, "mouthLowerDown": 0.2, "mouthStretch": 0.35, "mouthSmile": 0.3},
    "I": {"jawOpen": 0.07, "mouthUpperUp": 0.4, "mouthLowerDown": 0.3, "mouthStretch": 0.4, "mouthSmile": 0.55},
    "O": {"jawOpen": 0.4, "mouthFunnel": 0.4, "mouthPucker": 0.5},
    "U": {"jawOpen": 0.12, "lipHole": 1.0, "mouthPucker": 0.95},
}
"""Weights of symmetric shapes: a name without Left or Right stands for both sides."""


def viseme_shapes(fields: Fields, arkit: Mapping[str, Array]) -> dict[str, Array]:
    """Displacement [n, 3] mm of each `viseme_*` key."""
    parts = dict(arkit)
    for name in [name for name in arkit if name.endswith("Left")]:
        base = name.removesuffix("Left")
        if f"{base}Right" in arkit:
            parts.setdefault(base, arkit[name] + arkit[f"{base}Right"])
    parts["lipToTeeth"] = _lip_to_teeth(fields)
    parts["lipHole"] = _lip_hole(fields)
    zero = np.zeros_like(fields.points)
    return {
        f"viseme_{name}": sum((share * parts[part] for part, share in recipe.items()), zero)
        for name, recipe in VISEME_RECIPES.items()
    }


def _lip_to_teeth(f: Fields) -> Array:
    """The lower lip raised and drawn back until its rim lies under the upper front teeth."""
    middle = f.lower**1.2
    return f.rolled(middle, 0.3) + f.tipped(middle, y=5.0, z=1.5)


def _lip_hole(f: Fields) -> Array:
    """A small round opening in the middle of pursed lips."""
    lips = f.reach(9.0)
    upper, lower = lips * smooth(f.rise, 0.1, 1.0), lips * smooth(-f.rise, 0.1, 1.0)
    return f.pushed(upper, z=-0.5, y=-1.0) + f.pushed(lower, z=-2.2, y=-1.0)
