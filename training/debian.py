"""Files of Debian packages, fetched by name and unpacked, not installed; standard library only."""

from __future__ import annotations

import subprocess
from pathlib import Path


def unpacked(cache: Path, package: str) -> Path:
    """The files of a package in `cache`, fetched on first use. Raises OSError or CalledProcessError."""
    folder = cache / package
    if not folder.exists():
        cache.mkdir(parents=True, exist_ok=True)
        subprocess.run(["apt-get", "download", "-qq", package], cwd=cache, check=True, capture_output=True)
        archive = next(cache.glob(f"{package}_*.deb"))
        subprocess.run(["dpkg-deb", "-x", archive, folder.with_suffix(".part")], check=True)
        folder.with_suffix(".part").rename(folder)
        archive.unlink()
    return folder


def decoded_g722(data: bytes, rate: int) -> bytes:
    """Raw G.722 as little-endian int16 at `rate` Hz, by ffmpeg. Raises OSError or CalledProcessError."""
    command = ["ffmpeg", "-v", "error", "-f", "g722", "-i", "-", "-f", "s16le", "-ar", str(rate), "-"]
    return subprocess.run(command, input=data, check=True, capture_output=True).stdout
