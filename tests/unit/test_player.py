"""The web player is one page that needs nothing else; `build.py bench player` plays it in a browser."""

from __future__ import annotations

import base64
import json
import re
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

import build
from model_runtime import pipeline
from model_runtime.acting.articulate import articulate
from model_runtime.contracts import VISEMES, MouthTrack
from model_runtime.errors import LipSyncError
from model_runtime.export import player
from model_runtime.hearing import audio

LINE = Path(__file__).resolve().parents[2] / "presets/demo/line.wav"
GLB = b"glTF\x02\x00\x00\x00\x0c\x00\x00\x00</script>"
_IMPORT = re.compile(
    r"""^\s*(?:import|export)\b[^'"]*?\bfrom\s*["']([^"']+)["']|[;}]from["']([^"']+)["']""", re.MULTILINE
)


class Page(HTMLParser):
    """The scripts of a page by their ids or kinds, and whatever it would fetch."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.scripts: dict[str, str] = {}
        self.fetched: list[str] = []
        self.source, self.title, self._open = text, "", ""
        self.feed(text)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = dict(attributes)
        self._open = (given.get("id") or given.get("type") or "") if tag == "script" else tag
        self.fetched += [value for name, value in attributes if name in ("src", "href") and value]

    def handle_endtag(self, tag: str) -> None:
        self._open = ""

    def handle_data(self, data: str) -> None:
        if self._open == "title":
            self.title += data
        elif self._open:
            self.scripts[self._open] = self.scripts.get(self._open, "") + data


@pytest.fixture(scope="module")
def library() -> Path:
    """three.js, as the zips hold it."""
    folder = build.three()
    if folder is None:
        pytest.skip("three.js comes from npm, which is not here")
    return folder


@pytest.fixture(scope="module")
def track() -> MouthTrack:
    return articulate(pipeline.listen(audio.load(LINE)))


@pytest.fixture(scope="module")
def page(library: Path, track: MouthTrack) -> Page:
    lines = [
        player.Spoken("One </script><b>", "Head_One", LINE.read_bytes(), track),
        player.Spoken("Zwei", "Head_Zwei", b"second", track),
    ]
    return Page(player.page(GLB, lines, "A <b>title</b> & more", library).decode())


def test_model_sounds_and_lines_are_inside(page: Page, track: MouthTrack) -> None:
    assert page.title == "A <b>title</b> & more"
    assert base64.b64decode(page.scripts["model"]) == player.model_of(page.source.encode()) == GLB
    assert base64.b64decode(page.scripts["sound-0"]) == LINE.read_bytes()
    assert base64.b64decode(page.scripts["sound-1"]) == b"second"
    one, two = json.loads(page.scripts["lines"])
    assert (one["name"], one["animation"], two["name"]) == ("One </script><b>", "Head_One", "Zwei")
    shown = np.frombuffer(base64.b64decode(one["values"]), np.uint8).reshape(-1, len(one["visemes"])) / 255.0
    assert tuple(one["visemes"]) == VISEMES
    at = np.arange(len(shown)) / one["fps"]
    np.testing.assert_allclose(shown, track.values[np.round(100 * at).astype(int), :15], atol=0.5 / 255 + 1e-6)
    assert len(one["contacts"]) == len(track.contacts)
    assert one["duration"] == pytest.approx(track.duration, abs=1e-3)


def test_it_fetches_nothing(page: Page) -> None:
    assert page.fetched == []
    assert set(page.scripts) >= {"importmap", "module", "lines", "model"}
    for name, address in json.loads(page.scripts["importmap"])["imports"].items():
        assert address.startswith("data:text/javascript;base64,"), name


def test_every_import_leads_somewhere(page: Page) -> None:
    imports = json.loads(page.scripts["importmap"])["imports"]
    modules = {name: base64.b64decode(address.partition(",")[2]).decode() for name, address in imports.items()}
    found = {
        first or second
        for source in [page.scripts["module"], *modules.values()]
        for first, second in _IMPORT.findall(re.sub(r"/\*.*?\*/", "", source, flags=re.DOTALL))
    }
    assert found == set(imports)


def test_what_is_missing_is_named(tmp_path: Path, track: MouthTrack) -> None:
    with pytest.raises(LipSyncError, match=r"three\.js"):
        player.page(GLB, [player.Spoken("One", "One", b"", track)], "Title", tmp_path)
    with pytest.raises(LipSyncError, match="needs a line"):
        player.page(GLB, [], "Title", tmp_path)
