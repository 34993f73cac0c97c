"""`python -m training all --shared ../shared --work .cache/corpus`: repeat the network from its sources."""

from __future__ import annotations

import argparse
from pathlib import Path

from .corpora import CORPORA

FIRST = ("kathleen", "speechocean762", "kerstin", "picovoice-wake", "kokoro-en", "flite")
"""The corpora of the first course: clean labels. The second hears all of them."""
WEIGHTS = Path(__file__).resolve().parents[1] / "model_runtime" / "hearing" / "weights"


def main() -> None:
    """Run the asked part, or all of them in order; each leaves what the next needs in the work folder."""
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    parser.add_argument("part", choices=("all", "make", "align", "train", "export", "evaluate", "edges"))
    parser.add_argument("--shared", type=Path, default=Path("../shared"), help="folder that holds speech/ and bench/")
    parser.add_argument("--work", type=Path, default=Path(".cache/corpus"), help="folder for everything made")
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="folder for speech.onnx and speech.json")
    parser.add_argument("--processes", type=int, default=2, help="processes of the alignment and of the last course")
    parser.add_argument(
        "--start", type=Path, help="speech.onnx that the last course begins with, instead of two courses"
    )
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
        from .train import LAST, Recipe, train

        small = chosen.start or chosen.work / "small" / "speech.onnx"
        if chosen.start is None:
            first = train(chosen.shared, chosen.work, FIRST, Recipe())
            second = Recipe(steps=8_500, peak_rate=1.5e-3, seed=2)
            export(train(chosen.shared, chosen.work, names, second, first), small.parent)
        train(chosen.shared, chosen.work, names, LAST, small, chosen.processes)
    if chosen.part in ("all", "export"):
        from .export_onnx import export
        from .train import LAST

        export(chosen.work / f"speech-{LAST.seed}.pt", chosen.weights)
    if chosen.part in ("all", "evaluate"):
        from .evaluate import evaluate

        evaluate(chosen.shared, chosen.work, chosen.weights)
    if chosen.part == "edges":
        from .edges import main as edges

        edges(chosen.shared, chosen.work)


if __name__ == "__main__":
    main()
