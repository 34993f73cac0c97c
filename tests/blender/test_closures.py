"""Wherever a p, b or m is heard, the lips meet: on the mesh, at the scene's frame rate, with the voices of people."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

import bpy
import numpy as np
import pytest

from .conftest import DEMO_LINE, MODULE, PEOPLE, generate, load_character
from .mouth import Bite, Mouth

CLOSED, OPEN = 0.03, 0.12


def heard(sound: Path) -> list[tuple[float, float, str]]:
    """Start, end and symbol of every phone that Labial hears, in seconds."""
    request = importlib.import_module(f"{MODULE}.addon.request")
    pipeline = importlib.import_module(f"{MODULE}.model_runtime.pipeline")
    speech = pipeline.listen(request.decode(request.sound_of_file(str(sound))))
    return [(phone.start, phone.end, phone.symbol) for phone in speech.phones]


def gaps(mouth: Mouth, seconds: float) -> np.ndarray:
    """The gap at every frame from 1 on."""
    scene = bpy.context.scene
    found = []
    for frame in range(1, round(seconds * scene.render.fps) + 3):
        scene.frame_set(frame)
        found.append(mouth.gap())
    return np.array(found)


@pytest.mark.parametrize("character", ["head", "cc0_head_arkit_oculus", "ict_mouth_small"])
@pytest.mark.parametrize(("sound", "fps"), [("demo", 24), ("msajc057", 30)])
def test_lips_meet_at_every_p_b_m(labial: ModuleType, character: str, sound: str, fps: int) -> None:
    path = DEMO_LINE if sound == "demo" else PEOPLE / f"{sound}.flac"
    if not path.is_file():
        pytest.skip("the recordings (../shared/speech) are not here")
    mouth = Mouth(load_character(character))
    bpy.context.scene.render.fps = fps
    generate(path, start_frame=1)
    phones = heard(path)
    gap = gaps(mouth, phones[-1][1])
    closures = [phone for phone in phones if phone[2] in ("p", "b", "m")]
    assert len(closures) >= 3
    for start, end, symbol in closures:
        first, last = round(start * fps - 0.5), round(end * fps + 0.5)
        assert gap[max(0, first) : last + 1].min() < CLOSED, f"{symbol} at {start:.2f} s stays open"
    vowels = [phone for phone in phones if phone[2] in ("a", "æ", "aɪ", "aʊ", "ʌ", "ɛ", "eɪ", "oʊ")]
    assert vowels, "nobody opens a mouth in this line"
    assert max(gap[round(start * fps) : round(end * fps) + 1].max() for start, end, _ in vowels) > OPEN
    report = bpy.context.scene.labial.report
    assert report.closures == report.proven >= 3


@pytest.mark.parametrize("fps", [24, 30])
def test_the_lower_lip_meets_the_teeth_at_every_f_v(labial: ModuleType, fps: int) -> None:
    bite = Bite(Mouth(load_character("head")), bpy.data.objects["Labial Head Teeth Upper"])
    scene = bpy.context.scene
    scene.render.fps = fps
    scene.frame_set(0)
    assert bite.distance() > 2 * CLOSED
    generate(DEMO_LINE, start_frame=1)
    contacts = [phone for phone in heard(DEMO_LINE) if phone[2] in ("f", "v")]
    assert len(contacts) >= 2
    for start, end, symbol in contacts:
        near = range(round(start * fps - 0.5) + 1, round(end * fps + 0.5) + 2)
        assert min(_at(frame, bite) for frame in near) < CLOSED, f"{symbol} at {start:.2f} s misses the teeth"
    report = scene.labial.report
    assert report.touches == report.touched >= 2


def test_f_and_v_of_a_mouth_that_cannot_reach_its_teeth_are_named(head: bpy.types.Object) -> None:
    bpy.data.objects["Labial Head Teeth Upper"].location.y += 0.02
    bpy.context.view_layer.update()
    generate(DEMO_LINE)
    report = bpy.context.scene.labial.report
    assert report.touches > report.touched == 0 and report.closures == report.proven
    assert "The lower lip misses the teeth at frame" in report.notes


def _at(frame: int, bite: Bite) -> float:
    bpy.context.scene.frame_set(frame)
    return bite.distance()


def test_a_closure_that_stays_open_is_named_with_its_cause(head: bpy.types.Object, short_line: Path) -> None:
    for name, held in (("jawOpen", 1.0), ("mouthClose", 0.0)):
        head.data.shape_keys.key_blocks[name].value = held
        head.data.shape_keys.keyframe_insert(f'key_blocks["{name}"].value', frame=1)
    generate(short_line)
    report = bpy.context.scene.labial.report
    assert report.closures >= 2 and report.proven == 0
    assert (
        "Lips stay open at frame" in report.notes and "mouthClose of Labial Head Face is held at 0.00" in report.notes
    )
