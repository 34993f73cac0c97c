"""Acting styles are data: presets/styles/*.json."""

from __future__ import annotations

import json
from dataclasses import fields
from pathlib import Path

from ..contracts import Style
from ..errors import TrackFileError

SCHEMA = "labial-style/1"
STYLES = Path(__file__).parents[2] / "presets" / "styles"


def load_styles(folder: Path = STYLES) -> dict[str, Style]:
    """All styles of a folder by name, "Natural" first. Raises TrackFileError naming the damaged file."""
    styles = [_read(path) for path in sorted(folder.glob("*.json"))]
    return {s.name: s for s in sorted(styles, key=lambda s: (s.name != "Natural", s.name))}


def load_style(name: str, folder: Path = STYLES) -> Style:
    """One style by its name. Raises TrackFileError with the names that exist."""
    styles = load_styles(folder)
    if name not in styles:
        raise TrackFileError(f"There is no style “{name}”; choose one of: {', '.join(styles)}.")
    return styles[name]


def _read(path: Path) -> Style:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if data.pop("schema") != SCHEMA:
            raise ValueError(f"its schema is not {SCHEMA}")
        unknown = set(data) - {f.name for f in fields(Style)} - {"description"}
        if unknown:
            raise ValueError(f"unknown fields {sorted(unknown)}")
        data.pop("description", None)
        return Style(**data)
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TrackFileError(f"The style file {path.name} cannot be used: {error}. Delete or repair it.") from error
