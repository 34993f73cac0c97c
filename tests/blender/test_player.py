"""The web player as a target of the export: the character and all its lines in one page."""

from __future__ import annotations

import base64
import importlib
import json
import re
from pathlib import Path
from typing import Any

import bpy
import pytest

from .conftest import DEMO_LINE, MODULE, generate
from .exporting import export, state


def stored(page: str, name: str) -> str:
    """What lies in a page under a name."""
    found = re.search(rf'<script type="[^"]*" id="{name}">(.*?)</script>', page, re.DOTALL)
    assert found, f"the page has no {name}"
    return found[1]


@pytest.fixture
def with_three(labial: Any) -> None:
    """Only where the zip holds three.js."""
    if not (importlib.import_module(f"{MODULE}.model_runtime.export.player").LIBRARY / "LICENSE").is_file():
        pytest.skip("this zip was built without npm, so without three.js")


def test_all_lines_are_in_one_page(head: bpy.types.Object, with_three: None, short_line: Path, tmp_path: Path) -> None:
    generate(short_line)
    generate(DEMO_LINE, start_frame=60)
    before = state()
    (made,) = export("player", tmp_path)
    assert state() == before
    assert made.passed and len(made.comparisons) == 2 and made.read_by == "Blender's glTF importer"
    page = Path(made.path).read_text(encoding="utf-8")
    lines = json.loads(stored(page, "lines"))
    assert {line["animation"] for line in lines} == set(made.clips)
    assert {line["name"] for line in lines} == {"hello", "line"}
    sounds = [base64.b64decode(stored(page, f"sound-{i}")) for i in range(2)]
    assert set(sounds) == {short_line.read_bytes(), DEMO_LINE.read_bytes()}
    model = base64.b64decode(stored(page, "model"))
    content = json.loads(model[20 : 20 + int.from_bytes(model[12:16], "little")])
    assert {animation["name"] for animation in content["animations"]} == set(made.clips)


def test_a_sound_that_is_gone_is_named(
    head: bpy.types.Object, with_three: None, short_line: Path, tmp_path: Path
) -> None:
    moved = tmp_path / "moved.wav"
    moved.write_bytes(short_line.read_bytes())
    generate(moved, add_sound=False)
    moved.unlink()
    errors = importlib.import_module(f"{MODULE}.model_runtime.errors")
    with pytest.raises(errors.LipSyncError, match=r"moved\.wav .*is not there"):
        export("player", tmp_path / "out")
    assert not list((tmp_path / "out").iterdir())
