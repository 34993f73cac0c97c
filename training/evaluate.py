"""The figures of the shipped network: on the held-out recordings, and against hand labels by the whole road."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from numpy.typing import NDArray

from benchmarks.detail import tables

from .corpora import CORPORA
from .export_onnx import OUTPUTS
from .features import HOP
from .scenes import Material, targets
from .train import score
from .weighting import TO_VISEME


def hearer(weights: Path) -> Callable[[NDArray[np.float32]], list[NDArray[np.float32]]]:
    """speech.onnx as a function from a waveform [n] to `OUTPUTS`; one thread."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(weights / "speech.onnx", options, providers=["CPUExecutionProvider"])
    names = list(OUTPUTS)
    return lambda waveform: list(session.run(names, {"waveform": waveform}))


def held_out_figures(shared: Path, work: Path, weights: Path) -> dict[str, dict[str, float]]:
    """By corpus, over every held-out utterance: shares of frames whose viseme is that of the aligner's label."""
    hear = hearer(weights)
    material = Material(shared, work, [corpus.name for corpus in CORPORA], validation=True)
    figures = {}
    for name, rows in material.spoken.items():
        said, truth = [], []
        for utterance, labels in rows:
            waveform = material.waveform(utterance)
            truth.append((targets(list(labels.segments()), max(1, len(waveform) // HOP)) @ TO_VISEME).argmax(1))
            said.append(torch.tensor(hear(waveform)[1]).argmax(1))
        figures[name] = score(torch.cat(said), torch.cat(truth))
    return figures


def evaluate(shared: Path, work: Path, weights: Path) -> None:
    """Print both."""
    for name, figures in held_out_figures(shared, work, weights).items():
        print(f"held out, {name}: " + ", ".join(f"{key} {value:.3f}" for key, value in figures.items()))
    print(tables())
