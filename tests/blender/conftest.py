"""Blender tests run on the built zip, installed as a user would, in a Blender user folder that is thrown away.

The zip is named by the environment variable LABIAL_ZIP, which `python3 build.py test` sets.
Tests import only `bl_ext.user_default.labial`: that is the code of the zip, not of the checkout.
"""

from __future__ import annotations

import importlib
import os
import tempfile
import wave
from pathlib import Path
from types import ModuleType

import pytest

# Before the first `import bpy`, or Blender would read and write the user's own settings.
_USER_FOLDER = tempfile.TemporaryDirectory(prefix="labial-blender-", ignore_cleanup_errors=True)
os.environ["BLENDER_USER_RESOURCES"] = _USER_FOLDER.name

import bpy  # noqa: E402

MODULE = "bl_ext.user_default.labial"
ONCE = {"test_demo", "test_imitations", "test_limits", "test_mapping", "test_zoo"}
"""What takes long and is the same in every Blender: where both are tested (LABIAL_BOTH), the older one does it."""


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves to the other Blender what is tested once; pytest says how many are deselected."""
    if "LABIAL_BOTH" in os.environ and bpy.app.version >= (5, 0):
        left = [item for item in items if item.path.stem in ONCE]
        config.hook.pytest_deselected(items=left)
        items[:] = [item for item in items if item.path.stem not in ONCE]


@pytest.fixture(scope="session")
def labial_zip() -> Path:
    """The built extension for this platform."""
    name = os.environ.get("LABIAL_ZIP")
    if not name:
        pytest.exit("LABIAL_ZIP is not set: run `python3 build.py test`, or name a zip made by `build.py build`.", 2)
    path = Path(name).resolve()
    if not path.is_file():
        pytest.exit(f"LABIAL_ZIP names {path}, which does not exist: run `python3 build.py build`.", 2)
    return path


@pytest.fixture(scope="session")
def labial(labial_zip: Path) -> ModuleType:
    """The installed and enabled extension."""
    result = bpy.ops.extensions.package_install_files(
        filepath=str(labial_zip), repo="user_default", enable_on_install=True
    )
    assert result == {"FINISHED"}, f"Blender refused {labial_zip.name}: {result}"
    assert MODULE in bpy.context.preferences.addons, f"{labial_zip.name} was installed but could not be enabled"
    return importlib.import_module(MODULE)


@pytest.fixture
def clean_scene(labial: ModuleType) -> bpy.types.Scene:
    """An empty scene at 24 fps, with the extension enabled, as after File > New."""
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    assert MODULE in bpy.context.preferences.addons
    scene = bpy.context.scene
    scene.render.fps, scene.render.fps_base = 24, 1.0
    return scene


CHECKOUT = Path(__file__).resolve().parents[2]
CHARACTERS = CHECKOUT.parent / "shared/characters"
PEOPLE = CHECKOUT.parent / "shared/speech/handlabelled/ae"
_HEAD = Path(_USER_FOLDER.name) / "head.blend"
"""The sample head, built once."""
DEMO_LINE = CHECKOUT / "presets/demo/line.wav"


def load_character(name: str) -> bpy.types.Object:
    """The sample head ("head") or a character of ../shared in a scene of its own; its face is returned, active."""
    if name == "head" and _HEAD.is_file():
        bpy.ops.wm.read_homefile(filepath=str(_HEAD), load_ui=False)
    elif name == "head":
        bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
        bpy.ops.labial.add_head()
        bpy.ops.wm.save_as_mainfile(filepath=str(_HEAD), copy=True)
    else:
        path = CHARACTERS / f"{name}.blend"
        if not path.is_file():
            pytest.skip("the characters (../shared/characters) are not here")
        bpy.ops.wm.open_mainfile(filepath=str(path))
    keyed = [mesh for mesh in bpy.data.objects if mesh.type == "MESH" and mesh.data.shape_keys]
    face = max(keyed, key=lambda mesh: len(mesh.data.shape_keys.key_blocks))
    bpy.context.view_layer.objects.active = face
    bpy.context.view_layer.update()
    bpy.context.scene.render.fps, bpy.context.scene.render.fps_base = 24, 1.0
    return face


def generate(sound: Path | str, **settings: object) -> None:
    """Click the button. Raises RuntimeError with the sentence that a user would see."""
    labial = bpy.context.scene.labial
    labial.source, labial.filepath = "FILE", str(sound)
    for name, value in settings.items():
        setattr(labial, name, value)
    assert bpy.ops.labial.generate() == {"FINISHED"}


def leave_coarse() -> None:
    """Turns off the subdivision of what is in the file: it would take most of a test's time."""
    for modifier in (modifier for obj in bpy.data.objects for modifier in obj.modifiers):
        if modifier.type == "SUBSURF":
            modifier.show_viewport = False


@pytest.fixture
def head(labial: ModuleType) -> bpy.types.Object:
    """The face of a fresh sample head at 24 fps, active and not smoothed."""
    face = load_character("head")
    leave_coarse()
    return face


@pytest.fixture(scope="session")
def short_line(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The first 1.6 s of the demo line: "Hello, I'm Labial"."""
    path = tmp_path_factory.mktemp("sound") / "hello.wav"
    with wave.open(str(DEMO_LINE)) as line, wave.open(str(path), "wb") as cut:
        cut.setparams(line.getparams())
        cut.writeframes(line.readframes(round(1.6 * line.getframerate())))
    return path
