"""Every character that we have, with nothing set but the sound: the right standard, lips that close and open."""

from __future__ import annotations

import importlib
import shutil
from pathlib import Path
from types import ModuleType
from typing import Any

import bpy
import pytest

from .conftest import CHARACTERS, DEMO_LINE, MODULE, generate, load_character

CHANNELS = (
    "sil", "PP", "FF", "TH", "DD", "kk", "CH", "SS", "nn", "RR", "aa", "E", "I", "O", "U", "jaw", "lip_press",
    "lip_round", "tongue_tip", "tongue_blade", "tongue_back",
)  # fmt: skip
ANSWERS = {
    "head": ("arkit52", "jaw bone: jaw"),
    "cc0_head_arkit_oculus": ("arkit52", "jaw bone: none needed; tongue: tongue04, tongue03, tongue01"),
    "cc0_head_rigify": ("arkit52", "jaw bone: none needed; tongue: tongue"),
    "ict_mouth_small": ("arkit52", "jaw bone: none needed"),
    "mpfb_default": ("mpfb", "jaw bone: none needed; tongue: tongue04, tongue03, tongue01"),
    "mpfb_game_engine": ("mpfb", "jaw bone: none needed"),
    "godette_vrmaddon": ("vrm1", "jaw bone: none needed"),
}


def mapped(face: bpy.types.Object) -> tuple[Any, Any]:
    """What Labial measured, and how it maps the mouth."""
    module = importlib.import_module(f"{MODULE}.addon.generate")
    character = importlib.import_module(f"{MODULE}.addon.character").find_character(face, bpy.context.view_layer)
    measured, rig_map, _ = module.mapped(character, bpy.context.view_layer)
    return measured, rig_map


def check_line(face: bpy.types.Object) -> None:
    """Generates the demo line: all closures and contacts proven, and an open mouth somewhere."""
    measured, _ = mapped(face)
    points_of = importlib.import_module(f"{MODULE}.addon.posing").points_of
    generate(DEMO_LINE)
    report, scene = bpy.context.scene.labial.report, bpy.context.scene
    assert report.closures == report.proven >= 8, report.notes
    assert report.touches == report.touched >= 2, report.notes
    widest = 0.0
    for frame in range(1, 180, 2):
        scene.frame_set(frame)
        points = points_of(bpy.data.objects[measured.mesh], bpy.context.view_layer)
        widest = max(widest, measured.lips.gap(points))
    assert widest > 0.2


@pytest.mark.parametrize("name", ANSWERS)
def test_a_character_speaks_with_nothing_set(labial: ModuleType, name: str) -> None:
    if name == "godette_vrmaddon" and bpy.app.version < (5, 0):
        pytest.skip("this file was saved by a newer Blender")
    face = load_character(name)
    _, rig_map = mapped(face)
    assert (rig_map.preset, rig_map.coverage.partition("; ")[2]) == ANSWERS[name]
    assert not any(target.name.startswith("$md-") for target in rig_map.targets)
    check_line(face)


def test_vrm_0_without_its_add_on_is_mapped_by_what_its_keys_do(labial: ModuleType, tmp_path: Path) -> None:
    source = CHARACTERS / "Godette_vrm_v4.vrm"
    if not source.is_file():
        pytest.skip("the characters (../shared/characters) are not here")
    shutil.copy(source, tmp_path / "godette.glb")
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    bpy.ops.import_scene.gltf(filepath=str(tmp_path / "godette.glb"))
    face = bpy.data.objects["Face"]
    bpy.context.view_layer.objects.active = face
    _, rig_map = mapped(face)
    assert rig_map.preset == "fitted"
    rows = dict(zip(CHANNELS, rig_map.weights, strict=True))
    for channel, vowels in {"aa": {"target_5", "target_9"}, "I": {"target_6", "target_8"}, "O": {"target_9"}}.items():
        assert rig_map.targets[int(rows[channel].argmax())].name in vowels, channel
    used = {target.name for target, column in zip(rig_map.targets, rig_map.weights.T, strict=True) if column.any()}
    assert used <= {f"target_{number}" for number in range(5, 10)}, "A I U E O, as its file names them"
    check_line(face)
