"""Colours for characters that come without: skin, teeth and the rest of the mouth told apart, so that pictures can be
read."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from ..demo.film import CLAY
from .bench_motion import LABIAL

IVORY, FLESH = (0.86, 0.85, 0.80), (0.30, 0.07, 0.06)


def paint(scene: Any, meshes: list[Any], measured: Any) -> None:
    """Gives every mesh a colour attribute and lets Workbench show it; faces become smooth.

    The part that the lips are of is skin; the upper teeth, parts of as many points as they and materials named after
    teeth are ivory.
    """
    for mesh in meshes:
        colours = np.ones((len(mesh.data.vertices), 4), dtype=np.float32)
        colours[:, :3] = CLAY if mesh.name != measured.mesh else _parts(mesh, measured)
        for slot, material in enumerate(mesh.data.materials):
            if material and "teeth" in material.name.lower():
                polygons = [p for p in mesh.data.polygons if p.material_index == slot]
                colours[sorted({v for p in polygons for v in p.vertices}), :3] = IVORY
        layer = mesh.data.color_attributes.new("Sheet", "FLOAT_COLOR", "POINT")
        layer.data.foreach_set("color", colours.ravel())
        mesh.data.color_attributes.active_color = layer
        mesh.data.polygons.foreach_set("use_smooth", np.ones(len(mesh.data.polygons), dtype=bool))
        mesh.data.update()
    scene.display.shading.color_type = "VERTEX"


def _parts(mesh: Any, measured: Any) -> np.ndarray[Any, np.dtype[np.float32]]:
    """The colours of the face's mesh, [n, 3]."""
    import bpy

    lips, posing = (importlib.import_module(f"{LABIAL}.addon.{name}") for name in ("lips", "posing"))
    label = lips.parts_of(posing.surface_of(mesh, bpy.context.view_layer))
    if len(label) != len(mesh.data.vertices):  # a modifier that changes the points
        return np.array(CLAY, dtype=np.float32)
    names, sizes = np.unique(label, return_counts=True)
    count = dict(zip(names.tolist(), sizes.tolist(), strict=True))
    teeth = set(label[measured.teeth.first].tolist()) if measured.teeth and measured.teeth.mesh == mesh.name else set()
    alike = {count[part] for part in teeth}
    skin = label[measured.lips.chin]
    colour = {part: CLAY if part == skin else IVORY if count[part] in alike else FLESH for part in count}
    return np.array([colour[part] for part in label.tolist()], dtype=np.float32)
