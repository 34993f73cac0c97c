"""Labial beside Rhubarb on one face: `python3 build.py bench beside` makes out/beside_rhubarb.mp4.

Both hear the demo line and know its words, both move the sample head through the same map of the same keys. Rhubarb
says which of nine shapes the mouth has and since when; each shape is a pose here, reached on the frame its cue begins
after a blend of two frames, as in Rhubarb's own Blender add-on. A and G are the closed lips and the lip at the teeth
that Labial has calibrated on this face, the others the visemes and jaws that Rhubarb's drawings show.

Runs in a Python that has `bpy`, on the built zip; Rhubarb is its port for node. Exit code 2 if that is not to be had.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from numpy.typing import NDArray

from ..peers import rhubarb
from ..peers.install import Unavailable, install
from .bench_motion import LABIAL, ROOT

LINE = ROOT / "presets/demo/line.wav"
WORK = ROOT / ".cache/peers" / rhubarb.PACKAGE.name
POSES = {
    "B": ("I", 0.10), "C": ("E", 0.32), "D": ("aa", 0.55), "E": ("O", 0.30), "F": ("U", 0.14), "H": ("nn", 0.40),
    "X": ("sil", 0.0),
}  # fmt: skip
"""Shape -> viseme and opening of the jaw: clenched, open, wide, rounded, puckered, long L, rest."""
STRENGTH = 0.85
"""Of a viseme: what Labial gives a stressed vowel at ordinary loudness."""
BLEND = 2
"""Frames from one pose to the next."""
FPS, SIZE, FOOT = 24, 360, 44
EARLY = 0.04
"""Seconds before a sound in which its contact counts as well."""

Cues = list[dict[str, Any]]


def heard_by_rhubarb(samples: NDArray[np.float32], text: str) -> Cues:
    """Rhubarb's cues of a line. Raises Unavailable."""
    soundfile.write(WORK / "line.wav", samples, 16_000, subtype="PCM_16")
    row = {"id": "line", "set": "demo", "audio": "line.wav", "text": text}
    return list(next(rhubarb.cues_with_text([row], WORK, WORK))["cues"])


def keys_of(cues: Cues, prepared: Any) -> Any:
    """KeyTracks that hold each cue's pose until shortly before the next one's."""
    contracts = importlib.import_module(f"{LABIAL}.model_runtime.contracts")
    poses, clock = _poses(contracts, prepared), prepared.request.clock
    begins = {round(clock.frame(cue["start"])): poses[cue["viseme"]] for cue in cues}
    points: dict[int, NDArray[np.float32]] = {}
    for here, after in zip(begins, [*list(begins)[1:], None], strict=True):
        points[here] = begins[here]
        if after is not None and after - BLEND > here:
            points[after - BLEND] = begins[here]
    frames, values = np.array(list(points), np.float32), np.array(list(points.values()))
    third = np.diff(frames, prepend=frames[0] - 1, append=frames[-1] + 1) / 3
    tracks = [
        contracts.KeyTrack(
            target,
            contracts.frozen_array(np.stack([frames, column], axis=1)),
            contracts.frozen_array(np.stack([frames - third[:-1], column, frames + third[1:], column], axis=1)),
        )
        for target, column in zip(prepared.rig_map.targets, values.T, strict=True)
        if column.any()
    ]
    return contracts.KeyTracks(tuple(tracks), (), clock, 0.0)


def _poses(contracts: Any, prepared: Any) -> dict[str, NDArray[np.float32]]:
    """Shape -> value of every target."""
    poses = {"A": prepared.calibration.closure, "G": prepared.calibration.labiodental}
    low, high = (np.array([getattr(t, end) for t in prepared.rig_map.targets]) for end in ("minimum", "maximum"))
    for shape, (viseme, jaw) in POSES.items():
        row = np.zeros(len(contracts.CHANNELS), np.float32)
        row[contracts.CHANNELS.index(viseme)] = STRENGTH
        row[contracts.CHANNELS.index("jaw")] = jaw
        poses[shape] = np.clip(row @ prepared.rig_map.weights, low, high)
    return poses


def contacts_made(prepared: Any, speech: Any) -> str:
    """On how many p b m the lips meet, on how many f v the lower lip reaches the teeth, at some frame of the sound."""
    import bpy

    posing, proof = (importlib.import_module(f"{LABIAL}.addon.{name}") for name in ("posing", "proof"))
    scene, view_layer, measured = bpy.context.scene, bpy.context.view_layer, prepared.measured
    clock, count = prepared.request.clock, dict.fromkeys(("pbm", "fv"), (0, 0))
    for phone in speech.phones:
        kind = next((kind for kind in count if phone.symbol in kind), None)
        if kind is None:
            continue
        gaps = []
        for frame in range(int(clock.frame(phone.start - EARLY)), int(clock.frame(phone.end)) + 1):
            scene.frame_set(frame)
            points = posing.points_of(bpy.data.objects[measured.mesh], view_layer)
            teeth = measured.teeth
            places = teeth and teeth.places(posing.points_of(bpy.data.objects[teeth.mesh], view_layer))
            gaps.append(measured.lips.gap(points) if kind == "pbm" else measured.lips.touch(points, places))
        made, of = count[kind]
        count[kind] = made + (min(gaps) < proof.CLOSED_BELOW), of + 1
    (closed, closures), (touched, touches) = count.values()
    return f"lips meet in {closed} of {closures} p b m, lip and teeth in {touched} of {touches} f v"


def rendered(scene: Any, folder: Path, name: str) -> list[Path]:
    """The frames of the scene as pictures."""
    import bpy

    from ..demo import film

    film.as_picture(scene, folder / name)
    bpy.ops.render.render(animation=True)
    return sorted(folder.glob(f"{name}*.png"))


def latest(begins: Sequence[tuple[float, str]], index: int) -> str:
    """What began last, (seconds, what), on or before a frame counted from 0: Rhubarb's cues may overlap."""
    return max((begin for begin in begins if round(begin[0] * FPS) <= index), default=(0.0, ""))[1]


def paired(
    left: list[Path], right: list[Path], titles: tuple[str, str], begins: Sequence[Sequence[tuple[float, str]]],
    folder: Path,
) -> Iterator[Path]:  # fmt: skip
    """Pictures side by side, below each its title and what is said."""
    import bpy
    from PIL import Image, ImageDraw, ImageFont

    from ..demo.sheet import INK, PAPER, SOFT

    fonts = Path(bpy.utils.system_resource("DATAFILES", path="fonts"))
    font = ImageFont.truetype(str(fonts / "Inter.woff2"), 22)
    for index, pictures in enumerate(zip(left, right, strict=True)):
        page = Image.new("RGB", (2 * SIZE, SIZE + FOOT), PAPER)
        draw = ImageDraw.Draw(page)
        for side, (picture, title) in enumerate(zip(pictures, titles, strict=True)):
            page.paste(Image.open(picture).convert("RGB"), (side * SIZE, 0))
            draw.text((side * SIZE + 14, SIZE + FOOT / 2), title, INK, font, anchor="lm")
            now = latest(begins[side], index)
            draw.text(((side + 1) * SIZE - 14, SIZE + FOOT / 2), now, SOFT, font, anchor="rm")
        path = folder / f"pair_{index:04d}.png"
        page.save(path)
        yield path


def encode(scene: Any, pages: list[Path], path: Path) -> None:
    """The pages with the line's sound, which is in the scene's sequencer already."""
    from ..demo import film

    strip = scene.sequence_editor.strips.new_image("Pages", str(pages[0]), 8, scene.frame_start)
    for page in pages[1:]:
        strip.elements.append(page.name)
    scene.render.resolution_x, scene.render.resolution_y = 2 * SIZE, SIZE + FOOT
    film.shoot(scene, path, lambda done, total: None)


def make(out: Path, folder: Path) -> list[str]:
    """The film at `out`; what is to be said of it, a sentence a system."""
    import bpy

    from ..demo import film, stage
    from ..demo.make_demo import Line, add_character, perform, set_line

    generate, keyframes, request = (
        importlib.import_module(f"{LABIAL}.addon.{name}") for name in ("generate", "keyframes", "request")
    )
    add_character(None)
    scene = bpy.context.scene
    text = LINE.with_suffix(".txt").read_text(encoding="utf-8").strip()
    set_line(scene, Line("Line", LINE, text, ""), FPS)
    scene.labial.life = False  # the mouth alone is compared
    prepared, performance, _ = perform(generate)
    cues = heard_by_rhubarb(request.decode(prepared.request.sound).samples, text)

    face = stage.find_face([bpy.data.objects[name] for name in prepared.character.meshes], prepared.measured.probe)
    stage.set_background(scene)
    stage.add_light(face)
    _, scene.camera = stage.add_cameras(face)
    film.use(scene, (film.WORKBENCH if film.workbench_runs() else film.PLAIN)._replace(size=SIZE))
    report = [f"Labial: {contacts_made(prepared, performance.speech)}"]
    scene.render.use_sequencer = False
    ours = rendered(scene, folder, "labial_")
    keyframes.remove(prepared.character)
    keys = keys_of(cues, prepared)
    keyframes.write(prepared.character, keys, "Rhubarb", {})
    report.append(f"Rhubarb: {contacts_made(prepared, performance.speech)}")
    theirs = rendered(scene, folder, "rhubarb_")
    begins = (
        [(cue["start"], cue["viseme"]) for cue in cues],
        [(phone.start, phone.symbol) for phone in performance.speech.phones],
    )
    pages = list(paired(theirs, ours, ("Rhubarb Lip Sync", "Labial"), begins, folder))
    scene.render.use_sequencer = True
    encode(scene, pages, folder / "film.mp4")
    out.parent.mkdir(parents=True, exist_ok=True)
    (folder / "film.mp4").replace(out)
    return report


def main() -> int:
    """Install the zip, make the film, print the report."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--zip", type=Path, required=True, help="the built extension")
    parser.add_argument("--out", type=Path, default=ROOT / "out/beside_rhubarb.mp4")
    options = parser.parse_args()
    (ROOT / ".cache").mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=ROOT / ".cache") as folder:
        os.environ["BLENDER_USER_RESOURCES"] = str(Path(folder) / "blender")  # before the first import of bpy
        from ..demo.make_demo import install as install_zip
        from ..demo.make_demo import quiet

        try:
            install(rhubarb.PACKAGE, WORK)
            with quiet(Path(folder) / "blender.log"):
                install_zip(options.zip.resolve())
                report = make(options.out, Path(folder))
        except Unavailable as reason:
            print(f"bench: Rhubarb is not to be had: {reason}", file=sys.stderr)
            return 2
    print("\n".join([*report, f"made {options.out}"]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
