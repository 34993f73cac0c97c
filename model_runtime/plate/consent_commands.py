"""`consent key|new|sign|trust|verify|revoke`: what performers and productions type."""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from ..errors import ConsentError
from . import consent, gate, keys, schema, trust


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the part `consent` to the command line."""
    part = commands.add_parser("consent", help="what a performer allows, see docs/ethics.md")
    actions = part.add_subparsers(required=True, metavar="ACTION")
    key = actions.add_parser("key", help="performer: make the key that signs")
    key.add_argument("key", type=Path, metavar="FILE")
    key.add_argument("--passphrase", action="store_true", help=f"encrypt it (asked for, or in {keys.PASSPHRASE})")
    key.set_defaults(run=run_key)
    _add_new(actions)
    sign = actions.add_parser("sign", help="performer: sign a record")
    revoke = actions.add_parser("revoke", help="performer: take a record back")
    revoke.add_argument("--reason", default="")
    for action, run in ((sign, run_sign), (revoke, run_revoke)):
        action.add_argument("record", type=Path, metavar="RECORD.consent.json")
        action.add_argument("--key", type=Path, required=True, metavar="FILE")
        action.add_argument("--yes", action="store_true", help="do not ask")
        action.set_defaults(run=run)
    trusting = actions.add_parser("trust", help="production: enter the fingerprint that the performer told you")
    trusting.add_argument("record", type=Path, metavar="RECORD.consent.json")
    trusting.add_argument("fingerprint", nargs="+", help="eight groups of four")
    trusting.set_defaults(run=run_trust)
    verify = actions.add_parser("verify", help="say what a record allows and whether it holds")
    verify.add_argument("record", type=Path, metavar="RECORD.consent.json")
    verify.set_defaults(run=run_verify)


def _add_new(actions: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    new = actions.add_parser("new", help="write a record for the performer to sign")
    new.add_argument("record", type=Path, metavar="RECORD.consent.json")
    new.add_argument("--performer", required=True, metavar="NAME")
    new.add_argument("--project", required=True, metavar="TITLE")
    new.add_argument("--description", required=True, help="in plain words, what they will be made to say and do")
    new.add_argument("--plate", type=Path, action="append", required=True, help="movie, image, or folder of images")
    new.add_argument("--line", nargs="+", action="append", default=[], metavar="TEXT [SOUND]", help="words to be said")
    new.add_argument("--sound", type=Path, action="append", default=[], help="a line given by its sound alone")
    new.add_argument("--language", default="en-us", help="of the lines (espeak-ng code)")
    media = consent_media()
    new.add_argument("--media", nargs="+", choices=media, required=True, metavar="WHERE", help=", ".join(media))
    new.add_argument("--territory", nargs="+", default=[consent.WORLD], help="ISO 3166 codes; else the whole world")
    new.add_argument("--until", metavar="YYYY-MM-DD", help="last day; else a year from now")
    new.add_argument("--voice", choices=("performer", "another person", "synthetic"), default="performer")
    new.add_argument("--allow-fit", action="store_true", help="a network may be fitted to these plates alone")
    new.add_argument("--contact", required=True, help="whom to write to for taking it back")
    new.set_defaults(run=run_new)


def consent_media() -> tuple[str, ...]:
    """Where a result may be shown, as the schema lists it."""
    return tuple(schema.load("consent")["properties"]["scope"]["properties"]["media"]["items"]["enum"])


def run_key(options: argparse.Namespace) -> int:
    """Makes a key; the secret stays in the file."""
    passphrase = keys.ask_passphrase(options.key, twice=True) if options.passphrase else ""
    public = keys.make(options.key, passphrase).public_key().public_bytes_raw()
    print(f"The key is in {options.key}. Keep that file to yourself; whoever has it can sign for you.")
    print(f"Its fingerprint, to be told to the production by voice or on paper: {trust.fingerprint(public)}")
    return 0


def run_new(options: argparse.Namespace) -> int:
    """Writes a record that is not signed yet."""
    if options.record.exists():
        raise ConsentError(f"{options.record} is there already. Choose another name.")
    if not options.record.name.endswith(consent.SUFFIX):
        raise ConsentError(f"The name of a consent record ends in {consent.SUFFIX}: {options.record.name}")
    scope = {
        "description": options.description,
        "plates": [consent.plate_hash(plate) for plate in options.plate],
        "lines": _lines(options),
        "languages": [options.language],
        "media": sorted(set(options.media)),
        "territories": options.territory,
        "term": {"from": consent.timestamp(), "until": _last_moment(options.until)},
    }
    record = consent.draft(options.performer, options.project, scope, options.contact)
    record["voice"] = {"source": options.voice}
    record["training"]["plate_fit"] = options.allow_fit
    keys.write_document(options.record, record)
    print(f"{options.record} is ready for {options.performer} to read, to change and to sign with `consent sign`.")
    return 0


def run_sign(options: argparse.Namespace) -> int:
    """Shows what a record says, asks, and signs it in place."""
    data = consent.read_draft(options.record)
    data.pop("signature", None)
    key = keys.load(options.key)
    signed = keys.sign(data, key)
    try:
        schema.check(signed, schema.load("consent"))
    except ValueError as error:
        raise ConsentError(f"{options.record.name} cannot be signed yet: {error}.") from error
    print(describe(signed))
    _ask("Do you agree to this?", options.yes)
    keys.write_document(options.record, signed)
    print(f"Signed. Tell the production your fingerprint: {trust.fingerprint(key.public_key().public_bytes_raw())}")
    return 0


def run_trust(options: argparse.Namespace) -> int:
    """Enters the key of a record, if its fingerprint is the one that was told."""
    record = consent.read(options.record)
    trust.trust(record.public_key, record.performer, " ".join(options.fingerprint))
    print(f"{record.performer}'s key is trusted from now on, for {record.performer} alone ({trust.list_file()}).")
    return 0


def run_verify(options: argparse.Namespace) -> int:
    """Exit code 0 if the record holds, 1 with the reason if it does not."""
    data = consent.read_draft(options.record)
    record = consent.read(options.record)
    print(describe(data))
    print(f"Signed by {record.signer}, with the key {trust.fingerprint(record.public_key)}; unaltered since.")
    try:
        gate.standing(options.record)
    except ConsentError as error:
        print(f"Refused: {error}")
        return 1
    print("It holds.")
    return 0


def run_revoke(options: argparse.Namespace) -> int:
    """Writes the signed list beside the record."""
    record, key = consent.read(options.record), keys.load(options.key)
    if key.public_key().public_bytes_raw() != record.public_key:
        raise ConsentError(f"{options.record.name} was signed with another key than {options.key.name}.")
    _ask(f"Take back {record.performer}'s consent for {record.project}?", options.yes)
    path = options.record.with_name(options.record.name.removesuffix(consent.SUFFIX) + consent.REVOKED_SUFFIX)
    if path.exists():
        raise ConsentError(f"{path.name} is there already; `consent verify` says what it does.")
    entry = {"id": record.id, "time": consent.timestamp(), **({"reason": options.reason} if options.reason else {})}
    keys.write_document(path, keys.sign({"schema": consent.REVOCATION_SCHEMA, "revoked": [entry]}, key))
    print(f"Revoked. Send {path.name} to everyone who has the record; it counts wherever it lies beside it.")
    return 0


def describe(data: dict[str, Any]) -> str:
    """A whole record in plain words."""
    scope, training = data["scope"], data["training"]
    lines = [f"    {_line(row)}" for row in scope["lines"]]
    fit = "may be fitted to these plates, for them alone" if training["plate_fit"] else "may not be trained with them"
    shared = "; networks that others use may be trained with them" if training["shared_prior"] else ""
    voice = data["voice"]["source"]
    return "\n".join([
        f"{data['performer']['name']} allows, for {data['project']['title']}:",
        f"  {scope['description']}",
        f"  {len(scope['plates'])} recording(s): {', '.join(digest[:16] + '…' for digest in scope['plates'])}",
        f"  {len(lines)} line(s), voice: {'their own' if voice == 'performer' else voice}",
        *lines,
        f"  shown in {', '.join(scope['media'])}; territory {', '.join(scope['territories'])}",
        f"  from {scope['term']['from']} until {scope['term']['until']}",
        f"  a network {fit}{shared}",
        f"  {'They want to approve the result.' if data['approval'] else 'The result needs no further approval.'}",
        f"  To take it back: {data['revocation_contact']}",
    ])  # fmt: skip


def _line(row: dict[str, str]) -> str:
    words = f'"{row["text"]}"' if "text" in row else "any words"
    sound = f"in the very sound {row['audio'][:16]}…" if "audio" in row else "in any sound"
    return f"{words}, {sound} ({row['language']})"


def _lines(options: argparse.Namespace) -> list[dict[str, str]]:
    lines = [{"language": options.language, "audio": consent.plate_hash(sound)} for sound in options.sound]
    for text, *sounds in options.line:
        if len(sounds) > 1:
            raise ConsentError(f'--line takes the words and one sound file; put the words in quotes: "{text}"')
        audio = {"audio": consent.plate_hash(Path(sounds[0]))} if sounds else {}
        lines.append({"language": options.language, "text": text, **audio})
    if not lines:
        raise ConsentError("Name what may be said: --line TEXT [SOUND], or --sound FILE.")
    return lines


def _last_moment(day: str | None) -> str:
    if day is None:
        return consent.timestamp(datetime.now(UTC) + timedelta(days=365))
    try:
        last = datetime.strptime(day, "%Y-%m-%d").replace(tzinfo=UTC)
    except ValueError:
        raise ConsentError(f"{day} is no day; write it as 2027-06-30.") from None
    return consent.timestamp(last + timedelta(days=1))


def _ask(question: str, yes: bool) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise ConsentError("A person has to agree to this: run it in a terminal, or say --yes.")
    if input(f"{question} [y/N] ").strip().lower() not in ("y", "yes"):
        raise ConsentError("Nothing was signed.")
