"""A character with its lines as one page that any browser opens, offline: three.js, the GLB and the sounds are inside.

presets/player holds the page; three.js is put beside it when the zips are built (`build.py`).
"""

from __future__ import annotations

import base64
import html
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ..contracts import FRAME_RATE, VISEMES, MouthTrack
from ..errors import LipSyncError

PAGE = Path(__file__).parents[2] / "presets" / "player"
LIBRARY = PAGE / "three"
MODULES = (
    "three.module.min.js", "three.core.min.js", "GLTFLoader.js", "OrbitControls.js", "BufferGeometryUtils.js",
    "SkeletonUtils.js",
)  # fmt: skip
"""Of three.js, in `LIBRARY`; beside them its licence."""
_OWN = "track.js"
_STEP = 2
"""Every second sample of a mouth track is drawn."""
_RELATIVE = re.compile(r"""(\bfrom\s*|\bimport\s*)(["'])\.{1,2}/(?:[^"'/]+/)*([^"'/]+)\2""")
"""An import of a file beside or above: in a page of one file, its name alone is looked up."""


@dataclass(frozen=True)
class Spoken:
    """A line of the page. animation: its name in the GLB; sound: the bytes of a file that browsers play."""

    name: str
    animation: str
    sound: bytes
    track: MouthTrack


def page(glb: bytes, lines: Sequence[Spoken], title: str, library: Path = LIBRARY) -> bytes:
    """The page. Raises LipSyncError if there is no line, or no three.js in `library`."""
    if not lines:
        raise LipSyncError("A player needs a line. Generate one, then export again.")
    parts = {
        "title": html.escape(title),
        "style": _read("page.css"),
        "imports": json.dumps({"imports": _imports(library)}),
        "program": _read("page.js"),
        "data": "\n".join(
            [
                _stored("lines", "application/json", json.dumps([_described(line) for line in lines])),
                _stored("model", "text/plain", _base64(glb)),
                *(_stored(f"sound-{i}", "text/plain", _base64(line.sound)) for i, line in enumerate(lines)),
            ]
        ),
    }
    return re.sub(r"\{\{(\w+)\}\}", lambda match: parts[match[1]], _read("page.html")).encode()


def model_of(page: bytes) -> bytes:
    """The GLB in a page."""
    _, _, rest = page.partition(b' id="model">')
    return base64.b64decode(rest.partition(b"<")[0])


def _read(name: str) -> str:
    return (PAGE / name).read_text(encoding="utf-8")


def _imports(library: Path) -> dict[str, str]:
    """What each import leads to: the modules themselves, as data."""
    if missing := [name for name in MODULES if not (library / name).is_file()]:
        raise LipSyncError(
            f"The web player needs three.js ({missing[0]}), which this copy of Labial was built without. "
            "Use a zip that was built where npm is: python3 build.py build."
        )
    sources = {name: (library / name).read_text(encoding="utf-8") for name in MODULES}
    sources[_OWN] = _read(_OWN)
    sources["three"] = sources.pop(MODULES[0])
    return {name: f"data:text/javascript;base64,{_base64(_bare(text).encode())}" for name, text in sources.items()}


def _bare(source: str) -> str:
    return _RELATIVE.sub(r"\1\2\3\2", source)


def _described(line: Spoken) -> dict[str, Any]:
    """What is drawn of a line, for `track.js`."""
    track = line.track
    shown = np.round(255.0 * track.values[::_STEP, : len(VISEMES)]).astype(np.uint8)
    return {
        "name": line.name,
        "animation": line.animation,
        "duration": round(track.duration, 4),
        "fps": FRAME_RATE / _STEP,
        "visemes": VISEMES,
        "values": _base64(shown.tobytes()),
        "events": [[e.viseme, e.phone, round(e.start, 3), round(e.end, 3)] for e in track.events],
        "contacts": [[c.kind, round(c.start, 3), round(c.end, 3)] for c in track.contacts],
    }


def _stored(name: str, kind: str, text: str) -> str:
    """Data in the page; "<" cannot end it before its time."""
    return f'<script type="{kind}" id="{name}">{text.replace("<", chr(92) + "u003c")}</script>'


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode("ascii")
