"""A sheet while it is read: its text, its rows, and what was found to mend."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ..errors import LipSyncError

LARGEST = 64 << 20
"""Bytes of a sheet; what is larger is something else."""


class SheetError(LipSyncError):
    """A sheet cannot be used at all: missing, unreadable, of an unknown kind, without a column that is known."""


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
class Row:
    """What a sheet says of one line, as text by field; `tables.COLUMNS` and `naming.PARTS` name the fields."""

    number: int
    fields: Mapping[str, str]


@dataclass
class Reading:
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

    def text(self) -> str:
        """The file as text of whatever encoding. Raises SheetError on what is none."""
        if self.path.stat().st_size > LARGEST:
            raise SheetError(f"{self.path.name} is too large for a sheet. Split it.")
        data = self.path.read_bytes()
        if data[:2] == b"PK" or data[:4] == b"\xd0\xcf\x11\xe0":
            raise SheetError(f"{self.path.name} is a workbook. Save it as CSV UTF-8.")
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
                raise SheetError(f"{self.path.name} is not text ({error.reason}). Save it as UTF-8.") from error
            text = data.decode("cp1252", errors="replace")
            row = data.count(b"\n", 0, error.start) + 1
            what = "it is not UTF-8 and was read as Windows-1252"
            if "\ufffd" in text:
                what = "it holds bytes of no encoding that is known"
            self.note(row, what, "Save it as UTF-8 if letters are wrong", kept=True)
        return text.replace("\r\n", "\n").replace("\r", "\n")
