"""Where each phone is: forced alignment of the known words with pocketsphinx, kept as small JSON-lines files."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from model_runtime.phones import ARPABET, SILENCE

from .corpora import PIECE, SAMPLE_RATE, Utterance, audio, utterances
from .lateness import NETWORK, POCKETSPHINX, on_time
from .pronounce import Phones, UnknownWordError, Word, pronunciations

FRAME = 0.01
PAD = 10
"""Frames of faint noise on both sides, so that a recording cut at its first sound can still begin with silence."""
EDGE_SHIFT = 0.0078
"""Seconds added to the aligner's edges: its windows start on the 10 ms grid and are 25.6 ms long, so an edge
between frames k-1 and k, seen at the windows' centres, lies at k * 10 ms + 12.8 ms - 5 ms."""

FIRST, AGAIN = "labels", "realigned"
"""The folders of the labels: pocketsphinx' and exact ones, and those that a network made from them."""
EXACT = ("flite", "festival")
"""Corpora that say their own times."""
FASTEST, SLOWEST = 0.035, 0.25
"""Seconds a phone, mean over an utterance."""

NEAREST = {
    "x": "HH", "r": "R", "e": "EY", "a": "AA", "o": "OW", "y": "UW", "ø": "ER",
}  # fmt: skip
"""The aligner's en-us phone for phones that English lacks."""
ACOUSTIC = {phone: name for name, phone in ARPABET.items() if name != "AH0"} | {"ə": "AH"} | NEAREST


@dataclass(frozen=True)
class Labels:
    """The phones of one utterance: `ends` [len(phones)] in seconds from its start; the first phone starts at 0."""

    id: str
    phones: tuple[str, ...]
    ends: tuple[float, ...]

    def segments(self) -> Iterator[tuple[float, float, str]]:
        """(start, end, phone) in seconds."""
        return zip((0.0, *self.ends[:-1]), self.ends, self.phones, strict=True)


class Aligner:
    """pocketsphinx over a fixed vocabulary. Settings: facts measured against hand labels (wide beams, no lattice)."""

    def __init__(self, vocabulary: Sequence[Word], dictionary: Path) -> None:
        """`dictionary` is written: the vocabulary as pocketsphinx reads it."""
        from pocketsphinx import Decoder  # type: ignore[import-untyped]

        self.names = {word: f"w{i}" for i, word in enumerate(dict.fromkeys(vocabulary))}
        self.forms: dict[str, Phones] = {}
        for word, name in self.names.items():
            for i, form in enumerate(word):
                self.forms[name if i == 0 else f"{name}({i + 1})"] = form
        lines = [f"{name} {' '.join(ACOUSTIC[phone] for phone in form)}\n" for name, form in self.forms.items()]
        dictionary.write_text("".join(lines))
        self.decoder = Decoder(
            samprate=SAMPLE_RATE, bestpath=False, beam=1e-200, wbeam=1e-200, pbeam=1e-200, lm=None,
            dict=str(dictionary), loglevel="FATAL",
        )  # fmt: skip

    def align(self, samples: NDArray[np.int16], words: Sequence[Word]) -> list[tuple[int, int, str]] | None:
        """(start, end, phone) in frames of 10 ms, or None if the words do not fit the sound."""
        peak = max(1, int(np.abs(samples.astype(np.int32)).max()))
        hush = np.random.default_rng(0).normal(0.0, 8.0, round(PAD * FRAME * SAMPLE_RATE))
        loud = np.concatenate((hush, samples * (29_000 / peak), hush)).astype(np.int16).tobytes()
        self.decoder.set_align_text(" ".join(self.names[word] for word in words))
        self._decode(loud)
        if self.decoder.hyp() is None:
            return None
        self.decoder.set_alignment()
        self._decode(loud)
        alignment = self.decoder.get_alignment()
        if alignment is None:
            return None
        found = []
        for word in alignment:
            form = self.forms.get(word.name)
            phones = list(word)
            for i, phone in enumerate(phones):
                start, end = phone.start - PAD, phone.start + phone.duration - PAD
                if end > 0 and start * FRAME * SAMPLE_RATE < len(samples):
                    found.append((start, end, form[i] if form else SILENCE))
        return found or None

    def _decode(self, samples: bytes) -> None:
        self.decoder.start_utt()
        self.decoder.process_raw(samples, full_utt=True)
        self.decoder.end_utt()


def label(utterance: Utterance, found: Sequence[tuple[int, int, str]]) -> Labels:
    """Aligned frames as labels without gaps over the whole utterance; neighbouring silences are one."""
    seconds = (utterance.end - utterance.start) / SAMPLE_RATE
    merged: list[tuple[str, float]] = []
    if found[0][0] > 0:
        merged.append((SILENCE, found[0][0] * FRAME + EDGE_SHIFT))
    for _, end, symbol in found:
        if merged and symbol == SILENCE == merged[-1][0]:
            merged.pop()
        merged.append((symbol, min(seconds, end * FRAME + EDGE_SHIFT)))
    merged[-1] = (merged[-1][0], seconds)
    return Labels(utterance.id, tuple(p for p, _ in merged), tuple(round(end, 4) for _, end in merged))


def plausible(labels: Labels) -> bool:
    """Whether the words may have been said: at a speed of people, not crowded into a part of the sound."""
    lengths = [end - start for start, end, phone in labels.segments() if phone != SILENCE]
    return bool(lengths) and FASTEST < sum(lengths) / len(lengths) < SLOWEST


def align_piece(shared: Path, work: Path, name: str, piece: int) -> tuple[int, int]:
    """Align utterances of one piece into its file. Returns how many were kept and how many were left out."""
    path = piece_path(work, name, piece)
    spoken = []
    rows = utterances(shared, work, name)[piece * PIECE : (piece + 1) * PIECE]
    for utterance in rows:
        try:
            spoken.append((utterance, pronunciations(utterance)))
        except UnknownWordError:
            continue
    path.parent.mkdir(parents=True, exist_ok=True)
    aligner = Aligner([word for _, words in spoken for word in words], path.with_suffix(".dict"))
    kept = []
    for utterance, words in spoken:
        samples = audio(shared, work, utterance.file)[utterance.start : utterance.end]
        found = aligner.align(samples, words)
        if found and plausible(labels := label(utterance, found)):
            kept.append(labels)
    write_piece(path, kept)
    path.with_suffix(".dict").unlink()
    return len(kept), len(rows) - len(kept)


def piece_path(work: Path, name: str, piece: int, folder: str = FIRST) -> Path:
    """Where the labels of a piece are."""
    return work / folder / f"{name}-{piece:03d}.jsonl"


def missing_pieces(shared: Path, work: Path, names: Sequence[str], folder: str = FIRST) -> list[tuple[str, int]]:
    """The pieces of the corpora that have no labels of a kind yet."""
    counts = {name: -(-len(utterances(shared, work, name)) // PIECE) for name in names}
    pieces = [(name, piece) for name in names for piece in range(counts[name])]
    return [(name, piece) for name, piece in pieces if not piece_path(work, name, piece, folder).exists()]


def write_piece(path: Path, labels: Sequence[Labels]) -> None:
    """One JSON object a line, whole or not at all."""
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [json.dumps(asdict(one), ensure_ascii=False) + "\n" for one in labels]
    path.with_suffix(".part").write_text("".join(lines), encoding="utf-8")
    path.with_suffix(".part").rename(path)


def align(shared: Path, work: Path, names: Sequence[str], processes: int = 2) -> None:
    """Label every utterance that is not labelled yet."""
    for name in names:
        for file in {row.file for row in utterances(shared, work, name)}:
            audio(shared, work, file)
    missing = missing_pieces(shared, work, names)
    with ProcessPoolExecutor(processes) as pool:
        jobs = [(name, piece, pool.submit(align_piece, shared, work, name, piece)) for name, piece in missing]
        for name, piece, job in jobs:
            kept, dropped = job.result()
            print(f"aligned {name} {piece}: {kept} kept, {dropped} left out", flush=True)


def load(work: Path, name: str) -> dict[str, Labels]:
    """The labels of a corpus by utterance id, on time: those made again, where there are any."""
    found = {}
    for folder, late in ((FIRST, {} if name in EXACT else POCKETSPHINX), (AGAIN, NETWORK)):
        for path in sorted((work / folder).glob(f"{name}-*.jsonl")):
            for row in map(json.loads, path.read_text(encoding="utf-8").splitlines()):
                ends = on_time(row["phones"], row["ends"], late)
                found[row["id"]] = Labels(row["id"], tuple(row["phones"]), ends)
    return found
