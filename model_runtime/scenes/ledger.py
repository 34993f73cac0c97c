"""The folder of a batch: the ledger of what was done, and the lock that keeps it to one batch at a time."""

from __future__ import annotations

import json
import os
import shutil
import socket
import sys
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .job import BatchError, Job, Outcome, fingerprint, reason

TRIES = 2
"""How often a line may fail before it is set aside."""


def _shard_name(shard: tuple[int, int]) -> str:
    return "" if shard[1] == 1 else f".{shard[0]}-of-{shard[1]}"


# What was done before


class Ledger:
    """The folder's memory: one JSON line for each line that was finished or set aside, only ever added to."""

    def __init__(self, folder: Path, shard: tuple[int, int]) -> None:
        self.path = folder / f"ledger{_shard_name(shard)}.jsonl"

    @staticmethod
    def latest(folder: Path) -> dict[str, dict[str, Any]]:
        """Id -> its last entry in all ledgers of a folder. Lines that are torn or damaged are ignored."""
        found: dict[str, dict[str, Any]] = {}
        for path in sorted(folder.glob("ledger*.jsonl")):
            for row in _bytes(path).split(b"\n"):
                with suppress(ValueError, TypeError, KeyError, RecursionError):
                    entry = json.loads(row)
                    name, at = str(entry["id"]), float(entry["at"])
                    if name not in found or at >= float(found[name]["at"]):
                        found[name] = entry
        return found

    def add(self, outcome: Outcome) -> None:
        """One write; after a torn line, on a line of its own. Raises BatchError if it cannot be written."""
        facts = {"audio_s": round(outcome.audio_s, 3), "wall_s": round(outcome.wall_s, 3)}
        entry = {"id": outcome.job.id, "state": outcome.state, "hash": outcome.hash, "at": round(time.time(), 3)}
        entry |= facts if outcome.state == "done" else {"error": outcome.error, "tries": TRIES}
        entry |= {"file": outcome.job.result.name, "bytes": outcome.size} if outcome.state == "done" else {}
        row = (json.dumps(entry, ensure_ascii=False) + "\n").encode(errors="replace")
        try:
            with self.path.open("a+b", buffering=0) as file:
                if file.seek(0, os.SEEK_END) and file.seek(-1, os.SEEK_END) >= 0 and file.read(1) != b"\n":
                    row = b"\n" + row
                if file.write(row) != len(row):
                    raise OSError("the disk is full")
        except OSError as error:
            raise BatchError(f"The ledger {self.path} cannot be written: {reason(error)}. Free some space.") from error


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BatchError(f"The ledger {path} cannot be read: {reason(error)}. Check its permissions.") from error


@dataclass(frozen=True)
class Plan:
    """A sheet against a ledger: what is to do, the ids done before, and what was set aside before, with its error."""

    todo: tuple[Job, ...]
    skipped: tuple[str, ...]
    aside: tuple[tuple[Job, str], ...]


def plan(jobs: Iterable[Job], folder: Path, *, resume: bool, retry: bool) -> Plan:
    """What of the jobs is still to do: everything whose content changed, whose file is gone or other, or that is new.

    resume: without it, everything is done again. retry: what was set aside is tried again.
    """
    known = Ledger.latest(folder) if resume else {}
    todo, skipped, aside = [], [], []
    for job in jobs:
        entry = known.get(job.id, {})
        same = bool(entry) and entry.get("hash") == fingerprint(job)
        if same and entry.get("state") == "done" and _size(job.result) == entry.get("bytes"):
            skipped.append(job.id)
        elif same and entry.get("state") == "failed" and not retry:
            aside.append((job, str(entry.get("error", ""))))
        else:
            todo.append(job)
    return Plan(tuple(todo), tuple(skipped), tuple(aside))


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1


# One batch a folder


@contextmanager
def locked(folder: Path, shard: tuple[int, int]) -> Iterator[None]:
    """Holds the folder for this process; shards of one division hold it together. Makes the folder.

    The system lets go of the lock of a process that ends, however it ends. Raises BatchError if another batch holds it
    or it cannot be written.
    """
    path = folder / f".batch{_shard_name(shard)}.lock"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = path.open("a+b", buffering=0)
    except OSError as error:
        raise BatchError(f"The folder {folder} cannot be written: {reason(error)}. Choose another one.") from error
    with file:
        _take(file, path)
        for other in sorted(folder.glob(".batch*.lock")):
            if other != path and not (shard[1] > 1 and other.name.endswith(f"-of-{shard[1]}.lock")):
                with other.open("a+b", buffering=0) as stranger:
                    _take(stranger, other)
        file.truncate(0)
        try:
            file.write(json.dumps({"pid": os.getpid(), "host": socket.gethostname()}).encode())
        except OSError as error:
            raise BatchError(f"The folder {folder} cannot be written: {reason(error)}. Free some space.") from error
        try:
            yield
        finally:
            file.truncate(0)


def _take(file: Any, path: Path) -> None:
    """Locks an open file. Raises BatchError naming who holds it, or that another machine left it."""
    file.seek(0)
    holder: dict[str, Any] = {}
    with suppress(ValueError, OSError):
        holder = dict(json.loads(file.read(1000)))
    who = f"process {holder.get('pid', '?')} on {holder.get('host', '?')}"
    try:
        if sys.platform == "win32":
            import msvcrt

            file.seek(1 << 20)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise BatchError(
            f"Another batch is writing into {path.parent} ({who}). Wait for it, or choose another folder."
        ) from error
    if holder.get("host", socket.gethostname()) != socket.gethostname():
        raise BatchError(f"A batch of {who} holds {path.parent}. If it is not running any more, delete {path.name}.")


@contextmanager
def unfinished_folder(folder: Path, shard: tuple[int, int]) -> Iterator[Path]:
    """A new folder for what is being written; those of batches that were killed are removed, with what is in them."""
    stem = f".unfinished{_shard_name(shard)}-"
    for left in folder.glob(stem + "*"):
        shutil.rmtree(left, ignore_errors=True)
    made = folder / f"{stem}{uuid.uuid4().hex[:8]}"
    try:
        made.mkdir()
    except OSError as error:
        raise BatchError(f"The folder {folder} cannot be written: {reason(error)}. Choose another one.") from error
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)
