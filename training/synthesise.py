"""Synthetic speech: sentences of the recordings, said by voices that the recordings lack. Made in small pieces.

Kokoro speaks English in 28 voices and mixtures of two of the same accent, and 34 other languages in all of its 54
voices, mostly with a foreigner's accent; its phones are found by the aligner, as in a recording. Flite and Festival
(`timed.py`) say themselves when each phone ends.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from scipy import signal  # type: ignore[import-untyped]

from model_runtime.hearing.lexicon import ipa

from .corpora import PIECE, SAMPLE_RATE, Spoken, list_path, utterances, write
from .kokoro import LONGEST, RATE, REGIONS, Kokoro, fluent_german, foreign, misaki, regional
from .labels import piece_path, write_piece
from .packages import dialogue, written
from .pronounce import words_of
from .timed import festival, flite

PROMPTS = ("kathleen", "speechocean762")
"""The recordings whose sentences are said."""
PIECES = {"kokoro-en": 10, "kokoro-world": 8, "flite": 30, "festival": 4}
READ = 8
"""Pieces of Kokoro's English that say the prompts; the others say a game's dialogue."""
GERMAN_SHARE, FLUENT_SHARE, WRITTEN_SHARE = 0.9, 0.6, 0.6
"""Of the sentences in other languages, those in German; of these, those that are said as in quick speech. Of the
sentences in German and in English, those that were written for this."""
QUICK = {language: Path(__file__).with_name(f"quick_{language}.txt") for language in ("english", "german")}
"""What read sentences seldom have: lips that close in endings, before t k s n and at pauses; w after s and t; m and n
at the end; and what is taken for closing lips: h at the start, n and ng at the end."""
REGIONAL_SHARE = 0.7
"""Of the sentences in British voices, those that they say as in Australia, New Zealand, Scotland or South Africa."""
NATIVE = {"es": "e", "fr": "f", "hi": "h", "it": "i", "pt": "p"}
"""The voices of a language begin with this letter."""
ACCENTS = {"a": "en-us", "b": "en-gb"}


def sentences(shared: Path, work: Path) -> list[str]:
    """The different sentences of the recordings, in an order that mixes them."""
    found = {" ".join(row.text.split()) for name in PROMPTS for row in utterances(shared, work, name)}
    return sorted(found, key=lambda text: zlib.crc32(text.encode()))


def lines(work: Path) -> list[str]:
    """The game's dialogue in an order that mixes it."""
    return sorted(dialogue(work / "debian"), key=lambda text: zlib.crc32(text.encode()))


def make(shared: Path, work: Path) -> None:
    """Everything synthetic; pieces that are there already stay."""
    make_timed(work, "flite", sentences(shared, work), PIECES["flite"])
    make_timed(work, "festival", lines(work), PIECES["festival"])
    make_kokoro(shared, work, PIECES["kokoro-en"])
    make_world(shared, work, PIECES["kokoro-world"])


def make_kokoro(shared: Path, work: Path, pieces: int) -> None:
    """English by Kokoro's voices, in pieces of `PIECE` sentences."""
    missing = [piece for piece in range(pieces) if not list_path(work, "kokoro-en", piece).exists()]
    if not missing:
        return
    said = [*sentences(shared, work)[: READ * PIECE], *lines(work)]
    kokoro = Kokoro(work / "kokoro")
    quick = QUICK["english"].read_text(encoding="utf-8").splitlines()
    for piece in missing:
        rng = np.random.default_rng((1, piece))
        rows = []
        for number in range(piece * PIECE, (piece + 1) * PIECE):
            text = str(rng.choice(quick)) if rng.random() < WRITTEN_SHARE else said[number % len(said)]
            rows.append(speak(kokoro, rng, text, f"k{number:05d}"))
        write(work, "kokoro-en", piece, rows)
        print(f"made kokoro-en {piece}", flush=True)


def make_world(shared: Path, work: Path, pieces: int) -> None:
    """Other languages by all of Kokoro's voices, as espeak-ng's rules pronounce them."""
    missing = [piece for piece in range(pieces) if not list_path(work, "kokoro-world", piece).exists()]
    if not missing:
        return
    kokoro = Kokoro(work / "kokoro")
    texts = written(work / "debian")
    quick = QUICK["german"].read_text(encoding="utf-8").splitlines()
    german = sorted({" ".join(row.text.split()) for row in utterances(shared, work, "kerstin")} | set(texts["de"]))
    for piece in missing:
        rng = np.random.default_rng((3, piece))
        rows = []
        for number in range(piece * PIECE, (piece + 1) * PIECE):
            language = "de" if rng.random() < GERMAN_SHARE else str(rng.choice(sorted(texts)))
            said = texts[language] if language != "de" else quick if rng.random() < WRITTEN_SHARE else german
            rows.append(speak_foreign(kokoro, rng, said[rng.integers(len(said))], language, f"w{number:05d}"))
        write(work, "kokoro-world", piece, rows)
        print(f"made kokoro-world {piece}", flush=True)


def speak_foreign(kokoro: Kokoro, rng: np.random.Generator, text: str, language: str, name: str) -> Spoken:
    """A part of one sentence in any voice, two times in three one of the language's own where there are such."""
    native = NATIVE.get(language[:2])
    own = [voice for voice in kokoro.voices if voice[0] == native] if rng.random() < 0.67 else []
    words = words_of(text.lower())[: rng.integers(1, 16)]
    phonemes = " ".join(foreign(ipa(word, language)) for word in words)[:LONGEST]
    if language == "de" and rng.random() < FLUENT_SHARE:
        phonemes = fluent_german(phonemes)
    samples, speaker = said_by(kokoro, rng, sorted(own or kokoro.voices), phonemes + ".")
    return {"id": name, "lang": language, "spk": speaker, "text": " ".join(words)}, samples


def speak(kokoro: Kokoro, rng: np.random.Generator, text: str, name: str) -> Spoken:
    """One sentence in a random English voice or mixture, the British ones often with another region's vowels."""
    accent = "a" if rng.random() < 0.6 else "b"
    clauses = (ipa(" ".join(words_of(clause)), ACCENTS[accent]) for clause in re.split(r"[^\w' -]+", text.lower()))
    said = (" ".join(misaki(word, accent == "b") for word in clause.split()) for clause in clauses if clause)
    phonemes = ", ".join(said)
    if accent == "b" and rng.random() < REGIONAL_SHARE:
        phonemes = regional(phonemes, str(rng.choice(REGIONS)))
    voices = sorted(voice for voice in kokoro.voices if voice[0] == accent)
    samples, speaker = said_by(kokoro, rng, voices, phonemes.strip(" ,") + ".")
    return {"id": name, "lang": ACCENTS[accent], "spk": speaker, "text": text}, samples


def said_by(
    kokoro: Kokoro, rng: np.random.Generator, voices: Sequence[str], phonemes: str
) -> tuple[NDArray[np.int16], str]:
    """int16 [n] at 16 kHz of phonemes in one of the voices or a mixture of two, and its name."""
    first, second = rng.choice(voices, 2, replace=len(voices) < 2)
    share = rng.uniform(0.3, 0.7) if rng.random() < 0.4 else 0.0
    style = (1.0 - share) * kokoro.voices[first] + share * kokoro.voices[second]
    sound = kokoro.speak(phonemes, style.astype(np.float32), rng.uniform(0.85, 1.25))
    resampled = signal.resample_poly(sound, SAMPLE_RATE, RATE)
    resampled *= 0.5 / max(1e-6, float(np.abs(resampled).max()))
    return np.round(resampled * 32767).astype(np.int16), first if share == 0.0 else f"{first}+{second}"


def make_timed(work: Path, name: str, said: Sequence[str], pieces: int) -> None:
    """English by a voice that says its own times, which become the labels."""
    voice = {"flite": flite, "festival": festival}[name]
    for piece in range(pieces):
        if list_path(work, name, piece).exists():
            continue
        rng = np.random.default_rng((2, piece))
        numbers = range(piece * PIECE, (piece + 1) * PIECE)
        made = [voice(rng, said[number % len(said)], f"f{number:05d}") for number in numbers]
        write_piece(piece_path(work, name, piece), [labels for _, _, labels in made])
        write(work, name, piece, [(row, samples) for row, samples, _ in made])
