"""Speech in other languages from Debian packages: fetched by name, unpacked, written as pieces of a corpus."""

from __future__ import annotations

import gzip
import re
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray
from scipy import signal  # type: ignore[import-untyped]

from . import debian
from .corpora import PIECE, SAMPLE_RATE, Spoken, list_path, write

LONGEST = 20.0
"""Seconds: what is longer is left out."""
ASTERISK = {"en": "en-us", "es": "es", "fr": "fr-fr", "it": "it", "ru": "ru"}
TUXPAINT = {
    "fr": "fr-fr", "ru": "ru", "ro": "ro", "ca": "ca", "bg": "bg", "es": "es", "be": "be", "el": "el", "da": "da",
}  # fmt: skip


WRITTEN = {
    "de": "de", "fr": "fr-fr", "es": "es", "it": "it", "pt": "pt", "pt_BR": "pt-br", "nl": "nl", "sv": "sv", "da": "da",
    "pl": "pl", "cs": "cs", "sk": "sk", "sl": "sl", "hr": "hr", "uk": "uk", "ru": "ru", "lv": "lv", "hu": "hu",
    "fi": "fi", "el": "el", "sq": "sq", "ka": "ka", "hy": "hy", "tr": "tr", "ko": "ko", "id": "id", "am": "am",
    "hi": "hi", "gu": "gu", "vi": "vi", "sw": "sw", "eo": "eo", "ca": "ca", "ro": "ro",
}  # fmt: skip
"""Tux Paint's translations to espeak-ng's names of their languages, where its rules speak them well."""
STAMPS = "tuxpaint-stamps-default"


def sound(path: Path) -> NDArray[np.int16]:
    """int16 [n] at 16 kHz of any file that soundfile reads, or of raw G.722 (by ffmpeg)."""
    if path.suffix == ".g722":
        return np.frombuffer(debian.decoded_g722(path.read_bytes(), SAMPLE_RATE), "<i2")
    samples, rate = soundfile.read(path, dtype="float32", always_2d=True)
    mono = samples.mean(axis=1)
    if rate != SAMPLE_RATE:
        common = int(np.gcd(rate, SAMPLE_RATE))
        mono = signal.resample_poly(mono, SAMPLE_RATE // common, rate // common)
    peak = max(1.0, float(np.abs(mono).max(initial=0.0)))
    return np.round(mono / peak * 32767).astype(np.int16)


def asterisk(cache: Path) -> Iterator[Spoken]:
    """Announcements of telephone exchanges, one professional speaker a language."""
    for code, language in ASTERISK.items():
        texts = next(debian.unpacked(cache, f"asterisk-core-sounds-{code}").rglob("core-sounds-*.txt.gz"))
        sounds = next(
            (debian.unpacked(cache, f"asterisk-core-sounds-{code}-g722") / "usr/share/asterisk/sounds").iterdir()
        )
        for line in gzip.decompress(texts.read_bytes()).decode().splitlines():
            stem, _, text = line.partition(":")
            path = sounds / f"{stem.strip()}.g722"
            if text and not line.startswith(";") and path.is_file() and not re.search(r"[\[\]<>]|\d", text):
                yield {"id": f"{code}-{stem}", "lang": language, "spk": code, "text": text.strip()}, sound(path)


def fillets(cache: Path) -> Iterator[Spoken]:
    """The acted dialogue of the game Fish Fillets, Czech and Dutch."""
    script = debian.unpacked(cache, "fillets-ng-data") / "usr/share/games/fillets-ng/script"
    for language in ("cs", "nl"):
        voices = debian.unpacked(cache, f"fillets-ng-data-{language}") / "usr/share/games/fillets-ng/sound"
        for dialogs in sorted(script.rglob(f"*_{language}.lua")):
            said = dialogs.read_text(encoding="utf-8", errors="replace")
            for name, text in re.findall(r'dialogId\("([^"]+)".*?\)\s*dialogStr\("([^"]*)"\)', said, re.DOTALL):
                path = voices / dialogs.parent.name / language / f"{name}.ogg"
                if path.is_file():
                    speaker = f"{language}-{name.split('-')[1] if '-' in name else name}"
                    yield {"id": f"{language}-{dialogs.parent.name}-{name}", "lang": language, "spk": speaker,
                           "text": text}, sound(path)  # fmt: skip


def dialogue(cache: Path) -> list[str]:
    """What the English text of Fish Fillets says in lines of one or two sentences: fluent, and not read aloud."""
    script = debian.unpacked(cache, "fillets-ng-data") / "usr/share/games/fillets-ng/script"
    found: set[str] = set()
    for dialogs in script.rglob("dialogs_en.lua"):
        lines = re.findall(r'dialogId\("[^"]+",\s*"[^"]+",\s*"([^"]+)"\)', dialogs.read_text(encoding="utf-8"))
        found.update(" ".join(line.replace("’", "'").split()) for line in lines)
    return sorted(line for line in found if 25 < len(line) < 140 and not re.search(r"\d|[A-Z]{2}|\b\w-|[^ -~]", line))


def tuxpaint(cache: Path) -> Iterator[Spoken]:
    """Descriptions of the stamps of Tux Paint in nine languages."""
    stamps = debian.unpacked(cache, STAMPS) / "usr/share/tuxpaint/stamps"
    for code, language in TUXPAINT.items():
        for path in sorted(stamps.rglob(f"*_desc_{code}.ogg")):
            stem = path.name.removesuffix(f"_desc_{code}.ogg")
            texts = path.with_name(f"{stem}.txt")
            said = texts.read_text(encoding="utf-8", errors="replace") if texts.is_file() else ""
            found = re.search(rf"^{code}\.utf8=(.+)$", said, re.MULTILINE)
            if found and not re.search(r"\d|\$", found[1]):
                text = re.sub(r"\([^)]*\)", " ", found[1]).strip()
                yield {"id": f"{code}-{stem}", "lang": language, "spk": code, "text": text}, sound(path)


def written(cache: Path) -> dict[str, list[str]]:
    """Sentences by espeak-ng's language: the descriptions of Tux Paint's stamps in every translation."""
    found: dict[str, set[str]] = {}
    for path in (debian.unpacked(cache, STAMPS) / "usr/share/tuxpaint/stamps").rglob("*.txt"):
        lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        for code, text in re.findall(r"^(\w+)\.utf8=(.+)$", "\n".join(lines), re.MULTILINE):
            said = re.sub(r"\([^)]*\)", " ", text).strip()
            if code in WRITTEN and 8 < len(said) < 120 and not re.search(r"\d|\$|[A-Z]{2}", said):
                found.setdefault(WRITTEN[code], set()).add(" ".join(said.split()))
    return {language: sorted(texts) for language, texts in found.items()}


def festvox_ru(cache: Path) -> Iterator[Spoken]:
    """620 sentences of a Russian man."""
    voice = next(debian.unpacked(cache, "festvox-ru").rglob("msu_ru_nsh_clunits/etc/txt.done.data")).parents[1]
    for line in (voice / "etc/txt.done.data").read_text(encoding="utf-8").splitlines():
        found = re.match(r'\(\s*(\S+)\s+"(.*)"\s*\)', line)
        if found and (voice / "wav" / f"{found[1]}.wav").is_file():
            text = found[2].replace("+", "")
            yield {"id": found[1], "lang": "ru", "spk": "nsh", "text": text}, sound(voice / "wav" / f"{found[1]}.wav")


READERS: dict[str, Callable[[Path], Iterator[Spoken]]] = {
    "asterisk": asterisk, "fillets": fillets, "tuxpaint": tuxpaint, "festvox-ru": festvox_ru,
}  # fmt: skip


def make(work: Path) -> None:
    """Every corpus whose pieces are not all there yet."""
    for name, reader in READERS.items():
        done = work / "made" / f"{name}.done"
        if done.exists():
            continue
        spoken = (row for row in reader(work / "debian") if 0.3 < len(row[1]) / SAMPLE_RATE < LONGEST)
        pieces = iter(lambda spoken=spoken: list(islice(spoken, PIECE)), [])
        for piece, rows in enumerate(pieces):
            if not list_path(work, name, piece).exists():
                write(work, name, piece, rows)
                print(f"made {name} {piece}", flush=True)
        done.touch()
