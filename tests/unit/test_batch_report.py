"""The page about many lines: totals that add up, and what needs a look first."""

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from model_runtime import pipeline
from model_runtime.acting.articulate import articulate
from model_runtime.contracts import frozen_array
from model_runtime.hearing import audio
from model_runtime.scenes.batch_report import BatchLine, figures, sync_offset, totals, warnings, write_batch_report

GOOD = BatchLine("a1", "Anna", "en", "DONE", "", 3.0, (6, 6), (2, 2), 0.8, 0.95)


def test_warnings_name_what_is_wrong() -> None:
    assert warnings(GOOD, -21.0) == []
    bad = replace(
        GOOD, closures=(4, 6), touches=(1, 2), confidence=0.3, text_fit=0.5, clipped=0.02, level=-40.0, moved=-3,
        dub="9 frames too long", sync_ms=130.0,
    )  # fmt: skip
    found = warnings(bad, -20.0)
    assert [warned.text.split()[0] for warned in found] == ["2", "1", "its", "9", "the", "heard", "the", "2.0%", "-20"]
    assert [warned.severity for warned in found] == sorted((warned.severity for warned in found), reverse=True)
    assert "-3 frames" in found[2].text and "+130 ms" in found[6].text
    assert [warned.text for warned in warnings(replace(GOOD, status="FAILED", note="No sound."))] == ["No sound."]


@pytest.mark.parametrize("lag", [-70, 0, 30, 120])
def test_the_sync_offset_is_that_of_the_jaw(lag: int) -> None:
    clip = audio.load(Path(__file__).parents[2] / "presets/demo/line.wav")
    speech = pipeline.listen(clip)
    track = articulate(speech)
    ours = sync_offset(speech, track)
    moved = replace(track, values=frozen_array(np.roll(track.values, lag // 10, axis=0)))
    assert ours is not None and abs(ours) <= 40 and sync_offset(speech, moved) == pytest.approx(ours + lag, abs=10)
    assert sync_offset(speech, replace(track, values=frozen_array(np.zeros_like(track.values)))) is None


def test_the_page_adds_up_and_sorts(tmp_path: Path) -> None:
    lines = [
        GOOD,
        replace(GOOD, name="loud", clipped=0.5),
        replace(GOOD, name="open", closures=(5, 6)),
        replace(GOOD, name="<b2>", text_fit=0.2),
        BatchLine("c3", "", "de", "FAILED", "There is no sound file."),
    ]
    assert totals(lines) == {
        "lines": 5, "failed": 1, "seconds": 12.0, "closures": 24, "closures proven": 23, "f v": 8, "f v proven": 8,
    }  # fmt: skip
    path = tmp_path / "batch.html"
    write_batch_report(path, "Scene <1>", lines)
    page = path.read_text(encoding="utf-8")
    order = [page.index(f'data-line="{name}"') for name in ("c3 de", "open en", "&lt;b2&gt; en", "loud en", "a1 en")]
    assert order == sorted(order) and "<b2>" not in page and "Scene &lt;1&gt;" in page
    assert "the transcript fits 20%" in page and not list(tmp_path.glob("*.part"))
    told = figures(lines)
    assert told["totals"] == totals(lines) and [line["name"] for line in told["lines"]] == [line.name for line in lines]
    assert told["lines"][3]["warnings"] == ["the transcript fits 20%"] and "picture" not in told["lines"][0]
    assert json.loads(json.dumps(told))["totals"] == totals(lines)


def test_a_page_that_cannot_be_written_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "page.html").mkdir()
    with pytest.raises(OSError, match=r"page\.html"):
        write_batch_report(tmp_path / "page.html", "Scene", [GOOD])
    assert [path.name for path in tmp_path.iterdir()] == ["page.html"]
