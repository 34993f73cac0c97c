"""Dialogue sheets: tables, screenplays, subtitles and folders of sounds as lines; a bad row never stops the others.

What the columns, file names and times may look like stands in docs/sheets.md.
"""

from __future__ import annotations

import csv
import functools
import html
import json
import math
import os
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count, islice
from pathlib import Path, PureWindowsPath

from ..acting.styles import load_styles
from ..errors import LipSyncError, TextError
from ..hearing import lexicon, transcript

SOUNDS = (".wav", ".wave", ".flac", ".ogg", ".oga", ".opus", ".mp3", ".aif", ".aiff", ".m4a")
LARGEST = 64 << 20
"""Bytes of a sheet; what is larger is something else."""
COLUMNS = {
    "id": "id lineid name key code cue cueid number no nr",
    "character": "character char speaker actor who role",
    "sound": "sound soundfile file filename audio audiofile wav wave path soundpath audiopath",
    "text": "text line lines dialogue dialog transcript words spoken sentence",
    "start": "start starttime in tcin timein time timecode tc begin",
    "end": "end endtime out tcout timeout finish",
    "language": "language lang locale",
    "style": "style actingstyle acting",
    "take": "take takenumber takeno",
    "scene": "scene sequence",
}
"""Field -> the column names that mean it, letters and digits only, the best first."""
_FIELD_OF = {name: kind for kind, names in COLUMNS.items() for name in names.split()}
PATTERN = "{scene}_{character}_{id}.{language}"
_PATTERNS = (PATTERN, "{scene}_{character}_{id}", "{character}_{id}.{language}", "{character}_{id}", "{id}.{language}")
"""How the sounds of a folder may be named, the first that fits."""
_SCRIPT_PATTERNS = (
    "{scene}_{character}_{count}", "{scene}_{character}_{number}", "{character}_{count}", "{character}_{number}",
    "{number}_{character}", "{number}",
)  # fmt: skip
"""How the sounds of a screenplay or of subtitles may be named, the one that finds the most."""
_PARTS = ("scene", "character", "id", "language", "take", "number", "count")
_LANGUAGES = {
    "english": "en-us", "german": "de", "deutsch": "de", "french": "fr", "français": "fr", "spanish": "es",
    "español": "es", "italian": "it", "italiano": "it", "portuguese": "pt", "dutch": "nl", "polish": "pl",
    "russian": "ru", "japanese": "ja", "chinese": "cmn", "korean": "ko", "arabic": "ar", "hindi": "hi", "en": "en-us",
}  # fmt: skip


class SheetError(LipSyncError):
    """A sheet cannot be used at all: missing, unreadable, of an unknown kind, without a column that is known."""


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
class Problem:
    """Something to mend in a sheet: where (row 0 is the whole file), what and how; kept: the line is used anyway."""

    source: str
    row: int
    what: str
    fix: str
    kept: bool = False

    def __str__(self) -> str:
        place = f"{self.source}, row {self.row}" if self.row else self.source
        return f"{place}: {self.what}. {self.fix}."


@dataclass(frozen=True)
class Sheet:
    """The lines that can be used, in the sheet's order, and what to mend."""

    lines: tuple[Line, ...]
    problems: tuple[Problem, ...]


@dataclass(frozen=True)
class _Row:
    """What a sheet says of one line, as text by field; `COLUMNS` and `_PARTS` name the fields."""

    number: int
    fields: Mapping[str, str]


@dataclass
class _Reading:
    """One sheet while it is read: how, and what was found to mend."""

    path: Path
    project: Path
    anywhere: bool
    fps: float
    language: str
    style: str
    pattern: str
    problems: list[Problem] = field(default_factory=list)

    @property
    def folder(self) -> Path:
        """Where relative paths begin."""
        return self.path if self.path.is_dir() else self.path.parent

    def note(self, row: int, what: str, fix: str, *, kept: bool = False) -> None:
        """Adds something to mend."""
        self.problems.append(Problem(self.path.name, row, what, fix, kept))


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
    reading = _Reading(path, home, anywhere, fps, language, style, pattern)
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


def _lines(rows: Sequence[_Row], reading: _Reading) -> list[Line]:
    """The rows that can be used, each with an id of its own."""
    styles = {name.casefold(): name for name in load_styles()}
    if reading.style.casefold() not in styles:
        raise SheetError(f"There is no style “{reading.style}”; choose one of: {', '.join(styles.values())}.")
    folders, words = _Folders(), lexicon.available()
    found = [line for row in rows if (line := _line(row, reading, styles, folders, words))]
    stems = Counter(_folded(line.sound.stem) for line in found if not line.id)
    named = [line if line.id else replace(line, id=_id_of(line, stems, reading)) for line in found]
    return _without_twins(_told_apart(named), reading)


def _line(row: _Row, reading: _Reading, styles: Mapping[str, str], folders: _Folders, words: bool) -> Line | None:
    """A row as a line, its id empty where none is given; None with a note if it cannot be used."""
    said = {name: value.strip() for name, value in row.fields.items()}
    sound = _sound(row.number, said.get("sound", ""), reading, folders)
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
        text=said.get("text", "") or (_text_beside(row.number, sound, reading, folders) if words else ""),
        language=_LANGUAGES.get(language, language),
        style=style,
        take=said.get("take", ""),
        scene=said.get("scene", ""),
        start=_time(row.number, said.get("start", ""), reading),
        end=_time(row.number, said.get("end", ""), reading),
        source=reading.path.name,
        row=row.number,
    )


def _id_of(line: Line, stems: Counter[str], reading: _Reading) -> str:
    """The sound's name; where several sounds share it, with the folders that lead to it."""
    path, folder = line.sound.with_suffix(""), reading.folder
    if stems[_folded(line.sound.stem)] == 1:
        return path.name
    return "_".join((path.relative_to(folder) if path.is_relative_to(folder) else path.relative_to(path.anchor)).parts)


def _told_apart(lines: list[Line]) -> list[Line]:
    """Lines that share an id and differ in language or take get these into the id."""
    shared = defaultdict(list)
    for line in lines:
        shared[_folded(line.id)].append(line)

    def own(line: Line) -> str:
        twins = shared[_folded(line.id)]
        if len(twins) == 1 or len({(twin.language, twin.take) for twin in twins}) < len(twins):
            return line.id
        parts = [line.id]
        parts += [line.language] if len({twin.language for twin in twins}) > 1 else []
        parts += [f"take{line.take}"] if len({twin.take for twin in twins}) > 1 else []
        return ".".join(parts)

    return [replace(line, id=own(line)) for line in lines]


def _without_twins(lines: list[Line], reading: _Reading) -> list[Line]:
    """The first line of every id; ids that differ in case alone would be one file on some systems."""
    first: dict[str, Line] = {}
    for line in lines:
        before = first.setdefault(_folded(line.id), line)
        if before is not line:
            reading.note(line.row, f"the id “{line.id}” is that of row {before.row}", "Give this row an id of its own")
    return list(first.values())


def _note_overlaps(lines: Iterable[Line], reading: _Reading) -> None:
    """Notes where a character begins a line before an earlier one has ended; both are kept."""
    spans = [(line.start, line.row, line) for line in lines if line.start is not None and line.character]
    last: dict[tuple[str, str], tuple[float, Line]] = {}
    for start, row, line in sorted(spans, key=lambda span: span[:2]):
        who = (line.scene, _folded(line.character))
        end, before = last.get(who, (-1.0, line))
        if before is not line and (start < end or start == before.start):
            what = f"{line.character} begins this line at {start:.3f} s, within that of row {before.row}"
            reading.note(row, what, "Move one of them if that is not meant", kept=True)
        last[who] = max((end, before), (line.end or start, line), key=lambda spoken: spoken[0])


# Times


def seconds(text: str, fps: float = 24.0) -> float:
    """A time as seconds. Raises ValueError.

    12.5, 12,5, 12.5s, 500ms, 120f (frames), mm:ss.mmm, hh:mm:ss.mmm, SMPTE hh:mm:ss:ff, and hh:mm:ss;ff, which drops
    frame numbers as SMPTE ST 12-1 does at 29.97 and 59.94.
    """
    given = text.strip().lower().replace(",", ".")
    if match := re.fullmatch(r"(\d+):(\d+):(\d+)([:;])(\d+)", given):
        hours, minutes, whole, frame = (int(match[k]) for k in (1, 2, 3, 5))
        return _smpte(hours, minutes, whole, frame, fps, dropping=match[4] == ";")
    if match := re.fullmatch(r"(?:(\d+):)?(\d+):(\d+(?:\.\d*)?)", given):
        hours, minutes, rest = int(match[1] or 0), int(match[2]), float(match[3])
        if rest >= 60 or (match[1] and minutes >= 60):
            raise ValueError("minutes and seconds end at 59")
        return hours * 3600 + minutes * 60 + rest
    if match := re.fullmatch(r"(\d+(?:\.\d*)?|\.\d+)\s*(s|sec|ms|f|)", given):
        return float(match[1]) / {"ms": 1000.0, "f": fps}.get(match[2], 1.0)
    raise ValueError("it is not written as a time")


def _smpte(hours: int, minutes: int, whole: int, frame: int, fps: float, *, dropping: bool) -> float:
    nominal = round(fps)
    if minutes >= 60 or whole >= 60 or frame >= nominal:
        raise ValueError(f"at {fps:g} frames a second, frames end at {nominal - 1}, minutes and seconds at 59")
    frames = ((hours * 60 + minutes) * 60 + whole) * nominal + frame
    if dropping and nominal % 30 == 0:
        past = hours * 60 + minutes
        frames -= nominal // 15 * (past - past // 10)
    return frames / fps


def _time(row: int, text: str, reading: _Reading) -> float | None:
    """Seconds of a cell; None where it is empty, or with a note where it is no time."""
    if not text:
        return None
    try:
        return seconds(text, reading.fps)
    except (ValueError, OverflowError) as error:
        fix = "Write seconds, hh:mm:ss.mmm or hh:mm:ss:ff"
        reading.note(row, f"“{text[:40]}” is no time: {error}", fix, kept=True)
        return None


# Sounds


class _Folders:
    """The files of folders, each folder listed once; names are found in any case and Unicode form."""

    def __init__(self) -> None:
        self.files = functools.cache(self._files)

    def find(self, path: Path) -> Path | None:
        """The file that a path means: as written, in other case, or without its extension."""
        names = self.files(path.parent)
        for name in (path.name, *(path.name + extension for extension in SOUNDS)):
            if found := names.get(name) or names.get(_folded(name)):
                return path.parent / found
        return None

    @staticmethod
    def _files(folder: Path) -> dict[str, str]:
        try:
            with os.scandir(folder) as entries:
                names = [entry.name for entry in entries if entry.is_file()]
        except (OSError, ValueError):
            return {}
        return {_folded(name): name for name in names} | {name: name for name in names}


def _sound(row: int, text: str, reading: _Reading, folders: _Folders) -> Path | None:
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


def _text_beside(row: int, sound: Path, reading: _Reading, folders: _Folders) -> str:
    """The words of the text file beside a sound, "" if there is none."""
    name = folders.files(sound.parent).get(_folded(sound.stem + ".txt"))
    try:
        return transcript.read(sound.with_name(name)) if name else ""
    except TextError as error:
        reading.note(
            row, f"its words are not used: {str(error).rstrip('.')}", "Or write them into the sheet", kept=True
        )
        return ""


def _expression(pattern: str) -> re.Pattern[str]:
    """How a name pattern looks without its folder and extension. The first part may hold underscores."""
    stem = Path(pattern).name
    stem = stem.removesuffix(Path(stem).suffix) if Path(stem).suffix.lower() in SOUNDS else stem
    pieces, first = [], True
    for literal, name in re.findall(r"([^{]*)(?:\{(\w+)(?::[^}]*)?\})?", stem):
        pieces.append(re.escape(literal))
        if name and name not in _PARTS:
            raise SheetError(f"A file name has no part “{name}”. Use these in the pattern: {', '.join(_PARTS)}.")
        if name:
            inside = "[A-Za-z]{2,3}(?:[-_][A-Za-z0-9]{2,4})?" if name == "language" else ".+" if first else r"[^_.]+"
            pieces.append(f"(?P<{name}>{inside})")
            first = False
    try:
        return re.compile("".join(pieces), re.IGNORECASE)
    except re.error as error:
        raise SheetError(f"The pattern “{pattern}” cannot be used ({error}). Name each part once.") from error


def _with_sounds(rows: Sequence[_Row], reading: _Reading, patterns: Sequence[str]) -> list[_Row]:
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
            filled.append(_Row(row.number, {"sound": best.get(k, ""), **_said(row)}))
        else:
            what = "no sound is named, and no file has its name"
            reading.note(row.number, what, f"Name the file in the sheet, or the files {' or '.join(patterns)}")
    return filled


def _said(row: _Row) -> dict[str, str]:
    return {name: value for name, value in row.fields.items() if value}


def _found(rows: Iterable[_Row], pattern: str, folder: Path) -> dict[int, str]:
    """Place of a row -> the sound whose name says the same of the pattern's parts."""
    expression = _expression(pattern)
    place = folder / Path(pattern).parent
    parts = tuple(expression.groupindex)
    named: dict[tuple[str, ...], str] = {}
    for name in sorted({*_Folders().files(place).values()}):
        if Path(name).suffix.lower() in SOUNDS and (match := expression.fullmatch(Path(name).stem)):
            named.setdefault(tuple(_slug(match[part]) for part in parts), str(Path(pattern).parent / name))
    keys = [tuple(_slug(row.fields.get(part, "")) for part in parts) for row in rows]
    return {k: named[key] for k, key in enumerate(keys) if key in named and any(key)}


def _folded(name: str) -> str:
    return unicodedata.normalize("NFC", name).casefold()


def _slug(text: str) -> str:
    """Letters and digits alone, numbers without leading zeros: “Anna B. 007” and “anna_b-7” are the same."""
    return re.sub(r"(?<!\d)0+(?=\d)", "", re.sub(r"[\W_]+", "", _folded(text)))


# Files as text


def _text(reading: _Reading) -> str:
    """The file as text of whatever encoding. Raises SheetError on what is none."""
    if reading.path.stat().st_size > LARGEST:
        raise SheetError(f"{reading.path.name} is too large for a sheet. Split it.")
    data = reading.path.read_bytes()
    if data[:2] == b"PK" or data[:4] == b"\xd0\xcf\x11\xe0":
        raise SheetError(f"{reading.path.name} is a workbook. Save it as CSV UTF-8.")
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        encoding = "utf-16"
    elif b"\0" in data[:4000]:
        encoding = "utf-16-le" if data[1:4000:2].count(0) > data[0:4000:2].count(0) else "utf-16-be"
    else:
        encoding = "utf-8-sig"
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError as error:
        if encoding != "utf-8-sig":
            raise SheetError(f"{reading.path.name} is not text ({error.reason}). Save it as UTF-8.") from error
        text = data.decode("cp1252", errors="replace")
        row = data.count(b"\n", 0, error.start) + 1
        what = "it is not UTF-8 and was read as Windows-1252"
        if "\ufffd" in text:
            what = "it holds bytes of no encoding that is known"
        reading.note(row, what, "Save it as UTF-8 if letters are wrong", kept=True)
    return text.replace("\r\n", "\n").replace("\r", "\n")


# Tables


def _read_table(reading: _Reading) -> list[_Row]:
    """Rows of a CSV or TSV file with any delimiter, below the first row that names columns."""
    lines = _text(reading).split("\n")
    if match := re.fullmatch(r"sep=(.)", lines[0].strip(), re.IGNORECASE):
        delimiter, lines[0] = match[1], ""
        head = _head(lines, delimiter)
    else:
        heads = [(_head(lines, delimiter), delimiter) for delimiter in ",;\t|"]
        head, delimiter = max(heads, key=lambda found: len(found[0][1]))
    row, columns = head
    if not columns:
        raise SheetError(f"{reading.path.name} names no column that is known. Call them: {', '.join(COLUMNS)}.")
    table = islice(_records(lines, delimiter, reading), row - 1, None)
    _note_unknown(next(table)[1], columns.values(), row, reading)
    rows = []
    for number, cells in table:
        fields = {name: cells[k] for name, k in columns.items() if k < len(cells)}
        if any(cell.strip() for cell in cells):
            _note_formula(number, fields, reading)
            rows.append(_Row(number, fields))
    return _with_sounds(rows, reading, ("{id}",))


def _head(lines: Sequence[str], delimiter: str) -> tuple[int, dict[str, int]]:
    """The row among the first ten that names the most columns, and field -> its column."""
    best: tuple[int, dict[str, int]] = (1, {})
    for row, cells in enumerate(csv.reader(lines[:10], delimiter=delimiter), start=1):
        columns = _columns(cells)
        best = (row, columns) if len(columns) > len(best[1]) else best
    return best


def _columns(names: Sequence[str]) -> dict[str, int]:
    """Field -> the column that means it; of several, the one whose name stands first in `COLUMNS`."""
    plain = [re.sub(r"[\W_]+", "", name.casefold()) for name in names]
    known = [name for name in _FIELD_OF if name in plain]
    return {_FIELD_OF[name]: plain.index(name) for name in reversed(known)}


def _note_unknown(names: Sequence[str], used: Iterable[int], row: int, reading: _Reading) -> None:
    unknown = [name.strip() for k, name in enumerate(names) if k not in set(used) and name.strip()]
    if unknown:
        what = f"these columns are not used: {', '.join(unknown)}"
        reading.note(row, what, f"Call them otherwise if they should be: {', '.join(COLUMNS)}", kept=True)


def _note_formula(row: int, fields: Mapping[str, str], reading: _Reading) -> None:
    for name, value in fields.items():
        if value.lstrip("' ").startswith(("=", "+", "@")) and name != "text":
            reading.note(
                row, f"the cell “{value[:40]}” looks like a formula; it is text here", "Write a value", kept=True
            )


def _records(lines: Sequence[str], delimiter: str, reading: _Reading) -> Iterator[tuple[int, list[str]]]:
    """Row number and cells of every row; a quote that is never closed ends with its line instead of taking the rest."""
    numbers, at = count(1), 0
    while at < len(lines):
        reader = csv.reader((line + "\n" for line in islice(lines, at, None)), delimiter=delimiter, strict=True)
        begun = 0
        try:
            for cells in reader:
                yield next(numbers), cells
                begun = reader.line_num
            return
        except csv.Error:
            number, line = next(numbers), lines[at + begun]
        if reader.line_num - begun > 1:
            reading.note(number, "a quote is opened and not closed", "Close it, or write it twice", kept=True)
            yield number, [cell.strip('"') for cell in line.split(delimiter)]
        else:
            yield number, next(csv.reader([line], delimiter=delimiter))
        at += begun + 1


def _read_json(reading: _Reading) -> list[_Row]:
    """Rows of a JSON list of objects, or of {"lines": [...]}."""
    try:
        data = json.loads(_text(reading))
    except (ValueError, RecursionError) as error:
        raise SheetError(f"{reading.path.name} is not whole JSON ({error}). Export it again.") from error
    listed = data.get("lines") if isinstance(data, dict) else data
    if not isinstance(listed, list):
        raise SheetError(f'{reading.path.name} holds no list of lines. Write [{{"sound": …}}, …] or {{"lines": […]}}.')
    rows: list[_Row] = []
    unknown: dict[str, int] = {}
    for number, item in enumerate(listed, start=1):
        if not isinstance(item, dict):
            reading.note(number, "this is no object", 'Write {"sound": …, "text": …}')
            continue
        values = {str(name): _plain(value) for name, value in item.items()}
        columns, names = _columns(list(values)), list(values)
        unknown |= {name: number for k, name in enumerate(names) if k not in columns.values() and name not in unknown}
        fields = {kind: values[names[k]] for kind, k in columns.items()}
        _note_formula(number, fields, reading)
        rows.append(_Row(number, fields))
    _note_unknown(list(unknown), (), 0, reading)
    return _with_sounds(rows, reading, ("{id}",))


def _plain(value: object) -> str:
    return str(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else ""


# Screenplays and subtitles


def _read_fountain(reading: _Reading) -> list[_Row]:
    """The dialogue of a Fountain screenplay (fountain.io/syntax). A note such as [[take2.wav]] names a line's sound."""
    text = re.sub(r"/\*.*?\*/", lambda cut: "\n" * cut[0].count("\n"), _text(reading), flags=re.DOTALL)
    lines = [line if line.strip() or line == "  " else "" for line in text.split("\n")]
    spoken: list[dict[str, str]] = []
    numbers: list[int] = []
    scene, scenes, at = "", 0, lines.index("") if re.match(r"[A-Za-z ]+:", lines[0]) and "" in lines else 0
    while at < len(lines):
        line = lines[at].strip()
        if re.match(r"(INT|EXT|EST|I/E|INT\.?/EXT)[. ]|\.[^.]", line, re.IGNORECASE):
            scenes += 1
            given = re.search(r"#([^#]+)#\s*$", line)
            scene = given[1] if given else str(scenes)
        elif at + 1 < len(lines) and lines[at + 1] and (at == 0 or lines[at - 1] == "") and (character := _cue(line)):
            numbers.append(at + 1)
            end = next((k for k in range(at + 1, len(lines)) if lines[k] == ""), len(lines))
            spoken.append({"scene": scene, "character": character, **_speech(lines[at + 1 : end])})
            at = end
        at += 1
    rows = [_Row(row, fields) for row, fields in zip(numbers, _counted(spoken), strict=True)]
    return _with_sounds(rows, reading, _SCRIPT_PATTERNS)


def _cue(line: str) -> str:
    """The character that a line of a screenplay announces, "" if it announces none."""
    name = re.sub(r"\([^)]*\)|\^\s*$", "", line).strip()
    if name.startswith("@"):
        return name[1:].strip()
    is_cue = name == name.upper() and any(ch.isalpha() for ch in name) and name[0] not in "!>.~=#" and name[-1] != ":"
    return name if is_cue else ""


def _speech(lines: Iterable[str]) -> dict[str, str]:
    """The words below a cue without directions, marks of emphasis and notes, and the sound that a note names."""
    text = " ".join(line.strip().removeprefix("~") for line in lines if not re.fullmatch(r"\s*\(.*\)\s*", line))
    notes = [note.strip() for note in re.findall(r"\[\[(.*?)\]\]", text)]
    sound = next((note for note in notes if note.lower().endswith(SOUNDS)), "")
    words = re.sub(r"\[\[.*?\]\]|(?<!\\)[*_]", "", text)
    return {"text": re.sub(r"\s+", " ", words).strip(), "sound": sound.removeprefix("sound:").strip()}


def _counted(spoken: Sequence[dict[str, str]]) -> list[dict[str, str]]:
    """number: the line's place in the script; count: its place among the character's lines of the scene."""
    counts: Counter[tuple[str, str]] = Counter()
    rows = []
    for number, fields in enumerate(spoken, start=1):
        who = (fields.get("scene", ""), fields["character"])
        counts[who] += 1
        rows.append({**fields, "number": str(number), "count": str(counts[who])})
    return rows


_NAME = re.compile(r"\s*[-–]?\s*([^\W\d][\w .'’-]{0,30}?)\s*:\s+(?=\S)")
_SPAN = re.compile(r"\s*((?:\d+:)?\d+:\d+[.,]\d+)\s*-->\s*((?:\d+:)?\d+:\d+[.,]\d+)")


def _read_subtitles(reading: _Reading) -> list[_Row]:
    """The cues of SRT and WebVTT files that are spoken, one line for each speaker of a cue."""
    lines = _text(reading).split("\n")
    spans = [(k, span) for k, line in enumerate(lines) if (span := _SPAN.match(line))]
    bodies = [list(_until_blank(lines, k + 1)) for k, _ in spans]
    names = Counter(match[1] for body in bodies for line in body if (match := _NAME.match(line)))
    spoken, numbers = [], []
    for number, ((_, span), body) in enumerate(zip(spans, bodies, strict=True), start=1):
        for character, words in _speakers(body, names):
            spoken.append({"character": character, "text": words, "start": span[1], "end": span[2]})
            numbers.append(number)
    counted = _counted(spoken)
    rows = [_Row(n, {**fields, "number": str(n)}) for n, fields in zip(numbers, counted, strict=True)]
    return _with_sounds(rows, reading, _SCRIPT_PATTERNS)


def _until_blank(lines: Sequence[str], at: int) -> Iterator[str]:
    """The lines of a cue without their formatting; <v Name> becomes “NAME: ”."""
    while at < len(lines) and lines[at].strip():
        voiced = re.sub(r"<v(?:\.[\w.]+)?\s+([^>]+)>", lambda voice: f"{voice[1].strip().upper()}: ", lines[at])
        yield html.unescape(re.sub(r"<[^>]*>|\{\\[^}]*\}", "", voiced)).strip()
        at += 1


def _speakers(body: Iterable[str], names: Counter[str]) -> list[tuple[str, str]]:
    """Who says what in a cue. A name is in capitals or stands before several cues; [sounds] and ♪ are not spoken."""
    parts: list[tuple[str, list[str]]] = [("", [])]
    for line in body:
        match = _NAME.match(line)
        if match and (match[1] == match[1].upper() or names[match[1]] > 1):
            parts.append((match[1], []))
            line = line[match.end() :]
        parts[-1][1].append(line)
    plain = ((who, re.sub(r"\[[^\]]*\]|♪.*", "", " ".join(words)).strip(" -–")) for who, words in parts)
    return [(who, words) for who, words in plain if words]


# Folders


def _read_folder(reading: _Reading) -> list[_Row]:
    """The sounds of a folder and of those below it; their names say scene, character, language and take."""
    expressions = [_expression(pattern) for pattern in ((reading.pattern,) if reading.pattern else _PATTERNS)]
    rows: list[_Row] = []
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
            rows.append(_Row(len(rows) + 1, {**parts, "sound": os.path.relpath(Path(place, name), reading.path)}))
    if not rows:
        raise SheetError(f"There are no sounds in {reading.path}. Choose another folder.")
    return rows


_READERS: dict[str, Callable[[_Reading], list[_Row]]] = {
    "": _read_folder,
    ".csv": _read_table,
    ".tsv": _read_table,
    ".txt": _read_table,
    ".json": _read_json,
    ".fountain": _read_fountain,
    ".spmd": _read_fountain,
    ".srt": _read_subtitles,
    ".vtt": _read_subtitles,
}
