"""The report page holds what happened, in one file that any browser opens without a network."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest

from model_runtime.acting.articulate import articulate
from model_runtime.contracts import (
    CHANNELS,
    SAMPLE_RATE,
    AudioClip,
    ContactProof,
    Curves,
    FrameClock,
    KeyTracks,
    MouthTrack,
    Phone,
    Report,
    Speech,
    Target,
    Word,
    frozen_array,
)
from model_runtime.rigs.keys import thin
from model_runtime.scenes.report import Still, by_contact, write_report

VOID = {"meta", "img", "br"}


class Line(NamedTuple):
    clip: AudioClip
    speech: Speech
    track: MouthTrack
    keys: KeyTracks
    report: Report


class Page(HTMLParser):
    """Tags, texts and what was left open; complains about tags that close in the wrong order."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" not in self.open:
            self.text += f" {data}"


@pytest.fixture
def line() -> Line:
    """ "pam fee" over a hum: spoken by the real rules, keyed by the real thinning."""
    times = np.arange(SAMPLE_RATE) / SAMPLE_RATE
    clip = AudioClip(frozen_array(0.4 * np.sin(2 * np.pi * 120 * times)), "hum.wav")
    symbols = ("sil", "p", "a", "m", "f", "i", "sil")
    edges = np.linspace(0, clip.duration, len(symbols) + 1)
    phones = tuple(Phone(s, float(a), float(b)) for s, a, b in zip(symbols, edges[:-1], edges[1:], strict=True))
    speech = Speech(phones, clip.duration, frozen_array(np.full(100, -20.0)), (Word("<Pam>", 0.14, 0.57),))
    track = articulate(speech)
    targets = tuple(Target("shape_key", channel, ("Face",)) for channel in CHANNELS)
    keys = thin(Curves(targets, track.values, track.contacts), FrameClock())
    proofs = tuple(ContactProof(contact, frame, 0.011, True) for frame, contact in keys.contact_frames)
    report = Report(
        "hum & talk", "ARKit 52", clip.duration, len(phones), keys.key_count, keys.error, proofs, {"hear": 0.3}
    )
    return Line(clip, speech, track, keys, report)


def test_one_file_with_everything(line: Line, tmp_path: Path) -> None:
    still = Still(b"\x89PNG not really", "θ", 0.5)
    path = tmp_path / "report.html"
    write_report(path, *line, text="Pam & fee", stills=[still], versions={"Blender": "4.5"}, provenance="A hum.")
    source = path.read_text(encoding="utf-8")
    page = Page(source)
    assert page.open == []
    assert not re.search(r"(src|href)=\"(?!data:)|url\(|@import|<script|<link", source)
    assert "&Pam" not in page.text and "<Pam>" in page.text and "hum & talk" in page.text and "A hum." in page.text
    for symbol in ("p", "a", "m", "f", "i", "θ"):
        assert f" {symbol} " in page.text
    assert all(channel.replace("_", " ") in page.text for channel in CHANNELS)
    assert f" {line.keys.key_count} keys" in page.text
    assert [tag for tag, _ in page.tags].count("img") == 1
    assert list(tmp_path.iterdir()) == [path]


def test_an_open_closure_is_said(line: Line, tmp_path: Path) -> None:
    first, *others = line.report.proofs
    failed = replace(first, gap=0.08, passed=False, cause="the jaw is keyed by Idle")
    write_report(tmp_path / "good.html", *line)
    write_report(tmp_path / "bad.html", *line._replace(report=replace(line.report, proofs=(failed, *others))))
    good, bad = (Page((tmp_path / f"{name}.html").read_text(encoding="utf-8")).text for name in ("good", "bad"))
    assert "open" not in re.findall(r"\w+", good.split("Lips that meet")[1].split("keys")[0])
    assert "gap 8.0 %" in bad and "the jaw is keyed by Idle" in bad
    assert re.search(r"lips meet\s+2\s+of 2", good) and re.search(r"lips meet\s+1\s+of 2", bad)


def test_proofs_are_gathered_by_contact(line: Line) -> None:
    gathered = by_contact(line.report)
    assert [contact.phone for contact in gathered] == ["p", "m", "f"]
    assert sum(map(len, gathered.values())) == len(line.report.proofs)


def test_every_curve_stays_inside_its_lane(line: Line, tmp_path: Path) -> None:
    write_report(tmp_path / "report.html", *line)
    source = (tmp_path / "report.html").read_text(encoding="utf-8")
    plot = re.findall(r"<svg width=\"(\d+)\" height=\"(\d+)\"[^>]*>(.*?)</svg>", source, re.S)[1]
    width, height = float(plot[0]), float(plot[1])
    points = np.array([list(map(float, p)) for p in re.findall(r"[ML](-?[\d.]+) (-?[\d.]+)", plot[2])])
    assert len(points) > 200 and np.isfinite(points).all()
    assert (points >= 0).all() and (points <= (width, height)).all()


def test_a_line_without_words_pictures_or_keys(line: Line, tmp_path: Path) -> None:
    bare = line._replace(
        speech=replace(line.speech, words=()),
        keys=replace(line.keys, tracks=(), contact_frames=()),
        report=replace(line.report, proofs=(), key_count=0),
    )
    write_report(tmp_path / "report.html", *bare)
    page = Page((tmp_path / "report.html").read_text(encoding="utf-8"))
    assert page.open == [] and "Lips that meet" not in page.text and "img" not in [tag for tag, _ in page.tags]
