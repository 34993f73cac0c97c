"""The gate: without a performer's valid consent for exactly this use, nothing of the plate pass runs.

`permit` is the only maker of a `Permission`, and whatever changes a plate or learns from one takes a Permission and
calls its `check`. There is no switch to skip it.
"""

from __future__ import annotations

from dataclasses import InitVar, dataclass
from datetime import UTC, datetime
from enum import Enum
from pathlib import Path

from ..errors import ConsentError
from . import trust
from .consent import REVOKED_SUFFIX, WORLD, Consent, read, read_revocations, same_words, timestamp

_SEAL = object()


class Purpose(Enum):
    """What is done with the plate."""

    REDUB = "give the mouth a new line"
    PLATE_FIT = "fit a network to this plate"
    SHARED_PRIOR = "train a network that others use"


@dataclass(frozen=True)
class Use:
    """What is asked for: hashes are SHA-256 in hexadecimal digits, the plate's that of `consent.plate_hash`.

    To give a new line, language, media and territories are needed, and the sound's hash, the words or both.
    """

    plate: str
    purpose: Purpose = Purpose.REDUB
    language: str = ""
    text: str = ""
    audio: str = ""
    media: tuple[str, ...] = ()
    territories: tuple[str, ...] = ()


@dataclass(frozen=True)
class Permission:
    """A use that was permitted. Only `permit` makes one."""

    use: Use
    performer: str
    consent_id: str
    consent_hash: str
    """Salted: this, and neither the name nor the record, goes into the film."""
    ends: datetime
    approval: bool
    """Whether the performer wants to see the result before it is shown."""
    seal: InitVar[object] = None

    def __post_init__(self, seal: object) -> None:
        if seal is not _SEAL:
            raise TypeError("a Permission is given by gate.permit alone")

    def check(self, purpose: Purpose, plate: str, audio: str | None = None) -> None:
        """Raises ConsentError unless this was given for that purpose and plate, and still holds.

        plate, audio: hashes of what is really at hand; the sound's as soon as there is one.
        """
        if self.use.purpose is not purpose:
            raise ConsentError(
                f"{self.performer}'s consent was asked to {self.use.purpose.value}, not to {purpose.value}."
            )
        if self.use.plate != plate:
            raise ConsentError(f"{self.performer}'s consent was asked for another recording than this.")
        if audio is not None and self.use.audio != audio:
            raise ConsentError(f"{self.performer}'s consent was asked for another sound than this.")
        if datetime.now(UTC) >= self.ends:
            raise ConsentError(f"{self.performer}'s consent has ended on {timestamp(self.ends)}.")


def standing(record: str | Path) -> Consent:
    """A record that holds today, whatever it allows. Raises ConsentError saying why it does not."""
    record = Path(record)
    consent = read(record)
    _check_key(consent)
    _check_revoked(consent, record)
    _check_time(consent)
    if consent.minor:
        raise ConsentError(
            f"{consent.performer} is a minor or cannot consent alone; Labial does not change such a face."
        )
    return consent


def permit(record: str | Path, use: Use) -> Permission:
    """The Permission for a use, or a ConsentError that says in plain words why there is none."""
    consent = standing(record)
    if use.plate not in consent.plates:
        raise ConsentError(
            f"{consent.performer}'s consent is for other recordings than this one (SHA-256 {use.plate[:16]}…). "
            "A copy that was converted is another recording: use the file that was agreed on, or ask again."
        )
    if use.purpose is Purpose.REDUB:
        _check_line(consent, use)
        _check_showing(consent, use)
    elif not (consent.plate_fit if use.purpose is Purpose.PLATE_FIT else consent.shared_prior):
        raise ConsentError(f"{consent.performer} does not allow to {use.purpose.value} (training in the record).")
    return Permission(
        use, consent.performer, consent.id, consent.salted_hash, consent.ends, consent.approval, seal=_SEAL
    )


def _check_key(consent: Consent) -> None:
    own, known = trust.fingerprint(consent.public_key), trust.trusted()
    if (own, consent.performer) in known:
        return
    others = sorted(name for key, name in known if key == own)
    why = f"is trusted for {', '.join(others)} only" if others else "is not trusted yet"
    raise ConsentError(
        f"The key that signed {consent.performer}'s consent {why}. Its fingerprint is {own}. Ask "
        f"{consent.performer} for theirs, by voice or on paper, and enter it with `consent trust`."
    )


def _check_revoked(consent: Consent, record: Path) -> None:
    """Looks into every list beside the record and in the user's folder; a damaged one refuses as well."""
    folders = {folder.resolve() for folder in (record.parent, trust.home()) if folder.is_dir()}
    for path in sorted(path for folder in folders for path in folder.glob("*" + REVOKED_SUFFIX)):
        try:
            revoked = read_revocations(path)
        except ConsentError as error:
            raise ConsentError(
                f"{error} It may revoke {consent.performer}'s consent; ask {consent.contact} before you go on."
            ) from error
        if consent.id in revoked.ids:
            own = trust.fingerprint(revoked.public_key)
            by = "" if (own, consent.performer) in trust.trusted() else f" with a key that is not trusted ({own})"
            raise ConsentError(
                f"{consent.performer}'s consent was revoked on {revoked.ids[consent.id]}{by}, by {path.name}. Delete "
                f"what was fitted to the plate; questions go to {consent.contact}."
            )


def _check_time(consent: Consent) -> None:
    now = datetime.now(UTC)
    if now < consent.issued:
        raise ConsentError(
            f"By this computer's clock ({timestamp(now)}) {consent.performer}'s consent is not written yet "
            f"({timestamp(consent.issued)}). Set the clock."
        )
    if now < consent.starts:
        raise ConsentError(f"{consent.performer}'s consent begins on {timestamp(consent.starts)}.")
    if now >= consent.ends:
        raise ConsentError(f"{consent.performer}'s consent has ended on {timestamp(consent.ends)}.")


def _check_line(consent: Consent, use: Use) -> None:
    if use.language not in consent.languages:
        raise ConsentError(
            f"{consent.performer} does not allow the language {use.language or '(none given)'}; allowed: "
            f"{', '.join(sorted(consent.languages))}."
        )
    for line in consent.lines:
        fits = line.audio == use.audio if line.audio else same_words(line.text, use.text)
        contradicts = bool(line.audio and line.text and use.text) and not same_words(line.text, use.text)
        if line.language == use.language and fits and not contradicts:
            return
    sound = f", sound {use.audio[:16]}…" if use.audio else ""
    raise ConsentError(
        f'{consent.performer} has not agreed to say this line ("{use.text[:80]}"{sound}). The record names '
        f"{len(consent.lines)} line(s), with the very words or the very sound file of each."
    )


def _check_showing(consent: Consent, use: Use) -> None:
    if not use.media or not use.territories:
        raise ConsentError("Say in which media and territories the result will be shown.")
    if others := sorted(set(use.media) - consent.media):
        raise ConsentError(
            f"{consent.performer} does not allow {', '.join(others)}; allowed: {', '.join(sorted(consent.media))}."
        )
    if WORLD not in consent.territories and (others := sorted(set(use.territories) - consent.territories)):
        raise ConsentError(
            f"{consent.performer} does not allow showing it in {', '.join(others)}; allowed: "
            f"{', '.join(sorted(consent.territories))}."
        )
