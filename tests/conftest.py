"""What all tests share: the data folder beside the checkout, which is read and never committed."""

from __future__ import annotations

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
def face_folder() -> Path:
    """The folder of the networks that follow faces."""
    from model_runtime.plate import face_networks  # here, as below

    for place in face_networks.PLACES:
        if (place / face_networks.CONTRACT).is_file():
            return place
    pytest.skip("needs the face networks: python3 build.py models")


@pytest.fixture(scope="session")
def librivox() -> Path:
    """Sentences of a LibriVox reader (public domain): WAV files and `transcription`, from Debian's package.

    The package is used where it is installed, else it is fetched and unpacked under .cache, not installed.
    """
    from training.debian import unpacked  # here, for the Blender tests run without the checkout on their path

    inside, package = Path("usr/share/pocketsphinx/test/data/librivox"), "pocketsphinx-testdata"
    if (Path("/") / inside / "transcription").is_file():
        return Path("/") / inside
    for refresh in (False, True):
        try:
            if refresh:
                subprocess.run(["apt-get", "update", "-qq"], capture_output=True, check=True)
            return unpacked(ROOT / ".cache/debian", package) / inside
        except (OSError, subprocess.CalledProcessError):
            continue
    pytest.skip(f"the Debian package {package} cannot be fetched here: apt-get install {package}")
