"""All lines of a character as a page that any browser opens: the glTF file with its sounds and mouth tracks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ..model_runtime.export import player
from ..model_runtime.export.clip import Clip
from .export_curves import mouth_track
from .export_scene import temporary_file
from .line_sound import write_sound


def page_of(glb: bytes, baked: Sequence[tuple[Any, Clip]], title: str) -> bytes:
    """The page of some lines (Actions and what was baked of them), whose animations are in `glb`.

    Raises LipSyncError if a sound is not there, or if this copy of Labial was built without three.js.
    """
    return player.page(glb, [_spoken(action, clip) for action, clip in baked], title)


@contextmanager
def model_in(path: Path) -> Iterator[Path]:
    """A glTF file to read: the one at `path`, or a copy of the one in the page at `path`."""
    if path.suffix == ".glb":
        yield path
        return
    with temporary_file(".glb") as copy:
        copy.write_bytes(player.model_of(path.read_bytes()))
        yield copy


def _spoken(action: Any, clip: Clip) -> player.Spoken:
    with temporary_file("") as stem:
        return player.Spoken(
            clip.line or clip.name, clip.name, write_sound(action, stem).read_bytes(), mouth_track(action)
        )
