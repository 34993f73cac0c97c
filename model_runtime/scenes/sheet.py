"""Dialogue sheets: tables, screenplays, subtitles and folders of sounds as lines; a bad row never stops the others.

What the columns, file names and times may look like stands in docs/sheets.md.
"""

from __future__ import annotations

import math
import os
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from ..acting.styles import load_styles
from ..hearing import lexicon
from . import naming, screenplay, tables, timecode
from .naming import Folders, folded
from .reading import Problem, Reading, Row, SheetError

_READERS: dict[str, Callable[[Reading], list[Row]]] = {
    "": naming.read_folder,
    ".csv": tables.read_table,
    ".tsv": tables.read_table,
    ".txt": tables.read_table,
    ".json": tables.read_json,
    ".fountain": screenplay.read_fountain,
    ".spmd": screenplay.read_fountain,
    ".srt": screenplay.read_subtitles,
    ".vtt": screenplay.read_subtitles,
}
_LANGUAGES = {
    "english": "en-us", "german": "de", "deutsch": "de", "french": "fr", "français": "fr", "spanish": "es",
    "español": "es", "italian": "it", "italiano": "it", "portuguese": "pt", "dutch": "nl", "polish": "pl",
    "russian": "ru", "japanese": "ja", "chinese": "cmn", "korean": "ko", "arabic": "ar", "hindi": "hi", "en": "en-us",
}  # fmt: skip


@dataclass(frozen=True)
class Line:
    """One line of dialogue. start, end: seconds in the scene, None where the sheet does not say.

    source, row: the sheet's file name and the row (line of a script, cue of subtitles) that it came from.
    """

    id: str
    character: str
    sound: Path
    text: str
    language: str
    style: str
    take: str
    scene: str
    start: float | None
    end: float | None
    source: str
    row: int


@dataclass(frozen=True)
class Sheet:
    """The lines that can be used, in the sheet's order, and what to mend."""

    lines: tuple[Line, ...]
    problems: tuple[Problem, ...]


def read(
    path: str | Path,
    *,
    project: str | Path | None = None,
    anywhere: bool = False,
    fps: float = 24.0,
    language: str = "en-us",
    style: str = "Natural",
    pattern: str = "",
) -> Sheet:
    """The lines of a sheet or of a folder of sounds. Raises SheetError if none of it can be used.

    project: sounds outside of this folder (without one: the sheet's) are refused unless `anywhere`; `//` begins here.
    fps: frames a second of timecodes. language, style: of lines that name none. pattern: how sound files are named,
    such as "audio/{scene}_{character}_{id}"; without one, some usual names are tried.
    """
    path = Path(os.path.abspath(path))
    if not path.exists():
        raise SheetError(f"There is no sheet {path}. Choose another file or folder.")
    if not (math.isfinite(fps) and 1 <= fps <= 1000):
        raise SheetError(f"A frame rate of {fps} is none. Give the frames a second of the timecodes, such as 24.")
    home = Path(os.path.abspath(project)) if project else path if path.is_dir() else path.parent
    reading = Reading(path, home, anywhere, fps, language, style, pattern)
    kind = "" if path.is_dir() else path.suffix.lower()
    if kind not in _READERS:
        raise SheetError(f"{path.name} is no sheet that is known. Save it as one of: {' '.join(_READERS)[1:]}.")
    try:
        rows = _READERS[kind](reading)
    except OSError as error:
        raise SheetError(f"{path} cannot be read ({error}). Check the file and its permissions.") from error
    lines = _lines(rows, reading)
    _note_overlaps(lines, reading)
    return Sheet(tuple(lines), tuple(sorted(reading.problems, key=lambda problem: problem.row)))


# Rows to lines


def _lines(rows: Sequence[Row], reading: Reading) -> list[Line]:
    """The rows that can be used, each with an id of its own."""
    styles = {name.casefold(): name for name in load_styles()}
    if reading.style.casefold() not in styles:
        raise SheetError(f"There is no style “{reading.style}”; choose one of: {', '.join(styles.values())}.")
    folders, words = Folders(), lexicon.available()
    found = [line for row in rows if (line := _line(row, reading, styles, folders, words))]
    stems = Counter(folded(line.sound.stem) for line in found if not line.id)
    named = [line if line.id else replace(line, id=_id_of(line, stems, reading)) for line in found]
    return _without_twins(_told_apart(named), reading)


def _line(row: Row, reading: Reading, styles: Mapping[str, str], folders: Folders, words: bool) -> Line | None:
    """A row as a line, its id empty where none is given; None with a note if it cannot be used."""
    said = {name: value.strip() for name, value in row.fields.items()}
    sound = naming.sound(row.number, said.get("sound", ""), reading, folders)
    style = styles.get(said.get("style", "").casefold() or reading.style.casefold())
    if sound is None:
        return None
    if style is None:
        what = f"there is no style “{said['style']}”"
        reading.note(row.number, what, f"Choose one of: {', '.join(styles.values())}")
        return None
    language = said.get("language", "").casefold().replace("_", "-") or reading.language
    return Line(
        id=said.get("id", ""),
        character=said.get("character", ""),
        sound=sound,
        text=said.get("text", "") or (naming.text_beside(row.number, sound, reading, folders) if words else ""),
        language=_LANGUAGES.get(language, language),
        style=style,
        take=said.get("take", ""),
        scene=said.get("scene", ""),
        start=_time(row.number, said.get("start", ""), reading),
        end=_time(row.number, said.get("end", ""), reading),
        source=reading.path.name,
        row=row.number,
    )


def _time(row: int, text: str, reading: Reading) -> float | None:
    """Seconds of a cell; None where it is empty, or with a note where it is no time."""
    if not text:
        return None
    try:
        return timecode.seconds(text, reading.fps)
    except (ValueError, OverflowError) as error:
        fix = "Write seconds, hh:mm:ss.mmm or hh:mm:ss:ff"
        reading.note(row, f"“{text[:40]}” is no time: {error}", fix, kept=True)
        return None


# Lines beside each other


def _id_of(line: Line, stems: Counter[str], reading: Reading) -> str:
    """The sound's name; where several sounds share it, with the folders that lead to it."""
    path, folder = line.sound.with_suffix(""), reading.folder
    if stems[folded(line.sound.stem)] == 1:
        return path.name
    return "_".join((path.relative_to(folder) if path.is_relative_to(folder) else path.relative_to(path.anchor)).parts)


def _told_apart(lines: list[Line]) -> list[Line]:
    """Lines that share an id and differ in language or take get these into the id."""
    shared = defaultdict(list)
    for line in lines:
        shared[folded(line.id)].append(line)

    def own(line: Line) -> str:
        twins = shared[folded(line.id)]
        if len(twins) == 1 or len({(twin.language, twin.take) for twin in twins}) < len(twins):
            return line.id
        parts = [line.id]
        parts += [line.language] if len({twin.language for twin in twins}) > 1 else []
        parts += [f"take{line.take}"] if len({twin.take for twin in twins}) > 1 else []
        return ".".join(parts)

    return [replace(line, id=own(line)) for line in lines]


def _without_twins(lines: list[Line], reading: Reading) -> list[Line]:
    """The first line of every id; ids that differ in case alone would be one file on some systems."""
    first: dict[str, Line] = {}
    for line in lines:
        before = first.setdefault(folded(line.id), line)
        if before is not line:
            reading.note(line.row, f"the id “{line.id}” is that of row {before.row}", "Give this row an id of its own")
    return list(first.values())


def _note_overlaps(lines: Iterable[Line], reading: Reading) -> None:
    """Notes where a character begins a line before an earlier one of the language has ended; both are kept."""
    spans = [(line.start, line.row, line) for line in lines if line.start is not None and line.character]
    last: dict[tuple[str, str, str], tuple[float, Line]] = {}
    for start, row, line in sorted(spans, key=lambda span: span[:2]):
        who = (line.scene, folded(line.character), line.language)
        end, before = last.get(who, (-1.0, line))
        if before is not line and (start < end or start == before.start):
            what = f"{line.character} begins this line at {start:.3f} s, within that of row {before.row}"
            reading.note(row, what, "Move one of them if that is not meant", kept=True)
        last[who] = max((end, before), (line.end or start, line), key=lambda spoken: spoken[0])
