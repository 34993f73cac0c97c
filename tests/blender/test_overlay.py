"""What is drawn into the timeline: where it lies, what is left out, and that nothing broken gets in its way."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from types import ModuleType
from typing import Any

import addon_utils
import bpy
import numpy as np
import pytest

from .conftest import MODULE, generate
from .scene import actions

FPS = 24


@pytest.fixture(scope="module")
def overlay(labial: ModuleType) -> ModuleType:
    return importlib.import_module(f"{MODULE}.addon.overlay")


@pytest.fixture(scope="module")
def contracts(labial: ModuleType) -> ModuleType:
    return importlib.import_module(f"{MODULE}.model_runtime.contracts")


@pytest.fixture
def speech(contracts: ModuleType) -> Any:
    """One second: silence, p, a, f, silence; loudest at 0.45 s; the word “paf”."""
    rows = [("sil", 0.0, 0.2), ("p", 0.2, 0.3), ("a", 0.3, 0.6), ("f", 0.6, 0.7), ("sil", 0.7, 1.0)]
    loudness = -90.0 + 80.0 * np.exp(-((np.arange(100) - 45.0) ** 2) / 200.0)
    return contracts.Speech(
        tuple(contracts.Phone(*row) for row in rows),
        1.0,
        contracts.frozen_array(loudness),
        words=(contracts.Word("paf", 0.2, 0.7),),
    )


def width(text: str) -> float:
    return 7.0 * len(text)


def shown(overlay: ModuleType, contracts: ModuleType, speech: Any, first: float, last: float, top: float = 200) -> Any:
    """The picture of a line that starts at frame 1, in a region of 1200 pixels."""
    view = overlay.View(first, last, 1200, 4, top)
    return overlay.picture(speech, contracts.FrameClock(FPS, 1.0, 1.0), view, width)


def test_boxes_lie_at_their_frames(overlay: ModuleType, contracts: ModuleType, speech: Any) -> None:
    picture = shown(overlay, contracts, speech, 1, 25)  # 50 pixels a frame: the line fills the view
    spans = {box.kind: (box.left, box.right) for box in picture.boxes}
    assert spans == {
        "band": (0, 1199), "closure": (240, 359), "phone": (360, 719), "contact": (720, 839), "word": (240, 839),
    }  # fmt: skip
    assert [label.text for label in picture.labels] == ["p", "a", "f", "paf"]
    for label, kind in zip(picture.labels, ("closure", "phone", "contact", "word"), strict=True):
        left, right = spans[kind]
        assert label.x + 0.5 * width(label.text) == pytest.approx(0.5 * (left + right), abs=1)


def test_only_what_is_in_view_is_drawn(overlay: ModuleType, contracts: ModuleType, speech: Any) -> None:
    assert not shown(overlay, contracts, speech, 30, 90).boxes
    assert not shown(overlay, contracts, speech, -90, 0).boxes
    picture = shown(overlay, contracts, speech, 9, 14)  # inside the vowel
    assert [box.kind for box in picture.boxes] == ["band", "phone", "word"]
    assert {(box.left, box.right) for box in picture.boxes} == {(0, 1200)}
    assert all(0 < label.x < 1200 - width(label.text) for label in picture.labels)
    assert len(picture.voice) < 30


def test_far_out_contacts_stay_and_labels_go(overlay: ModuleType, contracts: ModuleType, speech: Any) -> None:
    picture = shown(overlay, contracts, speech, 0, 5000)
    assert [box.kind for box in picture.boxes] == ["band", "closure", "contact", "word"]
    assert all(box.right - box.left >= 1 for box in picture.boxes)
    assert not picture.labels
    assert 1 <= len(picture.voice) <= 6


def test_voice_follows_the_loudness(overlay: ModuleType, contracts: ModuleType, speech: Any) -> None:
    picture = shown(overlay, contracts, speech, 1, 25)
    x, low, high = picture.voice.T
    assert x[(high - low).argmax()] == pytest.approx(0.455 * 1200, abs=1)
    (band,) = [box for box in picture.boxes if box.kind == "band"]
    assert (low > band.bottom).all() and (high < band.top).all() and (high > low).all()
    assert (np.diff(x) > 0).all()


def test_low_regions_get_fewer_rows(overlay: ModuleType, contracts: ModuleType, speech: Any) -> None:
    heights = [shown(overlay, contracts, speech, 1, 25, top).boxes[0].top for top in (200, 64, 60, 40, 12)]
    assert heights == [64, 64, 46, 22, 12]
    assert not shown(overlay, contracts, speech, 1, 25, 4).boxes
    low = shown(overlay, contracts, speech, 1, 25, 12)  # the keys lie behind
    assert [box.kind for box in low.boxes] == ["closure", "contact"] and not low.labels and not len(low.voice)


def test_triangles_cover_the_boxes_in_their_colours(overlay: ModuleType, contracts: ModuleType, speech: Any) -> None:
    picture = shown(overlay, contracts, speech, 1, 25)
    points, colours = overlay.triangles(picture)
    assert len(points) == len(colours) == 6 * (len(picture.boxes) + len(picture.voice) - 1)
    assert points.dtype == colours.dtype == np.float32
    for k, box in enumerate(picture.boxes):
        assert points[6 * k : 6 * k + 6].min(axis=0) == pytest.approx((box.left, box.bottom))
        assert points[6 * k : 6 * k + 6].max(axis=0) == pytest.approx((box.right, box.top))
        assert colours[6 * k] == pytest.approx(overlay.COLOURS[box.kind])
    assert overlay.COLOURS["closure"] != overlay.COLOURS["contact"]


def test_closures_are_marked_where_the_lips_close(
    head: bpy.types.Object, overlay: ModuleType, short_line: Path
) -> None:
    assert overlay.lines(bpy.context) == []
    module, request = (importlib.import_module(f"{MODULE}.addon.{name}") for name in ("generate", "request"))
    labial = bpy.context.scene.labial
    labial.source, labial.filepath, labial.start_frame = "FILE", str(short_line), 11
    result = module.generate(bpy.context, request.request_from(bpy.context))
    (line,) = overlay.lines(bpy.context)
    view = overlay.View(0, 60, 6000, 0, 100)
    marked = [box for box in overlay.seen(line, view, width).boxes if box.kind == "closure"]
    proven = [proof.frame for proof in result.report.proofs]
    assert marked and proven
    for frame in proven:
        assert any(box.left / 100 - 2 <= frame <= box.right / 100 + 1 for box in marked), frame


def test_a_line_is_found_from_every_part_and_gone_with_it(
    head: bpy.types.Object, overlay: ModuleType, short_line: Path
) -> None:
    generate(short_line)
    (line,) = overlay.lines(bpy.context)
    for part in head.parent.children_recursive:
        bpy.context.view_layer.objects.active = part
        assert overlay.lines(bpy.context) == [line]
    bpy.context.view_layer.objects.active = None
    assert overlay.lines(bpy.context) == []
    bpy.context.view_layer.objects.active = head
    bpy.ops.labial.clear()
    assert overlay.lines(bpy.context) == []


def test_a_strip_carries_its_line_along(head: bpy.types.Object, overlay: ModuleType, short_line: Path) -> None:
    head.data.shape_keys.key_blocks["eyeBlinkLeft"].keyframe_insert("value", frame=1)
    head.parent.keyframe_insert("location", frame=1)
    generate(short_line, start_frame=11)
    (line,) = overlay.lines(bpy.context)
    assert line.clock.frame(1.0) == pytest.approx(11 + FPS)
    strips = [s for o in (head.data.shape_keys, head.parent) for t in o.animation_data.nla_tracks for s in t.strips]
    for strip in strips:
        before = strip.frame_start
        strip.frame_start_ui = before + 30
        assert strip.frame_start == before + 30
    (line,) = overlay.lines(bpy.context)
    assert line.clock.frame(1.0) == pytest.approx(41 + FPS)
    for strip in strips:
        strip.scale = 2.0
    (line,) = overlay.lines(bpy.context)
    assert line.clock.frame(1.0) - line.clock.frame(0.0) == pytest.approx(2 * FPS)
    for strip in strips:
        strip.mute = True
    assert overlay.lines(bpy.context) == []


@pytest.mark.parametrize("mark", [5, "text", {"start": 1}, {"start": "x", "speech": "{}"}, {"speech": "{}"}])
def test_a_mark_that_is_not_ours_is_left_out(head: bpy.types.Object, overlay: ModuleType, mark: Any) -> None:
    head.data.shape_keys.key_blocks["jawOpen"].keyframe_insert("value", frame=1)
    head.data.shape_keys.animation_data.action["labial"] = mark
    assert overlay.lines(bpy.context) == []


def test_broken_speech_is_not_shown(head: bpy.types.Object, overlay: ModuleType, short_line: Path) -> None:
    generate(short_line)
    (action,) = actions()
    good = json.loads(action["labial"]["speech"])
    view = overlay.View(0, 60, 600, 0, 100)
    wrong = ["", "{", "[]", "{}", {**good, "phones": [["p", "a", "b"]]}, {**good, "loudness": "AAAA"}]
    for heard in [*wrong, {**good, "phones": 7}, {**good, "duration": None}]:
        action["labial"]["speech"] = heard if isinstance(heard, str) else json.dumps(heard)
        (line,) = overlay.lines(bpy.context)
        assert not overlay.seen(line, view, width).boxes, heard
    action["labial"]["speech"] = json.dumps({**good, "loudness": "eJwDAAAAAAE="})  # nothing in it
    (line,) = overlay.lines(bpy.context)
    assert overlay.seen(line, view, width).boxes


def test_without_a_window_nothing_is_drawn(
    head: bpy.types.Object, overlay: ModuleType, short_line: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    generate(short_line)
    capsys.readouterr()
    overlay.draw()
    assert capsys.readouterr().out == ""


def test_modes_are_those_of_this_blender(overlay: ModuleType) -> None:
    known = bpy.types.SpaceDopeSheetEditor.bl_rna.properties["mode"].enum_items
    assert {item.identifier for item in known} >= overlay.MODES


def test_disabling_takes_the_drawing_away(labial: ModuleType, overlay: ModuleType) -> None:
    assert overlay.handler is not None
    addon_utils.disable(MODULE)
    try:
        assert overlay.handler is None
    finally:
        addon_utils.enable(MODULE)
