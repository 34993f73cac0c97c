"""The formats: what encodes each, and what its engine expects (presets/engines/*.json)."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import LipSyncError, TrackFileError
from . import audio2face, drawings, godot, live2d, livelink, ovr, unity, unreal, vrma
from .motion import Motion

SCHEMA = "labial-engine/1"
ENGINES = Path(__file__).parents[2] / "presets" / "engines"

FORMATS: Mapping[str, Callable[[Motion], bytes]] = {
    "livelink": livelink.encode,
    "unity": unity.encode,
    "godot": godot.encode,
    "unreal_csv": unreal.encode_csv,
    "unreal_json": unreal.encode_json,
    "audio2face": audio2face.encode,
    "vrma": vrma.encode,
    "ovr": ovr.encode,
    "live2d": live2d.encode,
    "moho": drawings.encode_moho,
    "spine": drawings.encode_spine,
    "rhubarb": drawings.encode_rhubarb,
}

FROM_BLENDER = ("glb", "player", "fbx_unity", "fbx_unreal", "usd", "alembic", "mouth")
"""The targets that need a character, so that the add-on alone writes them."""

SPELLINGS: Mapping[str, Callable[[str], str]] = {
    "same": str,
    "pascal": lambda name: name[:1].upper() + name[1:],
    "bare": lambda name: name.removeprefix("viseme_"),
}
"""How an engine spells the names of a rig preset."""


@dataclass(frozen=True)
class Engine:
    """What an engine expects of one format.

    suffix: of its files. rig: id of the preset whose names it takes unless told otherwise, "" if it takes none; fixed:
    it takes no others. names: a spelling of `SPELLINGS`. scale: the value of a whole shape. fps: frames a second
    without `--fps`. path: the mesh that is addressed, "" if none is. options: settings of the exporter of Blender that
    writes it. notes: for people.
    """

    id: str
    title: str
    suffix: str
    rig: str
    fixed: bool
    names: str
    scale: float
    fps: float
    path: str
    options: Mapping[str, Any]
    notes: str

    def spelled(self, name: str) -> str:
        """A preset's name as the engine wants it."""
        return SPELLINGS[self.names](name)


def load_engine(format_id: str, folder: Path = ENGINES) -> Engine:
    """What is known of a format. Raises LipSyncError on an unknown one, TrackFileError naming a damaged file."""
    if format_id not in (*FORMATS, *FROM_BLENDER):
        raise LipSyncError(f"There is no format {format_id}. Choose one of {', '.join((*FORMATS, *FROM_BLENDER))}.")
    path = folder / f"{format_id}.json"
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        if data["schema"] != SCHEMA:
            raise ValueError(f"its schema is {data['schema']}, not {SCHEMA}")
        if data["names"] not in SPELLINGS:
            raise ValueError(f"its names are {data['names']}, not one of {', '.join(SPELLINGS)}")
        return Engine(
            id=data["id"],
            title=data["title"],
            suffix=data["suffix"],
            rig=data["rig"],
            fixed=bool(data["fixed"]),
            names=data["names"],
            scale=float(data["scale"]),
            fps=float(data["fps"]),
            path=data["path"],
            options=dict(data["options"]),
            notes=data["notes"],
        )
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise TrackFileError(f"The engine preset {path.name} cannot be used: {error}. Delete or repair it.") from error
