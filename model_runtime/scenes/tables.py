"""Rows of tables: CSV and TSV with any delimiter, and JSON."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import count, islice

from .naming import with_sounds
from .reading import Reading, Row, SheetError

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


# CSV and TSV


def read_table(reading: Reading) -> list[Row]:
    """Rows of a CSV or TSV file with any delimiter, below the first row that names columns."""
    lines = reading.text().split("\n")
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
            rows.append(Row(number, fields))
    return with_sounds(rows, reading, ("{id}",))


def _head(lines: Sequence[str], delimiter: str) -> tuple[int, dict[str, int]]:
    """The row among the first ten that names the most columns, and field -> its column."""
    best: tuple[int, dict[str, int]] = (1, {})
    for row, cells in enumerate(csv.reader(lines[:10], delimiter=delimiter), start=1):
        columns = _columns(cells)
        best = (row, columns) if len(columns) > len(best[1]) else best
    return best


def _records(lines: Sequence[str], delimiter: str, reading: Reading) -> Iterator[tuple[int, list[str]]]:
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


# JSON


def read_json(reading: Reading) -> list[Row]:
    """Rows of a JSON list of objects, or of {"lines": [...]}."""
    try:
        data = json.loads(reading.text())
    except (ValueError, RecursionError) as error:
        raise SheetError(f"{reading.path.name} is not whole JSON ({error}). Export it again.") from error
    listed = data.get("lines") if isinstance(data, dict) else data
    if not isinstance(listed, list):
        raise SheetError(f'{reading.path.name} holds no list of lines. Write [{{"sound": …}}, …] or {{"lines": […]}}.')
    rows: list[Row] = []
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
        rows.append(Row(number, fields))
    _note_unknown(list(unknown), (), 0, reading)
    return with_sounds(rows, reading, ("{id}",))


def _plain(value: object) -> str:
    return str(value) if isinstance(value, str | int | float) and not isinstance(value, bool) else ""


# Columns and cells


def _columns(names: Sequence[str]) -> dict[str, int]:
    """Field -> the column that means it; of several, the one whose name stands first in `COLUMNS`."""
    plain = [re.sub(r"[\W_]+", "", name.casefold()) for name in names]
    known = [name for name in _FIELD_OF if name in plain]
    return {_FIELD_OF[name]: plain.index(name) for name in reversed(known)}


def _note_unknown(names: Sequence[str], used: Iterable[int], row: int, reading: Reading) -> None:
    unknown = [name.strip() for k, name in enumerate(names) if k not in set(used) and name.strip()]
    if unknown:
        what = f"these columns are not used: {', '.join(unknown)}"
        reading.note(row, what, f"Call them otherwise if they should be: {', '.join(COLUMNS)}", kept=True)


def _note_formula(row: int, fields: Mapping[str, str], reading: Reading) -> None:
    for name, value in fields.items():
        if value.lstrip("' ").startswith(("=", "+", "@")) and name != "text":
            reading.note(
                row, f"the cell “{value[:40]}” looks like a formula; it is text here", "Write a value", kept=True
            )
