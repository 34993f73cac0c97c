"""One line of a batch as a unit of work: what it needs, what becomes of it, and what its file was made from."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import re
import tempfile
import time
import tomllib
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

from .. import pipeline, track_file
from ..acting.articulate import articulate
from ..contracts import Style
from ..errors import LipSyncError, TrackFileError
from ..hearing import audio, network

SUFFIX = ".mouth.json"
MANIFEST = Path(__file__).parents[2] / "blender_manifest.toml"


class BatchError(LipSyncError):
    """A batch cannot start or go on: its folder, another batch, its workers."""


@dataclass(frozen=True)
class Job:
    """One line as its worker gets it: everything that its file depends on, and where that goes.

    text: the words, "" for the sound alone; unfinished: a folder beside the results for what is being written.
    """

    id: str
    row: int
    sound: Path
    text: str
    language: str
    style: Style
    result: Path
    unfinished: Path


@dataclass(frozen=True)
class Outcome:
    """What became of a job. "stopped": its file cannot be written, which no other line's can either.

    hash: what the file was made from (`fingerprint`); audio_s: seconds of sound; wall_s: seconds of work.
    """

    job: Job
    state: Literal["done", "failed", "stopped"]
    hash: str = ""
    error: str = ""
    size: int = 0
    audio_s: float = 0.0
    wall_s: float = 0.0


Team = Callable[[deque[Job]], Iterator[Outcome]]
"""Takes jobs from the left of a queue, to which more may be added meanwhile, and yields each one's outcome once."""


def work(job: Job) -> Outcome:
    """Does a line: reads its sound, listens, acts, writes its file. Raises nothing that a line can be to blame for."""
    started = time.perf_counter()
    mark = ""
    try:
        mark = fingerprint(job)
        clip = audio.load(job.sound)
        track = articulate(pipeline.listen(clip, job.text or None, job.language), job.style)
    except Exception as error:  # a line that finds a bug of ours must not stop the ten thousand after it
        said = str(error) if isinstance(error, LipSyncError) else f"{type(error).__name__}: {error}"
        return Outcome(job, "failed", mark, said)
    try:
        with tempfile.TemporaryDirectory(dir=job.unfinished) as own:
            part = Path(own) / job.result.name
            track_file.write(track, part)
            size = part.stat().st_size
            os.replace(part, job.result)
    except (OSError, TrackFileError) as error:
        return Outcome(job, "stopped", mark, f"{job.result} cannot be written: {reason(error)}")
    return Outcome(job, "done", mark, "", size, clip.duration, time.perf_counter() - started)


def reason(error: BaseException) -> str:
    """The system's words for an error, without the names of temporary files."""
    cause = error if isinstance(error, OSError) else error.__cause__
    return str(getattr(cause, "strerror", None) or error)


def fingerprint(job: Job) -> str:
    """SHA-256 of all that a line's file depends on: sound, words, language, style, version and weights."""
    facts = {
        "text": job.text,
        "language": job.language if job.text else "",
        "style": asdict(job.style),
        "version": version(),
        "weights": weights(),
        "sound": "",
    }
    with suppress(OSError), job.sound.open("rb") as file:
        facts["sound"] = hashlib.file_digest(file, "sha256").hexdigest()
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()


@functools.cache
def version() -> str:
    try:
        return str(tomllib.loads(MANIFEST.read_text(encoding="utf-8"))["version"])
    except (OSError, ValueError, KeyError):
        return ""


@functools.cache
def weights() -> str:
    """SHA-256 of the network, as its contract states it and loading holds it to. Raises BatchError without one."""
    try:
        return str(json.loads((network.WEIGHTS / "speech.json").read_text(encoding="utf-8"))["sha256"])
    except (OSError, ValueError, KeyError) as error:
        raise BatchError(
            f"The network's contract speech.json cannot be read ({error}). Install Labial again."
        ) from error


def file_name(name: str) -> str:
    """The file of an id, the same on every system; an id that is no file name is told apart by a hash."""
    plain = re.sub(r"[^\w.+=@-]+", "_", name)[:50].strip("._ ")
    reserved = re.fullmatch(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", plain, re.IGNORECASE)
    if plain != name or reserved or not plain:
        plain = f"{plain or 'line'}-{hashlib.sha256(name.encode(errors='replace')).hexdigest()[:8]}"
        plain = f"_{plain}" if reserved else plain
    return plain + SUFFIX
