"""What is to be looked at: re-dubbed films, contact sheets of mouths, and a sheet to guess on which mouth is real."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from numpy.typing import NDArray

from model_runtime.contracts import SAMPLE_RATE
from model_runtime.plate import consent, film, keys, trust
from model_runtime.plate.crop import Crop
from model_runtime.plate.refine import Refiner
from model_runtime.revoice import Order, Revoiced, revoice
from training.plate.examples import Person
from training.plate.faces import Face

LICENCE = "CC BY 4.0"
"""Under which GRID's speakers are published; what they allowed by it stands for their signatures here."""
ROWS = 12
Pictures = NDArray[np.uint8]


def redub(folder: Path, plate: Face, voice: Face) -> Revoiced:
    """The whole road for a clip and another speaker's line: a record, the gate, the film in a folder of `folder`."""
    out = folder / f"{plate.path.stem}-says-{voice.path.stem}"
    shutil.rmtree(out, ignore_errors=True)
    with _own_home() as home:
        line = home / "line.wav"
        soundfile.write(line, voice.sound, SAMPLE_RATE)
        record = home / f"speaker{consent.SUFFIX}"
        keys.write_document(record, _record(plate.path, line))
        return revoice(Order(plate.path, line, record, out, ("internal",), (consent.WORLD,), language="en-gb"))


@contextmanager
def _own_home() -> Iterator[Path]:
    """A folder for keys and trust that is gone afterwards."""
    before = os.environ.get(trust.HOME)
    with tempfile.TemporaryDirectory() as folder:
        os.environ[trust.HOME] = folder
        try:
            yield Path(folder)
        finally:
            del os.environ[trust.HOME]
            if before is not None:
                os.environ[trust.HOME] = before


def _record(plate: Path, line: Path) -> dict[str, Any]:
    """A record for one film and one line, of a speaker of GRID, signed by a key that is trusted for it here and now."""
    key, now, name = Ed25519PrivateKey.generate(), datetime.now(UTC), f"speaker of {plate.stem}"
    public = key.public_key().public_bytes_raw()
    scope = {
        "description": f"A sentence of another speaker of the GRID corpus, published under {LICENCE}.",
        "plates": [consent.plate_hash(plate)],
        "languages": ["en-gb"],
        "lines": [{"language": "en-gb", "audio": consent.plate_hash(line)}],
        "media": ["internal"],
        "territories": [consent.WORLD],
        "term": {"from": consent.timestamp(now - timedelta(1)), "until": consent.timestamp(now + timedelta(1))},
    }
    trust.trust(public, name, trust.fingerprint(public))
    record = consent.draft(name, "bench plate", scope, "doi:10.5281/zenodo.3625687")
    record["voice"]["source"] = "another person"
    return keys.sign(record, key)


def sheet(path: Path, films: Sequence[Pictures], face: Face) -> None:
    """A picture of mouths: one row a film, ten moments."""
    crop = Crop.around(face.landmarks, 128)
    moments = np.linspace(5, min(map(len, films)) - 6, 10).astype(int)
    rows = [np.concatenate([crop.cut(pictures[k], int(k)) for k in moments], axis=1) for pictures in films]
    film.write_image(path, np.clip(np.rint(np.concatenate(rows)), 0, 255).astype(np.uint8))


def blind(folder: Path, bank: Sequence[Face], tested: Sequence[Face], ways: Mapping[str, Refiner | None]) -> Path:
    """blind.png: frames of held-out clips, each as filmed and painted in every way from the nearest of the bank.

    A row a clip, in an order drawn by chance that blind.txt tells.
    """
    person, random = Person.of([*bank, *tested]), np.random.default_rng(7)
    among, rows, key = np.flatnonzero(person.clips < len(bank)), [], []
    for clip in range(len(bank), len(bank) + min(ROWS, len(tested))):
        own = np.flatnonzero(person.clips == clip)
        frame = int(random.choice(own[15:-15]))
        main, second = (int(person.nearest(frame, among, between)[0]) for between in (False, True))
        made = person.painted(frame, main, second, int(random.choice(own)))
        shown = {"real": person.bank.pictures[frame].astype(np.float32)}
        shown |= {name: refiner.refine(made) if refiner else made.picture for name, refiner in ways.items()}
        names = random.permutation(list(shown))
        rows.append(np.concatenate([shown[name] for name in names], axis=1))
        key.append("; ".join(names))
    half = len(rows) // 2
    columns = [np.concatenate(part) for part in (rows[:half], rows[half:])]
    picture = np.clip(np.rint(np.concatenate(columns, axis=1)), 0, 255).astype(np.uint8)
    film.write_image(folder / "blind.png", picture.repeat(2, axis=0).repeat(2, axis=1))
    (folder / "blind.txt").write_text("\n".join(key) + "\n", encoding="utf-8")
    return folder / "blind.png"
