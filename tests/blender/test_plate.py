"""The panel Video Plate: what it refuses, and how a film with a new mouth comes into the scene."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import bpy
import numpy as np
import pytest

SIZE = 32
PLATE, NEW = (0.2, 0.4, 0.6), (0.8, 0.1, 0.3)


@pytest.fixture
def plate(labial: ModuleType) -> ModuleType:
    return importlib.import_module(f"{labial.__name__}.addon.plate")


@pytest.fixture
def scene(labial: ModuleType) -> Any:
    bpy.ops.wm.read_homefile(use_empty=True)
    return bpy.context.scene


def picture(path: Path, colour: tuple[float, ...], left: tuple[float, ...] | None = None) -> None:
    """A PNG of one colour, or of another one in its left half."""
    path.parent.mkdir(exist_ok=True)
    pixels = np.ones((SIZE, SIZE, 4), np.float32)
    pixels[..., :3] = colour
    if left is not None:
        pixels[:, : SIZE // 2, :3] = left
    image = bpy.data.images.new("drawn", SIZE, SIZE)
    image.pixels.foreach_set(pixels.ravel())
    image.filepath_raw, image.file_format = str(path), "PNG"
    image.save()
    bpy.data.images.remove(image)


@pytest.fixture
def made(tmp_path: Path, scene: Any) -> dict[str, Any]:
    """Three frames of a plate, of a new film, and mattes that cover their left half."""
    for frame in range(3):
        picture(tmp_path / "plate" / f"p.{frame:06d}.png", PLATE)
        picture(tmp_path / "film" / f"p.{frame:06d}.png", NEW)
        picture(tmp_path / "mattes" / f"p.{frame:06d}.png", (0, 0, 0), (1, 1, 1))
    return {"film": str(tmp_path / "film"), "mattes": str(tmp_path / "mattes"), "notes": [],
            "ways": {"refined": 3, "warped": 0, "original": 0}}  # fmt: skip


def strips(scene: Any) -> list[Any]:
    editor = scene.sequence_editor
    if editor is None:
        return []
    return sorted(editor.strips if hasattr(editor, "strips") else editor.sequences, key=lambda strip: strip.channel)


def test_the_new_film_lies_above_its_plate(plate: ModuleType, scene: Any, made: dict[str, Any], tmp_path: Path) -> None:
    said = plate.place(scene, tmp_path / "plate", made, 11)
    below, above = strips(scene)
    assert (below.name, above.name) == ("plate", "film")
    assert below.channel < above.channel
    assert [len(strip.elements) for strip in (below, above)] == [3, 3]
    assert "3 refined" in said
    assert "warped" not in said


def test_the_compositor_shows_the_new_film_where_the_matte_is(
    plate: ModuleType, scene: Any, made: dict[str, Any], tmp_path: Path
) -> None:
    plate.place(scene, tmp_path / "plate", made, 1)
    group = bpy.data.node_groups[plate.GROUP]
    scene.view_settings.view_transform = "Standard"
    scene.render.use_sequencer = False
    scene.render.resolution_x = scene.render.resolution_y = SIZE
    scene.render.resolution_percentage = 100
    camera = bpy.data.objects.new("camera", bpy.data.cameras.new("camera"))
    scene.collection.objects.link(camera)
    scene.camera = camera
    importlib.import_module(f"{plate.__package__}.compat").use_cycles(scene, 1)
    if bpy.app.version < (5, 0):
        scene.use_nodes = True
        tree = scene.node_tree
        tree.nodes.clear()
        node, out = tree.nodes.new("CompositorNodeGroup"), tree.nodes.new("CompositorNodeComposite")
        node.node_tree = group
        tree.links.new(node.outputs["Image"], out.inputs["Image"])
    else:
        scene.compositing_node_group = group
    scene.frame_set(2)
    scene.render.filepath = str(tmp_path / "shown.png")
    scene.render.image_settings.file_format = "PNG"
    bpy.ops.render.render(write_still=True)
    shown = bpy.data.images.load(str(tmp_path / "shown.png"))
    pixels = np.empty(SIZE * SIZE * 4, np.float32)
    shown.pixels.foreach_get(pixels)
    pixels = pixels.reshape(SIZE, SIZE, 4)[..., :3]
    assert np.allclose(pixels[:, : SIZE // 2 - 1], NEW, atol=0.02)
    assert np.allclose(pixels[:, SIZE // 2 + 1 :], PLATE, atol=0.02)


@pytest.mark.parametrize(
    ("missing", "says"),
    [("plate", "Choose a file: Plate"), ("sound", "Choose a file: New Line"), ("consent", "Choose a file: Consent"),
     ("media", "where the film will be shown"), ("python", "Python for Video Plates")],
)  # fmt: skip
def test_what_is_missing_is_named(plate: ModuleType, scene: Any, tmp_path: Path, missing: str, says: str) -> None:
    asked = scene.labial_plate
    for name in ("plate", "sound", "consent"):
        (tmp_path / name).write_bytes(b"x")
        setattr(asked, name, "" if missing == name else str(tmp_path / name))
    asked.media = set() if missing == "media" else {"cinema"}
    asked.folder = str(tmp_path)
    preferences = importlib.import_module(f"{plate.__package__}.preferences").preferences(bpy.context)
    preferences.outside_python = "" if missing == "python" else sys.executable
    with pytest.raises(RuntimeError, match=says):
        bpy.ops.labial.redub_plate()
    assert not strips(scene)
    assert plate.GROUP not in bpy.data.node_groups


def test_the_outside_python_is_asked_and_its_refusal_is_told(plate: ModuleType, scene: Any, tmp_path: Path) -> None:
    """The gate in the other process refuses a record that is none; nothing is written."""
    asked = scene.labial_plate
    for name in ("plate", "sound", "consent"):
        (tmp_path / name).write_bytes(b"x")
        setattr(asked, name, str(tmp_path / name))
    asked.media, asked.folder = {"cinema"}, str(tmp_path / "films")
    preferences = importlib.import_module(f"{plate.__package__}.preferences").preferences(bpy.context)
    preferences.outside_python = sys.executable
    with pytest.raises(RuntimeError, match="consent"):
        bpy.ops.labial.redub_plate()
    assert not (tmp_path / "films").exists()


def test_cancelling_ends_the_outside_process(plate: ModuleType, tmp_path: Path) -> None:
    errors = importlib.import_module(f"{plate.__package__.removesuffix('.addon')}.model_runtime.errors")
    outside = importlib.import_module(f"{plate.__package__}.outside")
    (tmp_path / "slow.py").write_text(
        "import os, pathlib, time\npathlib.Path('pid').write_text(str(os.getpid()))\n"
        'print(\'{"share": 0.5, "text": "half"}\', flush=True)\ntime.sleep(60)\n'
    )
    seen = []

    def progress(share: float, text: str) -> None:
        seen.append((share, text))
        if text == "half":
            raise errors.Cancelled("Cancelled.")

    with pytest.raises(errors.Cancelled):
        outside.run(Path(sys.executable), tmp_path, ["slow.py"], progress)
    assert seen[-1] == (0.5, "half")
    assert not Path(f"/proc/{(tmp_path / 'pid').read_text()}").exists()
