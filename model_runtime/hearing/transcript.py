"""Where the words of a sound come from when nobody typed them: a text file of the same name beside it."""

from __future__ import annotations

from pathlib import Path

from ..errors import TextError
from . import lexicon

LONGEST = 200_000
"""Bytes: a larger file is no transcript of one line."""


def read(path: Path) -> str:
    """The words of a text file, UTF-8. Raises TextError naming the file and the fix."""
    try:
        if path.stat().st_size > LONGEST:
            raise TextError(f"{path.name} is too long for the transcript of one line. Split it, or give another file.")
        return path.read_text(encoding="utf-8-sig").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise TextError(f"{path} cannot be read as text ({error}). Save it as UTF-8.") from error


def beside(sound: Path) -> Path | None:
    """The transcript that lies beside a sound file (line.wav: line.txt), if there is one and words can be used."""
    path = sound.with_suffix(".txt")
    return path if path != sound and path.is_file() and lexicon.available() else None
