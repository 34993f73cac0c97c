"""A line edited as the list of its phones: what changes, what stays, and how list and playhead keep step."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path
from typing import Any

import bpy
import numpy as np
import pytest

from .conftest import DEMO_LINE, generate
from .mouth import Mouth
from .scene import actions, curves

VOWELS = ("i", "ɪ", "e", "ɛ", "æ", "a", "ʌ", "ə", "ɝ", "ɔ", "o", "ʊ", "u", "y", "ø", "aɪ", "aʊ", "eɪ", "oʊ", "ɔɪ")
CONTACTS = ("p", "b", "m", "f", "v")
TEXT = "Hello, I'm Labial."

Phones = list[tuple[str, float, float, float]]


def listed(sound: Path, **settings: object) -> Any:
    """The list of a fresh line."""
    generate(sound, **settings)
    assert bpy.ops.labial.list_words() == {"FINISHED"}
    return bpy.context.scene.labial.words


def kept_phones() -> Phones:
    """The phones (symbol, start, end, strength) that are kept with the line."""
    (action,) = actions()
    return [(p[0], p[1], p[2], p[5]) for p in json.loads(action["labial"]["speech"])["phones"]]


def written() -> dict[tuple[str, str], np.ndarray]:
    """Frame, value and handles of all keys [keys, 6] by slot and path."""
    (action,) = actions()
    return {
        (slot, path): np.array([(*p.co, *p.handle_left, *p.handle_right) for p in curve.keyframe_points])
        for slot, found in curves(action).items()
        for path, curve in found.items()
    }


def free_vowel(rows: Any) -> int:
    """The longest vowel with no contact beside it."""
    inner = range(1, len(rows) - 1)
    found = [
        i for i in inner if rows[i].symbol in VOWELS and not {rows[i - 1].symbol, rows[i + 1].symbol} & set(CONTACTS)
    ]
    return max(found, key=lambda i: rows[i + 1].start - rows[i].start)


def frames_of(rows: Any, i: int) -> range:
    """The frames of a row of a line that begins at frame 1."""
    return range(round(1 + rows[i].start * 24) - 1, round(1 + rows[i + 1].start * 24) + 1)


def narrowest(mouth: Mouth, frames: range) -> float:
    gaps = []
    for frame in frames:
        bpy.context.scene.frame_set(frame)
        gaps.append(mouth.gap())
    return min(gaps)


def test_the_list_has_a_row_for_every_phone(head: bpy.types.Object, short_line: Path) -> None:
    words = listed(short_line, transcript=TEXT)
    rows = [(row.symbol, row.start, row.strength) for row in words.phones]
    kept = [(symbol, pytest.approx(start, abs=1e-6), strength) for symbol, start, _, strength in kept_phones()]
    assert rows == kept and len(rows) == bpy.context.scene.labial.report.phones
    assert {"h", "l", "m", "b"} <= {row.symbol for row in words.phones}
    assert words.transcript == TEXT and words.action == actions()[0].name


def test_a_strength_changes_its_neighbourhood_and_can_be_brought_back(head: bpy.types.Object) -> None:
    words = listed(DEMO_LINE)
    before = written()
    i = free_vowel(words.phones)
    frame = 1 + 24 * words.phones[i].start
    words.phones[i].strength = 0.2
    after = written()
    assert kept_phones()[i][3] == pytest.approx(0.2)
    jaw = next(key for key in before if "jawOpen" in key[1])
    assert not np.array_equal(before[jaw], after[jaw])
    for key in before.keys() & after.keys():
        far = [keys[np.abs(keys[:, 0] - frame) > 24 + 24 * 0.4] for keys in (before[key], after[key])]
        assert np.array_equal(*far), key
    words.phones[i].strength = 1.0
    back = written()
    assert back.keys() == before.keys()
    assert all(np.array_equal(back[key], before[key]) for key in before)
    assert not bpy.context.scene.labial.report.notes


def test_a_vowel_that_becomes_m_closes_the_lips(head: bpy.types.Object, short_line: Path) -> None:
    mouth = Mouth(head)
    words, report = listed(short_line, transcript=TEXT), bpy.context.scene.labial.report
    i, closures = free_vowel(words.phones), report.closures
    frames = frames_of(words.phones, i)
    assert narrowest(mouth, frames) > 0.03
    words.phones[i].symbol = "m"
    assert kept_phones()[i][0] == "m"
    assert report.closures > closures and report.proven == report.closures
    assert narrowest(mouth, frames) < 0.03


def test_a_moved_start_leaves_no_gap_and_the_order_as_it_was(head: bpy.types.Object, short_line: Path) -> None:
    words = listed(short_line, transcript=TEXT)
    symbols = [row.symbol for row in words.phones]
    middle = len(symbols) // 2
    beyond = words.phones[middle + 2].start + 0.013
    words.phones[middle].start = beyond
    require_order(symbols)
    assert kept_phones()[middle][1] == pytest.approx(beyond, abs=1e-4)
    words.phones[0].start = 0.3
    words.phones[len(symbols) - 1].start = 99.0
    require_order(symbols)


def require_order(symbols: list[str]) -> None:
    """The same phones one after the other without gaps, from 0 to the end of the sound."""
    kept = kept_phones()
    assert [symbol for symbol, *_ in kept] == symbols
    assert kept[0][1] == 0.0 and kept[-1][2] == pytest.approx(1.6, abs=0.02)
    assert all(a[2] == b[1] for a, b in pairwise(kept))
    assert all(end - start >= 0.0099 for _, start, end, _ in kept)


def test_the_rows_show_where_the_phones_went(head: bpy.types.Object, short_line: Path) -> None:
    words = listed(short_line, transcript=TEXT)
    middle = len(words.phones) // 2
    words.phones[middle].start = words.phones[middle + 2].start + 0.013
    assert [row.start for row in words.phones] == pytest.approx([start for _, start, _, _ in kept_phones()], abs=1e-4)


def test_list_and_playhead_keep_step(head: bpy.types.Object, short_line: Path) -> None:
    scene = bpy.context.scene
    words = listed(short_line, transcript=TEXT, start_frame=11)
    starts = [row.start for row in words.phones]
    for i in (3, 7, 2):
        words.index = i
        assert scene.frame_current_final == pytest.approx(11 + 24 * starts[i], abs=1e-3)
        assert words.index == i
    for frame in (13, 25, 40, 17):
        scene.frame_set(frame)
        assert words.index == max(i for i, start in enumerate(starts) if 11 + 24 * start <= frame)
    chosen = words.index
    scene.frame_set(1)
    assert words.index == chosen


def test_other_words_are_found_anew_in_the_sound(head: bpy.types.Object, short_line: Path) -> None:
    words = listed(short_line, transcript="Seventeen crocodiles")
    before = [row.symbol for row in words.phones]
    words.transcript = TEXT
    assert bpy.ops.labial.align_words() == {"FINISHED"}
    (action,) = actions()
    said = [text for text, _, _ in json.loads(action["labial"]["speech"])["words"]]
    assert [text.strip(",.").lower() for text in said] == ["hello", "i'm", "labial"]
    assert action["labial"]["transcript"] == TEXT and words.action == action.name
    after = [row.symbol for row in words.phones]
    assert after != before and after == [symbol for symbol, *_ in kept_phones()]
    assert bpy.context.scene.labial.report.words.startswith("Transcript fits")


def test_a_line_that_was_made_anew_is_listed_anew(head: bpy.types.Object, short_line: Path) -> None:
    words = listed(short_line)
    generate(short_line, transcript=TEXT)
    before = kept_phones()
    with pytest.raises(RuntimeError, match="made anew, and the list shows it now"):
        bpy.ops.labial.apply_words()
    assert [row.symbol for row in words.phones] == [symbol for symbol, *_ in before] and kept_phones() == before
    assert bpy.ops.labial.apply_words() == {"FINISHED"}


def test_what_is_missing_is_named(head: bpy.types.Object, short_line: Path) -> None:
    with pytest.raises(RuntimeError, match="has no line of Labial yet. Generate one first."):
        bpy.ops.labial.list_words()
    listed(short_line)
    assert bpy.ops.labial.clear() == {"FINISHED"}
    for operator in (bpy.ops.labial.apply_words, bpy.ops.labial.align_words):
        with pytest.raises(RuntimeError, match="not there any more. Click Edit Line again."):
            operator()
    with pytest.raises(RuntimeError, match="has no line of Labial yet"):
        bpy.ops.labial.list_words()


def test_undo_takes_an_edit_back_in_one_step(head: bpy.types.Object, short_line: Path) -> None:
    words = listed(short_line, add_sound=False)
    i = free_vowel(words.phones)
    before = written()
    bpy.ops.ed.undo_push(message="before")
    words.phones[i].strength = 0.1
    bpy.ops.ed.undo_push(message="Apply")
    assert any(not np.array_equal(before[key], keys) for key, keys in written().items() if key in before)
    bpy.ops.ed.undo()
    after = written()
    assert after.keys() == before.keys() and all(np.array_equal(before[key], after[key]) for key in before)
    assert bpy.context.scene.labial.words.phones[i].strength == 1.0
