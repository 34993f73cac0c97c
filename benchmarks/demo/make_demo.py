"""Makes the demo of one line on one character: a film, a scene, a glTF file, a web player, a contact sheet, a report.

    python make_demo.py --zip labial.zip --out out [--audio FILE] [--text TEXT] [--character FILE.blend]

Runs in a Python that has the package `bpy`. The zip is installed into a Blender user folder that is thrown away, so
what runs is what a user gets. Everything is made in a temporary folder and moved to `--out` at the end.

Exit codes: 0 made; 2 something that was given cannot be used (the last line says what and how to mend it).
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import tempfile
import time
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

PRESET = Path(__file__).resolve().parents[2] / "presets/demo"
LABIAL = "bl_ext.user_default.labial"
SYNTHETIC = "The voice is synthetic: Kokoro-82M (Apache License 2.0), made with training/demo_line.py."
STILL_SIZE = 320

_STARTED = time.monotonic()
_PROMPT = os.fdopen(os.dup(1), "w", encoding="utf-8")
"""Where progress goes: Blender's own messages are kept out of it."""


class DemoError(Exception):
    """Something that was given cannot be used; the text names it and the fix."""


class Line(NamedTuple):
    """What is spoken."""

    name: str
    audio: Path
    text: str
    provenance: str


def say(text: str) -> None:
    """A progress line, with the seconds since the start."""
    print(f"  [{time.monotonic() - _STARTED:4.0f} s] {text}", file=_PROMPT, flush=True)


@contextmanager
def quiet(log: Path) -> Iterator[None]:
    """Send what Blender prints into a file; if something unforeseen is raised, its end is shown."""
    kept = os.dup(1), os.dup(2)
    with log.open("wb") as file:
        for descriptor in (1, 2):
            os.dup2(file.fileno(), descriptor)
        try:
            yield
        except Exception as error:
            if not isinstance(error, DemoError):
                print(log.read_text(encoding="utf-8", errors="replace")[-3000:], file=_PROMPT)
            raise
        finally:
            sys.stdout.flush()
            for descriptor, old in zip((1, 2), kept, strict=True):
                os.dup2(old, descriptor)
                os.close(old)


def main() -> int:
    """Make everything and turn a mistake in what was given into a sentence."""
    options = _parser().parse_args()
    try:
        line = _line(options)
        for path in (options.zip, options.character):
            if path is not None and not path.is_file():
                raise DemoError(f"There is no file {path}.")
        options.out.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".making-", dir=options.out) as folder:
            made = Path(folder) / "made"
            made.mkdir()
            with quiet(Path(folder) / "blender.log"):
                _make(options, line, made, Path(folder))
            for path in made.iterdir():
                path.replace(options.out / path.name)
    except DemoError as error:
        print(f"demo: {error}", file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--zip", type=Path, required=True, help="the built extension")
    parser.add_argument("--out", type=Path, required=True, help="folder for what is made")
    parser.add_argument("--audio", type=Path, help="speech to use instead of the demo line")
    parser.add_argument("--text", help="what is said in it")
    parser.add_argument("--character", type=Path, help="a .blend with a character instead of the sample head")
    parser.add_argument("--quality", choices=("draft", "high"), default="draft")
    return parser


def _line(options: argparse.Namespace) -> Line:
    if options.audio is None:
        text = options.text or (PRESET / "line.txt").read_text(encoding="utf-8").strip()
        return Line("Demo line", PRESET / "line.wav", text, SYNTHETIC)
    if not options.audio.is_file():
        raise DemoError(f"There is no sound file {options.audio}.")
    audio = options.audio.resolve()
    return Line(audio.stem, audio, options.text or "", f"The voice is the recording {audio.name}.")


def _make(options: argparse.Namespace, line: Line, made: Path, scratch: Path) -> None:
    """The whole demo, step by step, into the folder `made`."""
    os.environ["BLENDER_USER_RESOURCES"] = str(scratch / "blender")  # before the first import of bpy
    import bpy
    import film
    import sheet
    import stage

    install(options.zip.resolve())
    say(f"installed {options.zip.name} in Blender {bpy.app.version_string}")
    look = film.HIGH if options.quality == "high" else film.WORKBENCH if film.workbench_runs() else film.PLAIN
    errors, generate, report = (
        importlib.import_module(f"{LABIAL}.{name}")
        for name in ("model_runtime.errors", "addon.generate", "model_runtime.scenes.report")
    )
    try:
        add_character(options.character)
        scene = bpy.context.scene
        set_line(scene, line, look.fps)
        say("hearing the line and moving the mouth")
        prepared, performance, result = perform(generate)
    except errors.LipSyncError as error:
        raise DemoError(str(error)) from error
    say(f"{result.report.phone_count} phones, {result.report.key_count} keys, {_closures(result.report)}")

    face = stage.find_face([bpy.data.objects[name] for name in prepared.character.meshes], prepared.measured.probe)
    stage.set_background(scene)
    stage.add_light(face)
    _, close = stage.add_cameras(face)
    film.use(scene, look)
    save(scene, made / "demo.blend")
    clip = export_gltf(prepared.character, made / "demo.glb")
    say("saved demo.blend and demo.glb")
    write_player(made, line, clip, performance.track)

    chosen = sheet.choose(performance.track, performance.keys)
    film.use(scene, look._replace(size=STILL_SIZE, samples=8 if look is film.WORKBENCH else 4 * look.samples))
    stills = [
        report.Still(film.snap(scene, close, moment.frame, scratch / "still.png"), moment.phone, moment.seconds)
        for moment in chosen
    ]
    sheet.write(stills, made / "demo_sheet.png")
    say(f"{len(stills)} stills")

    film.use(scene, look)
    film.shoot(scene, made / "demo.mp4", _film_progress)
    clip = importlib.import_module(f"{LABIAL}.addon.request").decode(prepared.request.sound)
    report.write_report(
        made / "report.html",
        clip,
        performance.speech,
        performance.track,
        performance.keys,
        result.report,
        text=line.text,
        stills=stills,
        versions=versions(),
        provenance=line.provenance,
    )
    say("wrote report.html")


def _closures(report: Any) -> str:
    (closed, closures), (touched, touches) = report.proven("closure"), report.proven("labiodental")
    return f"lips meet on {closed} of {closures} frames of closures, lip and teeth on {touched} of {touches} of f v"


def _film_progress(done: int, total: int) -> None:
    step = max(1, total // 8)
    if done % step == 0 or done == total:
        say(f"film: {done} of {total} frames")


def install(package: Path) -> None:
    """Start from Blender's factory settings and install and enable the zip as a user would."""
    import bpy

    bpy.ops.wm.read_homefile(use_factory_startup=True)
    for thing in list(bpy.data.objects):
        bpy.data.objects.remove(thing)
    try:
        bpy.ops.extensions.package_install_files(filepath=str(package), repo="user_default", enable_on_install=True)
    except RuntimeError as error:
        raise DemoError(f"Blender cannot install {package.name}: {error}") from error
    if LABIAL not in bpy.context.preferences.addons:
        raise DemoError(f"{package.name} is not a working zip of Labial. Make one with `python3 build.py build`.")


def add_character(path: Path | None) -> None:
    """The sample head, or the scene of a .blend with the likeliest character selected."""
    import bpy

    if path is None:
        importlib.import_module(f"{LABIAL}.addon.sample_head").build_head(bpy.context)
        return
    try:
        bpy.ops.wm.open_mainfile(filepath=str(path.resolve()), load_ui=False)
    except RuntimeError as error:
        raise DemoError(f"{path.name} is not a .blend file that this Blender can open. Give another one.") from error
    meshes = [o for o in bpy.context.view_layer.objects if o.type == "MESH" and o.data.shape_keys]
    if not meshes:
        raise DemoError(f"{path.name} has no mesh with shape keys, so no mouth can move. Give another --character.")
    bpy.context.view_layer.objects.active = max(meshes, key=lambda mesh: len(mesh.data.shape_keys.key_blocks))


def set_line(scene: Any, line: Line, fps: int) -> None:
    """The sound in the sequencer, chosen in Labial's panel; the scene as long as the sound."""
    compat = importlib.import_module(f"{LABIAL}.addon.compat")
    for old in compat.sound_strips(scene):
        old.mute = True
    scene.render.fps, scene.render.fps_base = fps, 1.0
    scene.frame_start = scene.frame_current = 1
    try:
        strip = compat.add_sound_strip(scene, line.name, str(line.audio), scene.frame_start)
    except RuntimeError as error:
        raise DemoError(f"{line.audio.name} is not a sound that Blender can read. Export it as WAV.") from error
    scene.frame_end = max(scene.frame_start, round(compat.strip_start(strip) + compat.strip_length(strip)))
    scene.sync_mode = "AUDIO_SYNC"
    settings = scene.labial
    settings.source, settings.strip, settings.transcript = "STRIP", strip.name, line.text


def perform(generate: Any) -> tuple[Any, Any, Any]:
    """The line through the add-on: the measured character, the performance, the result with its report."""
    import bpy

    request = importlib.import_module(f"{LABIAL}.addon.request").request_from(bpy.context)
    prepared = generate.prepare(bpy.context, request)
    started = time.perf_counter()
    performance = generate.perform(prepared)
    result = generate.deliver(bpy.context, prepared, performance, time.perf_counter() - started)
    return prepared, performance, result


def save(scene: Any, path: Path) -> None:
    """A .blend that is ready to play: sound packed, looking through the camera."""
    import bpy
    import film

    for sound in bpy.data.sounds:
        if sound.packed_file is None:
            sound.pack()
        sound.filepath = f"//{Path(sound.filepath).name}"
    film.as_movie(scene, Path("//demo.mp4"))
    for screen in bpy.data.screens:
        for area in screen.areas:
            for space in (space for space in area.spaces if space.type == "VIEW_3D"):
                space.region_3d.view_perspective = "CAMERA"
                space.shading.color_type = scene.display.shading.color_type
                space.shading.show_cavity = True
    bpy.ops.wm.save_as_mainfile(filepath=str(path), compress=True)


def export_gltf(character: Any, path: Path) -> str:
    """The character alone, with its line as one animation, whose name is returned."""
    import bpy

    export, lines = (importlib.import_module(f"{LABIAL}.addon.{name}") for name in ("export", "export_lines"))
    formats = importlib.import_module(f"{LABIAL}.model_runtime.export.formats")
    fine = lines.Settings(fps=formats.load_engine("player").fps)  # the page shows it at any moment, not at frames
    (written,) = export.export(bpy.context, character, "glb", path, fine)
    (clip,) = written.clips
    return str(clip)


def write_player(made: Path, line: Line, clip: str, track: Any) -> None:
    """The glTF file and its sound as a page for any browser, if the zip was built with what that needs."""
    errors, player = (importlib.import_module(f"{LABIAL}.model_runtime.{name}") for name in ("errors", "export.player"))
    spoken = player.Spoken(line.name, clip, line.audio.read_bytes(), track)
    try:
        (made / "player.html").write_bytes(player.page((made / "demo.glb").read_bytes(), [spoken], line.name))
    except errors.LipSyncError as error:
        say(str(error))
    else:
        say("wrote player.html")


def versions() -> dict[str, str]:
    """What took part."""
    import bpy

    root = Path(str(importlib.import_module(LABIAL).__file__)).parent
    manifest = tomllib.loads((root / "blender_manifest.toml").read_text(encoding="utf-8"))
    found = {"Labial": manifest["version"], "Blender": bpy.app.version_string, "Python": sys.version.split()[0]}
    try:
        import onnxruntime
    except ImportError:
        return found
    return found | {"onnxruntime": onnxruntime.__version__}


if __name__ == "__main__":
    sys.exit(main())
