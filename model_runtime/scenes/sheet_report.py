"""The page about the lines of a sheet that were made without Blender."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from .. import pipeline, track_file
from ..errors import LipSyncError
from ..hearing import audio
from .batch import Result
from .batch_report import BatchLine, described, write_batch_report
from .job import BatchError, file_name, reason
from .sheet import Line, Sheet


def write_sheet_report(
    page: Path, title: str, sheet: Sheet, folder: Path, result: Result, *, words: bool = True
) -> None:
    """Writes the page about what is in `folder`: every line is heard once more for its picture.

    words: whether transcripts were used. Raises BatchError if the page cannot be written.
    """
    try:
        write_batch_report(page, title, list(_rows(sheet, folder, result, words)))
    except OSError as error:
        raise BatchError(f"{page} cannot be written: {reason(error)}. Choose another place.") from error


def _rows(sheet: Sheet, folder: Path, result: Result, words: bool) -> Iterator[BatchLine]:
    failed = {one["id"]: one["error"] for one in result.failed}
    done = set(result.done)
    for line in sheet.lines:
        made = folder / file_name(line.id)
        known = "FAILED" if line.id in failed else "DONE" if line.id in done else "UNCHANGED"
        status = known if known == "FAILED" or made.exists() else "WAITING"
        row = BatchLine(line.id, line.character, line.language, status, failed.get(line.id, ""))
        yield _heard(row, line, made, words) if status in ("DONE", "UNCHANGED") else row


def _heard(row: BatchLine, line: Line, made: Path, words: bool) -> BatchLine:
    """The row with what sound and track tell; a sound that went missing since is a note."""
    try:
        clip = audio.load(line.sound)
        speech = pipeline.listen(clip, line.text if words else None, line.language)
        return described(row, clip, speech, track_file.read(made))
    except LipSyncError as error:
        return replace(row, status="FAILED", note=str(error))
