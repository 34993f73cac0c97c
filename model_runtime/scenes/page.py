"""One HTML page that opens offline: the style is in it, drawings are inline SVG, nothing is fetched."""

from __future__ import annotations

from html import escape
from pathlib import Path

_STYLESHEET = Path(__file__).with_name("report.css")


def write_page(path: Path, title: str, body: str) -> None:
    """Writes a page; an existing file is replaced at once, and nothing half written is left. Raises OSError."""
    page = (
        '<!doctype html>\n<html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(title)} · Labial</title><style>{_STYLESHEET.read_text(encoding='utf-8')}</style></head>"
        f"<body>{body}</body></html>\n"
    )
    part = path.with_name(path.name + ".part")
    try:
        part.write_text(page, encoding="utf-8")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
