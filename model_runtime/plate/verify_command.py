"""`verify FILE`: everything that a film or image says of itself, and what that is worth."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from ..errors import ProvenanceError
from . import consent, film, keys, provenance, trust, watermark

TRIES = 1000
"""One unmarked film in so many may read as marked, however many ways of reading it are tried."""


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Adds the part `verify` to the command line."""
    part = commands.add_parser("verify", help="what a film says of itself, see docs/ethics.md")
    part.add_argument("file", type=Path)
    part.add_argument("--trust", type=Path, metavar="ROOT.pem", help="a root certificate that you trust")
    part.add_argument("--record", type=Path, metavar="RECORD.consent.json", help="is this the consent that it names?")
    part.add_argument("--key", type=Path, help="of the watermark; else the one in your own folder, if any")
    part.add_argument("--boxes", type=Path, metavar="BOXES.json", help="[[left, top, right, bottom], …], one a frame")
    part.add_argument("--lost", type=int, default=0, metavar="FRAMES", help="the head of the film may lack so many")
    part.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Exit code 0 if the manifest holds, and the consent and the watermark where they are asked for; else 1."""
    anchors = _text(options.trust) if options.trust else ""
    found = provenance.read(options.file, anchors)
    print("\n".join(_manifest_lines(found)))
    good = found.state in ("valid", "trusted")
    record = consent.read(options.record) if options.record else None
    if record is not None:
        same = found.redub.get("consent") == record.salted_hash
        print(f"Consent: {'that' if same else 'NOT that'} of {options.record.name}.")
        good = good and same
    boxes = json.loads(_text(options.boxes)) if options.boxes else found.redub.get("boxes")
    expected = record.salted_hash[:4] if record is not None else found.redub.get("mark", {}).get("bits", "")
    marked = _watermark(options, boxes, expected)
    return 0 if good and marked else 1


def _manifest_lines(found: provenance.Found) -> list[str]:
    lines = [f"XMP: {found.source_type or 'no DigitalSourceType'}"]
    if found.state == "none":
        return ["Content Credentials: none. They are lost when a file is saved or converted again.", *lines]
    vouched = "on your list" if found.state == "trusted" else "nobody whom you trust vouches for this name"
    problems = [problem for problem in found.problems if problem != "signingCredential.untrusted"]
    head = f"Content Credentials: {found.state}" + (f" ({', '.join(problems)})" if problems else "")
    if found.state == "invalid":
        head += ". The file was altered after it was signed, or the manifest is not its own."
    lines.insert(0, head)
    lines.append(f"Signed by {found.signer or 'nobody'}: {vouched}. Software: {found.software or 'not named'}.")
    lines += [f"Made from: {title}" for title in found.parents]
    lines += [_action(action) for action in found.actions]
    names = ("consent", "plate", "audio")
    lines += [f"{name.capitalize()} (SHA-256): {found.redub[name]}" for name in names if found.redub.get(name)]
    lines += [f"Network {name} (SHA-256): {digest}" for name, digest in found.redub.get("models", {}).items()]
    return lines


def _action(action: dict[str, Any]) -> str:
    source = action.get("digitalSourceType", "").rpartition("/")[2]
    shapes = [region["shape"] for change in action.get("changes", ()) for region in change.get("region", ())]
    places = [
        f"{shape['width']:g} x {shape['height']:g} pixels at {shape['origin']['x']:g}, {shape['origin']['y']:g}"
        for shape in shapes
        if shape.get("type") == "rectangle"
    ]
    return f"Action: {action['action']}" + "".join(f", {part}" for part in (source, *places) if part)


def _watermark(options: argparse.Namespace, boxes: Any, expected: str) -> bool:
    """Says what the mark is; false if one is there that does not fit, or none although one is asked for."""
    path = options.key or trust.home() / "watermark.key"
    asked = bool(options.key or options.boxes)
    least = watermark.LEAST_PAIRS * watermark.PAIR
    if not boxes or len(boxes) < least or not path.exists():
        missing = "its key is not here" if boxes else "where the mouth is, is not known (--boxes)"
        missing = f"it takes {least} frames" if boxes and len(boxes) < least else missing
        print(f"Watermark: not looked for; {missing}.")
        return not asked
    try:
        seen = watermark.look(film.frames(options.file), boxes)
        reading, start = watermark.search(seen, keys.read_private(path), options.lost)
    except ValueError as error:
        raise ProvenanceError(f"The boxes do not fit the film {options.file.name}: {error}.") from error
    chance = min(1.0, watermark.false_positives(reading.score) * (options.lost + 1))
    bits = f"{reading.bits:04x}"
    if chance > 1 / TRIES:
        print(f"Watermark: none with this key (score {reading.score:.0f}).")
        return not (asked or expected)
    fits = "" if not expected else ", as expected" if bits == expected else f", NOT {expected} as expected"
    print(
        f"Watermark: {bits}{fits}; score {reading.score:.0f}, reached by fewer than {chance:.1g} of unmarked films"
        + (f"; the film begins with frame {start}." if start else ".")
    )
    return not expected or bits == expected


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ProvenanceError(f"{path} cannot be read: {error}.") from error
