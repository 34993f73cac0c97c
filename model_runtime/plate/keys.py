"""Ed25519 keys in files, and signing with them through the package `cryptography`; verifying needs neither."""

from __future__ import annotations

import getpass
import json
import os
import secrets
import stat
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ConsentError
from . import trust
from .consent import unsigned

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

PASSPHRASE = "LABIAL_PASSPHRASE"
"""Environment variable with the passphrase of a key; without it, people are asked."""


def make(path: Path, passphrase: str = "") -> Ed25519PrivateKey:
    """A new key in a new file that only its owner may read (PEM, PKCS 8), encrypted if there is a passphrase.

    Raises ConsentError if the file exists or cannot be written.
    """
    need_cryptography()
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    key = Ed25519PrivateKey.generate()
    how = serialization.BestAvailableEncryption(passphrase.encode()) if passphrase else serialization.NoEncryption()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, how)
    write_private(path, pem)
    return key


def load(path: Path) -> Ed25519PrivateKey:
    """The key in a file; its passphrase comes from the environment or is asked for. Raises ConsentError."""
    need_cryptography()
    from cryptography.hazmat.primitives import serialization
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

    pem = read_private(path)
    secret = ask_passphrase(path).encode() if b"ENCRYPTED" in pem else None
    try:
        key = serialization.load_pem_private_key(pem, secret)
    except (ValueError, TypeError) as error:
        reason = "the passphrase is wrong" if secret is not None else "it is no key in PEM format"
        raise ConsentError(f"The key {path.name} cannot be used: {reason}.") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise ConsentError(f"The key {path.name} is of another kind; make one with `consent key`.")
    return key


def sign(document: dict[str, Any], key: Ed25519PrivateKey) -> dict[str, Any]:
    """The document with the key's public half and its signature over the canonical form of all the rest."""
    named = {**document, "public_key": key.public_key().public_bytes_raw().hex()}
    return {**named, "signature": key.sign(unsigned(named)).hex()}


def write_private(path: Path, content: bytes) -> None:
    """A new file that only its owner may read (0600; on Windows, the folder's rights). Raises ConsentError."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
            file.write(content)
    except FileExistsError:
        raise ConsentError(f"{path} is there already, and a key is never overwritten. Choose another name.") from None
    except OSError as error:
        raise ConsentError(f"The key {path} cannot be written: {error.strerror or error}.") from error


def read_private(path: Path) -> bytes:
    """The content of a file that others may not read. Raises ConsentError if they may, or if there is none."""
    try:
        if os.name == "posix" and stat.S_IMODE(path.stat().st_mode) & 0o077:
            raise ConsentError(f"Others on this computer may read the key {path}. Mend it: chmod 600 {path.name}")
        return path.read_bytes()
    except OSError as error:
        raise ConsentError(f"The key {path} cannot be read: {error.strerror or error}.") from error


def write_document(path: Path, document: dict[str, Any]) -> None:
    """A document as people can read it; the file is there whole or not at all. Raises ConsentError."""
    try:
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            part = Path(folder) / path.name
            part.write_text(json.dumps(document, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
            os.replace(part, path)
    except OSError as error:
        raise ConsentError(f"{path} cannot be written: {error.strerror or error}.") from error


def ask_passphrase(path: Path, twice: bool = False) -> str:
    """The passphrase of a key, from the environment or the terminal. Raises ConsentError if there is neither."""
    if (given := os.environ.get(PASSPHRASE)) is not None:
        return given
    if not sys.stdin.isatty():
        raise ConsentError(
            f"The key {path.name} needs a passphrase: give it in {PASSPHRASE} or run this in a terminal."
        )
    first = getpass.getpass(f"Passphrase of {path.name}: ")
    if twice and getpass.getpass("The same again: ") != first:
        raise ConsentError("The passphrases differ; no key was made.")
    return first


def need_cryptography() -> None:
    """Raises ConsentError if the package is not there, saying how to get it."""
    try:
        import cryptography  # noqa: F401
    except ImportError as error:
        raise ConsentError(
            "Signing needs the package cryptography: python -m pip install cryptography (verifying needs nothing)."
        ) from error


def mark_key() -> bytes:
    """The secret that draws this user's watermarks, made on first use. Raises ConsentError if others may read it."""
    path = trust.home() / "watermark.key"
    if not path.exists():
        write_private(path, secrets.token_bytes(32))
    return read_private(path)
