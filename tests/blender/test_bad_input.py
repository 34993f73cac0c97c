"""Whatever is wrong, the user reads one sentence that names it, and the scene stays as it was."""

from __future__ import annotations

import re
import wave
from collections.abc import Callable
from pathlib import Path

import bpy
import numpy as np
import pytest

from .conftest import DEMO_LINE, generate
from .scene import actions, snapshot, values

VISEMES = ("sil", "PP", "FF", "TH", "DD", "kk", "CH", "SS", "nn", "RR", "aa", "E", "I", "O", "U")


def write_wave(path: Path, samples: np.ndarray, rate: int = 16_000, width: int = 2, channels: int = 1) -> Path:
    """Samples in -1..1 as PCM."""
    scaled = np.clip(samples, -1, 1)
    data = (scaled * 127 + 128).astype(np.uint8) if width == 1 else (scaled * 32767).astype("<i2")
    with wave.open(str(path), "wb") as file:
        file.setparams((channels, width, rate, 0, "NONE", ""))
        file.writeframes(data.tobytes())
    return path


def spoken(seconds: float = 1.6) -> tuple[np.ndarray, int]:
    """The beginning of the demo line."""
    with wave.open(str(DEMO_LINE)) as line:
        rate = line.getframerate()
        return np.frombuffer(line.readframes(round(seconds * rate)), "<i2") / 32768, rate


def at_rate(rate: int) -> np.ndarray:
    """The same at another rate."""
    samples, given = spoken()
    return np.interp(np.arange(round(len(samples) * rate / given)) * given / rate, np.arange(len(samples)), samples)


def assert_refused(sound: Path, says: str, **settings: object) -> None:
    """A click names what is wrong in a sentence that a user can read, and the scene stays as it was."""
    before = snapshot()
    with pytest.raises(RuntimeError, match=says) as caught:
        generate(sound, **settings)
    text = str(caught.value).removeprefix("Error: ").strip()
    assert len(text) > 20 and text.endswith(".") and "Traceback" not in text
    assert not re.search(r"\b(NoneType|KeyError|ValueError|numpy)\b", text)
    assert snapshot() == before


def missing(folder: Path) -> Path:
    return folder / "absent.wav"


def text_file(folder: Path) -> Path:
    (folder / "notes.wav").write_text("These are words, not a sound.\n" * 20)
    return folder / "notes.wav"


def empty_file(folder: Path) -> Path:
    (folder / "empty.wav").write_bytes(b"")
    return folder / "empty.wav"


def no_samples(folder: Path) -> Path:
    return write_wave(folder / "zero.wav", np.zeros(0))


def silence(folder: Path) -> Path:
    return write_wave(folder / "silence.wav", np.zeros(32_000))


def not_numbers(folder: Path) -> Path:
    """A float WAV of NaN."""
    samples = np.full(16_000, np.nan, "<f4").tobytes()
    head = b"WAVEfmt " + np.array([16, 3 | 1 << 16, 16_000, 64_000, 4 | 32 << 16], "<u4").tobytes()
    data = b"data" + np.array([len(samples)], "<u4").tobytes() + samples
    (folder / "nan.wav").write_bytes(b"RIFF" + np.array([len(head) + len(data)], "<u4").tobytes() + head + data)
    return folder / "nan.wav"


def cut_short(folder: Path) -> Path:
    (folder / "cut.wav").write_bytes(DEMO_LINE.read_bytes()[:30])
    return folder / "cut.wav"


def a_folder(folder: Path) -> Path:
    (folder / "takes").mkdir()
    return folder / "takes"


@pytest.mark.parametrize(
    "make", [missing, text_file, empty_file, no_samples, silence, not_numbers, cut_short, a_folder],
    ids=lambda make: make.__name__,
)  # fmt: skip
def test_a_bad_sound_is_named_and_changes_nothing(
    head: bpy.types.Object, tmp_path: Path, make: Callable[[Path], Path]
) -> None:
    path = make(tmp_path)
    assert_refused(path, re.escape(path.stem))


def eight_bit_telephone(folder: Path) -> Path:
    return write_wave(folder / "phone.wav", at_rate(8_000), 8_000, width=1)


def studio_stereo(folder: Path) -> Path:
    return write_wave(folder / "studio.wav", np.repeat(at_rate(96_000), 2), 96_000, channels=2)


def clipped(folder: Path) -> Path:
    return write_wave(folder / "clipped.wav", at_rate(16_000) * 12, 16_000)


def very_quiet(folder: Path) -> Path:
    return write_wave(folder / "quiet.wav", at_rate(16_000) * 0.01, 16_000)


def wired_backwards(folder: Path) -> Path:
    samples, rate = spoken()
    return write_wave(folder / "backwards.wav", np.stack([samples, -samples], axis=1).ravel(), rate, channels=2)


@pytest.mark.parametrize(
    "make", [wired_backwards, eight_bit_telephone, studio_stereo, clipped, very_quiet], ids=lambda make: make.__name__
)
def test_a_poor_recording_simply_works(head: bpy.types.Object, tmp_path: Path, make: Callable[[Path], Path]) -> None:
    generate(make(tmp_path))
    report = bpy.context.scene.labial.report
    assert report.closures >= 2 and report.proven == report.closures
    jaw = []
    for frame in range(1, 40):
        bpy.context.scene.frame_set(frame)
        jaw.append(values(head)["jawOpen"])
    assert max(jaw) > 0.1


def test_without_a_character_the_button_says_so(clean_scene: bpy.types.Scene, short_line: Path) -> None:
    clean_scene.labial.filepath = str(short_line)
    assert not bpy.ops.labial.generate.poll()
    with pytest.raises(RuntimeError, match="Select a character"):
        bpy.ops.labial.generate()


def test_without_a_sound_the_button_says_so(head: bpy.types.Object) -> None:
    bpy.context.scene.labial.filepath = ""
    with pytest.raises(RuntimeError, match="Choose a sound file"):
        bpy.ops.labial.generate()
    bpy.context.scene.labial.source = "STRIP"
    with pytest.raises(RuntimeError, match="Add a sound to the sequencer"):
        bpy.ops.labial.generate()


def a_cube() -> None:
    bpy.ops.mesh.primitive_cube_add()


def a_lamp() -> None:
    bpy.ops.object.light_add()


def a_cube_with_other_keys() -> None:
    bpy.ops.mesh.primitive_cube_add()
    for name in ("Basis", "Fat", "Tall"):
        bpy.context.object.shape_key_add(name=name)


def a_mouth_that_does_not_open() -> None:
    bpy.ops.mesh.primitive_uv_sphere_add()
    for name in ("Basis", *(f"viseme_{viseme}" for viseme in VISEMES)):
        bpy.context.object.shape_key_add(name=name).value = 0.0


@pytest.mark.parametrize(("make", "reason"), [
    (a_lamp, "no mesh"),
    (a_cube, "shape keys"),
    (a_cube_with_other_keys, "mouth standard"),
    (a_mouth_that_does_not_open, "No lips were found"),
])  # fmt: skip
def test_what_is_no_speaking_character_is_named(
    clean_scene: bpy.types.Scene, short_line: Path, make: Callable[[], None], reason: str
) -> None:
    make()
    assert_refused(short_line, reason)


def test_a_driven_key_is_left_out_and_named(head: bpy.types.Object, short_line: Path) -> None:
    shapes = head.data.shape_keys
    shapes.driver_add('key_blocks["mouthPucker"].value').driver.expression = "0.25"
    generate(short_line)
    assert "mouthPucker" in bpy.context.scene.labial.report.notes
    assert "driven" in bpy.context.scene.labial.report.notes
    strip = actions()[0].layers[0].strips[0]
    paths = [c.data_path for slot in actions()[0].slots for c in strip.channelbag(slot).fcurves]
    assert not [path for path in paths if "mouthPucker" in path]
    assert values(head)["mouthPucker"] == pytest.approx(0.25)


def test_a_muted_key_is_left_out_and_named(head: bpy.types.Object, short_line: Path) -> None:
    head.data.shape_keys.key_blocks["mouthPucker"].mute = True
    generate(short_line)
    assert "mouthPucker is muted" in bpy.context.scene.labial.report.notes


def test_sliders_are_not_overdriven(head: bpy.types.Object, short_line: Path) -> None:
    head.data.shape_keys.key_blocks["jawOpen"].slider_max = 0.2
    generate(short_line)
    strip = actions()[0].layers[0].strips[0]
    (jaw,) = [c for slot in actions()[0].slots for c in strip.channelbag(slot).fcurves if "jawOpen" in c.data_path]
    assert max(point.co.y for point in jaw.keyframe_points) <= 0.2 + 1e-6


def test_a_linked_mesh_names_the_way_out(head: bpy.types.Object, short_line: Path, tmp_path: Path) -> None:
    library = tmp_path / "cast.blend"
    bpy.ops.wm.save_as_mainfile(filepath=str(library))
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    with bpy.data.libraries.load(str(library), link=True) as (there, here):
        here.objects = there.objects
    for obj in here.objects:
        bpy.context.collection.objects.link(obj)
    bpy.context.view_layer.objects.active = next(o for o in here.objects if o.type == "ARMATURE")
    assert_refused(short_line, "linked from another file.*library override")


def test_an_unknown_language_is_named(head: bpy.types.Object, short_line: Path) -> None:
    assert_refused(short_line, "tlh-zz", transcript="nuqneH", language="tlh-zz")


def test_wrong_words_do_not_stop_the_line(head: bpy.types.Object, short_line: Path) -> None:
    generate(short_line, transcript="Completely other words that nobody says here at all")
    assert bpy.context.scene.labial.report.keys > 0


def in_edit_mode(head: bpy.types.Object) -> None:
    bpy.ops.object.mode_set(mode="EDIT")


def with_absolute_keys(head: bpy.types.Object) -> None:
    head.data.shape_keys.use_relative = False


def disabled_in_viewports(head: bpy.types.Object) -> None:
    head.hide_viewport = True
    bpy.context.view_layer.objects.active = head.parent


def with_a_strip_in_tweak_mode(head: bpy.types.Object) -> None:
    head.data.shape_keys.key_blocks["jawOpen"].keyframe_insert("value", frame=1)
    data = head.data.shape_keys.animation_data
    data.nla_tracks.new().strips.new("Strip", 1, data.action)
    data.action, data.use_tweak_mode = None, True


def in_remapped_time(head: bpy.types.Object) -> None:
    bpy.context.scene.render.frame_map_new = 50


def with_muted_keys(head: bpy.types.Object) -> None:
    for key in head.data.shape_keys.key_blocks[1:]:
        key.mute = True


@pytest.mark.parametrize(("change", "reason"), [
    (in_edit_mode, "“Labial Head Face” is in Edit Mode"),
    (with_absolute_keys, "“Labial Head Face” are absolute"),
    (disabled_in_viewports, "“Labial Head Face” is disabled in viewports"),
    (with_muted_keys, "more are muted"),
    (with_a_strip_in_tweak_mode, "is in Tweak Mode"),
    (in_remapped_time, "“Scene” shows 100 frames of keys in 50"),
])  # fmt: skip
def test_what_keeps_keys_from_showing_is_named(
    head: bpy.types.Object, short_line: Path, change: Callable[[bpy.types.Object], None], reason: str
) -> None:
    change(head)
    assert_refused(short_line, reason)


def test_a_key_that_shows_alone_is_told_and_does_not_stop_the_line(head: bpy.types.Object, short_line: Path) -> None:
    head.show_only_shape_key, head.active_shape_key_index = True, 3
    generate(short_line)
    report = bpy.context.scene.labial.report
    assert report.proven == report.closures >= 2 and "turn off Solo Active Shape Key" in report.notes
    assert head.show_only_shape_key


def test_nodes_that_make_other_points_in_each_pose_are_named(head: bpy.types.Object, short_line: Path) -> None:
    nodes = bpy.data.node_groups.new("Shrink", "GeometryNodeTree")
    for direction in ("INPUT", "OUTPUT"):
        nodes.interface.new_socket("Geometry", in_out=direction, socket_type="NodeSocketGeometry")
    begin, merge, end = (nodes.nodes.new(f"{kind}") for kind in (
        "NodeGroupInput", "GeometryNodeMergeByDistance", "NodeGroupOutput"))  # fmt: skip
    merge.inputs["Distance"].default_value = 0.003
    nodes.links.new(begin.outputs[0], merge.inputs["Geometry"])
    nodes.links.new(merge.outputs["Geometry"], end.inputs[0])
    modifier = head.modifiers.new("Merged", "NODES")
    modifier.node_group = nodes
    assert_refused(short_line, f"“{head.name}” has .* points at rest .*Merged.* hide it")
    modifier.show_viewport = False
    generate(short_line)
