"""The command line as a user types it."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from model_runtime import track_file

ROOT = Path(__file__).resolve().parents[2]
LINE, TEXT = ROOT / "presets/demo/line.wav", ROOT / "presets/demo/line.txt"


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    """python -m model_runtime …"""
    command = [sys.executable, "-m", "model_runtime", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, encoding="utf-8", check=False)


def test_cues_of_files_in_the_order_given(tmp_path: Path) -> None:
    names = ["zebra", "ant"]
    for name in names:
        shutil.copy(LINE, tmp_path / f"{name}.wav")
    done = run("cues", *(tmp_path / f"{name}.wav" for name in names), "--vocabulary", "rhubarb")
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert done.returncode == 0 and [row["id"] for row in rows] == names
    for row in rows:
        assert row["vocab"] == "rhubarb" and row["wall_s"] > 0
        assert row["cues"][0]["start"] == 0 and row["cues"][-1]["end"] == pytest.approx(row["audio_s"], abs=0.002)
        assert {cue["viseme"] for cue in row["cues"]} <= set("ABCDEFGHX")
        assert all(a["end"] == b["start"] for a, b in zip(row["cues"], row["cues"][1:], strict=False))


@pytest.mark.parametrize(("kind", "delimiter"), [("tsv", "\t"), ("csv", ",")])
def test_cues_as_a_table(kind: str, delimiter: str) -> None:
    done = run("cues", LINE, "--format", kind)
    rows = list(csv.reader(done.stdout.splitlines(), delimiter=delimiter))
    assert len(rows) > 50 and {row[0] for row in rows} == {"line"}
    assert all(float(start) < float(end) for _, start, end, _ in rows)


def test_phones_with_the_transcript() -> None:
    done = run("phones", LINE, "--text-file", TEXT)
    symbols = [line.split("\t")[3] for line in done.stdout.splitlines()]
    said = [symbol for symbol in symbols if symbol != "sil"]
    assert said[:4] in (["h", "ə", "l", "oʊ"], ["h", "ɛ", "l", "oʊ"])
    assert sum(symbol in "pbm" for symbol in said) >= 12


def test_words_beside_the_sound_are_used_unless_told_otherwise(tmp_path: Path) -> None:
    shutil.copy(LINE, tmp_path / "said.wav")
    alone = run("phones", tmp_path / "said.wav").stdout
    (tmp_path / "said.txt").write_text(TEXT.read_text(encoding="utf-8"), encoding="utf-8")
    beside = run("phones", tmp_path / "said.wav").stdout
    assert beside == run("phones", tmp_path / "said.wav", "--text", TEXT.read_text(encoding="utf-8")).stdout != alone
    assert run("phones", tmp_path / "said.wav", "--sound-alone").stdout == alone
    (tmp_path / "said.txt").write_bytes(b"\xff\xfe\xff")
    spoiled = run("phones", tmp_path / "said.wav")
    assert spoiled.returncode == 2 and "said.txt" in spoiled.stderr


def test_track(tmp_path: Path) -> None:
    assert run("track", LINE, "-o", tmp_path / "line.mouth.json", "--style", "Clear").returncode == 0
    track = track_file.read(tmp_path / "line.mouth.json")
    assert track.style.name == "Clear" and track.values.max() > 0.5
    assert sum(contact.kind == "closure" for contact in track.contacts) >= 10


def test_a_list_of_recordings(tmp_path: Path) -> None:
    shutil.copy(LINE, tmp_path / "a.wav")
    rows = [
        {"set": "x", "id": "whole", "audio": "a.wav", "lang": "en-us", "text": TEXT.read_text(), "complete": True},
        {"set": "x", "id": "cut", "audio": "a.wav", "lang": "en-us", "complete": False},
        {"set": "y", "id": "unmarked", "audio": "a.wav", "lang": "xx-unknown"},
    ]  # fmt: skip
    labels = tmp_path / "labels.jsonl"
    labels.write_text("".join(json.dumps(row) + "\n" for row in rows))
    done = run("cues", "--labels", labels, "--complete-only")
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(row["set"], row["id"]) for row in found] == [("x", "whole"), ("y", "unmarked")]
    with_text = run("cues", "--labels", labels, "--complete-only", "--with-text")
    assert json.loads(with_text.stdout.splitlines()[0])["cues"] != found[0]["cues"]


def test_a_file_that_fails_is_named_and_the_others_go_on(tmp_path: Path) -> None:
    (tmp_path / "notes.wav").write_text("no sound")
    done = run("cues", tmp_path / "absent.wav", tmp_path / "notes.wav", LINE)
    assert done.returncode == 1
    assert [json.loads(line)["id"] for line in done.stdout.splitlines()] == ["line"]
    assert "absent.wav" in done.stderr and "notes.wav" in done.stderr and "Traceback" not in done.stderr


@pytest.mark.parametrize("arguments", [
    ("cues",),
    ("cues", LINE, "--text-file", "absent.txt"),
    ("phones", "absent.wav"),
    ("phones", LINE, "--text-file", TEXT, "--language", "tlh-zz"),
    ("track", LINE, "-o", "absent/line.mouth.json"),
    ("track", LINE, "-o", "line.mouth.json", "--style", "Absent"),
    ("cues", LINE, "--vocabulary", "klingon"),
])  # fmt: skip
def test_a_mistake_is_one_sentence(arguments: tuple[object, ...]) -> None:
    done = run(*arguments)
    assert done.returncode == 2 and not done.stdout
    assert "Traceback" not in done.stderr and done.stderr.strip()
