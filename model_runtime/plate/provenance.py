"""Content Credentials (C2PA) of a film or image whose mouth was changed: written last, read back by anyone.

The manifest says which plate was opened, that a region was edited with a trained network, with which consent (a salted
hash, never a name), sound and networks, and which mark the region bears. MP4, QuickTime, PNG, JPEG and TIFF hold it
themselves; of anything else, EXR for one, it lies beside the file as NAME.c2pa. Nothing here uses the network.
"""

from __future__ import annotations

import json
import os
import shutil
import tempfile
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from ..errors import ProvenanceError
from . import xmp
from .certificate import Certificate
from .consent import plate_hash
from .gate import Permission, Purpose

if TYPE_CHECKING:
    import c2pa

MANIFEST = Path(__file__).parents[2] / "blender_manifest.toml"
REDUB = "labial.redub"
"""Label of the assertion with hashes, boxes and mark."""
KINDS = {
    ".mp4": "video/mp4", ".m4v": "video/x-m4v", ".mov": "video/quicktime", ".png": "image/png", ".jpg": "image/jpeg",
    ".jpeg": "image/jpeg", ".tif": "image/tiff", ".tiff": "image/tiff",
}  # fmt: skip
"""Formats that hold their manifest."""
OTHER = "application/octet-stream"
OFFLINE = {
    "builder": {"thumbnail": {"enabled": False}},
    "verify": {"remote_manifest_fetch": False, "ocsp_fetch": False},
}


@dataclass(frozen=True)
class Redub:
    """What was done to a plate."""

    permission: Permission
    plate: Path
    models: Mapping[str, str]
    """Networks that were used: name -> SHA-256."""
    boxes: npt.NDArray[np.float32]
    """The mouth's region, left, top, right, bottom in pixels, of every frame [t, 4]."""
    mark: int | None
    """The bits of the watermark, if there is one."""


@dataclass(frozen=True)
class Found:
    """What a file says of itself. `state`: none; invalid (altered, or not made for it); valid; trusted (by a list)."""

    state: str
    problems: tuple[str, ...] = ()
    signer: str = ""
    software: str = ""
    parents: tuple[str, ...] = ()
    actions: tuple[dict[str, Any], ...] = ()
    redub: dict[str, Any] = field(default_factory=dict)
    source_type: str = ""
    """XMP's DigitalSourceType, which no signature protects where it lies beside the file."""


def mark_of(permission: Permission) -> int:
    """The 16 bits that a region is marked with: the first of the consent's salted hash."""
    return int(permission.consent_hash[:4], 16)


def sidecar(path: Path) -> Path:
    """Where the manifest of a file lies that cannot hold it."""
    return path.with_suffix(".c2pa")


def sign(path: Path, redub: Redub, certificate: Certificate) -> Path:
    """Writes XMP and manifest; the file may not be changed afterwards. Returns the file that holds the manifest.

    Raises ConsentError if the permission is not for this plate, ProvenanceError if the file cannot be signed.
    """
    redub.permission.check(Purpose.REDUB, plate_hash(redub.plate))
    c2pa = _c2pa()
    kind = KINDS.get(path.suffix.lower(), OTHER)
    try:
        with tempfile.TemporaryDirectory(dir=path.parent) as folder:
            part, signed = Path(folder) / path.name, Path(folder) / ("signed" + path.suffix)
            shutil.copyfile(path, part)
            xmp.write(part)
            builder = _builder(c2pa, redub, path.name, kind)
            if kind == OTHER:
                builder.set_no_embed()
            info = c2pa.C2paSignerInfo(certificate.algorithm, certificate.chain, certificate.key, None)
            with part.open("rb") as source, signed.open("w+b") as target, c2pa.Signer.from_info(info) as signer:
                manifest = builder.sign(signer, kind, source, target)
            if kind != OTHER:
                os.replace(signed, path)
                return path
            os.replace(xmp.beside(part), xmp.beside(path))
            (Path(folder) / "manifest").write_bytes(manifest)
            os.replace(Path(folder) / "manifest", sidecar(path))
            return sidecar(path)
    except (OSError, c2pa.C2paError) as error:
        raise ProvenanceError(f"Content Credentials cannot be written into {path.name}: {error}") from error


def read(path: Path, anchors: str = "") -> Found:
    """Reads back what a file says of itself. `anchors`: root certificates that the user trusts, PEM.

    Raises ProvenanceError if the file cannot be read, or if c2pa-python is missing.
    """
    source_type = xmp.read(path)
    c2pa = _c2pa()
    kind = KINDS.get(path.suffix.lower(), OTHER)
    settings = {**OFFLINE, **({"trust": {"user_anchors": anchors}} if anchors else {})}
    try:
        with path.open("rb") as file, c2pa.Context.from_dict(settings) as context:
            # A manifest beside the file is asked only if there is none in it.
            reader = c2pa.Reader.try_create(kind, file, context=context) if kind != OTHER else None
            if reader is None and sidecar(path).exists():
                file.seek(0)
                reader = c2pa.Reader(kind, file, sidecar(path).read_bytes(), context=context)
            if reader is None:
                return Found("none", source_type=source_type)
            with reader:
                return _found(json.loads(reader.json()), source_type)
    except OSError as error:
        raise ProvenanceError(f"The file {path} cannot be read: {error.strerror or error}.") from error
    except c2pa.C2paError as error:
        return Found("invalid", (f"the manifest cannot be read: {error}",), source_type=source_type)


def _builder(c2pa: Any, redub: Redub, title: str, kind: str) -> c2pa.Builder:
    version = str(tomllib.loads(MANIFEST.read_text(encoding="utf-8"))["version"])
    agent = {"name": "Labial", "version": version}
    edited = {
        "action": "c2pa.edited",
        "digitalSourceType": xmp.COMPOSITE,
        "softwareAgent": agent,
        "description": "The mouth was changed to speak another line, with the performer's signed consent.",
        "changes": [{"description": "the mouth and its surroundings", "region": [_region(redub.boxes)]}],
    }
    opened = {"action": "c2pa.opened", "parameters": {"ingredientIds": ["plate"]}}
    definition = {
        "claim_generator_info": [agent],
        "title": title,
        "format": kind,
        "assertions": [
            {"label": "c2pa.actions.v2", "data": {"actions": [opened, edited]}},
            {"label": REDUB, "data": _assertion(redub)},
        ],
    }
    builder = c2pa.Builder(definition, context=c2pa.Context.from_dict(OFFLINE))
    plate = {"title": redub.plate.name, "relationship": "parentOf", "label": "plate", "instance_id": "plate"}
    first = redub.plate if redub.plate.is_file() else min(p for p in redub.plate.iterdir() if p.is_file())
    with first.open("rb") as file:
        builder.add_ingredient(plate, KINDS.get(first.suffix.lower(), OTHER), file)
    return builder


def _assertion(redub: Redub) -> dict[str, Any]:
    use = redub.permission.use
    mark = {} if redub.mark is None else {"mark": {"scheme": "labial-mark/1", "bits": f"{redub.mark:04x}"}}
    return {
        "consent": redub.permission.consent_hash,
        "plate": use.plate,
        "audio": use.audio,
        "language": use.language,
        "models": dict(redub.models),
        "boxes": np.rint(redub.boxes).astype(int).tolist(),
        **mark,
    }


def _region(boxes: npt.NDArray[np.float32]) -> dict[str, Any]:
    """The rectangle around all boxes, as C2PA describes a region of interest."""
    left, top = np.floor(boxes[:, :2].min(0)).tolist()
    right, bottom = np.ceil(boxes[:, 2:].max(0)).tolist()
    shape = {"type": "rectangle", "unit": "pixel", "origin": {"x": left, "y": top}}
    return {"type": "spatial", "shape": {**shape, "width": right - left, "height": bottom - top}}


def _found(data: dict[str, Any], source_type: str) -> Found:
    active = data["manifests"][data["active_manifest"]]
    assertions = {entry["label"]: entry["data"] for entry in active.get("assertions", ())}
    actions: list[dict[str, Any]] = next(
        (value["actions"] for label, value in assertions.items() if label.startswith("c2pa.actions")), []
    )
    software = active.get("claim_generator_info") or [{}]
    return Found(
        state=str(data.get("validation_state", "invalid")).lower(),
        problems=tuple(entry["code"] for entry in data.get("validation_status") or ()),
        signer=active.get("signature_info", {}).get("common_name", ""),
        software=f"{software[0].get('name', '')} {software[0].get('version', '')}".strip(),
        parents=tuple(i["title"] for i in active.get("ingredients", ()) if i.get("relationship") == "parentOf"),
        actions=tuple(actions),
        redub=assertions.get(REDUB, {}),
        source_type=source_type,
    )


def _c2pa() -> Any:
    try:
        import c2pa
    except ImportError as error:
        raise ProvenanceError(
            "Content Credentials need the package c2pa-python: python -m pip install c2pa-python"
        ) from error
    return c2pa
