"""The styles that ship and those that the user saved."""

from __future__ import annotations

from pathlib import Path

import bpy

from ..model_runtime.acting.styles import STYLES, load_styles
from ..model_runtime.contracts import Style


def own_folder() -> Path:
    """Where the user's styles are; it may not exist yet."""
    package = __package__.removesuffix(".addon")
    return Path(bpy.utils.extension_path_user(package, path="styles"))


def available() -> dict[str, Style]:
    """All styles by name, "Natural" first. Raises TrackFileError naming a damaged file."""
    return load_styles(STYLES, own_folder())
