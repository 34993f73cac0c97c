"""What exported files hold: `python3 build.py bench export` prints a row a target, read again by two readers.

Runs in a Python that has `bpy`, on the built zip, on the demo line. The first reader is the add-on's own check
(Blender's importers, Python's csv and json); the second is a parser of a package registry, in an environment of its
own. Errors are the largest of any shape key at any frame, as a share of a whole shape. Closures: of the p b m of the
line, those that are closed on the mesh (by the tests' ruler) when the second reader's values are put on the character,
at 24, 30 and 60 frames a second. Then a line of five minutes: what baking it costs.
"""

from __future__ import annotations

import argparse
import base64
import importlib
import json
import subprocess
import sys
import time
import wave
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.installed import installed
from benchmarks.peers.install import Package, Unavailable, install
from build import environment

ROOT = Path(__file__).resolve().parents[2]
LABIAL = "bl_ext.user_default.labial"
LINE = ROOT / "presets/demo/line.wav"
CHARACTER = ROOT.parent / "shared/characters/cc0_head_arkit_oculus.blend"
VALIDATOR = Package("npm", "gltf-validator", "2.0.0-dev.3.10", "Apache-2.0")
SECOND = (".glb", ".vrma", ".fbx", ".usdc", ".anim", ".tres")
POSED = ("glb", "fbx_unity", "fbx_unreal", "usd", "unity", "godot")
RATES = (24, 30, 60)
CLOSED, MINUTES = 0.03, 5.0
HEADER = (
    "target", "written by", "re-read by", "max error", "second reader", "its max error", "clips", "MB", "s",
    "p b m closed at 24, 30, 60",
)  # fmt: skip
VALIDATE = """
const fs = require('fs'), validator = require(process.argv[1]);
validator.validateBytes(new Uint8Array(fs.readFileSync(process.argv[2])))
  .then(report => console.log(report.issues.numErrors, report.issues.numWarnings));
"""


def module(name: str) -> Any:
    """A module of the installed add-on."""
    return importlib.import_module(f"{LABIAL}.{name}")


def second(paths: list[Path]) -> list[dict[str, Any]]:
    """Files as the second readers see them: `reader`, and `curves` name -> (seconds, values)."""
    done = subprocess.run(
        [str(environment("readers")), str(Path(__file__).with_name("read_files.py")), *map(str, paths)],
        check=True, capture_output=True, text=True,
    )  # fmt: skip
    found = [json.loads(line) for line in done.stdout.splitlines()]
    for one in found:
        one["curves"] = {
            name: tuple(np.frombuffer(base64.b64decode(part), "<f8") for part in pair)
            for name, pair in one["curves"].items()
        }
    return found


def load(path: Path | None) -> Any:
    """The sample head, or the largest face of a .blend, in a scene of its own; active."""
    import bpy

    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    if path is None:
        bpy.ops.labial.add_head()
    else:
        bpy.ops.wm.open_mainfile(filepath=str(path), load_ui=False)
    keyed = [mesh for mesh in bpy.context.view_layer.objects if mesh.type == "MESH" and mesh.data.shape_keys]
    face = max(keyed, key=lambda mesh: len(mesh.data.shape_keys.key_blocks))
    bpy.context.view_layer.objects.active = face
    bpy.context.view_layer.update()
    bpy.context.scene.render.fps = 24
    return face


def speak(sound: Path) -> Any:
    """The selected character with a line; returns it."""
    import bpy

    settings = bpy.context.scene.labial
    settings.source, settings.filepath = "FILE", str(sound)
    bpy.ops.labial.generate()
    return module("addon.character").find_character(bpy.context.active_object, bpy.context.view_layer)


def closures(character: Any) -> list[tuple[float, float]]:
    """First and last second of every p b m that was heard in a character's one line."""
    (action,) = module("addon.export_lines").lines_of(character)
    speech = module("model_runtime.speech_data").from_text(action["labial"]["speech"])
    return [(phone.start, phone.end) for phone in speech.phones if phone.symbol in ("p", "b", "m")]


def closed(curves: dict[str, Any], fps: int, spoken: list[tuple[float, float]], mouth: Any) -> int:
    """How many of the closures the lips show at whole frames, with the curves' values on the face's keys."""
    keys = mouth.face.data.shape_keys.key_blocks
    count = 0
    for start, end in spoken:
        gaps = []
        for frame in range(int(start * fps), int(np.ceil(end * fps)) + 1):
            for name, (times, values) in curves.items():
                if name in keys:
                    keys[name].value = float(np.interp(frame / fps, times, values))
            gaps.append(mouth.gap())
        count += min(gaps) < CLOSED
    for name in curves:
        if name in keys:
            keys[name].value = 0.0
    return count


def exports(character: Any, folder: Path) -> dict[tuple[str, int], Any]:
    """Every target at its own rate (key 0), and those that are posed at the three rates; all lines of a character."""
    import bpy

    export, lines, formats = (
        module("addon.export"),
        module("addon.export_lines"),
        module("model_runtime.export.formats"),
    )
    made = {}
    for target in (*formats.FROM_BLENDER, *formats.FORMATS):
        for fps in (0, *RATES) if target in POSED else (0,):
            settings = lines.Settings(fps=float(fps), check=not fps)
            (made[target, fps],) = export.export(
                bpy.context, character, target, str(folder / f"{target}{fps}"), settings
            )
    return made


def baked(character: Any, fps: float) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """What was baked: name -> (seconds, values), of keys of one name the one that moves most."""
    bake, lines = module("addon.bake"), module("addon.export_lines")
    (action,) = lines.lines_of(character)
    clip, found = bake.bake(character, action, fps, "x"), {}
    for weights in clip.weights.values():
        for name, values in zip(weights.names, weights.values.T, strict=True):
            if name not in found or np.ptp(values) > np.ptp(found[name][1]):
                found[name] = (clip.times, values)
    return found


def error(wanted: dict[str, Any], found: dict[str, Any]) -> float:
    """The largest difference at the frames of what was baked, over the names that both have."""
    return max(
        float(np.abs(np.interp(times, *found[name]) - values).max())
        for name, (times, values) in wanted.items() if name in found
    )  # fmt: skip


def table(folder: Path, out: Any) -> None:
    """The rows of all targets, for the sample head."""
    import bpy

    face = load(None)
    mouth = importlib.import_module("tests.blender.mouth").Mouth(face)
    character = speak(LINE)
    spoken = closures(character)
    made = exports(character, folder)
    wanted = {fps: baked(character, float(fps)) for fps in {24, 30, 60}}
    files = [(key, Path(one.path)) for key, one in made.items() if Path(one.path).suffix in SECOND]
    readings = dict(zip([key for key, _ in files], second([path for _, path in files]), strict=True))
    module("addon.keyframes").remove(character)
    print(f"| {' | '.join(HEADER)} |\n|{' --- |' * len(HEADER)}", file=out, flush=True)
    for (target, fps), one in made.items():
        if fps:
            continue
        read, standard = readings.get((target, 0)), target == "vrma"
        rate = round(one.comparisons[0].fps)
        also = f"{error(wanted[rate], read['curves']):.5f}" if read and not standard else "-"
        shown = (
            [closed(readings[target, fps]["curves"], fps, spoken, mouth) for fps in RATES] if target in POSED else []
        )
        cells = (
            target, one.written_by, one.read_by, f"{max(c.error for c in one.comparisons):.5f}",
            read["reader"] if read else "-", also, str(len(one.clips)), f"{one.size / 1e6:.2f}", f"{one.seconds:.2f}",
            ", ".join(f"{count}/{len(spoken)}" for count in shown) or "-",
        )  # fmt: skip
        print(f"| {' | '.join(cells)} |", file=out, flush=True)
    print(f"\ngltf-validator {VALIDATOR.version}: {validated(Path(made['glb', 0].path))}", file=out, flush=True)
    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)


def validated(path: Path) -> str:
    """What the validator says of a GLB."""
    work = ROOT / ".cache/gltf-validator"
    try:
        install(VALIDATOR, work)
    except Unavailable as why:
        return f"did not run: {why}"
    package = work / "node_modules/gltf-validator"
    done = subprocess.run(
        ["node", "-e", VALIDATE, str(package), str(path)], check=True, capture_output=True, text=True
    )  # fmt: skip
    errors, warnings = done.stdout.split()
    return f"{errors} errors, {warnings} warnings (skinned meshes below their rig)"


def long_line(folder: Path) -> Path:
    """The demo line again and again, five minutes of it."""
    path = folder / "five_minutes.wav"
    with wave.open(str(LINE)) as line, wave.open(str(path), "wb") as out:
        out.setparams(line.getparams())
        samples = line.readframes(line.getnframes())
        for _ in range(int(np.ceil(60.0 * MINUTES * line.getframerate() / line.getnframes()))):
            out.writeframes(samples)
    return path


def five_minutes(folder: Path, out: Any) -> None:
    """What a long line on the ARKit head costs, and how the file grows by it."""
    import bpy

    face = load(CHARACTER if CHARACTER.is_file() else None)
    mouth = importlib.import_module("tests.blender.mouth").Mouth(face)
    character = speak(long_line(folder))
    bake, export, lines = module("addon.bake"), module("addon.export"), module("addon.export_lines")
    (action,) = lines.lines_of(character)
    started = time.perf_counter()
    clip = bake.bake(character, action, 60.0, "five_minutes")
    baking = time.perf_counter() - started
    (whole,) = export.export(bpy.context, character, "glb", str(folder / "five.glb"), lines.Settings(fps=60.0))
    bpy.ops.export_scene.gltf(
        filepath=str(folder / "bare.glb"), export_animations=False, export_morph_normal=False, export_try_sparse_sk=True
    )
    floor = (folder / "bare.glb").stat().st_size + sum(w.values.nbytes for w in clip.weights.values() if w.moves)
    print(
        f"five minutes on {character.name} at 60 a second: {clip.frames} frames of "
        f"{sum(len(w.names) for w in clip.weights.values() if w.moves)} keys baked in {baking:.2f} s; as GLB "
        f"{whole.seconds:.2f} s, {whole.size / 1e6:.2f} MB, {whole.size / floor:.3f} times the file "
        f"without animation and its samples; largest error read again {whole.error_of_whole:.6f}",
        file=out, flush=True,
    )  # fmt: skip
    spoken = closures(character)
    for fps in RATES:
        asked = lines.Settings(fps=float(fps), check=False)
        export.export(bpy.context, character, "glb", str(folder / f"five{fps}.glb"), asked)
    readings = second([folder / f"five{fps}.glb" for fps in RATES])
    module("addon.keyframes").remove(character)
    for fps, read in zip(RATES, readings, strict=True):
        count = closed(read["curves"], fps, spoken, mouth)
        print(f"p b m closed at {fps} a second: {count} of {len(spoken)}", file=out, flush=True)


def main() -> None:
    """Print both."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--zip", type=Path, required=True, help="the built extension")
    options = parser.parse_args()
    with installed(options.zip) as (folder, out):
        table(folder, out)
        five_minutes(folder, out)


if __name__ == "__main__":
    sys.exit(main())
