"""The lines of a batch on a Dask cluster: the same unit of work, the same files, one ledger kept by whoever asked.

Scheduler and workers can import `model_runtime`; the workers see sounds and results under the same paths.
"""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Iterator
from typing import Any

from ..hearing import network
from .job import MANIFEST, BatchError, Job, Outcome, Team, fingerprint, version, weights, work

AHEAD = 4
"""Lines that wait at the scheduler for each thread of the cluster; more would only be lost with it."""
GONE = "The scheduler is gone. Start it again and run the same command"
PATIENCE = 20.0
"""Seconds in which the scheduler and its first worker answer."""


def dask_team(scheduler: str) -> Team:
    """The workers of a Dask scheduler, "tcp://HOST:PORT". Raises BatchError if the package or the scheduler is missing.

    The lines of a worker that dies are done by others, also those whose outcome it still held; a line that ends
    several workers fails. A line is reported once, however often it was begun.
    """
    try:
        import distributed
    except ImportError:
        raise BatchError(
            "A batch on a cluster needs the package distributed: pip install distributed. Without it: no --scheduler."
        ) from None
    try:
        client = distributed.Client(scheduler, timeout=PATIENCE, set_as_default=False)
    except (OSError, ValueError) as error:
        raise BatchError(f"The scheduler {scheduler} does not answer ({error}). Check it and its port.") from error
    try:
        client.wait_for_workers(1, timeout=PATIENCE)
    except TimeoutError:
        client.close()
        raise BatchError(f"The scheduler {scheduler} has no workers. Start some: dask worker {scheduler}") from None
    _require_same(client)
    return functools.partial(_outcomes, client=client, library=distributed)


def _require_same(client: Any) -> None:
    """Raises BatchError if scheduler or workers cannot import Labial, or have another version or other weights."""
    ours = made_with()
    try:
        theirs = {"the scheduler": client.run_on_scheduler(made_with), **client.run(made_with)}
    except Exception as error:
        raise BatchError(
            f"The cluster cannot import model_runtime ({type(error).__name__}). "
            f"Start its scheduler and its workers with PYTHONPATH={MANIFEST.parent}."
        ) from error
    if other := sorted(address for address, found in theirs.items() if found != ours):
        raise BatchError(f"Another version of Labial is on {', '.join(other)}. Install the same one.")


def made_with() -> tuple[str, str]:
    """Version of Labial and of its network here."""
    return version(), weights()


def on_cluster(job: Job) -> Outcome:
    """A job on a worker of the cluster, whose network takes one thread, as the worker's own threads share it."""
    network.set_threads(1)
    network.shared()
    return work(job)


def _outcomes(queue: deque[Job], *, client: Any, library: Any) -> Iterator[Outcome]:
    waiting: dict[Any, Job] = {}
    done = library.as_completed(loop=client.loop, raise_errors=False)
    try:
        while queue or waiting:
            while queue and len(waiting) < max(1, AHEAD * _threads(client)):
                job = queue.popleft()
                future = client.submit(on_cluster, job, pure=False)
                waiting[future] = job
                done.add(future)
            future = next(done)
            if (outcome := _outcome(future, waiting[future])) is None:
                done.add(future)
            else:
                del waiting[future]
                yield outcome
    finally:
        client.cancel(list(waiting))
        client.close()


def _threads(client: Any) -> int:
    """Threads of all workers that are there now. Raises BatchError if the scheduler is gone."""
    try:
        return sum(client.nthreads().values())
    except OSError as error:
        raise BatchError(GONE) from error


def _outcome(future: Any, job: Job) -> Outcome | None:
    """What a worker returned, or why none could; None while others do again what a dead worker held.

    Raises BatchError if the scheduler is gone.
    """
    status = future.status
    if status == "finished":
        return future.result()  # type: ignore[no-any-return]
    if status in ("lost", "pending"):
        return None
    if status == "cancelled":
        raise BatchError(GONE)
    error = future.exception()
    if type(error).__name__ == "KilledWorker":
        what = f"{job.sound.name} ended several workers. Check the sound."
        return Outcome(job, "failed", fingerprint(job), what)
    raise BatchError(f"A worker cannot do its work ({error}). Check that it has the same version of Labial")
