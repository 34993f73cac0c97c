"""What is to be looked at: re-dubbed films, contact sheets of mouths, and a sheet to guess on which mouth is real."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from model_runtime.contracts import SAMPLE_RATE, Float32
from model_runtime.plate import consent, film, trust
from model_runtime.plate.crop import Crop
from model_runtime.plate.refine import SIZE, Refiner
from training.plate.examples import Person
from training.plate.faces import Face

ROOT = Path(__file__).resolve().parents[2]
LICENCE = "CC BY 4.0"
"""Under which GRID's speakers are published; what they allowed by it stands for their signatures here."""
ROWS = 12
Pictures = NDArray[np.uint8]


def redub(folder: Path, plate: Face, voice: Face) -> tuple[Path, dict[str, Any]]:
    """The whole road for a clip and another speaker's line, as users go it: a record, its key, the gate, the film.

    Returns the film, in a folder of `folder`, and what the command told of it. Keys and trust are gone afterwards.
    """
    out, name = folder / f"{plate.path.stem}-says-{voice.path.stem}", f"speaker of {plate.path.stem}"
    shutil.rmtree(out, ignore_errors=True)
    with tempfile.TemporaryDirectory() as scratch:
        line, key, record = (Path(scratch) / file for file in ("line.wav", "speaker.key", f"line{consent.SUFFIX}"))
        soundfile.write(line, voice.sound, SAMPLE_RATE)
        for_it = ("--media", "internal", "--language", "en-gb")
        _labial(scratch, "consent", "key", key)
        wanted = f"A sentence of another speaker of GRID, published under {LICENCE}."
        _labial(scratch, "consent", "new", record, "--performer", name, "--project", "bench plate",
                "--plate", plate.path, "--sound", line, *for_it, "--voice", "another person",
                "--contact", "doi:10.5281/zenodo.3625687", "--description", wanted)  # fmt: skip
        _labial(scratch, "consent", "sign", record, "--key", key, "--yes")
        _labial(scratch, "consent", "trust", record, trust.fingerprint(consent.read(record).public_key))
        told = _labial(
            scratch, "plate", plate.path, "--sound", line, "--consent", record, "--out", out, *for_it, "--tell"
        )
    made: dict[str, Any] = json.loads(told.splitlines()[-1])
    return Path(made["film"]), made


def _labial(home: str, *arguments: str | Path) -> str:
    """What the command line prints, with a user's folder of its own."""
    command, variables = [sys.executable, "-m", "model_runtime", *map(str, arguments)], os.environ | {trust.HOME: home}
    return subprocess.run(command, cwd=ROOT, env=variables, stdout=subprocess.PIPE, text=True, check=True).stdout


def sheet(path: Path, films: Sequence[Pictures], landmarks: Float32) -> None:
    """A picture of mouths around landmarks [t, 478, 3]: one row a film, ten moments."""
    crop = Crop.around(landmarks, SIZE)
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
