"""How exact the cues are on hand-labelled speech: `python3 build.py bench detail` prints all of score_hand.py.

Runs the command line over ../shared/speech/handlabelled, without and with transcript, and hears its sentences as live
streams that decide after 80 and 120 ms. The recordings are for scoring only: nothing is trained on them, nothing tuned
to them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from model_runtime.export.cues import as_rows, cues
from model_runtime.hearing import align, audio, network
from model_runtime.live.stream import Stream, joined

from .scoring import LABELS, cued, read, require_labels, table

RUNS = {"sound alone": (), "with transcript": ("--with-text",)}
LOOK_AHEADS = (0.08, 0.12)
SENTENCES = ("ae", "emodb")
STEP = 800
"""Samples that a live stream brings at a time."""


def live(look_ahead: float) -> Iterator[dict[str, Any]]:
    """The cues of sentences that are heard as they come."""
    for row in read(LABELS):
        if row["set"] not in SENTENCES or not row.get("complete", True):
            continue
        samples, stream = audio.load(LABELS.parent / row["audio"]).samples, Stream(network.shared(), look_ahead)
        parts = [stream.push(samples[at : at + STEP]) for at in range(0, len(samples), STEP)] + [stream.finish()]
        found = as_rows(cues(align.recognise(joined(parts))))
        yield {"id": row["id"], "set": row["set"], "vocab": "ovr15", "cues": found}


def tables() -> str:
    """The scorer's table of each run, under its title."""
    runs = {title: cued(LABELS, "--complete-only", *options) for title, options in RUNS.items()}
    runs |= {f"live, {1000 * ahead:.0f} ms later": list(live(ahead)) for ahead in LOOK_AHEADS}
    return "\n".join(f"{title}\n{table(LABELS, tracks)}" for title, tracks in runs.items())


def main() -> None:
    """Print them, or say what is missing."""
    require_labels()
    print(tables())


if __name__ == "__main__":
    main()
