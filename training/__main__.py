"""`python -m training all --shared ../shared --work .cache/corpus`: repeat the network from its sources."""

from __future__ import annotations

import argparse
from pathlib import Path

from .corpora import CORPORA

FIRST = ("kathleen", "speechocean762", "kerstin", "picovoice-wake", "kokoro-en", "flite")
"""The corpora of the first course: clean labels. The second hears all of them."""
PARTS = ("all", "make", "align", "train", "export", "evaluate", "edges", "last")
"""`last`: further courses that begin with the network in --weights; they write to the work folder only."""
WEIGHTS = Path(__file__).resolve().parents[1] / "model_runtime" / "hearing" / "weights"


def main() -> None:
    """Run the asked part, or all of them in order; each leaves what the next needs in the work folder."""
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("--shared", type=Path, default=Path("../shared"), help="folder that holds speech/ and bench/")
    parser.add_argument("--work", type=Path, default=Path(".cache/corpus"), help="folder for everything made")
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="folder for speech.onnx and speech.json")
    parser.add_argument("--processes", type=int, default=2, help="processes of the alignment and of the last courses")
    chosen = parser.parse_args()
    names = [corpus.name for corpus in CORPORA]
    if chosen.part in ("all", "make"):
        from . import packages, synthesise

        packages.make(chosen.work)
        synthesise.make(chosen.shared, chosen.work)
    if chosen.part in ("all", "align"):
        from .labels import align

        align(chosen.shared, chosen.work, names, chosen.processes)
    if chosen.part in ("all", "train"):
        from .export_onnx import export
        from .train import GROWN, Recipe, train

        small = chosen.work / "small"
        first = train(chosen.shared, chosen.work, FIRST, Recipe())
        second = Recipe(steps=8_500, peak_rate=1.5e-3, seed=2)
        export(train(chosen.shared, chosen.work, names, second, first), small)
        train(chosen.shared, chosen.work, names, GROWN, small / "speech.onnx", chosen.processes)
    if chosen.part in ("all", "export"):
        from .export_onnx import export
        from .train import GROWN

        export(chosen.work / f"speech-{GROWN.seed}.pt", chosen.weights)
    if chosen.part in ("all", "evaluate"):
        from .evaluate import evaluate

        evaluate(chosen.shared, chosen.work, chosen.weights)
    if chosen.part == "last":
        from .export_onnx import export
        from .realign import realign
        from .train import LAST, train_all

        realign(chosen.shared, chosen.work, chosen.weights, names, chosen.processes)
        begin = chosen.weights / "speech.onnx"
        export(train_all(chosen.shared, chosen.work, names, LAST, begin, chosen.processes), chosen.work / "last")
    if chosen.part == "edges":
        from .edges import main as edges

        edges(chosen.shared, chosen.work, chosen.weights)


if __name__ == "__main__":
    main()
