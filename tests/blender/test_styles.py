"""A style of one's own: saved from the dials, used like those that ship."""

from __future__ import annotations

import json
from pathlib import Path

import bpy
import pytest

from .conftest import generate


def test_saved_dials_are_a_style_that_moves_the_same(head: bpy.types.Object, short_line: Path) -> None:
    settings = bpy.context.scene.labial
    settings.style, settings.jaw, settings.offset_ms = "Clear", 1.5, 20.0
    generate(short_line)
    before = _keys()
    assert bpy.ops.labial.save_style(name="Hero 7") == {"FINISHED"}
    assert (settings.style, settings.jaw, settings.offset_ms) == ("Hero 7", 1.0, 0.0)
    generate(short_line)
    assert _keys() == before
    acting = json.loads(next(action for action in bpy.data.actions if "labial" in action)["labial"]["acting"])
    assert acting["name"] == "Hero 7" and acting["jaw"] == pytest.approx(1.5 * 1.05)


@pytest.mark.parametrize("name", ["Natural", "  ", "***"])
def test_names_of_shipped_styles_are_not_taken(head: bpy.types.Object, name: str) -> None:
    with pytest.raises(RuntimeError, match="cannot be the name"):
        bpy.ops.labial.save_style(name=name)


def _keys() -> list[tuple[float, ...]]:
    action = next(action for action in bpy.data.actions if "labial" in action)
    return [
        (round(p.co.x), round(p.co.y, 5))
        for slot in action.slots
        for curve in action.layers[0].strips[0].channelbag(slot).fcurves
        for p in curve.keyframe_points
    ]
