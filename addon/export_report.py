"""What became of exported files, for people and for programs."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

from .export import Exported


def sentence(exported: Exported) -> str:
    """One file or failed line in a sentence."""
    if exported.error:
        return f"{', '.join(exported.clips)}: {exported.error}"
    size = f"{Path(exported.path).name}: {len(exported.clips)} clip(s), {exported.size / 1e6:.2f} MB"
    problems = [problem for one in exported.comparisons for problem in one.problems]
    read = (
        f", read again by {exported.read_by}, largest error {exported.error_of_whole:.2%}" if exported.read_by else ""
    )
    return " ".join([f"{size}{read}.", *problems, *exported.notes])


def row(exported: Exported) -> dict[str, Any]:
    """One file or failed line as plain values; `status` as the other commands have it."""
    return {
        "line": ", ".join(exported.clips),
        "status": "FAILED" if not exported.passed else "DONE",
        "note": sentence(exported),
        **asdict(exported),
    }
