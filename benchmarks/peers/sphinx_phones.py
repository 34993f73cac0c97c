"""pocketsphinx's phone recogniser (allphone): no transcript, any language as far as English phones carry it.

Origin: PyPI pocketsphinx 5.1.1 (CMU Sphinx) with the en-us acoustic and phone models of its wheel. BSD-2-Clause.
A speech recogniser, not a lip-sync system: the phones become visemes by Labial's own table.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import soundfile

from model_runtime.phones import ARPABET, SILENCE, VISEME_OF
from training.labels import EDGE_SHIFT, FRAME

BEAM = 1e-20
LANGUAGE_WEIGHT = 2.0
"""Both as in the examples of CMU Sphinx for phone recognition."""


def cues(rows: Sequence[dict[str, Any]], folder: Path, work: Path) -> Iterator[dict[str, Any]]:
    """One track a row. `work` is not used: the package is in the training environment."""
    from pocketsphinx import Decoder, get_model_path  # type: ignore[import-untyped]

    model = Path(get_model_path()) / "en-us"
    decoder = Decoder(
        samprate=16_000, hmm=str(model / "en-us"), allphone=str(model / "en-us-phone.lm.bin"), lm=None, dict=None,
        lw=LANGUAGE_WEIGHT, beam=BEAM, pbeam=BEAM, loglevel="FATAL",
    )  # fmt: skip
    for row in rows:
        samples, _ = soundfile.read(folder / row["audio"], dtype="int16")
        decoder.start_utt()
        decoder.process_raw(samples.tobytes(), full_utt=True)
        decoder.end_utt()
        found = [(s.start_frame, s.end_frame + 1, ARPABET.get(s.word, SILENCE)) for s in decoder.seg() or ()]
        yield track(row, found)


def track(row: dict[str, Any], found: Sequence[tuple[int, int, str]]) -> dict[str, Any]:
    """Phones in frames of 10 ms (start, end, phone of `model_runtime.phones`) as the track of a row."""
    shown = [
        {
            "start": round(max(0.0, start * FRAME + EDGE_SHIFT), 4),
            "end": round(max(0.0, end * FRAME + EDGE_SHIFT), 4),
            "viseme": VISEME_OF[phone],
        }
        for start, end, phone in found
    ]
    return {"id": row["id"], "set": row["set"], "vocab": "ovr15", "cues": shown}
