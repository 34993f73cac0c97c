"""Dialogue sheets as they come: every make, and what is wrong with them."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from model_runtime.scenes import sheet, timecode
from model_runtime.scenes.sheet import SheetError


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project with some sounds (empty: nobody listens here)."""
    for name in ("a.wav", "b.wav", "C.WAV", "sub/a.wav", "sub/d.flac"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    return tmp_path


def table(folder: Path, text: str, encoding: str = "utf-8", name: str = "lines.csv") -> sheet.Sheet:
    (folder / name).write_bytes(text.encode(encoding))
    return sheet.read(folder / name)


def told(found: sheet.Sheet) -> str:
    return "\n".join(map(str, found.problems))


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_any_encoding_and_delimiter(folder: Path, encoding: str, delimiter: str) -> None:
    rows = [["Audio File", "WHO", "Dialogue", "TC In"], ["a.wav", "Zoë", '"Ça va; oui, \n""bien"""', "00:00:02:12"]]
    found = table(folder, "\r\n".join(delimiter.join(row) for row in rows), encoding)
    (line,) = found.lines
    assert (line.id, line.character, line.start, line.row) == ("a", "Zoë", 2.5, 2)
    assert line.text.split() == ["Ça", "va;", "oui,", '"bien"'] and line.sound == folder / "a.wav"
    assert ("UTF-8" in told(found)) == (encoding == "cp1252")


def test_names_of_columns_below_a_title_and_missing_ones(folder: Path) -> None:
    found = table(folder, "Scene 4 of the film,,\n\nspeaker,FILE,Mood,Budget\nAnna,b.wav,sad,3\nBen,c,,\n")
    assert [(line.id, line.character, line.sound.name, line.row) for line in found.lines] == [
        ("b", "Anna", "b.wav", 4), ("C", "Ben", "C.WAV", 5),
    ]  # fmt: skip
    assert told(found).count("Mood, Budget") == 1 and found.problems[0].kept
    assert table(folder, "sep=;\nsound;who\na.wav;x").lines[0].character == "x"


def test_a_bad_row_stops_no_other(folder: Path) -> None:
    found = table(
        folder,
        "id,sound,text,style,start\n"
        "1,a.wav,=cmd|' /C calc'!A0,,=1+1\n"
        "2,absent.wav,,,\n"
        "1,b.wav,,,\n"
        "3,/etc/passwd,,,\n"
        "4,../../x.wav,,,\n"
        "5,C:\\sounds\\x.wav,,,\n"
        "6,b.wav,,Grumpy,\n"
        "7,//sub/d.flac,,cartoon,1:75\n"
        "8,,,,\n"
        '9,b.wav,"never closed,,\n'
        "10,C.wav,fine,,1:01.5\n",
    )
    kept = {line.id: line for line in found.lines}
    assert list(kept) == ["1", "7", "9", "10"]
    assert kept["1"].text.startswith("=cmd") and kept["1"].start is None
    assert kept["7"].sound == folder / "sub/d.flac" and kept["7"].style == "Cartoon" and kept["7"].start is None
    assert kept["10"].start == 61.5 and kept["10"].row == 12
    for row, word in ((2, "formula"), (3, "absent.wav"), (4, "row 2"), (5, "outside"), (6, "outside"), (7, "drive"),
                      (8, "Grumpy"), (9, "no time"), (10, "no sound"), (11, "quote")):  # fmt: skip
        assert any(one.row == row and word in str(one) for one in found.problems), (row, word)
    assert all(str(one).startswith(f"lines.csv, row {one.row}: ") and one.fix for one in found.problems)


def test_where_sounds_may_lie(folder: Path) -> None:
    inner = folder / "sub"
    (inner / "s.csv").write_text(f"sound\n../b.wav\n{folder / 'a.wav'}\n//c.wav\nd\n", encoding="utf-8")
    assert [line.id for line in sheet.read(inner / "s.csv").lines] == ["d"]
    assert len(sheet.read(inner / "s.csv", project=folder).lines) == 4
    assert len(sheet.read(inner / "s.csv", anywhere=True).lines) == 3


def test_ids_are_told_apart(folder: Path) -> None:
    found = table(folder, "sound,lang,id\na.wav,,\nsub/a.wav,German,\nb.wav,de,x\nC.wav,EN,x\n")
    assert [line.id for line in found.lines] == ["a", "sub_a", "x.de", "x.en-us"]
    assert not found.problems and found.lines[1].language == "de"
    assert "row 2" in told(table(folder, "sound,id\na.wav,Hi\nb.wav,hI\n"))


@pytest.mark.parametrize(("text", "fps", "expected"), [
    ("12,5", 24, 12.5), (".5", 24, 0.5), ("500 ms", 24, 0.5), ("48f", 24, 2.0), ("01:00:00:12", 24, 3600.5),
    ("00:00:01,250", 24, 1.25), ("2:03", 24, 123.0), ("00:01:00;02", 29.97, 1800 / 29.97),
    ("01:00:00;00", 29.97, 107892 / 29.97), ("01:00:00:00", 23.976, 86400 / 23.976),
])  # fmt: skip
def test_times(text: str, fps: float, expected: float) -> None:
    assert timecode.seconds(text, fps) == pytest.approx(expected)


@pytest.mark.parametrize("text", ["", "-1", "nan", "1e9", "00:00:00:24", "00:60:00:00", "1:61", "noon", "=1"])
def test_no_times(text: str) -> None:
    with pytest.raises(ValueError, match="."):
        timecode.seconds(text)


def test_overlaps_are_noted_for_one_character(folder: Path) -> None:
    found = table(folder, "sound,who,in,out\na.wav,Anna,1,3\nb.wav,Ben,2,4\nC.wav,anna,2.5,4\n")
    assert len(found.lines) == 3
    assert [(one.row, one.kept) for one in found.problems] == [(4, True)] and "row 2" in told(found)
    takes = table(folder, "id,sound,who,in,language\nx,a.wav,Anna,1,en\nx,b.wav,Anna,1,de\n")
    assert len(takes.lines) == 2 and not takes.problems, "takes of one line are not spoken at once"


def test_json(folder: Path) -> None:
    rows = [{"file": "a.wav", "Line": "hi", "in": 1.5, "x": 1}, 7, {"wav": "b.wav", "who": None, "x": []}]
    for data in (rows, {"lines": rows}):
        found = table(folder, json.dumps(data), name="s.json")
        assert [(line.id, line.text, line.start, line.row) for line in found.lines] == [
            ("a", "hi", 1.5, 1), ("b", "", None, 3),
        ]  # fmt: skip
        assert told(found).count("not used: x") == 1 and any(one.row == 2 for one in found.problems)


FOUNTAIN = """Title: A test
Author: Nobody

INT. KITCHEN - DAY #4#

Anna comes IN.

ANNA (V.O.)
(softly)
Hello *there*.
  
And _more_.

BEN ^
Take two. [[sub/d.flac]]

/* CUT
ANNA
Never said.
*/

@McNeill
Aye.

CUT TO:

ANNA (CONT'D)
Bye.
"""  # noqa: W293  (two spaces keep a speech together)


def test_screenplay(folder: Path) -> None:
    for name in ("4_anna_01.wav", "4_Anna_2.wav", "4_mcneill_1.wav", "anna_1.wav"):
        (folder / name).touch()
    found = table(folder, FOUNTAIN, name="s.fountain")
    assert [(line.character, line.text, line.sound.name, line.row) for line in found.lines] == [
        ("ANNA", "Hello there. And more.", "4_anna_01.wav", 8), ("BEN", "Take two.", "d.flac", 14),
        ("McNeill", "Aye.", "4_mcneill_1.wav", 22), ("ANNA", "Bye.", "4_Anna_2.wav", 27),
    ]  # fmt: skip
    assert {line.scene for line in found.lines} == {"4"} and not found.problems
    (folder / "4_Anna_2.wav").unlink()
    assert "row 27" in told(table(folder, FOUNTAIN, name="s.fountain"))


SRT = """1
00:00:01,000 --> 00:00:02,500
ANNA: Hi <i>you</i>

2
00:00:03,000 --> 00:00:04,000
- ANNA: One
- BEN: Note: two &amp; three

3
00:00:05,000 --> 00:00:06,000
[door]
"""
VTT = "WEBVTT\n\nNOTE BEN: no\n\n" + SRT.replace(",", ".").replace("ANNA: Hi <i>you</i>", "<v Anna>Hi <i>you</i></v>")


@pytest.mark.parametrize(("name", "text"), [("s.srt", SRT), ("s.vtt", VTT)])
def test_subtitles(folder: Path, name: str, text: str) -> None:
    for sound in ("anna_1.wav", "anna_2.wav", "ben_1.wav"):
        (folder / sound).touch()
    found = table(folder, text, name=name)
    assert [(line.character, line.text, line.sound.name, line.start, line.end) for line in found.lines] == [
        ("ANNA", "Hi you", "anna_1.wav", 1.0, 2.5), ("ANNA", "One", "anna_2.wav", 3.0, 4.0),
        ("BEN", "Note: two & three", "ben_1.wav", 3.0, 4.0),
    ]  # fmt: skip


def test_subtitles_that_overlap_are_all_kept_and_noted_for_one_speaker(folder: Path) -> None:
    for sound in ("anna_1.wav", "anna_2.wav", "ben_1.wav"):
        (folder / sound).touch()
    cues = [("1", "00:00:01,000 --> 00:00:04,000", "ANNA: One"), ("2", "00:00:02,000 --> 00:00:03,000", "BEN: Two"),
            ("3", "00:00:03,500 --> 00:00:05,000", "ANNA: Three")]  # fmt: skip
    found = table(folder, "\n\n".join("\n".join(cue) for cue in cues), name="s.srt")
    assert [line.character for line in found.lines] == ["ANNA", "BEN", "ANNA"]
    assert [one.kept for one in found.problems] == [True] and "3.500" in told(found)


def test_a_folder_by_its_names(tmp_path: Path) -> None:
    for name in (
        "int_kitchen_anna_007.de.wav",
        "int_kitchen_anna_008_take2.en-gb.wav",
        "ben_1.wav",
        "odd.wav",
        ".x.wav",
        "n.md",
    ):
        (tmp_path / name).touch()
    (tmp_path / "ben_1.txt").write_text("Hello", encoding="utf-8")
    lines = {line.id: line for line in sheet.read(tmp_path, language="fr").lines}
    assert set(lines) == {"int_kitchen_anna_007.de", "int_kitchen_anna_008_take2.en-gb", "ben_1", "odd"}
    first, second = lines["int_kitchen_anna_007.de"], lines["int_kitchen_anna_008_take2.en-gb"]
    assert (first.scene, first.character, first.language) == ("int_kitchen", "anna", "de")
    assert (second.character, second.take, second.language) == ("anna", "2", "en-gb")
    assert lines["ben_1"].text == "Hello" and lines["ben_1"].character == "ben"
    assert sheet.read(tmp_path, pattern="{id}_{character}").lines[0].character == "1"


@pytest.mark.parametrize(("name", "data"), [
    ("s.csv", b""), ("s.csv", b"only,that\n1,2\n"), ("s.csv", b"PK\x03\x04 a workbook"), ("s.json", b'[{"a": 1'),
    ("s.json", b'"text"'), ("s.json", b"[" * 100_000), ("s.docx", b"x"), ("s.csv", b"\xff\xfea"), ("empty/x.txt", b""),
])  # fmt: skip
def test_a_file_that_is_no_sheet(tmp_path: Path, name: str, data: bytes) -> None:
    path = tmp_path / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data)
    with pytest.raises(SheetError, match=r"\."):
        sheet.read(path.parent if name.startswith("empty") else path)
    with pytest.raises(SheetError, match="no sheet"):
        sheet.read(tmp_path / "absent.csv")


@pytest.mark.parametrize("options", [{"pattern": "{a}"}, {"pattern": "{id}{id}"}, {"fps": 0}, {"style": "Absent"}])
def test_an_option_that_is_none(folder: Path, options: dict[str, object]) -> None:
    with pytest.raises(SheetError, match=r"\."):
        sheet.read(folder, **options)  # type: ignore[arg-type]


def test_ten_thousand_rows_are_read_in_time_that_grows_with_them(folder: Path) -> None:
    def seconds(count: int) -> float:
        rows = "".join(f'{k},a.wav,Anna,"Said, {k}",{k}\n' for k in range(count))
        (folder / "s.csv").write_text("id,sound,who,text,start\n" + rows, encoding="utf-8")
        started = time.process_time()
        found = sheet.read(folder / "s.csv")
        assert len(found.lines) == count and not found.problems
        return time.process_time() - started

    few, many = seconds(1_000), seconds(10_000)
    assert many < 25 * few, "a sheet that is searched for each row would take a hundred times as long"
