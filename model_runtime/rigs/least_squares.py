"""Bounded least squares: how much of each target makes a wanted change."""

from __future__ import annotations

import numpy as np

from ..contracts import Float32

_ROUNDS = 500
_SETTLED = 1e-6


def bounded(
    effect: Float32, wanted: Float32, anchor: Float32, low: Float32, high: Float32, hold: float = 0.002
) -> Float32:
    """Minimises |w @ effect - wanted|^2 / n + a |w - anchor|^2 for low <= w <= high, float32 [targets].

    effect float32 [targets, n], wanted float32 [n]. The anchor's weight a is `hold` of the targets' mean effect.
    Projected coordinate descent.
    """
    w = np.clip(anchor.astype(np.float64), low, high)
    count = max(1, effect.shape[1])
    gram = effect.astype(np.float64) @ effect.T / count + 1e-6 * np.eye(len(w))
    scale = hold * float(np.trace(gram)) / max(1, len(w))
    linear = effect.astype(np.float64) @ wanted / count
    for _ in range(_ROUNDS):
        before = w.copy()
        for i in range(len(w)):
            pull = linear[i] - gram[i] @ w + gram[i, i] * w[i] + scale * anchor[i]
            w[i] = min(max(pull / (gram[i, i] + scale), low[i]), high[i])
        if np.abs(w - before).max(initial=0.0) < _SETTLED:
            break
    return np.asarray(w, dtype=np.float32)
