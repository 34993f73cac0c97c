"""Blender tests run on the built zip, installed as a user would, in a Blender user folder that is thrown away.

The zip is named by the environment variable LABIAL_ZIP, which `python3 build.py test` sets.
Tests import only `bl_ext.user_default.labial`: that is the code of the zip, not of the checkout.
"""

from __future__ import annotations

import importlib
import os
import tempfile
from pathlib import Path
from types import ModuleType

import pytest

# Before the first `import bpy`, or Blender would read and write the user's own settings.
_USER_FOLDER = tempfile.TemporaryDirectory(prefix="labial-blender-", ignore_cleanup_errors=True)
os.environ["BLENDER_USER_RESOURCES"] = _USER_FOLDER.name

import bpy  # noqa: E402

MODULE = "bl_ext.user_default.labial"


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
