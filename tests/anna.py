"""Anna Example, who allows her face to be used: a record that she signed today, and trust in her key."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from model_runtime.plate import consent, keys, trust


def allows(folder: Path, plate: str, line: dict[str, str], plate_fit: bool = False) -> Path:
    """Writes her record for the recording and the line, from yesterday until tomorrow; trusts her in LABIAL_HOME."""
    key, now = Ed25519PrivateKey.from_private_bytes(b"A" * 32), datetime.now(UTC)
    public = key.public_key().public_bytes_raw()
    scope = {
        "description": "Says a line.", "plates": [plate], "languages": ["en-us"],
        "lines": [{"language": "en-us", **line}], "media": ["cinema"], "territories": ["WORLD"],
        "term": {"from": consent.timestamp(now - timedelta(1)), "until": consent.timestamp(now + timedelta(1))},
    }  # fmt: skip
    record = consent.draft("Anna Example", "The Film", scope, "anna@example.org")
    record["training"]["plate_fit"] = plate_fit
    keys.write_document(folder / "a.consent.json", keys.sign(record, key))
    trust.trust(public, "Anna Example", trust.fingerprint(public))
    return folder / "a.consent.json"
