"""Nothing is done to a performer's face that they have not signed: records, keys, the gate and its commands."""

from __future__ import annotations

import copy
import dataclasses
import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import given, settings
from hypothesis import strategies as st

from model_runtime.__main__ import main
from model_runtime.errors import ConsentError
from model_runtime.plate import canonical_json, consent, ed25519, gate, keys, schema, trust

ROOT = Path(__file__).resolve().parents[2]
VECTORS = json.loads((ROOT / "tests/data/ed25519_rfc8032.json").read_text(encoding="utf-8"))["vectors"]
ANNA, EVE = Ed25519PrivateKey.from_private_bytes(b"A" * 32), Ed25519PrivateKey.from_private_bytes(b"E" * 32)
ORDER = 2**252 + 27742317777372353535851937790883648493
PLATE, SOUND = hashlib.sha256(b"plate").hexdigest(), hashlib.sha256(b"sound").hexdigest()
USE = gate.Use(PLATE, language="en-us", text="It rains today", audio=SOUND, media=("cinema",), territories=("DE",))


def moment(days: float) -> str:
    """A time so many days from now."""
    return consent.timestamp(datetime.now(UTC) + timedelta(days=days))


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The user's folder; Anna's key is trusted for Anna."""
    monkeypatch.setenv(trust.HOME, str(tmp_path / "home"))
    monkeypatch.delenv(keys.PASSPHRASE, raising=False)
    public = ANNA.public_key().public_bytes_raw()
    trust.trust(public, "Anna Example", trust.fingerprint(public))
    return tmp_path / "home"


def content() -> dict[str, Any]:
    """A record that holds and allows USE, not signed yet."""
    lines = [
        {"language": "en-us", "text": "It rains today", "audio": SOUND},
        {"language": "en-us", "text": "Good  MORNING"},
        {"language": "en-us", "audio": hashlib.sha256(b"sung").hexdigest()},
        {"language": "de", "text": "Es regnet"},
    ]
    scope = {
        "description": "Says the weather.", "plates": [PLATE], "lines": lines, "languages": ["en-us"],
        "media": ["cinema", "internal"], "territories": ["DE", "FR"], "term": {"from": moment(-1), "until": moment(1)},
    }  # fmt: skip
    return {**consent.draft("Anna Example", "The Film", scope, "anna@example.org"), "issued": moment(-2)}


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., Path]:
    """Signs content, with some members changed before, and writes it."""

    def written(*changes: tuple[str, Any], key: Ed25519PrivateKey = ANNA) -> Path:
        data = content()
        for path, value in changes:
            *parents, name = path.split(".")
            place = data
            for parent in parents:
                place = place[parent]
            place[name] = value
        keys.write_document(tmp_path / "a.consent.json", keys.sign(data, key))
        return tmp_path / "a.consent.json"

    return written


# Canonical JSON


def test_members_are_sorted_as_the_rfc_shows() -> None:
    """RFC 8785, 3.2.3: by UTF-16 code units, so an emoji stands before a Hebrew presentation form."""
    names = ["\u20ac", "\r", "\ufb33", "1", "\U0001f600", "\u0080", "\u00f6"]
    sorted_names = ["\r", "1", "\u0080", "\u00f6", "\u20ac", "\U0001f600", "\ufb33"]
    assert list(json.loads(canonical_json.encode(dict.fromkeys(names, True)))) == sorted_names


def test_strings_are_escaped_as_the_rfc_shows() -> None:
    assert canonical_json.encode('\u20ac$\u000f\nA\'B"\\\\"/\x7f') == '"€$\\u000f\\nA\'B\\"\\\\\\\\\\"/\x7f"'.encode()
    assert canonical_json.encode({"b": [1, -0, None, False], "a": {}}) == b'{"a":{},"b":[1,0,null,false]}'


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"a": 1, "a": 1}', '"a" is given twice'),
        ('{"a": {"b": 1, "c": 2, "b": 3}}', '"b" is given twice'),
        ("NaN", "whole"), ("[Infinity]", "whole"), ("1.0", "whole"), ("1e3", "whole"), ("9007199254740992", "large"),
        ('"\\ud800"', "surrogates"), ("[" * 100_000, "deep"), ('"' + " " * 1_000_000 + '"', "larger"),
        ("{", "Expecting"), ("", "Expecting"), ("\ufeff{}", "BOM"),
    ],
)  # fmt: skip
def test_what_could_be_understood_in_two_ways_is_refused(text: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        canonical_json.decode(text.encode())


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


@given(JSON)
@settings(max_examples=60, deadline=None)
def test_any_spelling_has_one_canonical_form(value: Any) -> None:
    canonical = canonical_json.encode(value)
    assert canonical_json.decode(canonical) == value
    for spelling in (json.dumps(value, indent=3), json.dumps(value, ensure_ascii=False, separators=(" , ", " : "))):
        assert canonical_json.encode(canonical_json.decode(spelling.encode())) == canonical


# Ed25519


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: vector["name"])
def test_signatures_of_the_rfc(vector: dict[str, str]) -> None:
    key, message, signature = (bytes.fromhex(vector[name]) for name in ("public_key", "message", "signature"))
    assert ed25519.verify(key, message, signature)
    assert not ed25519.verify(key, message + b"\0", signature)
    assert not ed25519.verify(key, message, signature[:32] + bytes(32))


@given(st.binary(min_size=32, max_size=32), st.binary(max_size=200), st.integers(0, 95), st.integers(1, 255))
@settings(max_examples=25, deadline=None)
def test_agrees_with_openssl_on_any_message_and_any_altered_byte(seed: bytes, text: bytes, at: int, by: int) -> None:
    private = Ed25519PrivateKey.from_private_bytes(seed)
    public, signature = private.public_key().public_bytes_raw(), private.sign(text)
    assert ed25519.verify(public, text, signature)
    altered = bytearray(public + signature)
    altered[at] ^= by
    key, signed = bytes(altered[:32]), bytes(altered[32:])
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signed, text)
        theirs = True
    except (InvalidSignature, ValueError):
        theirs = False
    assert ed25519.verify(key, text, signed) == theirs


def test_a_signature_has_one_spelling() -> None:
    public, signature = ANNA.public_key().public_bytes_raw(), ANNA.sign(b"text")
    s = int.from_bytes(signature[32:], "little")
    assert not ed25519.verify(public, b"text", signature[:32] + (s + ORDER).to_bytes(32, "little"))
    for wrong in (signature[:-1], signature + b"\0", b""):
        assert not ed25519.verify(public, b"text", wrong)


@pytest.mark.parametrize(
    "y", [0, 1, 2**255 - 20, 2**255 - 19, 2**255 - 18, 2**255 + 1, 2**256 - 1],
    ids=["order 4", "neutral", "order 2", "0 as p", "1 as p + 1", "minus zero", "all ones"],
)  # fmt: skip
def test_keys_that_let_anyone_sign_are_refused(y: int) -> None:
    """With the neutral element as key, R = [S]B fits every message."""
    key = y.to_bytes(32, "little")
    anyone = bytes([1] + 31 * [0]) + bytes(32)
    assert not any(ed25519.verify(key, text, anyone) for text in (b"a", b"b", b"c", b"d", b"e", b"f", b"g", b"h"))


@pytest.mark.parametrize(
    ("y", "fits"), [(1, True), (2**255 - 18, False), (2**255 + 1, False)], ids=["1", "1 as p + 1", "minus zero"]
)
def test_points_have_one_spelling(y: int, fits: bool) -> None:
    """A signature made with the nonce 0, so that R is the neutral element: the equation holds for any spelling."""
    seed, r, public = b"A" * 32, y.to_bytes(32, "little"), ANNA.public_key().public_bytes_raw()
    secret = int.from_bytes(hashlib.sha512(seed).digest()[:32], "little") & (2**254 - 8) | 2**254
    k = int.from_bytes(hashlib.sha512(r + public + b"text").digest(), "little")
    assert ed25519.verify(public, b"text", r + (k * secret % ORDER).to_bytes(32, "little")) == fits


# The schema


def test_schemas_are_schemas_and_records_fit() -> None:
    for name in ("consent", "revocation"):
        jsonschema.Draft202012Validator.check_schema(schema.load(name))
    jsonschema.validate(keys.sign(content(), ANNA), schema.load("consent"))


VALUES = st.sampled_from(["", "x", "\x1b[2J", 0, 1, True, None, [], ["x"], {}, "DE", "en-us", "a" * 64, "2026-13-01"])


@given(st.data())
@settings(max_examples=150, deadline=None)
def test_the_gate_reads_records_as_the_published_schema_does(data: st.DataObject) -> None:
    record = keys.sign(content(), ANNA)
    place: Any = record
    while True:
        name = data.draw(st.sampled_from(sorted(place) if isinstance(place, dict) else range(len(place))))
        inside = isinstance(place[name], dict | list) and len(place[name]) > 0
        if not inside or data.draw(st.booleans()):
            break
        place = place[name]
    action = data.draw(st.sampled_from(["replace", "remove", "add"]))
    if action == "replace":
        place[name] = data.draw(VALUES)
    elif action == "remove":
        del place[name]
    elif isinstance(place, dict):
        place["surplus"] = data.draw(VALUES)
    theirs = jsonschema.Draft202012Validator(schema.load("consent")).is_valid(record)
    try:
        schema.check(record, schema.load("consent"))
        ours = True
    except ValueError:
        ours = False
    assert ours == theirs


def test_a_line_break_does_not_hide_behind_a_pattern() -> None:
    with pytest.raises(ValueError, match="issued"):
        schema.check({**keys.sign(content(), ANNA), "issued": moment(0) + "\n"}, schema.load("consent"))


# The gate


def test_what_was_agreed_is_permitted(write: Callable[..., Path]) -> None:
    record = write()
    permission = gate.permit(record, USE)
    data = json.loads(record.read_text(encoding="utf-8"))
    salted = hashlib.sha256(bytes.fromhex(data["salt"]) + canonical_json.encode(data)).hexdigest()
    assert permission.consent_hash == salted and permission.performer == "Anna Example" and permission.approval
    permission.check(gate.Purpose.REDUB, PLATE)
    permission.check(gate.Purpose.REDUB, PLATE, SOUND)
    others = (
        (gate.Purpose.PLATE_FIT, PLATE, SOUND),
        (gate.Purpose.REDUB, SOUND, SOUND),
        (gate.Purpose.REDUB, PLATE, PLATE),
    )
    for asked in others:
        with pytest.raises(ConsentError, match="consent was asked"):
            permission.check(*asked)


def test_a_permission_cannot_be_made_or_changed_by_hand(write: Callable[..., Path]) -> None:
    fields = {"use": USE, "performer": "x", "consent_id": "x", "consent_hash": "x", "ends": datetime.now(UTC)}
    with pytest.raises(TypeError, match="gate.permit"):
        gate.Permission(**fields, approval=False)
    permission = gate.permit(write(), USE)
    with pytest.raises(dataclasses.FrozenInstanceError):
        permission.use = dataclasses.replace(USE, plate=SOUND)  # type: ignore[misc]
    with pytest.raises((TypeError, ValueError)):
        dataclasses.replace(permission, use=dataclasses.replace(USE, plate=SOUND))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"plate": SOUND}, "other recordings"),
        ({"text": "It snows today"}, "not agreed to say"),
        ({"audio": PLATE}, "not agreed to say"),
        ({"audio": ""}, "not agreed to say"),
        ({"text": "", "audio": ""}, "not agreed to say"),
        ({"text": "Es regnet", "audio": ""}, "not agreed to say"),
        ({"language": "de", "text": "Es regnet"}, "does not allow the language de; allowed: en-us"),
        ({"language": ""}, "none given"),
        ({"media": ("cinema", "advertising")}, "does not allow advertising; allowed: cinema, internal"),
        ({"media": ()}, "Say in which media"),
        ({"territories": ("DE", "US")}, "showing it in US; allowed: DE, FR"),
        ({"territories": ("WORLD",)}, "showing it in WORLD"),
        ({"territories": ()}, "Say in which media"),
        ({"purpose": gate.Purpose.PLATE_FIT}, "does not allow to fit a network to this plate"),
        ({"purpose": gate.Purpose.SHARED_PRIOR}, "does not allow to train a network that others use"),
    ],
)
def test_other_uses_are_refused(write: Callable[..., Path], changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(ConsentError, match=reason):
        gate.permit(write(), dataclasses.replace(USE, **changes))


@pytest.mark.parametrize(
    ("changes", "use"),
    [
        ((), {"text": "good morning", "audio": PLATE}),
        ((), {"text": "", "audio": hashlib.sha256(b"sung").hexdigest()}),
        ((("scope.territories", ["WORLD"]),), {"territories": ("US", "JP")}),
        ((("training.plate_fit", True),), {"purpose": gate.Purpose.PLATE_FIT, "text": "", "audio": "", "media": ()}),
        ((("performer.name", "Anna   Example"),), {}),
    ],
)
def test_uses_in_scope_are_permitted(write: Callable[..., Path], changes: Any, use: dict[str, Any]) -> None:
    assert gate.permit(write(*changes), dataclasses.replace(USE, **use)).performer == "Anna Example"


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        (("scope.term.from", moment(0.5)), "begins on"),
        (("scope.term.until", moment(-0.5)), "has ended on"),
        (("issued", moment(0.5)), "clock"),
        (("performer.minor", True), "minor"),
        (("performer.name", "Bert Example"), "trusted for Anna Example only"),
        (("scope.term.until", "2027-02-30T00:00:00Z"), "damaged"),
    ],
)
def test_records_that_do_not_hold_are_refused(write: Callable[..., Path], change: tuple[str, Any], reason: str) -> None:
    with pytest.raises(ConsentError, match=reason):
        gate.permit(write(change), USE)


def test_no_record_no_permission(tmp_path: Path) -> None:
    with pytest.raises(ConsentError, match=r"There is no consent record .*missing\.consent\.json"):
        gate.permit(tmp_path / "missing.consent.json", USE)


def test_every_altered_byte_is_noticed(write: Callable[..., Path]) -> None:
    """Of the record as it is signed, each twentieth character, and each member taken away."""
    record = write()
    data = json.loads(record.read_text(encoding="utf-8"))
    text = canonical_json.encode(data).decode("ascii")
    for at in range(0, len(text), 20):
        other = "b" if text[at] == "a" else "a"
        record.write_text(text[:at] + other + text[at + 1 :], encoding="utf-8")
        with pytest.raises(ConsentError, match=r"damaged|altered|not signed"):
            gate.permit(record, USE)
    for name in data:
        record.write_text(json.dumps({key: value for key, value in data.items() if key != name}), encoding="utf-8")
        with pytest.raises(ConsentError, match=r"damaged|not signed"):
            gate.permit(record, USE)
    record.write_text(json.dumps(data, indent=7), encoding="utf-8")  # another spelling of the same
    assert gate.permit(record, USE)


def test_a_record_signed_by_someone_else_is_refused_with_the_fingerprint(write: Callable[..., Path]) -> None:
    own = trust.fingerprint(EVE.public_key().public_bytes_raw())
    with pytest.raises(ConsentError, match=f"not trusted yet.*{own}"):
        gate.permit(write(key=EVE), USE)


def test_a_signature_of_another_record_does_not_fit(write: Callable[..., Path]) -> None:
    record = write()
    signature = json.loads(record.read_text(encoding="utf-8"))["signature"]
    data = json.loads(write(("scope.plates", [SOUND])).read_text(encoding="utf-8"))
    record.write_text(json.dumps({**data, "signature": signature}), encoding="utf-8")
    with pytest.raises(ConsentError, match="altered"):
        gate.permit(record, USE)


@pytest.mark.parametrize("beside", [True, False])
def test_a_revoked_record_is_refused(write: Callable[..., Path], home: Path, beside: bool) -> None:
    record = write()
    ids = [{"id": "0" * 32, "time": moment(-1)}, {"id": consent.read(record).id, "time": moment(0)}]
    document = keys.sign({"schema": consent.REVOCATION_SCHEMA, "revoked": ids}, ANNA)
    path = (record.parent if beside else home) / "any.revoked.json"
    keys.write_document(path, document)
    with pytest.raises(ConsentError, match=r"was revoked on 20..-.*by any\.revoked\.json.*anna@example\.org"):
        gate.permit(record, USE)
    keys.write_document(path, keys.sign({**document, "revoked": ids[:1]}, ANNA))
    assert gate.permit(record, USE)
    altered = copy.deepcopy(document)
    altered["revoked"][1]["id"] = "1" * 32
    keys.write_document(path, altered)
    with pytest.raises(ConsentError, match="altered.*It may revoke"):
        gate.permit(record, USE)


def test_a_plate_of_many_files_has_one_hash(tmp_path: Path) -> None:
    frames = tmp_path / "frames"
    frames.mkdir()
    for name, content in (("f2.png", b"two"), ("f1.png", b"one"), (".DS_Store", b"x")):
        (frames / name).write_bytes(content)
    both = hashlib.sha256(hashlib.sha256(b"one").digest() + hashlib.sha256(b"two").digest()).hexdigest()
    assert consent.plate_hash(frames) == both
    assert consent.plate_hash(frames / "f1.png") == hashlib.sha256(b"one").hexdigest()
    with pytest.raises(ConsentError, match="missing"):
        consent.plate_hash(tmp_path / "missing")


def test_the_gate_needs_no_package(write: Callable[..., Path]) -> None:
    """It runs with neither cryptography nor NumPy in reach."""
    code = (
        "import sys; sys.modules['cryptography'] = sys.modules['numpy'] = None\n"
        "from model_runtime.plate import gate\n"
        f"print(gate.permit({str(write())!r}, gate.{USE!r}).performer)"
    ).replace("<Purpose.REDUB: 'give the mouth a new line'>", "gate.Purpose.REDUB")
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.stdout == "Anna Example\n", done.stderr


# Keys and commands


def test_a_fingerprint_is_compared_before_a_key_is_trusted() -> None:
    public = EVE.public_key().public_bytes_raw()
    told = trust.fingerprint(public)
    with pytest.raises(ConsentError, match="another fingerprint"):
        trust.trust(public, "Eve", trust.fingerprint(ANNA.public_key().public_bytes_raw()))
    with pytest.raises(ConsentError, match="no fingerprint"):
        trust.trust(public, "Eve", told[:-1])
    trust.trust(public, "Eve", told.upper().replace(" ", ":"))
    assert (told, "Eve") in trust.trusted()
    with trust.list_file().open("a", encoding="utf-8") as file:
        file.write("# a remark\n\nabcd Eve\n")
    with pytest.raises(ConsentError, match="abcd Eve"):
        trust.trusted()


def test_a_key_is_private_and_never_overwritten(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.key"
    made = keys.make(path)
    with pytest.raises(ConsentError, match="never overwritten"):
        keys.make(path)
    assert keys.load(path).private_bytes_raw() == made.private_bytes_raw()
    if os.name == "posix":
        assert path.stat().st_mode & 0o777 == 0o600
        path.chmod(0o644)
        with pytest.raises(ConsentError, match="chmod 600"):
            keys.load(path)
    locked = tmp_path / "b.key"
    made = keys.make(locked, "open sesame")
    assert b"ENCRYPTED" in locked.read_bytes()
    monkeypatch.setenv(keys.PASSPHRASE, "open sesame")
    assert keys.load(locked).private_bytes_raw() == made.private_bytes_raw()
    monkeypatch.setenv(keys.PASSPHRASE, "wrong")
    with pytest.raises(ConsentError, match="passphrase is wrong"):
        keys.load(locked)


def test_signing_without_cryptography_names_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cryptography", None)
    with pytest.raises(ConsentError, match="pip install cryptography"):
        keys.make(tmp_path / "a.key")


def test_from_a_new_record_to_its_revocation(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plate, sound, key, record = (tmp_path / name for name in ("p.mp4", "s.wav", "b.key", "b.consent.json"))
    plate.write_bytes(b"plate")
    sound.write_bytes(b"sound")

    def run(*arguments: object) -> tuple[int, str]:
        code = main(["consent", *map(str, arguments)])
        captured = capsys.readouterr()
        return code, captured.out + captured.err

    new = [
        "new", record, "--performer", "Bert", "--project", "Film", "--description", "says hello", "--plate", plate,
        "--line", "It rains today", sound, "--media", "cinema", "--territory", "DE", "--contact", "b@example.org",
    ]  # fmt: skip
    assert run("key", key)[0] == 0 and run(*new)[0] == 0
    assert run("verify", record) == (2, f"labial: The consent record {record.name} is not signed.\n")
    code, said = run("sign", record, "--key", key)
    assert code == 2 and "--yes" in said and "signature" not in json.loads(record.read_text(encoding="utf-8"))
    code, said = run("sign", record, "--key", key, "--yes")
    assert code == 0 and "It rains today" in said
    secret = keys.load(key).private_bytes_raw()
    assert secret.hex() not in said and key.read_text(encoding="utf-8").splitlines()[1] not in said
    code, said = run("verify", record)
    own = trust.fingerprint(consent.read(record).public_key)
    assert code == 1 and "not trusted yet" in said and own in said
    assert run("trust", record, *own.split())[0] == 0
    assert run("verify", record)[0] == 0
    assert gate.permit(record, USE).performer == "Bert"
    assert run(*new)[0] == 2
    code, said = run("revoke", record, "--key", key, "--yes", "--reason", "second thoughts")
    assert code == 0 and (tmp_path / "b.revoked.json").exists()
    code, said = run("verify", record)
    assert code == 1 and "was revoked on" in said


def test_only_the_signer_can_revoke(write: Callable[..., Path], tmp_path: Path) -> None:
    record = write()
    keys.make(tmp_path / "other.key")
    assert main(["consent", "revoke", str(record), "--key", str(tmp_path / "other.key"), "--yes"]) == 2
    assert not list(tmp_path.glob("*.revoked.json"))
