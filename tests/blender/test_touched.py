"""What an artist did to generated keys survives: the next generate, another style, clear, and a saved file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import bpy
import numpy as np
import pytest

from .conftest import generate
from .mouth import Mouth
from .scene import actions, curves

JAW = 'key_blocks["jawOpen"].value'
Rows = np.ndarray


def written() -> dict[tuple[str, str], Rows]:
    """Frame, value and handles of all keys [keys, 6] by slot and path."""
    (action,) = actions()
    return {
        (slot, path): np.array([(*p.co, *p.handle_left, *p.handle_right) for p in curve.keyframe_points])
        for slot, found in curves(action).items()
        for path, curve in found.items()
    }


def jaw() -> bpy.types.FCurve:
    """The F-curve of the jaw."""
    (action,) = actions()
    return next(found[JAW] for found in curves(action).values() if JAW in found)


def open_key() -> bpy.types.Keyframe:
    """The widest key of the jaw: in a vowel, far above any contact."""
    return max(jaw().keyframe_points, key=lambda point: point.co.y)


def notes() -> str:
    return bpy.context.scene.labial.report.notes


def moved() -> float:
    """A key is dragged down by a fifth, with its handles. Returns its frame."""
    point = open_key()
    lower = 0.2 * point.co.y
    frame = point.co.x
    for place in (point.co, point.handle_left, point.handle_right):
        place.y -= lower
    return frame


def dragged() -> float:
    """A key is moved to the next frame, with its handles. Returns its frame."""
    taken = {point.co.x for point in jaw().keyframe_points}
    points = sorted(jaw().keyframe_points, key=lambda point: -point.co.y)
    point = next(p for p in points if p.co.x + 1 not in taken)
    for place in (point.co, point.handle_left, point.handle_right):
        place.x += 1
    return point.co.x


def added() -> float:
    """A key is put where none was, beside the widest. Returns its frame."""
    frames = {point.co.x for point in jaw().keyframe_points}
    widest = open_key()
    frame = next(f for f in (widest.co.x + 1, widest.co.x - 1, widest.co.x + 2) if f not in frames)
    jaw().keyframe_points.insert(frame, 0.77)
    return frame


def marked() -> float:
    """A key is given the type of an extreme. Returns its frame."""
    point = open_key()
    point.type = "EXTREME"
    return point.co.x


def look(frame: float) -> tuple[object, ...]:
    """All about the jaw's key at a frame."""
    (point,) = [p for p in jaw().keyframe_points if p.co.x == frame]
    places = [round(x, 4) for place in (point.co, point.handle_left, point.handle_right) for x in place]
    return (*places, point.type, point.interpolation, point.handle_left_type, point.handle_right_type)


def outside(rows: Rows, span: tuple[float, float]) -> Rows:
    return rows[(rows[:, 0] <= span[0]) | (rows[:, 0] >= span[1])]


@pytest.mark.parametrize("style", ["Shout"])
@pytest.mark.parametrize("change", [moved, dragged, added, marked])
def test_a_changed_key_survives_and_all_others_are_made_anew(
    head: bpy.types.Object, short_line: Path, change: Callable[[], float], style: str
) -> None:
    generate(short_line, style=style)
    fresh = written()
    contacts = closed_frames(head)
    assert contacts
    assert bpy.ops.labial.clear() == {"FINISHED"}
    generate(short_line, style="Natural")
    assert not notes()
    natural = {point.co.x for point in jaw().keyframe_points}
    frame = change()
    wanted = look(frame)
    generate(short_line, style=style)
    assert look(frame) == wanted
    assert "that you changed were kept: jawOpen at frame" in notes() and f"{frame:g}" in notes()
    after = written()
    assert after.keys() == fresh.keys()
    (key,) = [key for key in fresh if key[1] == JAW]
    for other in fresh.keys() - {key}:
        assert np.array_equal(after[other], fresh[other]), other
    # An inserted key also changes its neighbours' handles, so they are the artist's too: two keys on each side.
    before, beyond = sorted(f for f in natural if f < frame)[-3:], sorted(f for f in natural if f > frame)[:3]
    span = (before[0] if before else -np.inf, beyond[-1] if beyond else np.inf)
    assert outside(after[key], span) == pytest.approx(outside(fresh[key], span), abs=1e-5)
    for contact in contacts - {frame}:
        old, new = (rows[rows[:, 0] == contact][0, 1] for rows in (fresh[key], after[key]))
        assert new == pytest.approx(old, abs=1e-6), contact
    report = bpy.context.scene.labial.report
    assert report.closures >= 2 and report.proven == report.closures


def closed_frames(head: bpy.types.Object) -> set[float]:
    """The frames of the jaw's keys at which the mesh shows closed lips."""
    mouth = Mouth(head)
    found = set()
    for frame in [point.co.x for point in jaw().keyframe_points][1:-1]:
        bpy.context.scene.frame_set(int(frame))
        if mouth.gap() < 0.03:
            found.add(frame)
    bpy.context.scene.frame_set(1)
    return found


def test_untouched_lines_are_replaced_without_a_word(head: bpy.types.Object, short_line: Path) -> None:
    generate(short_line, style="Natural")
    natural = written()
    generate(short_line, style="Shout")
    assert not notes()
    assert not all(np.array_equal(rows, natural[key]) for key, rows in written().items() if key in natural)
    generate(short_line, style="Natural")
    assert not notes()
    again = written()
    assert again.keys() == natural.keys() and all(np.array_equal(again[key], natural[key]) for key in natural)


def test_a_change_is_kept_through_every_later_generate(head: bpy.types.Object, short_line: Path) -> None:
    generate(short_line)
    frame = moved()
    wanted = look(frame)
    for style in ("Shout", "Mumble", "Natural"):
        generate(short_line, style=style)
        assert look(frame) == wanted, style
        assert "1 keys that you changed" in notes(), style


def test_the_artists_own_key_is_not_called_a_fault(head: bpy.types.Object, short_line: Path) -> None:
    """In a shout, the jaw is what moves most, and its widest key is where Labial looks."""
    generate(short_line, style="Shout")
    moved()
    generate(short_line, style="Shout")
    assert "that you changed were kept" in notes()
    assert "does not move the mouth" not in notes()


@pytest.mark.parametrize("span", [pytest.param((12, 24), id="wide"), pytest.param((13, 14), id="narrow")])
def test_a_protected_range_stays_as_it_is(head: bpy.types.Object, short_line: Path, span: tuple[int, int]) -> None:
    scene = bpy.context.scene
    generate(short_line, style="Natural")
    scene.use_preview_range = False
    assert not bpy.ops.labial.protect.poll()
    scene.use_preview_range = True
    scene.frame_preview_start, scene.frame_preview_end = span
    before = written()
    assert bpy.ops.labial.protect() == {"FINISHED"}
    for style in ("Shout", "Mumble"):
        generate(short_line, style=style)
        after = written()
        for key in before.keys() | after.keys():
            old, now = (within(keys.get(key), span) for keys in (before, after))
            assert now.shape == old.shape and now == pytest.approx(old, abs=1e-6), (style, key)
    assert any(
        not np.array_equal(within(after[key], (span[1] + 1, 99)), within(before[key], (span[1] + 1, 99)))
        for key in before.keys() & after.keys()
    )


def within(rows: Rows | None, span: tuple[int, int]) -> Rows:
    """The keys of a curve, if there is one, from frame to frame."""
    return np.zeros((0, 6)) if rows is None else rows[(rows[:, 0] >= span[0]) & (rows[:, 0] <= span[1])]


def test_clear_takes_only_what_labial_made(head: bpy.types.Object, short_line: Path) -> None:
    shapes, rig = head.data.shape_keys, head.parent
    shapes.key_blocks["eyeBlinkLeft"].value = 0.7
    shapes.keyframe_insert('key_blocks["eyeBlinkLeft"].value', frame=1)
    mine = shapes.animation_data.action
    rig.location.x = 2.0
    rig.keyframe_insert("location", frame=1)
    walk = rig.animation_data.action
    slot, rig.animation_data.action = rig.animation_data.action_slot, None
    track = rig.animation_data.nla_tracks.new()
    track.name = "Walk"
    strip = track.strips.new("Walk", 1, walk)
    strip.action_slot = slot
    generate(short_line)
    moved()  # also what the artist changed on Labial's Action goes with it
    assert bpy.ops.labial.clear() == {"FINISHED"}
    assert not actions()
    assert shapes.animation_data.action == mine and len(shapes.animation_data.nla_tracks) == 0
    assert [t.name for t in rig.animation_data.nla_tracks] == ["Walk"]
    assert [s.action for s in rig.animation_data.nla_tracks[0].strips] == [walk]
    bpy.context.scene.frame_set(10)
    assert rig.location.x == pytest.approx(2.0)
    assert shapes.key_blocks["eyeBlinkLeft"].value == pytest.approx(0.7)
    assert shapes.key_blocks["jawOpen"].value == 0.0


def test_changes_are_still_seen_in_a_saved_file(head: bpy.types.Object, short_line: Path, tmp_path: Path) -> None:
    generate(short_line)
    before, name = written(), head.name
    path = str(tmp_path / "shot.blend")
    reopen(path, name)
    generate(short_line)
    assert not notes()
    assert all(np.array_equal(rows, before[key]) for key, rows in written().items())
    reopen(path, name)
    frame = moved()
    wanted = look(frame)
    reopen(path, name)
    generate(short_line, style="Shout")
    assert look(frame) == wanted
    assert f"1 keys that you changed were kept: jawOpen at frame {frame:g}" in notes()


def reopen(path: str, active: str) -> None:
    """Saves the scene and opens it again, as on the next day."""
    bpy.ops.wm.save_as_mainfile(filepath=path)
    bpy.ops.wm.open_mainfile(filepath=path)
    bpy.context.view_layer.objects.active = bpy.data.objects[active]
