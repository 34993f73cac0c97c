"""pocketsphinx's forced alignment: it is given the words, and finds when each phone of them is spoken.

Origin: PyPI pocketsphinx 5.1.1 (CMU Sphinx) with the en-us acoustic model of its wheel. BSD-2-Clause. It runs as it
made the labels of Labial's training: the settings, dictionary and German forms are those of `training`.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import soundfile

from training.corpora import Utterance
from training.labels import Aligner
from training.pronounce import UnknownWordError, Word, by_rule, pronunciations

from .sphinx_phones import track


def cues(rows: Sequence[dict[str, Any]], folder: Path, work: Path) -> Iterator[dict[str, Any]]:
    """One track a row that has text; none where the words do not fit the sound."""
    spoken = {(row["set"], row["id"]): words(row) for row in rows}
    with tempfile.TemporaryDirectory() as temporary:
        vocabulary = [word for said in spoken.values() for word in said]
        aligner = Aligner(vocabulary, Path(temporary) / "words.dict")
        for row in rows:
            samples, _ = soundfile.read(folder / row["audio"], dtype="int16")
            found = aligner.align(samples, spoken[row["set"], row["id"]])
            if found:
                yield track(row, found)


def words(row: dict[str, Any]) -> list[Word]:
    """The pronunciations of a row's words; by espeak-ng where the dictionary lacks one."""
    language = row["lang"].split("-")[0]
    said = []
    for word in re.findall(r"(?:[^\W_]|')+", row["text"]):
        utterance = Utterance(row["set"], row["id"], language, row["spk"], word, "", 0, 0)
        try:
            said += pronunciations(utterance)
        except UnknownWordError:
            said.append(by_rule(word, row["lang"]))
    return said
