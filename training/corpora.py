"""The recordings: packed Opus files and the list of what is said in them, decoded once to a memory-mapped array."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

SAMPLE_RATE = 16_000
BLOCK = 60 * SAMPLE_RATE


@dataclass(frozen=True)
class Corpus:
    """One packed file. hours are those of the recordings, `source` and `licence` go into the model card."""

    name: str
    language: str
    hours: float
    licence: str
    source: str


CORPORA: tuple[Corpus, ...] = (
    Corpus("kathleen", "en", 1.2, "CC0-1.0", "https://github.com/rhasspy/dataset-voice-kathleen"),
    Corpus("speechocean762", "en", 2.8, "free for any use (README)", "https://github.com/jimbozhang/speechocean762"),
    Corpus("kerstin", "de", 1.8, "CC0-1.0", "https://github.com/rhasspy/dataset-voice-kerstin"),
    Corpus("picovoice-wake", "en", 0.5, "Apache-2.0", "https://github.com/Picovoice/wake-word-benchmark"),
)


@dataclass(frozen=True)
class Utterance:
    """One recording inside a packed file: samples start..end at 16 kHz. `phones`: ARPAbet per word, where given."""

    corpus: str
    id: str
    speaker: str
    text: str
    start: int
    end: int
    phones: tuple[str, ...] = ()


def utterances(shared: Path, name: str) -> list[Utterance]:
    """What corpus `name` of `shared`/speech holds, in file order."""
    rows = []
    with open(shared / "speech" / f"{name}.jsonl", encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            start = round(row["start"] * SAMPLE_RATE)
            end = start + round(row["dur"] * SAMPLE_RATE)
            speaker = f"{name}/{row['spk']}"
            rows.append(Utterance(name, row["id"], speaker, row["text"], start, end, tuple(row.get("phones", ()))))
    return rows


def audio(shared: Path, work: Path, name: str) -> NDArray[np.int16]:
    """The whole packed file as int16 [n] at 16 kHz, memory-mapped; decoded into `work` on first use."""
    path = work / "audio" / f"{name}.npy"
    if not path.exists():
        decode(shared / "speech" / f"{name}.opus", path)
    samples: NDArray[np.int16] = np.load(path, mmap_mode="r")
    return samples


def decode(packed: Path, path: Path) -> None:
    """Write the samples of `packed` to `path`, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".part")
    with soundfile.SoundFile(packed) as source:
        if source.samplerate != SAMPLE_RATE or source.channels != 1:
            raise ValueError(f"{packed.name} is not 16 kHz mono")
        blocks = list(source.blocks(BLOCK, dtype="int16"))
    with open(unfinished, "wb") as out:
        np.save(out, np.concatenate(blocks))
    unfinished.rename(path)


def held_out(utterance: Utterance) -> bool:
    """Whether an utterance belongs to validation: fixed by hash, by sentence, and by speaker where there are many.

    A sentence never occurs on both sides within its corpus; of speechocean762, every held-out speaker is unseen.
    """
    many_speakers = utterance.corpus == "speechocean762"
    key = utterance.speaker if many_speakers else f"{utterance.corpus}:{' '.join(utterance.text.lower().split())}"
    return int(hashlib.sha256(key.encode()).hexdigest()[:8], 16) % (12 if many_speakers else 20) == 0
