"""Long work on a worker thread: progress for the panel, cancel for Esc. Nothing on the thread touches bpy."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Generic, TypeVar

from ..model_runtime.contracts import Progress
from ..model_runtime.errors import Cancelled

Made = TypeVar("Made")


class Job(Generic[Made]):
    """Runs `work(progress)` on its own thread. `fraction` and `doing` tell how far it is."""

    def __init__(self, work: Callable[[Progress], Made]) -> None:
        self.fraction = 0.0
        self.doing = "Starting"
        self._cancelled = threading.Event()
        self._made: Made | None = None
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, args=(work,), daemon=True, name="labial")
        self._thread.start()

    @property
    def running(self) -> bool:
        """Whether the thread still works."""
        return self._thread.is_alive()

    def cancel(self) -> None:
        """Asks the work to stop at its next progress report."""
        self._cancelled.set()

    def result(self) -> Made:
        """What the work made; raises what it raised. Only after it has ended."""
        self._thread.join()
        if self._error is not None:
            raise self._error
        assert self._made is not None
        return self._made

    def _run(self, work: Callable[[Progress], Made]) -> None:
        try:
            self._made = work(self._report)
            self._report(1.0, "Writing keys")
        except BaseException as error:
            self._error = error

    def _report(self, fraction: float, doing: str) -> None:
        if self._cancelled.is_set():
            raise Cancelled("Cancelled.")
        self.fraction, self.doing = fraction, doing
