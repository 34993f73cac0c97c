"""Unreal curve tables: a curve a name, a key a frame, X in seconds and values 0-1; as CSV and as JSON."""

from __future__ import annotations

import csv
import io
import json

from .motion import Motion, plain


def encode_csv(motion: Motion) -> bytes:
    """The first row holds the times, each other a name and its values; names that never move are left out."""
    motion = motion.moving()
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("---", *map(plain, motion.times)))
    for name, column in zip(motion.names, motion.values.T, strict=True):
        writer.writerow((name, *map(plain, column)))
    return out.getvalue().encode()


def encode_json(motion: Motion) -> bytes:
    """A list of curves: their `Name`, and a value for every time."""
    motion = motion.moving()
    times = [plain(time) for time in motion.times]
    rows = [
        {"Name": name, **dict(zip(times, (round(float(v), 6) for v in column), strict=True))}
        for name, column in zip(motion.names, motion.values.T, strict=True)
    ]
    return json.dumps(rows, ensure_ascii=False, indent=1).encode()
