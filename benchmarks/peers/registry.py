"""The systems of the comparison: what each is called, how it is installed, under which licence, what it needs."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from . import hama, headaudio, openfacefx, pylipsync, rhubarb, sphinx_alignment, sphinx_phones
from .install import Package

Cues = Callable[[Sequence[dict[str, Any]], Path, Path], Iterator[dict[str, Any]]]


@dataclass(frozen=True)
class Peer:
    """One way to run a package. `languages`: the only ones it is made for, if any; `lags`: milliseconds that its track
    is moved earlier, a row of the table each."""

    name: str
    title: str
    package: Package
    cues: Cues
    transcript: bool = False
    languages: tuple[str, ...] = ()
    lags: tuple[int, ...] = (0,)

    def takes(self, row: dict[str, Any]) -> bool:
        """Whether the recording of a row is for it."""
        known = not self.languages or row["lang"].split("-")[0] in self.languages
        return known and (bool(row.get("text")) or not self.transcript)


POCKETSPHINX = Package("here", "pocketsphinx", "5.1.1", "BSD-2-Clause")
HAMA = Package("pip", "hama", "1.7.0", "Apache-2.0")
HEADAUDIO = Package("npm", "@met4citizen/headaudio", "0.1.0", "MIT")
OPENFACEFX = Package("pip", "openfacefx", "0.24.0", "MIT")
PYLIPSYNC = Package("pip", "pylipsync", "0.2.1", "MIT")

PEERS: tuple[Peer, ...] = (
    Peer("sphinx-alignment", "pocketsphinx alignment", POCKETSPHINX, sphinx_alignment.cues, transcript=True),
    Peer("sphinx-phones", "pocketsphinx allphone", POCKETSPHINX, sphinx_phones.cues),
    Peer("rhubarb-text", "Rhubarb", rhubarb.PACKAGE, rhubarb.cues_with_text, transcript=True, languages=("en",)),
    Peer("rhubarb", "Rhubarb", rhubarb.PACKAGE, rhubarb.cues, languages=("en",)),
    # Its emissions come late by an almost constant time; 70 ms is what suits these recordings best.
    Peer("hama", "hama", HAMA, hama.cues, lags=(0, 70)),
    Peer("headaudio", "HeadAudio", HEADAUDIO, headaudio.cues),
    Peer("openfacefx", "OpenFaceFX, naive", OPENFACEFX, openfacefx.cues, transcript=True, languages=("en",)),
    Peer("pylipsync", "pyLipSync", PYLIPSYNC, pylipsync.cues),
)

ABSENT: dict[str, str] = {
    "Rhubarb, phonetic": "the npm port offers word recognition only, and no registry has Rhubarb's own program",
    "wLipSync": "its npm package holds no profile, without which it does not run; they are made in Unity",
}
"""Systems that were looked for, and why they are not here."""
