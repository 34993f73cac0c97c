"""The mouth track file: what was written comes back, it fits its schema, and bad files are named."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from model_runtime import track_file
from model_runtime.acting.articulate import articulate
from model_runtime.contracts import CHANNELS, MouthTrack, Phone, Speech, frozen_array
from model_runtime.errors import TrackFileError

SCHEMA = Path(__file__).resolve().parents[2] / "presets/schemas/mouth-track.schema.json"


@pytest.fixture(scope="module")
def track() -> MouthTrack:
    """ "map of you" """
    symbols = ("sil", "m", "æ", "p", "ə", "v", "j", "u", "sil")
    phones = tuple(Phone(symbol, i * 0.1, (i + 1) * 0.1) for i, symbol in enumerate(symbols))
    return articulate(Speech(phones, 0.9, frozen_array(np.full(90, -20.0))))


def test_a_track_comes_back(track: MouthTrack, tmp_path: Path) -> None:
    track_file.write(track, tmp_path / "line.mouth.json")
    again = track_file.read(tmp_path / "line.mouth.json")
    assert np.abs(again.values - track.values).max() <= 0.5e-4 + 1e-7
    assert [(c.kind, c.phone) for c in again.contacts] == [(c.kind, c.phone) for c in track.contacts]
    assert [c.kind for c in track.contacts] == ["closure", "closure", "labiodental"]
    assert [e.viseme for e in again.events] == [e.viseme for e in track.events]
    assert again.style == track.style and again.duration == pytest.approx(0.9)
    assert [path.name for path in tmp_path.iterdir()] == ["line.mouth.json"]


def test_a_track_fits_the_published_schema(track: MouthTrack) -> None:
    schema = json.loads(SCHEMA.read_text(encoding="utf-8"))
    jsonschema.Draft202012Validator.check_schema(schema)
    data = json.loads(json.dumps(track_file.as_data(track)))
    jsonschema.validate(data, schema)
    assert schema["properties"]["channels"]["const"] == list(CHANNELS)
    for spoil in ("schema", "values", "contacts"):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate({name: value for name, value in data.items() if name != spoil}, schema)


@pytest.mark.parametrize(("name", "value"), [
    ("schema", "labial-mouth/9"),
    ("channels", ["jaw"]),
    ("values", [[0.0, 1.0]]),
    ("values", [[float("nan")] * len(CHANNELS)]),
    ("contacts", [{"kind": "kiss"}]),
])  # fmt: skip
def test_a_bad_track_is_named(track: MouthTrack, tmp_path: Path, name: str, value: object) -> None:
    path = tmp_path / "bad.mouth.json"
    path.write_text(json.dumps({**track_file.as_data(track), name: value}))
    with pytest.raises(TrackFileError, match=r"bad\.mouth\.json"):
        track_file.read(path)


def test_a_missing_or_cut_track_is_named(track: MouthTrack, tmp_path: Path) -> None:
    with pytest.raises(TrackFileError, match=r"absent\.mouth\.json"):
        track_file.read(tmp_path / "absent.mouth.json")
    track_file.write(track, tmp_path / "cut.mouth.json")
    text = (tmp_path / "cut.mouth.json").read_text()
    (tmp_path / "cut.mouth.json").write_text(text[: len(text) // 2])
    with pytest.raises(TrackFileError, match=r"cut\.mouth\.json"):
        track_file.read(tmp_path / "cut.mouth.json")


def test_a_folder_that_is_not_there_is_named_and_the_old_file_stays(track: MouthTrack, tmp_path: Path) -> None:
    with pytest.raises(TrackFileError, match="absent"):
        track_file.write(track, tmp_path / "absent" / "line.mouth.json")
    occupied = tmp_path / "line.mouth.json"
    occupied.mkdir()
    with pytest.raises(TrackFileError, match=r"line\.mouth\.json"):
        track_file.write(track, occupied)
    assert [path.name for path in tmp_path.iterdir()] == ["line.mouth.json"]
