"""The page about many lines: totals that add up, and what needs a look first."""

from dataclasses import replace
from pathlib import Path

from model_runtime.scenes.batch_report import BatchLine, totals, warnings, write_batch_report

GOOD = BatchLine("a1", "Anna", "en", "DONE", "", 3.0, (6, 6), (2, 2), 0.8, 0.95)


def test_warnings_name_what_is_wrong() -> None:
    assert warnings(GOOD, -21.0) == []
    bad = replace(GOOD, closures=(4, 6), touches=(1, 2), confidence=0.3, text_fit=0.5, clipped=0.02, level=-40.0)
    found = warnings(bad, -20.0)
    assert [text.split()[0] for text in found] == ["2", "1", "the", "heard", "2.0%", "-20"]
    assert warnings(replace(GOOD, status="FAILED", note="No sound.")) == ["No sound."]


def test_the_page_adds_up_and_sorts(tmp_path: Path) -> None:
    lines = [
        GOOD,
        replace(GOOD, name="<b2>", text_fit=0.2),
        BatchLine("c3", "", "de", "FAILED", "There is no sound file."),
    ]
    assert totals(lines) == {
        "lines": 3, "failed": 1, "seconds": 6.0, "closures": 12, "closures proven": 12, "f v": 4, "f v proven": 4,
    }  # fmt: skip
    path = tmp_path / "batch.html"
    write_batch_report(path, "Scene <1>", lines)
    page = path.read_text(encoding="utf-8")
    order = [page.index(f'data-line="{name}"') for name in ("c3", "&lt;b2&gt;", "a1")]
    assert order == sorted(order) and "<b2>" not in page and "Scene &lt;1&gt;" in page
    assert "the transcript fits 20%" in page and not list(tmp_path.glob("*.part"))
