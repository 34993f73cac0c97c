"""Labial as users have it: the built zip installed into Blender, with settings that are thrown away."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO


@contextmanager
def installed(package: Path) -> Iterator[tuple[Path, TextIO]]:
    """A temporary folder, and where to print: what Blender prints itself is not shown. Not after `import bpy`."""
    with tempfile.TemporaryDirectory() as folder:
        os.environ["BLENDER_USER_RESOURCES"] = str(Path(folder) / "blender")
        out = os.fdopen(os.dup(1), "w", encoding="utf-8")
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        import bpy

        bpy.ops.extensions.package_install_files(
            filepath=str(package.resolve()), repo="user_default", enable_on_install=True
        )
        yield Path(folder), out
