"""`plate PLATE --sound LINE`: gives a consenting performer's plate a new line."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from .plate import consent
from .plate.consent_commands import consent_media
from .revoice import KINDS, Order, revoice


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the part `plate` to the command line."""
    part = commands.add_parser("plate", help="a consenting performer's film says a new line, see docs/plate.md")
    part.add_argument("plate", type=Path, help="a movie, or a folder of images")
    arguments(part)
    part.set_defaults(run=run)


def arguments(part: argparse.ArgumentParser) -> None:
    """What the command is told, here and in Blender."""
    part.add_argument("--sound", type=Path, required=True, metavar="FILE", help="the new line")
    part.add_argument("--consent", type=Path, required=True, metavar="RECORD.consent.json", help="signed and trusted")
    part.add_argument("--out", type=Path, required=True, metavar="DIR", help="a folder that is not there yet")
    part.add_argument("--text", default="", help="the words of the line")
    part.add_argument("--language", default="en-us", help="of the line (espeak-ng code)")
    part.add_argument("--media", nargs="+", choices=consent_media(), required=True, metavar="WHERE",
                      help=f"where it will be shown: {', '.join(consent_media())}")  # fmt: skip
    part.add_argument("--territory", nargs="+", default=[consent.WORLD], help="ISO 3166 codes; else the whole world")
    part.add_argument("--style", default="Natural")
    part.add_argument("--rate", type=float, default=0.0, help="frames a second of a folder of images")
    part.add_argument("--as", dest="kind", choices=[kind[1:] for kind in KINDS], default="mp4",
                      help="mp4 or mov (H.264), mkv (FFV1, lossless), png (numbered images, lossless)")  # fmt: skip
    part.add_argument("--tell", action="store_true", help="say how far it is and what was made as lines of JSON")
    part.add_argument("--lips-only", action="store_true", help="chin and beard stay the plate's")
    part.add_argument("--plain", action="store_true", help="without the network that refines")
    part.add_argument("--refiner", type=Path, metavar="NAME.fit.onnx", help="fitted to this performer by labial-fit")
    part.add_argument("--certificate", type=Path, nargs=2, metavar=("CHAIN.pem", "KEY.pem"), help="your own; else a "
                      "local one, which nobody vouches for")  # fmt: skip


def run(options: argparse.Namespace) -> int:
    """Exit code 0 if frames were changed, 1 if none was."""
    order = Order(
        options.plate, options.sound, options.consent, options.out, tuple(options.media), tuple(options.territory),
        options.text, options.language, options.style, options.rate, f".{options.kind}", options.lips_only,
        options.plain, options.refiner, tuple(options.certificate) if options.certificate else None,
    )  # fmt: skip
    made = revoice(order, _tell if options.tell else _show if sys.stderr.isatty() else None)
    if options.tell:
        what = {"film": str(made.film), "mattes": str(made.mattes), "ways": made.ways, "notes": made.notes}
        print(json.dumps({"share": 1.0, "text": "Done", **what}), flush=True)
        return 0
    for note in made.notes:
        print(f"labial: {note}", file=sys.stderr)
    ways = ", ".join(f"{count} {way}" for way, count in made.ways.items())
    print(f"{made.film}: frames {ways}; mattes in {made.mattes.name}, what happened where in {made.report.name}")
    return 0 if made.ways["refined"] + made.ways["warped"] else 1


def _tell(share: float, what: str) -> None:
    print(json.dumps({"share": round(share, 3), "text": what}), flush=True)


def _show(share: float, what: str) -> None:
    print(f"\r{what} {share:4.0%}   ", end="" if share < 1 else "\n", file=sys.stderr, flush=True)
