"""What a changed film says of itself: written with the gate's permission, read back, every tampering noticed."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
import struct
import sys
import xml.etree.ElementTree as ET
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from PIL import Image

from model_runtime.__main__ import main
from model_runtime.errors import ConsentError, ProvenanceError
from model_runtime.plate import certificate, consent, gate, keys, provenance, trust, watermark, xmp

av = pytest.importorskip("av")
SIZE = (160, 128)
KINDS = ["mp4", "mov", "png", "jpg", "tif", "exr"]
BOXES = np.tile(np.array([40.0, 50.0, 120.0, 114.0], np.float32), (48, 1))
MODELS = {"generator": "ab" * 32}


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv(trust.HOME, str(tmp_path / "home"))
    return tmp_path / "home"


def drawn() -> Any:
    """A film of slow noise, uint8 [48, 128, 160, 3]."""
    rng = np.random.default_rng(0)
    coarse = rng.normal(0, 1, (54, 16, 20, 1)).cumsum(0)
    coarse = (coarse[6:] - coarse[:-6]) * 2 + rng.normal(0, 20, (1, 16, 20, 3))
    return np.clip(128 + coarse.repeat(8, 1).repeat(8, 2), 0, 255).astype(np.uint8)


def write_film(path: Path, frames: Any) -> None:
    with av.open(str(path), "w") as film:
        stream = film.add_stream("libx264", 25, options={"crf": "20", "threads": "1"})
        stream.width, stream.height, stream.pix_fmt = *SIZE, "yuv420p"
        for frame in frames:
            film.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format="rgb24")))
        film.mux(stream.encode(None))


@pytest.fixture
def record(tmp_path: Path) -> Path:
    """A plate, and a signed record that allows to change it."""
    key = Ed25519PrivateKey.from_private_bytes(b"A" * 32)
    public, now = key.public_key().public_bytes_raw(), datetime.now(UTC)
    trust.trust(public, "Anna Example", trust.fingerprint(public))
    write_film(tmp_path / "plate.mp4", drawn()[:3])
    term = {"from": consent.timestamp(now - timedelta(1)), "until": consent.timestamp(now + timedelta(1))}
    scope = {
        "description": "Says hello.", "plates": [consent.plate_hash(tmp_path / "plate.mp4")], "languages": ["en-us"],
        "lines": [{"language": "en-us", "text": "Hello"}], "media": ["cinema"], "territories": ["WORLD"], "term": term,
    }  # fmt: skip
    data = consent.draft("Anna Example", "The Film", scope, "anna@example.org")
    keys.write_document(tmp_path / "a.consent.json", keys.sign(data, key))
    return tmp_path / "a.consent.json"


@pytest.fixture
def redub(record: Path) -> provenance.Redub:
    plate = record.with_name("plate.mp4")
    use = gate.Use(consent.plate_hash(plate), language="en-us", text="Hello", audio="cd" * 32, media=("cinema",),
                   territories=("DE",))  # fmt: skip
    permission = gate.permit(record, use)
    return provenance.Redub(permission, plate, MODELS, BOXES, provenance.mark_of(permission))


@pytest.fixture
def result(tmp_path: Path) -> Callable[[str], Path]:
    """A film or image that is not signed yet; the EXR is any bytes, for nothing here looks into it."""

    def made(kind: str) -> Path:
        path = tmp_path / f"result.{kind}"
        if kind in ("mp4", "mov"):
            write_film(path, drawn())
        elif kind == "exr":
            path.write_bytes(b"\x76\x2f\x31\x01" + bytes(range(256)) * 8)
        else:
            Image.fromarray(drawn()[0]).save(path, quality=95)
        return path

    return made


def pixels(path: Path) -> Any:
    if path.suffix in (".mp4", ".mov"):
        with av.open(str(path)) as film:
            return np.stack([frame.to_ndarray(format="rgb24") for frame in film.decode(video=0)])
    return np.asarray(Image.open(path)) if path.suffix != ".exr" else np.frombuffer(path.read_bytes(), np.uint8)


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_done_is_read_back(kind: str, result: Callable[[str], Path], redub: provenance.Redub) -> None:
    path = result(kind)
    before = pixels(path)
    holder = provenance.sign(path, redub, certificate.local())
    assert holder == (path if kind != "exr" else path.with_suffix(".c2pa"))
    assert np.array_equal(pixels(path), before)
    found = provenance.read(path)
    assert found.state == "valid" and found.problems == ("signingCredential.untrusted",)
    assert found.signer == certificate.LOCAL and found.software.startswith("Labial ")
    assert found.parents == ("plate.mp4",) and found.source_type == xmp.COMPOSITE
    opened, edited = found.actions
    assert opened["action"] == "c2pa.opened" and opened["parameters"]["ingredients"]
    assert edited["action"] == "c2pa.edited" and edited["digitalSourceType"] == xmp.COMPOSITE
    assert edited["changes"][0]["region"][0]["shape"]["origin"] == {"x": 40, "y": 50}
    assert found.redub["consent"] == redub.permission.consent_hash and found.redub["models"] == MODELS
    assert found.redub["plate"] == consent.plate_hash(redub.plate) and found.redub["audio"] == "cd" * 32
    assert found.redub["boxes"] == BOXES.tolist() and found.redub["mark"]["bits"] == f"{redub.mark:04x}"


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_private_goes_into_the_file(kind: str, result: Callable[[str], Path], redub: provenance.Redub) -> None:
    holder = provenance.sign(result(kind), redub, certificate.local())
    content = holder.read_bytes()
    for private in ("Anna", "The Film", redub.permission.consent_id, "anna@example.org"):
        assert private.encode() not in content


@pytest.mark.parametrize("kind", KINDS)
def test_a_changed_file_is_invalid(kind: str, result: Callable[[str], Path], redub: provenance.Redub) -> None:
    path = result(kind)
    provenance.sign(path, redub, certificate.local())
    whole = path.read_bytes()
    # A bit of the picture data: in the movie's frames, behind PNG's, JPEG's and TIFF's headers.
    at = whole.find({"mp4": b"mdat", "mov": b"mdat", "png": b"IDAT", "jpg": b"\xff\xda"}.get(kind, b"")) + 40
    at = at if kind not in ("tif", "exr") else 1000
    path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
    found = provenance.read(path)
    assert found.state == "invalid" and any("Hash.mismatch" in problem for problem in found.problems)
    path.write_bytes(whole)
    assert provenance.read(path).state == "valid"


def test_one_changed_pixel_is_noticed(result: Callable[[str], Path], redub: provenance.Redub) -> None:
    """Saved again with the manifest's chunk put back, one pixel is a level brighter."""
    path = result("png")
    provenance.sign(path, redub, certificate.local())
    signed = path.read_bytes()
    at = signed.find(b"caBX") - 4
    manifest = signed[at : at + 12 + struct.unpack_from(">I", signed, at)[0]]
    image = np.array(Image.open(path))
    image[64, 80, 0] ^= 1
    Image.fromarray(image).save(path)
    assert provenance.read(path).state == "none"
    saved = path.read_bytes()
    path.write_bytes(saved[:33] + manifest + saved[33:])
    assert provenance.read(path).state == "invalid"


@pytest.mark.parametrize("kind", ["mp4", "png", "exr"])
def test_a_manifest_of_another_file_does_not_fit(
    kind: str, result: Callable[[str], Path], redub: provenance.Redub, tmp_path: Path
) -> None:
    """As a file beside it; for EXR, that of the frame before."""
    path = result(kind)
    other = tmp_path / f"other.{kind}"
    shutil.copy(path, other)
    if kind == "exr":
        other.write_bytes(other.read_bytes()[:-1] + b"\0")
        provenance.sign(path, redub, certificate.local())
        shutil.copy(path.with_suffix(".c2pa"), other.with_suffix(".c2pa"))
        assert provenance.read(other).state == "invalid"
        return
    frame = tmp_path / "frame.exr"
    frame.write_bytes(b"frame")
    shutil.copy(provenance.sign(frame, redub, certificate.local()), other.with_suffix(".c2pa"))
    assert provenance.read(other).state == "invalid"


def test_a_removed_manifest_is_missed_but_the_mark_stays(
    result: Callable[[str], Path],
    redub: provenance.Redub,
    record: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = result("mp4")
    write_film(path, watermark.mark(drawn(), BOXES, keys.mark_key(), redub.mark or 0))
    provenance.sign(path, redub, certificate.local())
    assert main(["verify", str(path), "--record", str(record)]) == 0
    said = capsys.readouterr().out
    assert "Content Credentials: valid" in said and "nobody whom you trust" in said
    assert "80 x 64 pixels at 40, 50" in said and "compositeWithTrainedAlgorithmicMedia" in said
    assert f"Watermark: {redub.mark:04x}, as expected" in said and "that of a.consent.json" in said
    stripped, boxes = tmp_path / "stripped.mp4", tmp_path / "boxes.json"
    write_film(stripped, pixels(path)[6:])  # encoded again, without its first six frames
    boxes.write_text(json.dumps(BOXES[6:].tolist()))
    assert main(["verify", str(stripped), "--boxes", str(boxes), "--lost", "12"]) == 1
    said = capsys.readouterr().out
    assert "Content Credentials: none" in said and "no DigitalSourceType" in said
    found = re.search(r"Watermark: ([0-9a-f]{4});", said)
    assert found and "begins with frame 6" in said
    wrong = (int(found[1], 16) ^ (redub.mark or 0)).bit_count()
    assert wrong <= 1, "of 16 bits in a small film that was encoded twice; the key is another one in every run"
    write_film(stripped, drawn())
    boxes.write_text(json.dumps(BOXES.tolist()))
    assert main(["verify", str(stripped), "--boxes", str(boxes)]) == 1
    assert "Watermark: none with this key" in capsys.readouterr().out


def test_verify_says_when_something_does_not_fit(
    result: Callable[[str], Path], redub: provenance.Redub, record: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = result("png")
    provenance.sign(path, dataclasses.replace(redub, boxes=BOXES[:1], mark=None), certificate.local())
    assert main(["verify", str(path)]) == 0
    data = json.loads(record.read_text(encoding="utf-8"))
    other = keys.sign({**data, "salt": "0" * 64}, Ed25519PrivateKey.from_private_bytes(b"A" * 32))
    keys.write_document(record, other)
    assert main(["verify", str(path), "--record", str(record)]) == 1
    assert "NOT that of a.consent.json" in capsys.readouterr().out
    path.write_bytes(path.read_bytes()[:-20])
    assert main(["verify", str(path)]) == 1
    assert "invalid" in capsys.readouterr().out
    assert main(["verify", str(path.with_name("missing.png"))]) == 2


def test_the_plates_own_credentials_are_kept(
    result: Callable[[str], Path], redub: provenance.Redub, record: Path, tmp_path: Path
) -> None:
    """A plate that was signed before stands in the manifest with all that it said."""
    earlier = result("jpg")
    provenance.sign(earlier, redub, certificate.local())
    data = json.loads(record.read_text(encoding="utf-8"))
    data["scope"]["plates"] = [consent.plate_hash(earlier)]
    keys.write_document(record, keys.sign(data, Ed25519PrivateKey.from_private_bytes(b"A" * 32)))
    use = dataclasses.replace(redub.permission.use, plate=consent.plate_hash(earlier))
    again = dataclasses.replace(redub, permission=gate.permit(record, use), plate=earlier)
    image = result("png")
    provenance.sign(image, again, certificate.local())
    assert provenance.read(image).parents == ("result.jpg",)
    import c2pa

    with image.open("rb") as file, c2pa.Reader("image/png", file) as reader:
        assert len(json.loads(reader.json())["manifests"]) == 2


def test_signing_goes_through_the_gate(result: Callable[[str], Path], redub: provenance.Redub, tmp_path: Path) -> None:
    path = result("png")
    before = path.read_bytes()
    write_film(tmp_path / "other.mp4", drawn()[:4])
    with pytest.raises(ConsentError, match="another recording"):
        provenance.sign(path, dataclasses.replace(redub, plate=tmp_path / "other.mp4"), certificate.local())
    assert path.read_bytes() == before


def test_a_certificate_is_made_once_and_trusted_only_if_the_user_says_so(
    result: Callable[[str], Path],
    redub: provenance.Redub,
    home: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    made = certificate.local()
    assert certificate.local() == made
    path = result("jpg")
    provenance.sign(path, redub, certificate.own(home / "certificate/chain.pem", home / "certificate/key.pem"))
    assert provenance.read(path).state == "valid"
    assert provenance.read(path, made.root.decode()).state == "trusted"
    root = tmp_path / "root.pem"
    root.write_bytes(made.root)
    assert main(["verify", str(path), "--trust", str(root)]) == 0
    assert "on your list" in capsys.readouterr().out
    keys.make(tmp_path / "other.key")
    with pytest.raises(ProvenanceError, match="not that of the key"):
        certificate.own(home / "certificate/chain.pem", tmp_path / "other.key")
    with pytest.raises(ProvenanceError, match="cannot be used"):
        certificate.own(tmp_path / "missing.pem", tmp_path / "other.key")


@pytest.mark.parametrize(
    "leaf",
    [ec.generate_private_key(ec.SECP384R1()), Ed25519PrivateKey.generate(), rsa.generate_private_key(65537, 2048)],
    ids=["P-384", "Ed25519", "RSA"],
)
def test_the_users_own_certificate_may_have_any_usual_key(
    leaf: Any, result: Callable[[str], Path], redub: provenance.Redub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a passphrase on the key."""
    chain, key = tmp_path / "chain.pem", tmp_path / "key.pem"
    root_key = ec.generate_private_key(ec.SECP256R1())
    root = certificate.issued("Root of a test", root_key, None, root_key)
    certificates = [certificate.issued("A studio", leaf, root, root_key), root]
    chain.write_bytes(b"".join(made.public_bytes(serialization.Encoding.PEM) for made in certificates))
    locked = serialization.BestAvailableEncryption(b"open sesame")
    keys.write_private(key, leaf.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, locked))
    monkeypatch.setenv(keys.PASSPHRASE, "open sesame")
    path = result("png")
    provenance.sign(path, redub, certificate.own(chain, key))
    found = provenance.read(path)
    assert (found.state, found.signer) == ("valid", "A studio")


@pytest.mark.parametrize("kind", ["png", "jpg", "tif"])
def test_other_programs_read_the_xmp(kind: str, result: Callable[[str], Path]) -> None:
    """Written twice, it is there once, and what else the XMP says stays."""
    path = result(kind)
    description = '<rdf:Description rdf:about="" xmlns:dc="http://purl.org/dc/elements/1.1/" dc:format="kept"/>'
    other = re.sub(r"<rdf:Description.*?/>", description, xmp.PACKET).encode()
    image = Image.open(path)
    image.load()
    if kind == "png":
        info = __import__("PIL.PngImagePlugin", fromlist=["PngInfo"]).PngInfo()
        info.add_itxt("XML:com.adobe.xmp", other.decode())
        image.save(path, pnginfo=info)
    elif kind == "jpg":
        image.save(path, xmp=other)
    else:
        image.save(path, tiffinfo={700: other})
    before = pixels(path)
    for _ in range(2):
        xmp.write(path)
    packet = Image.open(path).info["xmp"]
    packet = packet.decode() if isinstance(packet, bytes) else packet
    tree = ET.fromstring(re.sub(r"<\?xpacket.*?\?>", "", packet))
    attributes = [item for node in tree.iter() for item in node.attrib.items()]
    assert attributes.count((f"{{{xmp.IPTC}}}DigitalSourceType", xmp.COMPOSITE)) == 1
    assert ("{http://purl.org/dc/elements/1.1/}format", "kept") in attributes
    assert np.array_equal(pixels(path), before) and xmp.read(path) == xmp.COMPOSITE


@pytest.mark.parametrize(
    ("name", "content"), [("a.png", b"GIF"), ("a.jpg", b""), ("a.tif", b"II+\0"), ("a.mp4", b"\0" * 40)]
)
def test_files_that_are_not_what_they_say(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ProvenanceError, match=name):
        xmp.write(tmp_path / name)
    assert (tmp_path / name).read_bytes() == content


def test_missing_packages_are_named(
    result: Callable[[str], Path], redub: provenance.Redub, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, made = result("png"), certificate.local()
    monkeypatch.setitem(sys.modules, "c2pa", None)
    for action in (lambda: provenance.sign(path, redub, made), lambda: provenance.read(path)):
        with pytest.raises(ProvenanceError, match="pip install c2pa-python"):
            action()
