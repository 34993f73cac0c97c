"""The table of docs/rigs.md: `python3 benchmarks/rigs.py > docs/rigs.md`. Standard library only."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

RIGS = Path(__file__).resolve().parents[1] / "presets" / "rigs"

HEAD = """# Rigs that are known by name

One file of `presets/rigs` a standard, made for the spellings in the second table; `presets/schemas/rig.schema.json`
says what stands in it. Characters of no known standard are mapped by what their keys and bones do.

*Keys* are those that the preset uses for the mouth. *Shown* are the channels of the mouth track that have keys, of 20;
*mixed* are the visemes without a key of their own, whose keys all say something else more strongly; *missing* channels
have no key. *Closing keys* are those with which open lips are closed and calibrated; without, the mouth closes by going
to rest.
"""
TABLE = """
| standard | keys | shown | mixed | missing | closing keys | life | tested on |
|---|---|---|---|---|---|---|---|"""
SPELLINGS = """
| standard | made for | origin |
|---|---|---|"""


def coverage(preset: Mapping[str, Any]) -> str:
    """The row of one preset."""
    channels = {name: weights for name, weights in preset["channels"].items() if name != "sil"}
    keys = dict.fromkeys(key for weights in channels.values() for key in weights)
    most = {key: max(weights.get(key, 0.0) for weights in channels.values()) for key in keys}
    shown = [name for name, weights in channels.items() if weights]
    visemes = [name for name in shown if "_" not in name and name != "jaw"]
    mixed = [name for name in visemes if all(weight < most[key] for key, weight in channels[name].items())]
    missing = [name for name in channels if name not in shown]
    cells = [
        preset["title"],
        str(len(keys)),
        str(len(shown)),
        " ".join(mixed) or "–",
        " ".join(missing) or "–",
        str(len(preset["closers"])) if preset["closers"] else "none",
        ", ".join(name.replace("_", " ") for name in preset.get("life", {})) or "–",
        "real file: " + ", ".join(preset["tested"]) if "tested" in preset else "names only",
    ]
    return f"| {' | '.join(cells)} |"


def main() -> None:
    """Print the page."""
    presets = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(RIGS.glob("*.json"))]
    presets.sort(key=lambda preset: preset["title"].lower())
    print(HEAD + TABLE)
    for preset in presets:
        print(coverage(preset))
    print(SPELLINGS)
    for preset in presets:
        print(f"| {preset['title']} | {', '.join(preset.get('covers', ()))} | {preset['source']} |")


if __name__ == "__main__":
    main()
