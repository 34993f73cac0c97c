"""Bounded least squares: how much of each target makes a wanted change."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..contracts import Float32

_ROUNDS, _HALVINGS = 500, 10
_SETTLED = 1e-6


def bounded(
    effect: Float32, wanted: Float32, anchor: Float32, low: Float32, high: Float32, hold: float = 0.002
) -> Float32:
    """Minimises |w @ effect - wanted|^2 / n + a |w - anchor|^2 for low <= w <= high, float32 [targets].

    effect float32 [targets, n], wanted float32 [n]. The anchor's weight a is `hold` of the targets' mean effect.
    Projected coordinate descent with projected Newton steps (Bertsekas 1982) between its rounds: the first finds the
    targets that stand at their bounds, the second solves for all others at once.
    """
    count, targets = max(1, effect.shape[1]), len(anchor)
    gram = effect.astype(np.float64) @ effect.T / count + 1e-6 * np.eye(targets)
    scale = hold * float(np.trace(gram)) / max(1, targets)
    curve = gram + scale * np.eye(targets)
    best = effect.astype(np.float64) @ wanted / count + scale * anchor

    def cost(w: NDArray[np.float64]) -> float:
        return float(w @ (0.5 * curve @ w - best))

    w = np.clip(anchor.astype(np.float64), low, high)
    for _ in range(_ROUNDS):
        before = w.copy()
        for i in range(targets):
            w[i] = min(max(w[i] + (best[i] - curve[i] @ w) / curve[i, i], low[i]), high[i])
        slope = curve @ w - best
        free = np.flatnonzero(((w > low) | (slope < 0.0)) & ((w < high) | (slope > 0.0)))
        step = np.zeros(targets)
        step[free] = np.linalg.solve(curve[np.ix_(free, free)], -slope[free])
        steps = (np.clip(w + 0.5**k * step, low, high) for k in range(_HALVINGS))
        w = next((found for found in steps if cost(found) < cost(w)), w)
        if np.abs(w - before).max(initial=0.0) < _SETTLED:
            break
    return np.asarray(w, dtype=np.float32)
