"""The lines of a batch on a Dask cluster: the same unit of work, the same files, one ledger kept by whoever asked.

Every worker sees the sounds and the folder of results under the same paths and can import `model_runtime`.
"""

from __future__ import annotations

import functools
from collections import deque
from collections.abc import Iterator
from typing import Any

from . import batch

AHEAD = 4
"""Lines that wait at the scheduler for each thread of the cluster; more would only be lost with it."""


def dask_team(scheduler: str) -> batch.Team:
    """The workers of a Dask scheduler, "tcp://HOST:PORT". Raises BatchError if the package or the scheduler is missing.

    The lines of a worker that dies are done by others; a line that ends several workers fails. A line is reported
    once, however often it was begun.
    """
    try:
        import distributed
    except ImportError:
        raise batch.BatchError(
            "A batch on a cluster needs the package distributed: pip install distributed. Without it: no --scheduler."
        ) from None
    try:
        client = distributed.Client(scheduler, timeout=20, set_as_default=False)
    except (OSError, ValueError) as error:
        raise batch.BatchError(
            f"The scheduler {scheduler} does not answer ({error}). Check it and its port."
        ) from error
    return functools.partial(_outcomes, client=client, library=distributed)


def on_cluster(job: batch.Job) -> batch.Outcome:
    """A job on a worker of the cluster, whose network takes one thread, as the worker's own threads share it."""
    batch.load_network(one_thread=True)
    return batch.work(job)


def _outcomes(queue: deque[batch.Job], *, client: Any, library: Any) -> Iterator[batch.Outcome]:
    waiting: dict[Any, batch.Job] = {}
    done = library.as_completed(with_results=False, raise_errors=False)
    try:
        while queue or waiting:
            threads = sum(client.nthreads().values())
            while queue and len(waiting) < max(1, AHEAD * threads):
                job = queue.popleft()
                future = client.submit(on_cluster, job, pure=False)
                waiting[future] = job
                done.add(future)
            future = next(done)
            yield _outcome(future, waiting.pop(future))
    finally:
        client.cancel(list(waiting))
        client.close()


def _outcome(future: Any, job: batch.Job) -> batch.Outcome:
    """What a worker returned, or why none could. Raises BatchError if the scheduler is gone."""
    if future.status == "finished":
        return future.result()  # type: ignore[no-any-return]
    if future.status in ("lost", "cancelled"):
        raise batch.BatchError("The scheduler is gone. Start it again and run the same command")
    error = future.exception()
    return batch.Outcome(job, "failed", batch.fingerprint(job), f"{type(error).__name__}: {error}")
