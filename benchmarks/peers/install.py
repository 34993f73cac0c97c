"""Puts a peer's package where only the comparison uses it: a virtual environment or an npm prefix of its own."""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


class Unavailable(Exception):
    """The peer cannot run here; the text says why."""


@dataclass(frozen=True)
class Package:
    """A pinned package. `kind`: "pip", "npm", or "here" for one that the training environment already has."""

    kind: str
    name: str
    version: str
    licence: str

    @property
    def requirement(self) -> str:
        """How the package's own client names it."""
        return f"{self.name}@{self.version}" if self.kind == "npm" else f"{self.name}=={self.version}"


def install(package: Package, work: Path) -> None:
    """Make the package ready in `work`, unless it is. Raises Unavailable."""
    if package.kind == "here":
        _check_here(package)
        return
    stamp = work / "installed.txt"
    if stamp.exists() and stamp.read_text() == package.requirement:
        return
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    if package.kind == "npm":
        if not (shutil.which("node") and shutil.which("npm")):
            raise Unavailable("node and npm are not here")
        _run(["npm", "install", "--silent", "--no-audit", "--no-fund", "--prefix", str(work), package.requirement])
    else:
        _run([sys.executable, "-m", "venv", str(work / "venv")])
        _run([str(python(work)), "-m", "pip", "install", "-qq", "--disable-pip-version-check", package.requirement])
    stamp.write_text(package.requirement)


def python(work: Path) -> Path:
    """The interpreter of a pip package's environment."""
    return work / ("venv/Scripts/python.exe" if os.name == "nt" else "venv/bin/python")


def _check_here(package: Package) -> None:
    try:
        found = importlib.metadata.version(package.name)
    except importlib.metadata.PackageNotFoundError:
        raise Unavailable(f"{package.requirement} is not installed") from None
    if found != package.version:
        raise Unavailable(f"{package.name} {found} is installed instead of {package.version}")


def _run(command: Sequence[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode:
        last = (done.stderr or done.stdout).strip().splitlines()[-1:]
        raise Unavailable(f"{command[0]} failed: {' '.join(last)}")
