"""Rows of Fountain screenplays and of subtitles, SRT and WebVTT: who says what."""

from __future__ import annotations

import html
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from .naming import SOUNDS, with_sounds
from .reading import Reading, Row

_PATTERNS = (
    "{scene}_{character}_{count}", "{scene}_{character}_{number}", "{character}_{count}", "{character}_{number}",
    "{number}_{character}", "{number}",
)  # fmt: skip
"""How the sounds of a screenplay or of subtitles may be named, the one that finds the most."""
_NAME = re.compile(r"\s*[-–]?\s*([^\W\d][\w .'’-]{0,30}?)\s*:\s+(?=\S)")
_SPAN = re.compile(r"\s*((?:\d+:)?\d+:\d+[.,]\d+)\s*-->\s*((?:\d+:)?\d+:\d+[.,]\d+)")


# Screenplays


def read_fountain(reading: Reading) -> list[Row]:
    """The dialogue of a Fountain screenplay (fountain.io/syntax). A note such as [[take2.wav]] names a line's sound."""
    text = re.sub(r"/\*.*?\*/", lambda cut: "\n" * cut[0].count("\n"), reading.text(), flags=re.DOTALL)
    lines = [line if line.strip() or line == "  " else "" for line in text.split("\n")]
    spoken: list[dict[str, str]] = []
    numbers: list[int] = []
    scene, scenes, at = "", 0, lines.index("") if re.match(r"[A-Za-z ]+:", lines[0]) and "" in lines else 0
    while at < len(lines):
        line = lines[at].strip()
        if re.match(r"(INT|EXT|EST|I/E|INT\.?/EXT)[. ]|\.[^.]", line, re.IGNORECASE):
            scenes += 1
            given = re.search(r"#([^#]+)#\s*$", line)
            scene = given[1] if given else str(scenes)
        elif at + 1 < len(lines) and lines[at + 1] and (at == 0 or lines[at - 1] == "") and (character := _cue(line)):
            numbers.append(at + 1)
            end = next((k for k in range(at + 1, len(lines)) if lines[k] == ""), len(lines))
            spoken.append({"scene": scene, "character": character, **_speech(lines[at + 1 : end])})
            at = end
        at += 1
    rows = [Row(row, fields) for row, fields in zip(numbers, _counted(spoken), strict=True)]
    return with_sounds(rows, reading, _PATTERNS)


def _cue(line: str) -> str:
    """The character that a line of a screenplay announces, "" if it announces none."""
    name = re.sub(r"\([^)]*\)|\^\s*$", "", line).strip()
    if name.startswith("@"):
        return name[1:].strip()
    is_cue = name == name.upper() and any(ch.isalpha() for ch in name) and name[0] not in "!>.~=#" and name[-1] != ":"
    return name if is_cue else ""


def _speech(lines: Iterable[str]) -> dict[str, str]:
    """The words below a cue without directions, marks of emphasis and notes, and the sound that a note names."""
    text = " ".join(line.strip().removeprefix("~") for line in lines if not re.fullmatch(r"\s*\(.*\)\s*", line))
    notes = [note.strip() for note in re.findall(r"\[\[(.*?)\]\]", text)]
    sound = next((note for note in notes if note.lower().endswith(SOUNDS)), "")
    words = re.sub(r"\[\[.*?\]\]|(?<!\\)[*_]", "", text)
    return {"text": re.sub(r"\s+", " ", words).strip(), "sound": sound.removeprefix("sound:").strip()}


# Subtitles


def read_subtitles(reading: Reading) -> list[Row]:
    """The cues of SRT and WebVTT files that are spoken, one line for each speaker of a cue."""
    lines = reading.text().split("\n")
    spans = [(k, span) for k, line in enumerate(lines) if (span := _SPAN.match(line))]
    bodies = [list(_until_blank(lines, k + 1)) for k, _ in spans]
    names = Counter(match[1] for body in bodies for line in body if (match := _NAME.match(line)))
    spoken, numbers = [], []
    for number, ((_, span), body) in enumerate(zip(spans, bodies, strict=True), start=1):
        for character, words in _speakers(body, names):
            spoken.append({"character": character, "text": words, "start": span[1], "end": span[2]})
            numbers.append(number)
    counted = _counted(spoken)
    rows = [Row(n, {**fields, "number": str(n)}) for n, fields in zip(numbers, counted, strict=True)]
    return with_sounds(rows, reading, _PATTERNS)


def _until_blank(lines: Sequence[str], at: int) -> Iterator[str]:
    """The lines of a cue without their formatting; <v Name> becomes “NAME: ”."""
    while at < len(lines) and lines[at].strip():
        voiced = re.sub(r"<v(?:\.[\w.]+)?\s+([^>]+)>", lambda voice: f"{voice[1].strip().upper()}: ", lines[at])
        yield html.unescape(re.sub(r"<[^>]*>|\{\\[^}]*\}", "", voiced)).strip()
        at += 1


def _speakers(body: Iterable[str], names: Counter[str]) -> list[tuple[str, str]]:
    """Who says what in a cue. A name is in capitals or stands before several cues; [sounds] and ♪ are not spoken."""
    parts: list[tuple[str, list[str]]] = [("", [])]
    for line in body:
        match = _NAME.match(line)
        if match and (match[1] == match[1].upper() or names[match[1]] > 1):
            parts.append((match[1], []))
            line = line[match.end() :]
        parts[-1][1].append(line)
    plain = ((who, re.sub(r"\[[^\]]*\]|♪.*", "", " ".join(words)).strip(" -–")) for who, words in parts)
    return [(who, words) for who, words in plain if words]


# Both


def _counted(spoken: Sequence[dict[str, str]]) -> list[dict[str, str]]:
    """number: the line's place in the script; count: its place among the character's lines of the scene."""
    counts: Counter[tuple[str, str]] = Counter()
    rows = []
    for number, fields in enumerate(spoken, start=1):
        who = (fields.get("scene", ""), fields["character"])
        counts[who] += 1
        rows.append({**fields, "number": str(number), "count": str(counts[who])})
    return rows
