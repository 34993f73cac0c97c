"""The consent record (*.consent.json) and the revocation list (*.revoked.json): what a performer has signed.

Both are JSON after the schemas in presets/schemas, with an Ed25519 signature over their canonical form. Reading one
proves that it is whole and unaltered since the holder of its key signed it, and nothing about who that is.
"""

from __future__ import annotations

import hashlib
import secrets
import unicodedata
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from ..errors import ConsentError
from . import canonical_json, ed25519, schema

SCHEMA, REVOCATION_SCHEMA = "labial-consent/1", "labial-revocation/1"
SUFFIX, REVOKED_SUFFIX = ".consent.json", ".revoked.json"
WORLD = "WORLD"
CHUNK = 1 << 20


@dataclass(frozen=True)
class Line:
    """Something that may be said; one with a sound allows that sound alone. Empty text or audio: any."""

    language: str
    text: str
    audio: str


@dataclass(frozen=True)
class Consent:
    """A record whose signature holds; hashes are SHA-256 in hexadecimal digits, times are UTC."""

    id: str
    issued: datetime
    performer: str
    minor: bool
    signer: str
    project: str
    plates: frozenset[str]
    lines: tuple[Line, ...]
    languages: frozenset[str]
    media: frozenset[str]
    territories: frozenset[str]
    starts: datetime
    ends: datetime
    plate_fit: bool
    shared_prior: bool
    approval: bool
    contact: str
    public_key: bytes
    salted_hash: str
    """SHA-256 of the salt and the canonical record: names the record to those who have it, and tells others nothing."""


@dataclass(frozen=True)
class Revocations:
    """A list whose signature holds."""

    ids: dict[str, str]
    """Of consent records, with the time (UTC) of each."""
    public_key: bytes


def read(path: str | Path) -> Consent:
    """Reads a record. Raises ConsentError if there is none, or it is damaged, altered or not signed by its key."""
    path = Path(path)
    data = _read_signed(path, "consent")
    try:
        return _consent(data)
    except ValueError as error:  # a day that is not in the calendar
        raise ConsentError(f"The consent record {path.name} is damaged: {error}.") from error


def read_revocations(path: str | Path) -> Revocations:
    """Reads a revocation list. Raises ConsentError as `read` does."""
    data = _read_signed(Path(path), "revocation")
    return Revocations({entry["id"]: entry["time"] for entry in data["revoked"]}, bytes.fromhex(data["public_key"]))


def read_draft(path: str | Path) -> dict[str, Any]:
    """A record that need not be complete or signed yet. Raises ConsentError if it is no JSON of this schema's name."""
    data = _read(Path(path), "consent record")
    if not isinstance(data, dict) or data.get("schema") != SCHEMA:
        raise ConsentError(f"{Path(path).name} is no consent record: it lacks the schema {SCHEMA}.")
    return data


def draft(performer: str, project: str, scope: dict[str, Any], contact: str) -> dict[str, Any]:
    """A record to be looked through and signed, with the schema's `scope`; it allows no training."""
    return {
        "schema": SCHEMA,
        "id": secrets.token_hex(16),
        "salt": secrets.token_hex(32),
        "issued": timestamp(),
        "performer": {"name": performer, "minor": False},
        "signer": {"name": performer, "role": "performer"},
        "project": {"title": project},
        "scope": scope,
        "voice": {"source": "performer"},
        "training": {"plate_fit": False, "shared_prior": False},
        "approval": True,
        "revocation_contact": contact,
    }


def unsigned(data: dict[str, Any]) -> bytes:
    """The canonical form that is signed: the document without its signature."""
    return canonical_json.encode({name: value for name, value in data.items() if name != "signature"})


def plate_hash(plate: Path) -> str:
    """SHA-256 of a movie or image file; of a folder, that of the digests of its files in the order of their names.

    Names that begin with a dot are left out. Raises ConsentError if it cannot be read.
    """
    try:
        if not plate.is_dir():
            return _file_digest(plate).hex()
        frames = sorted(path for path in plate.iterdir() if path.is_file() and not path.name.startswith("."))
        return hashlib.sha256(b"".join(map(_file_digest, frames))).hexdigest()
    except OSError as error:
        raise ConsentError(f"The file {plate} cannot be read: {error.strerror or error}.") from error


def same_words(one: str, other: str) -> bool:
    """Whether two lines are the same but for case, spacing and the encoding of accents."""
    return _words(one) == _words(other)


def timestamp(time: datetime | None = None) -> str:
    """A time, or now, as records write it."""
    return (time or datetime.now(UTC)).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _words(text: str) -> str:
    return " ".join(unicodedata.normalize("NFC", text).casefold().split())


def _file_digest(path: Path) -> bytes:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            digest.update(chunk)
    return digest.digest()


def _read(path: Path, what: str) -> Any:
    try:
        return canonical_json.decode(path.read_bytes())
    except FileNotFoundError:
        raise ConsentError(f"There is no {what} {path}.") from None
    except OSError as error:
        raise ConsentError(f"The {what} {path} cannot be read: {error.strerror or error}.") from error
    except ValueError as error:
        raise ConsentError(f"The {what} {path.name} is damaged: {error}.") from error


def _read_signed(path: Path, kind: str) -> dict[str, Any]:
    what = "consent record" if kind == "consent" else "revocation list"
    data = _read(path, what)
    if isinstance(data, dict) and "signature" not in data:
        raise ConsentError(f"The {what} {path.name} is not signed.")
    try:
        schema.check(data, schema.load(kind))
    except ValueError as error:
        raise ConsentError(f"The {what} {path.name} is damaged or not complete: {error}.") from error
    if not ed25519.verify(bytes.fromhex(data["public_key"]), unsigned(data), bytes.fromhex(data["signature"])):
        raise ConsentError(
            f"The {what} {path.name} was altered after it was signed, or was not signed with the key that it names."
        )
    assert isinstance(data, dict)
    return data


def _consent(data: dict[str, Any]) -> Consent:
    scope, training = data["scope"], data["training"]
    salted = hashlib.sha256(bytes.fromhex(data["salt"]) + canonical_json.encode(data)).hexdigest()
    lines = tuple(Line(row["language"], row.get("text", ""), row.get("audio", "")) for row in scope["lines"])
    return Consent(
        id=data["id"],
        issued=_time(data["issued"]),
        performer=" ".join(data["performer"]["name"].split()),
        minor=data["performer"]["minor"],
        signer=data["signer"]["name"],
        project=data["project"]["title"],
        plates=frozenset(scope["plates"]),
        lines=lines,
        languages=frozenset(scope["languages"]),
        media=frozenset(scope["media"]),
        territories=frozenset(scope["territories"]),
        starts=_time(scope["term"]["from"]),
        ends=_time(scope["term"]["until"]),
        plate_fit=training["plate_fit"],
        shared_prior=training["shared_prior"],
        approval=data["approval"],
        contact=data["revocation_contact"],
        public_key=bytes.fromhex(data["public_key"]),
        salted_hash=salted,
    )


def _time(text: str) -> datetime:
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%S%z")
