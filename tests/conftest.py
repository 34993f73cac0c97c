"""What all tests share: the data folder beside the checkout, which is read and never committed."""

from __future__ import annotations

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
