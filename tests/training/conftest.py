"""The recordings that the training tests read; they are skipped where those are not."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder beside the checkout that holds `speech`."""
    folder = ROOT.parent / "shared"
    if not (folder / "speech").is_dir():
        pytest.skip("the recordings (../shared/speech) are not here")
    return folder


@pytest.fixture(scope="session")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A work folder for the session: recordings are decoded once."""
    return tmp_path_factory.mktemp("corpus")


@pytest.fixture(scope="session")
def weights() -> Path:
    """Where the shipped network is."""
    return ROOT / "model_runtime" / "hearing" / "weights"
