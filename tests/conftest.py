"""What all tests share: the data folder beside the checkout, which is read and never committed."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of recordings and characters beside the checkout."""
    folder = ROOT.parent / "shared"
    if not folder.is_dir():
        pytest.skip("needs the folder ../shared (recordings and characters) beside the checkout")
    return folder


@pytest.fixture(scope="session")
def characters(shared: Path) -> Path:
    """The folder of rigged heads."""
    return shared / "characters"


@pytest.fixture(scope="session")
def speech(shared: Path) -> Path:
    """The folder of packed recordings: NAME.opus with NAME.jsonl, and handlabelled/."""
    return shared / "speech"


@pytest.fixture(scope="session")
def librivox() -> Path:
    """Sentences of a LibriVox reader (public domain): WAV files and `transcription`, from Debian's package.

    The package is used where it is installed, else it is fetched and unpacked under .cache, not installed.
    """
    inside = Path("usr/share/pocketsphinx/test/data/librivox")
    unpacked = ROOT / ".cache/debian/pocketsphinx-testdata"
    for root in (Path("/"), unpacked):
        if (root / inside / "transcription").is_file():
            return root / inside
    if not shutil.which("apt-get") or not shutil.which("dpkg-deb"):
        pytest.skip("needs the Debian package pocketsphinx-testdata: apt-get install pocketsphinx-testdata")
    unpacked.mkdir(parents=True, exist_ok=True)
    fetch = ["apt-get", "download", "-qq", "pocketsphinx-testdata"]
    if subprocess.run(fetch, cwd=unpacked.parent, capture_output=True).returncode != 0:
        subprocess.run(["apt-get", "update", "-qq"], capture_output=True)
        if subprocess.run(fetch, cwd=unpacked.parent, capture_output=True).returncode != 0:
            pytest.skip("the Debian package pocketsphinx-testdata cannot be fetched here")
    package = next(unpacked.parent.glob("pocketsphinx-testdata*.deb"))
    subprocess.run(["dpkg-deb", "-x", package, unpacked], check=True)
    return unpacked / inside
