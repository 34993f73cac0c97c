"""Live: the character follows a voice without keys, closes on p b m, and is afterwards what it was before."""

from __future__ import annotations

import importlib
import sys
import time
from types import ModuleType
from typing import Any

import bpy
import pytest

from .conftest import DEMO_LINE, MODULE, load_character
from .mouth import Mouth
from .scene import actions, snapshot, values

CLOSED, OPEN = 0.03, 0.12


def module(name: str) -> Any:
    return importlib.import_module(f"{MODULE}.{name}")


def followed(session: Any, until: float, step: float = 1 / 60) -> list[float]:
    """Ticks as the timer does, but at moments of the sound, as soon as they have been heard; yields the moments."""
    count = round(until / step)
    for moment in (index * step for index in range(count)):
        while not heard_until(session, moment):
            time.sleep(0.002)
        session.tick(moment)
        yield moment


def heard_until(session: Any, moment: float) -> bool:
    frames = list(session._frames)
    return not session._thread.is_alive() or bool(frames and frames[-1].time >= moment)


@pytest.mark.parametrize("character", ["head", "cc0_head_arkit_oculus"])
def test_lips_close_on_p_b_m_of_a_live_voice(labial: ModuleType, character: str) -> None:
    face = load_character(character)
    mouth, before = Mouth(face), snapshot()
    labial_settings = bpy.context.scene.labial
    labial_settings.source, labial_settings.filepath = "FILE", str(DEMO_LINE)
    sound = module("addon.request").decode(module("addon.request").sound_of_file(str(DEMO_LINE)))
    track = module("model_runtime.acting.articulate").articulate(module("model_runtime.pipeline").listen(sound))
    session = module("addon.live").start(bpy.context)
    gaps = []
    for _ in followed(session, 4.0):
        bpy.context.view_layer.update()
        gaps.append(mouth.gap())
    session.stop()
    closures = [contact for contact in track.contacts if contact.kind == "closure" and contact.end < 3.8]
    assert len(closures) >= 5
    closed = [
        min(gaps[max(0, round(60 * contact.start) - 3) : round(60 * contact.end) + 4]) < CLOSED for contact in closures
    ]
    assert sum(closed) >= len(closed) - 1
    assert max(gaps) > OPEN
    assert snapshot() == before and not actions()


def test_what_an_artist_posed_comes_back(head: bpy.types.Object) -> None:
    keys = head.data.shape_keys.key_blocks
    keys["jawOpen"].value, keys["mouthSmileLeft"].value = 0.25, 0.5
    before = values(head)
    bpy.context.scene.labial.source, bpy.context.scene.labial.filepath = "FILE", str(DEMO_LINE)
    session = module("addon.live").start(bpy.context)
    shown = [values(head) for _ in followed(session, 1.0)]
    assert any(shape != before for shape in shown)
    session.stop()
    assert values(head) == before


def test_it_ends_with_its_sound(head: bpy.types.Object, short_line: Any) -> None:
    bpy.context.scene.labial.source, bpy.context.scene.labial.filepath = "FILE", str(short_line)
    session = module("addon.live").start(bpy.context)
    for _ in followed(session, 1.6):
        pass
    session._thread.join()
    assert not session.tick(60.0)
    assert max(abs(value) for value in values(head).values()) < 0.03, "the mouth does not come to rest"
    session.stop()


def test_a_character_that_is_deleted_is_named(head: bpy.types.Object) -> None:
    bpy.context.scene.labial.source, bpy.context.scene.labial.filepath = "FILE", str(DEMO_LINE)
    session = module("addon.live").start(bpy.context)
    for obj in list(bpy.data.objects):
        bpy.data.objects.remove(obj)
    errors = module("model_runtime.errors")
    with pytest.raises(errors.CharacterError, match="not there any more"):
        for _ in followed(session, 1.0):
            pass
    session.stop()


def test_without_a_window_it_says_what_to_do(head: bpy.types.Object) -> None:
    with pytest.raises(RuntimeError, match="Live runs in Blender's window"):
        bpy.ops.labial.live()
    assert not bpy.ops.labial.stop_live.poll()


def test_a_missing_microphone_package_is_named(head: bpy.types.Object, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    before = snapshot()
    errors = module("model_runtime.errors")
    with pytest.raises(errors.AudioError, match="pip install sounddevice"):
        module("addon.live").start(bpy.context, microphone=True)
    assert snapshot() == before
