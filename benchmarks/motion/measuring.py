"""How long a character is measured before its first line: `python3 build.py bench measuring` prints a row each.

Once with the names that it has, by which its standard is known, and once with shape keys that are called k1, k2, ...:
then every one of them is tried. Seconds are the least of three. Runs in a Python that has `bpy`, on the built zip.
"""

from __future__ import annotations

import argparse
import importlib
import time
from pathlib import Path

from benchmarks.installed import installed

from .bench_motion import CHARACTERS, LABIAL, SHARED, load

HEADER = ("character", "points", "shape keys", "known by name, s", "names say nothing, s")


def seconds(times: int = 3) -> float:
    """Finding the active object's character and measuring it with everything that moves its mouth."""
    import bpy

    character, mappings = (importlib.import_module(f"{LABIAL}.addon.{name}") for name in ("character", "mappings"))
    layer, least = bpy.context.view_layer, float("inf")
    for _ in range(times):
        started = time.perf_counter()
        found = character.find_character(layer.objects.active, layer)
        mappings.detect(found, mappings.stored(found), layer)
        least = min(least, time.perf_counter() - started)
    return least


def row(name: str) -> tuple[str, ...]:
    """One character; "head" is the sample head."""
    import bpy

    face, layer = load(name), bpy.context.view_layer
    points = len(face.evaluated_get(layer.depsgraph).to_mesh().vertices)
    known, keys = seconds(), face.data.shape_keys.key_blocks
    for obj in layer.objects:
        if obj.type == "MESH" and obj.data.shape_keys:
            for number, key in enumerate(obj.data.shape_keys.key_blocks):
                key.name = f"k{number}"
    return name, str(points), str(len(keys) - 1), f"{known:.2f}", f"{seconds():.2f}"


def main() -> None:
    """Prints the table."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--zip", type=Path, required=True)
    with installed(options.parse_args().zip) as (_, out):
        print(f"| {' | '.join(HEADER)} |\n|{'---|' * len(HEADER)}", file=out)
        for name in CHARACTERS:
            if name == "head" or (SHARED / f"characters/{name}.blend").is_file():
                print(f"| {' | '.join(row(name))} |", file=out, flush=True)


if __name__ == "__main__":
    main()
