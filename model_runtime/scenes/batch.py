"""Many lines into one folder: worker processes, a ledger that survives any end, and what could not be done.

A line is done when its *.mouth.json stands in the folder and the ledger says from what. Files appear whole or not at
all; a line of the ledger is one write. Whoever is killed at any moment leaves at most a line to do again.
"""

from __future__ import annotations

import functools
import hashlib
import json
import multiprocessing
import os
import re
import shutil
import signal
import socket
import sys
import tempfile
import time
import tomllib
import uuid
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any, Literal

from .. import pipeline, track_file
from ..acting.articulate import articulate
from ..acting.styles import load_style
from ..contracts import Style
from ..errors import LipSyncError, TrackFileError
from ..hearing import audio, lexicon, network
from .sheet import Line, Sheet

TRIES = 2
"""How often a line may fail before it is set aside."""
SUFFIX = ".mouth.json"
MANIFEST = Path(__file__).parents[2] / "blender_manifest.toml"
_START_SECONDS = 300.0


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


@dataclass(frozen=True)
class Plan:
    """A sheet against a ledger: what is to do, the ids done before, and what was set aside before, with its error."""

    todo: tuple[Job, ...]
    skipped: tuple[str, ...]
    aside: tuple[tuple[Job, str], ...]


@dataclass
class Result:
    """What a batch did.

    todo: lines to do when it began; failed: id, row and error of the lines set aside; dropped: rows of the sheet that
    are no lines; stopped: why it ended early, if it did.
    """

    lines: int
    todo: int = 0
    done: list[str] = field(default_factory=list)
    skipped: list[str] = field(default_factory=list)
    failed: list[dict[str, Any]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    dropped: int = 0
    audio_s: float = 0.0
    wall_s: float = 0.0
    stopped: str = ""

    @property
    def exit_code(self) -> int:
        """0 everything is done, 1 something is not."""
        return 1 if self.failed or self.dropped or self.stopped else 0


# One line


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
        return Outcome(job, "stopped", mark, f"{job.result} cannot be written: {_reason(error)}")
    return Outcome(job, "done", mark, "", size, clip.duration, time.perf_counter() - started)


def _reason(error: BaseException) -> str:
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


def in_shard(name: str, shard: tuple[int, int]) -> bool:
    """Whether an id belongs to shard i of n, 1 <= i <= n: the same on every machine and in every sheet."""
    number, of = shard
    return int.from_bytes(hashlib.sha256(name.encode(errors="replace")).digest()[:8], "big") % of == number - 1


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
            raise BatchError(f"The ledger {self.path} cannot be written: {_reason(error)}. Free some space.") from error


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


def _bytes(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BatchError(f"The ledger {path} cannot be read: {_reason(error)}. Check its permissions.") from error


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1


def jobs(
    lines: Iterable[Line], folder: Path, unfinished: Path, *, shard: tuple[int, int] = (1, 1), words: bool = True
) -> list[Job]:
    """The lines of a shard as jobs. words: else the sounds alone are used. Raises BatchError without espeak-ng."""
    style = functools.cache(load_style)
    made = [
        Job(
            line.id,
            line.row,
            line.sound,
            line.text if words else "",
            line.language,
            style(line.style),
            folder / file_name(line.id),
            unfinished,
        )
        for line in lines
        if in_shard(line.id, shard)
    ]
    if any(job.text for job in made) and not lexicon.available():
        raise BatchError(
            "The sheet has transcripts, and using them needs espeak-ng: pip install espeakng-loader. "
            "To use the sounds alone: --sound-alone."
        )
    return made


# One batch a folder


def _shard_name(shard: tuple[int, int]) -> str:
    return "" if shard[1] == 1 else f".{shard[0]}-of-{shard[1]}"


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
        raise BatchError(f"The folder {folder} cannot be written: {_reason(error)}. Choose another one.") from error
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
            raise BatchError(f"The folder {folder} cannot be written: {_reason(error)}. Free some space.") from error
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
        raise BatchError(f"The folder {folder} cannot be written: {_reason(error)}. Choose another one.") from error
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


# Workers of this machine


def local_team(workers: int, patience: float) -> Team:
    """Worker processes of this machine; one that dies, or takes more than `patience` seconds, fails its line alone."""
    return functools.partial(_outcomes, workers=workers, patience=patience)


def _outcomes(queue: deque[Job], *, workers: int, patience: float) -> Iterator[Outcome]:
    team: list[_Worker] = []
    try:
        while queue or any(worker.job for worker in team):
            while len(team) < min(workers, len(queue) + sum(1 for worker in team if worker.job)):
                team.append(_Worker(workers > 1))
            for worker in team:
                if queue and worker.ready and worker.job is None:
                    worker.give(queue.popleft(), patience)
            nearest = min(worker.deadline for worker in team)
            heard = wait([worker.pipe for worker in team], timeout=max(0.0, nearest - time.monotonic()))
            for worker in [w for w in team if w.pipe in heard or w.deadline <= time.monotonic()]:
                outcome = worker.take()
                if worker.dead:
                    team.remove(worker)
                if outcome:
                    yield outcome
    finally:
        for worker in team:
            worker.end()


class _Worker:
    """One process and its job. deadline: when, on the monotonic clock, it is given up."""

    def __init__(self, alone: bool) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs, alone), daemon=True)
        self.process.start()
        theirs.close()
        self.job: Job | None = None
        self.ready = self.dead = False
        self.deadline = time.monotonic() + _START_SECONDS

    def give(self, job: Job, patience: float) -> None:
        """Sends a job; one that cannot be sent is found out by `take`."""
        self.job, self.deadline = job, time.monotonic() + patience
        with suppress(OSError):
            self.pipe.send(job)

    def take(self) -> Outcome | None:
        """What the worker sent. Raises BatchError if it could not start."""
        job, self.job, self.deadline = self.job, None, float("inf")
        try:
            said = self.pipe.recv() if self.pipe.poll() else "it took too long"
        except (EOFError, OSError):
            self.process.join(5.0)
            code = self.process.exitcode
            said = f"the worker was ended by signal {-code}" if code and code < 0 else f"the worker ended ({code})"
        if isinstance(said, Outcome):
            return said
        if not self.ready and said == "":
            self.ready = True
            return None
        self.dead = True
        self.end()
        if job is None and not self.ready:
            raise BatchError(f"A worker cannot start: {said}")
        return Outcome(job, "failed", fingerprint(job), f"{job.sound.name}: {said}. Check the sound.") if job else None

    def end(self) -> None:
        """Ends the process, whatever it does."""
        self.pipe.close()
        self.process.kill()
        self.process.join(5.0)


def _serve(pipe: Connection, alone: bool) -> None:
    """A worker's life: says "" when it is ready, or why it is not; ends when the batch does, or is killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        load_network(one_thread=alone)
    except LipSyncError as error:
        pipe.send(str(error))
        return
    with suppress(EOFError, OSError):
        pipe.send("")
        while True:
            pipe.send(work(pipe.recv()))


def load_network(*, one_thread: bool) -> None:
    """Loads the network before the first line. one_thread: it asks the system how many processors there are."""
    count = os.cpu_count
    try:
        if one_thread:
            setattr(os, "cpu_count", lambda: 1)  # noqa: B010  (mypy takes no assignment to a function)
        network.shared()
    finally:
        setattr(os, "cpu_count", count)  # noqa: B010


# The batch


def run(
    sheet: Sheet,
    folder: Path,
    team: Team,
    *,
    shard: tuple[int, int] = (1, 1),
    resume: bool = True,
    retry: bool = False,
    words: bool = True,
    dry: bool = False,
    say: Callable[[str], None] = lambda text: None,
) -> Result:
    """Does the lines of a sheet that are not done yet. dry: only says what would be done, and writes nothing.

    Raises BatchError if nothing can start.
    """
    if not sheet.lines:
        what = "; ".join(str(problem) for problem in sheet.problems[:3])
        raise BatchError(f"There is no line to do. {what}".strip())
    weights()
    if dry:
        todo = jobs(sheet.lines, folder, folder, shard=shard, words=words)
        return _result(sheet, plan(todo, folder, resume=resume, retry=retry), shard)
    with locked(folder, shard), unfinished_folder(folder, shard) as unfinished:
        todo = jobs(sheet.lines, folder, unfinished, shard=shard, words=words)
        found = plan(todo, folder, resume=resume, retry=retry)
        result = _result(sheet, found, shard)
        say(f"{len(found.todo)} of {result.lines} lines to do, {len(found.skipped)} are done already")
        _do(found.todo, team, Ledger(folder, shard), result, say)
    return result


def _result(sheet: Sheet, found: Plan, shard: tuple[int, int]) -> Result:
    """What is known before the work: problems of the sheet count for the first shard only."""
    count = len(found.todo) + len(found.skipped) + len(found.aside)
    result = Result(count, len(found.todo), skipped=list(found.skipped))
    result.failed = [_failure(job, f"{error} (set aside before; --retry tries again)") for job, error in found.aside]
    if shard[0] == 1:
        result.problems = [str(problem) for problem in sheet.problems]
        result.dropped = sum(not problem.kept for problem in sheet.problems)
    return result


def _failure(job: Job, error: str) -> dict[str, Any]:
    return {"id": job.id, "row": job.row, "error": error}


def _do(todo: Sequence[Job], team: Team, ledger: Ledger, result: Result, say: Callable[[str], None]) -> None:
    """The jobs through the team into ledger and result; what fails is tried again after the others."""
    started, said = time.monotonic(), 0.0
    tries: dict[str, int] = {}
    queue = deque(todo)
    outcomes = team(queue)
    try:
        for outcome in outcomes:
            job = outcome.job
            if outcome.state == "stopped":
                raise BatchError(f"{outcome.error}. Free some space or choose another folder.")
            tries[job.id] = tries.get(job.id, 0) + 1
            if outcome.state == "failed" and tries[job.id] < TRIES:
                queue.append(job)
                continue
            ledger.add(outcome)
            if outcome.state == "done":
                result.done.append(job.id)
                result.audio_s += outcome.audio_s
            else:
                result.failed.append(_failure(job, outcome.error))
                say(f"{job.id} (row {job.row}): {outcome.error}")
            if time.monotonic() - said > 1.0:
                said = time.monotonic()
                say(
                    _progress(
                        len(result.done) + sum(count >= TRIES for count in tries.values()), len(todo), said - started
                    )
                )
    except (BatchError, KeyboardInterrupt) as error:
        if not result.done and isinstance(error, BatchError):
            raise
        result.stopped = str(error) or "interrupted; the same command goes on from here"
    finally:
        getattr(outcomes, "close", lambda: None)()
        result.wall_s = time.monotonic() - started


def _progress(done: int, of: int, seconds: float) -> str:
    left = (of - done) * seconds / max(1, done)
    return f"{done} of {of}, {60 * done / max(seconds, 0.001):.0f} lines a minute, {left / 60:.1f} minutes left"


def report(result: Result, **facts: Any) -> str:
    """A result as one JSON object, with facts of the call."""
    values: Mapping[str, Any] = {**facts, "version": version(), **asdict(result)}
    rounded = {name: round(value, 3) if isinstance(value, float) else value for name, value in values.items()}
    return json.dumps(rounded, ensure_ascii=False, indent=1)


def summary(result: Result) -> str:
    """A result in one sentence a fact."""
    head = f"{len(result.done)} lines done, {len(result.skipped)} were done already, {len(result.failed)} set aside"
    rows = [f"set aside: {one['id']} (row {one['row']}): {one['error']}" for one in result.failed]
    rest = [f"stopped: {result.stopped}"] if result.stopped else []
    return "\n".join([*rows, f"{head}, {result.dropped} rows of the sheet not used.", *rest])


def say(text: str) -> None:
    """A line of progress."""
    print(f"labial: {text}", file=sys.stderr, flush=True)
