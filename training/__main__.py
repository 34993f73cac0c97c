"""`python -m training all --shared ../shared --work .cache/corpus`: repeat the network from its sources."""

from __future__ import annotations

import argparse
from pathlib import Path

from .corpora import CORPORA

PARTS = ("all", "make", "align", "teach", "train", "export", "evaluate", "realign", "edges")
"""`realign`: labels of other languages by the network in --weights; what is trained after it takes them instead."""
WEIGHTS = Path(__file__).resolve().parents[1] / "model_runtime" / "hearing" / "weights"


def main() -> None:
    """Run the asked part, or all of them in order; each leaves what the next needs in the work folder."""
    parser = argparse.ArgumentParser(prog="python -m training", description=__doc__)
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("--shared", type=Path, default=Path("../shared"), help="folder that holds speech/ and bench/")
    parser.add_argument("--work", type=Path, default=Path(".cache/corpus"), help="folder for everything made")
    parser.add_argument("--weights", type=Path, default=WEIGHTS, help="folder for speech.onnx and speech.json")
    parser.add_argument("--processes", type=int, default=2, help="processes that align, and that train")
    chosen = parser.parse_args()
    names = [corpus.name for corpus in CORPORA]
    if chosen.part in ("all", "make"):
        from . import packages, synthesise

        packages.make(chosen.work)
        synthesise.make(chosen.shared, chosen.work)
    if chosen.part in ("all", "align"):
        from .labels import align

        align(chosen.shared, chosen.work, names, chosen.processes)
    if chosen.part in ("all", "teach"):
        from . import teacher, whisper

        whisper.listen(chosen.shared, chosen.work, names)
        teacher.teach(chosen.shared, chosen.work, names, chosen.processes)
    if chosen.part in ("all", "train"):
        from .train import COURSES, FIRST, train, train_all

        first = train(chosen.shared, chosen.work, names, FIRST)
        train_all(chosen.shared, chosen.work, names, COURSES, first, chosen.processes)
    if chosen.part in ("all", "export"):
        from .export_onnx import export

        export(chosen.work / "speech-mean.pt", chosen.weights)
    if chosen.part in ("all", "evaluate"):
        from .evaluate import evaluate

        evaluate(chosen.shared, chosen.work, chosen.weights)
    if chosen.part == "realign":
        from .realign import realign

        realign(chosen.shared, chosen.work, chosen.weights, names, chosen.processes)
    if chosen.part == "edges":
        from .edges import main as edges

        edges(chosen.shared, chosen.work, chosen.weights)


if __name__ == "__main__":
    main()
