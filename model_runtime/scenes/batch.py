"""Many lines into one folder: worker processes, a ledger that survives any end, and what could not be done.

A line is done when its *.mouth.json stands in the folder and the ledger says from what. Files appear whole or not at
all; a line of the ledger is one write. Whoever is killed at any moment leaves at most a line to do again.
"""

from __future__ import annotations

import functools
import hashlib
import json
import multiprocessing
import signal
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from multiprocessing.connection import Connection, wait
from pathlib import Path
from typing import Any

from ..acting.styles import load_style
from ..errors import LipSyncError
from ..hearing import lexicon, network
from .job import BatchError, Job, Outcome, Team, file_name, fingerprint, version, weights, work
from .ledger import TRIES, Ledger, Plan, locked, plan, unfinished_folder
from .sheet import Line, Sheet

_START_SECONDS = 300.0


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


def in_shard(name: str, shard: tuple[int, int]) -> bool:
    """Whether an id belongs to shard i of n, 1 <= i <= n: the same on every machine and in every sheet."""
    number, of = shard
    return int.from_bytes(hashlib.sha256(name.encode(errors="replace")).digest()[:8], "big") % of == number - 1


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


# What is said of it


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


# Workers of this machine


def local_team(workers: int, patience: float) -> Team:
    """Worker processes of this machine; one that dies, or takes more than `patience` seconds, fails its line alone."""
    return functools.partial(_outcomes, workers=workers, patience=patience)


def _outcomes(queue: deque[Job], *, workers: int, patience: float) -> Iterator[Outcome]:
    team: list[_Worker] = []
    try:
        while queue or any(worker.job for worker in team):
            while len(team) < min(workers, len(queue) + sum(1 for worker in team if worker.job)):
                team.append(_Worker(1 if workers > 1 else None))
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

    def __init__(self, threads: int | None) -> None:
        context = multiprocessing.get_context("spawn")
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs, threads), daemon=True)
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


def _serve(pipe: Connection, threads: int | None) -> None:
    """A worker's life: says "" when it is ready, or why it is not; ends when the batch does, or is killed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        network.set_threads(threads)
        network.shared()
    except LipSyncError as error:
        pipe.send(str(error))
        return
    with suppress(EOFError, OSError):
        pipe.send("")
        while True:
            pipe.send(work(pipe.recv()))
