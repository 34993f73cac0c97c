"""Acting styles are data: presets/styles/*.json."""

from __future__ import annotations

import json
import re
from dataclasses import fields
from pathlib import Path

from ..contracts import NATURAL, Style
from ..errors import TrackFileError

SCHEMA = "labial-style/1"
STYLES = Path(__file__).parents[2] / "presets" / "styles"


def load_styles(*folders: Path) -> dict[str, Style]:
    """All styles of the folders (without any: those that ship) by name, "Natural" first; later folders win.

    Raises TrackFileError naming the damaged file.
    """
    styles = {s.name: s for folder in folders or (STYLES,) for s in map(_read, sorted(folder.glob("*.json")))}
    return dict(sorted(styles.items(), key=lambda item: (item[0] != "Natural", item[0])))


def load_style(name: str, *folders: Path) -> Style:
    """One style by its name. Raises TrackFileError with the names that exist."""
    styles = load_styles(*folders)
    if name not in styles:
        raise TrackFileError(f"There is no style “{name}”; choose one of: {', '.join(styles)}.")
    return styles[name]


def save_style(style: Style, folder: Path) -> Path:
    """Writes a style as a file of its own, whole or not at all; one of the same name is replaced.

    Raises TrackFileError if it cannot be written, or has no name or that of one that ships.
    """
    name = style.name.strip()
    stem = re.sub(r"\W+", "_", name.lower()).strip("_")
    if not stem or name in load_styles():
        raise TrackFileError(f"“{name}” cannot be the name of a style of yours: choose another one.")
    path = folder / f"{stem}.json"
    changed = {
        f.name: getattr(style, f.name) for f in fields(Style) if getattr(style, f.name) != getattr(NATURAL, f.name)
    }
    text = json.dumps({"schema": SCHEMA, **changed, "name": name}, ensure_ascii=False, indent=1)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.with_suffix(".part").write_text(text + "\n", encoding="utf-8")
        path.with_suffix(".part").replace(path)
    except OSError as error:
        raise TrackFileError(
            f"The style {path} cannot be written: {error}. Free some space or check the folder."
        ) from error
    return path


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
