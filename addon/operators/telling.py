"""What operators share: an error that names the thing and the fix is told, and nothing else happens."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import bpy

from ...model_runtime.errors import LipSyncError

Work = Callable[[Any, bpy.types.Context], "set[str] | None"]


def tells_errors(work: Work) -> Callable[[Any, bpy.types.Context], set[str]]:
    """The `execute` of an operator that does `work`: a LipSyncError is reported and cancels it; None is finished."""

    @functools.wraps(work)
    def execute(self: Any, context: bpy.types.Context) -> set[str]:
        try:
            return work(self, context) or {"FINISHED"}
        except LipSyncError as error:
            self.report({"ERROR"}, str(error))
            return {"CANCELLED"}

    return execute
