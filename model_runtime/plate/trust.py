"""Whose key is whose: the user's own list of fingerprints.

A signature proves that the holder of a key signed; that the holder is the performer, only people can know. So a key
counts once the user has heard its fingerprint from the performer (in person, on the phone, on paper) and has entered
it, for that performer alone. The list lies in the user's own folder, out of reach of a project that is handed over.
"""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path

from ..errors import ConsentError

HOME = "LABIAL_HOME"
"""Environment variable that moves the user's folder."""


def home() -> Path:
    """The user's own folder of keys, certificates, revocations and the list; it need not exist."""
    if given := os.environ.get(HOME):
        return Path(given)
    if sys.platform == "win32":
        return Path(os.environ.get("APPDATA", Path.home())) / "Labial"
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "Labial"
    return Path(os.environ.get("XDG_CONFIG_HOME", Path.home() / ".config")) / "labial"


def list_file() -> Path:
    """The list: a line a key, its fingerprint and the performer's name; `#` begins a remark."""
    return home() / "trusted-keys.txt"


def fingerprint(public_key: bytes) -> str:
    """The first 128 bits of the key's SHA-256, in eight groups that can be read aloud."""
    digits = hashlib.sha256(public_key).hexdigest()[:32]
    return " ".join(digits[start : start + 4] for start in range(0, 32, 4))


def parse(text: str) -> str:
    """A fingerprint as people type it, in the usual spelling. Raises ConsentError if it is none."""
    digits = "".join(text.replace(":", "").replace("-", "").split()).lower()
    if len(digits) != 32 or set(digits) - set("0123456789abcdef"):
        raise ConsentError(f'"{text}" is no fingerprint: one has eight groups of four of the digits 0-9 and a-f.')
    return " ".join(digits[start : start + 4] for start in range(0, 32, 4))


def trusted() -> frozenset[tuple[str, str]]:
    """Fingerprints and the performers that they are trusted for. Raises ConsentError if the list is damaged."""
    path = list_file()
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except FileNotFoundError:
        return frozenset()
    except (OSError, UnicodeDecodeError) as error:
        raise ConsentError(f"The list of trusted keys {path} cannot be read: {error}.") from error
    rows = (line.split(maxsplit=8) for line in lines if line.strip() and not line.lstrip().startswith("#"))
    return frozenset(_entry(row, path) for row in rows)


def trust(public_key: bytes, performer: str, told: str) -> None:
    """Adds a key to the list if its fingerprint is the one that the performer told, else raises ConsentError."""
    own = fingerprint(public_key)
    if parse(told) != own:
        raise ConsentError(
            f"The key in the record has another fingerprint than {performer} told you. Do not use the record; ask "
            f"{performer} for it again."
        )
    if (own, performer) in trusted():
        return
    path = list_file()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("a", encoding="utf-8") as file:
            file.write(f"{own} {performer}\n")
    except OSError as error:
        raise ConsentError(f"The list of trusted keys {path} cannot be written: {error}.") from error


def _entry(row: list[str], path: Path) -> tuple[str, str]:
    if len(row) != 9:
        raise ConsentError(
            f"{path} has a line that is no fingerprint and name: {' '.join(row)[:80]}. Correct the line."
        )
    return parse(" ".join(row[:8])), " ".join(row[8].split())
