"""How sounds are named: the files that rows mean, and what file names say of a line."""

from __future__ import annotations

import functools
import os
import re
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path, PureWindowsPath

from ..errors import TextError
from ..hearing import transcript
from .reading import Reading, Row, SheetError

SOUNDS = (".wav", ".wave", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".m4a")
PARTS = ("scene", "character", "id", "language", "take", "number", "count")
PATTERN = "{scene}_{character}_{id}.{language}"
_PATTERNS = (PATTERN, "{scene}_{character}_{id}", "{character}_{id}.{language}", "{character}_{id}", "{id}.{language}")
"""How the sounds of a folder may be named, the first that fits."""


# The files that rows mean


class Folders:
    """The files of folders, each folder listed once; names are found in any case and Unicode form."""

    def __init__(self) -> None:
        self.files = functools.cache(self._files)

    def find(self, path: Path) -> Path | None:
        """The file that a path means: as written, in other case, or without its extension."""
        names = self.files(path.parent)
        for name in (path.name, *(path.name + extension for extension in SOUNDS)):
            if found := names.get(name) or names.get(folded(name)):
                return path.parent / found
        return None

    @staticmethod
    def _files(folder: Path) -> dict[str, str]:
        try:
            with os.scandir(folder) as entries:
                names = [entry.name for entry in entries if entry.is_file()]
        except (OSError, ValueError):
            return {}
        return {folded(name): name for name in names} | {name: name for name in names}


def sound(row: int, text: str, reading: Reading, folders: Folders) -> Path | None:
    """The sound file of a cell; None with a note if there is none, or none that may be used."""
    given = text.strip("\"'").replace("\\", "/")
    if not given:
        reading.note(row, "no sound is named", "Write its file name into the column “sound”")
        return None
    if given.startswith("//"):
        path = reading.project / given.lstrip("/")
    elif PureWindowsPath(given).drive and os.name != "nt":
        reading.note(row, f"the sound “{text}” is on a drive of another system", "Write a path relative to the sheet")
        return None
    else:
        path = reading.folder / given
    path = Path(os.path.normpath(path))
    if not reading.anywhere and not path.is_relative_to(reading.project):
        fix = f"Move it into {reading.project}, name the project's folder, or allow sounds from anywhere"
        reading.note(row, f"the sound {path} lies outside of the project", fix)
        return None
    found = folders.find(path)
    if found is None:
        reading.note(row, f"there is no sound file {path}", "Correct the name or put the file there")
    return found


def text_beside(row: int, sound: Path, reading: Reading, folders: Folders) -> str:
    """The words of the text file beside a sound, "" if there is none."""
    name = folders.files(sound.parent).get(folded(sound.stem + ".txt"))
    try:
        return transcript.read(sound.with_name(name)) if name else ""
    except TextError as error:
        reading.note(
            row, f"its words are not used: {str(error).rstrip('.')}", "Or write them into the sheet", kept=True
        )
        return ""


# What names say


def with_sounds(rows: Sequence[Row], reading: Reading, patterns: Sequence[str]) -> list[Row]:
    """Rows that name no sound get that of the pattern; of several patterns, the one that finds the most."""
    if all(row.fields.get("sound") for row in rows):
        return list(rows)
    patterns = (reading.pattern,) if reading.pattern else patterns
    best: dict[int, str] = {}
    for pattern in patterns:
        found = _found(rows, pattern, reading.folder)
        best = found if len(found) > len(best) else best
    filled = []
    for k, row in enumerate(rows):
        if row.fields.get("sound") or k in best:
            filled.append(Row(row.number, {"sound": best.get(k, ""), **_said(row)}))
        else:
            what = "no sound is named, and no file has its name"
            reading.note(row.number, what, f"Name the file in the sheet, or the files {' or '.join(patterns)}")
    return filled


def _found(rows: Iterable[Row], pattern: str, folder: Path) -> dict[int, str]:
    """Place of a row -> the sound whose name says the same of the pattern's parts."""
    expression = _expression(pattern)
    place = folder / Path(pattern).parent
    parts = tuple(expression.groupindex)
    named: dict[tuple[str, ...], str] = {}
    for name in sorted({*Folders().files(place).values()}):
        if Path(name).suffix.lower() in SOUNDS and (match := expression.fullmatch(Path(name).stem)):
            named.setdefault(tuple(_slug(match[part]) for part in parts), str(Path(pattern).parent / name))
    keys = [tuple(_slug(row.fields.get(part, "")) for part in parts) for row in rows]
    return {k: named[key] for k, key in enumerate(keys) if key in named and any(key)}


def _said(row: Row) -> dict[str, str]:
    return {name: value for name, value in row.fields.items() if value}


def _expression(pattern: str) -> re.Pattern[str]:
    """How a name pattern looks without its folder and extension. The first part may hold underscores."""
    stem = Path(pattern).name
    stem = stem.removesuffix(Path(stem).suffix) if Path(stem).suffix.lower() in SOUNDS else stem
    pieces, first = [], True
    for literal, name in re.findall(r"([^{]*)(?:\{(\w+)(?::[^}]*)?\})?", stem):
        pieces.append(re.escape(literal))
        if name and name not in PARTS:
            raise SheetError(f"A file name has no part “{name}”. Use these in the pattern: {', '.join(PARTS)}.")
        if name:
            inside = "[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,4})?" if name == "language" else ".+" if first else r"[^_.]+"
            pieces.append(f"(?P<{name}>{inside})")
            first = False
    try:
        return re.compile("".join(pieces), re.IGNORECASE)
    except re.error as error:
        raise SheetError(f"The pattern “{pattern}” cannot be used ({error}). Name each part once.") from error


def read_folder(reading: Reading) -> list[Row]:
    """The sounds of a folder and of those below it; their names say scene, character, language and take."""
    expressions = [_expression(pattern) for pattern in ((reading.pattern,) if reading.pattern else _PATTERNS)]
    rows: list[Row] = []
    for place, folders, names in os.walk(reading.path):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            if name.startswith(".") or Path(name).suffix.lower() not in SOUNDS:
                continue
            stem, take = Path(name).stem, ""
            if match := re.fullmatch(r"(.+?)[_ .-]t(?:ake)?[_ -]?(\d+)(\.[a-z_-]+)?", stem, re.IGNORECASE):
                stem, take = match[1] + (match[3] or ""), match[2]
            match = next((match for expression in expressions if (match := expression.fullmatch(stem))), None)
            if match is None and reading.pattern:
                reading.note(len(rows) + 1, f"{name} is not named {reading.pattern}", "Rename it", kept=True)
            parts = {"take": take} | (match.groupdict() if match else {}) | {"id": ""}
            rows.append(Row(len(rows) + 1, {**parts, "sound": os.path.relpath(Path(place, name), reading.path)}))
    if not rows:
        raise SheetError(f"There are no sounds in {reading.path}. Choose another folder.")
    return rows


# Names that are the same


def folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def _slug(text: str) -> str:
    """Letters and digits alone, numbers without leading zeros: “Anna B. 007” and “anna_b-7” are the same."""
    return re.sub(r"(?<!\d)0+(?=\d)", "", re.sub(r"[\W_]+", "", folded(text)))
