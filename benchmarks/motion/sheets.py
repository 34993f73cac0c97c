"""Mouths to look at: `python3 build.py bench sheets` makes docs/images/sheet_*.png, a sentence each.

Rows are characters in styles, columns the same phones of the line: contacts on the frame that Labial proved, other
phones where their shape is strongest and no contact is due. What is printed beside the pictures, a row a mouth: the
opening of the lips and the way from the lower lip to the upper teeth as the evaluated mesh has them, in widths of the
mouth, and the keyed values.

Runs in a Python that has `bpy`, on the built zip; characters other than the sample head lie in ../shared.
"""

from __future__ import annotations

import argparse
import importlib
import io
import math
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from .bench_motion import LABIAL, ROOT, SHARED, load

LINES = Path(__file__).resolve().parent / "lines"
COLUMNS = {
    "peter": "p i aɪ p ɪ p ɛ v",
    "fifty": "f ɪ f aɪ v ɪ v aɪ",
    "who": "u ʊ w a tʃ ɹ oʊ m",
}
"""The phones that are shown of each line, found one after the other."""
CHARACTERS = {"head": "Sample head", "cc0_head_arkit_oculus": "MakeHuman head", "ict_mouth_small": "ICT FaceKit"}
STYLES = ("Natural", "Mumble", "Shout")
FPS, SLACK = 24, 0.25
"""Frames a second; frames that a phone may be missed by."""
WIDTH, HEIGHT, GAP, MARGIN, FOOT = 160, 120, 5, 126, 30
SEEN = 1.75
"""Height of a picture in widths of the mouth."""
COLOURS = 64
"""Of a sheet: few enough for a small file."""
SHOWN = 0.03
"""Values below this are not printed."""


class Mouth(NamedTuple):
    """One picture and what stands in the printed row."""

    picture: bytes
    phone: str
    frame: int
    gap: float
    touch: float
    values: str


def moments(phones: str, performance: Any, keys: Any) -> Iterator[tuple[str, int]]:
    """(phone, frame) of each column, as far as the phones are found in the line."""
    events = iter(performance.track.events)
    for phone in phones.split():
        event = next((e for e in events if e.phone == phone), None)
        if event is None:
            return
        proven = [f for f, contact in keys.contact_frames if contact.phone == phone and _overlap(event, contact)]
        yield phone, min(proven) if proven else _strongest(event, performance.track, keys)


def _strongest(event: Any, track: Any, keys: Any) -> int:
    """The frame of a phone, or if none is free one beside it, without contact that shows most of its shape."""
    first, last = keys.clock.frame(event.start) - SLACK, keys.clock.frame(event.end) + SLACK
    shape = track.channel(event.viseme)
    inside, around = range(math.ceil(first), math.floor(last) + 1), range(math.floor(first), math.ceil(last) + 1)
    taken = {frame for frame, _ in keys.contact_frames}
    free = next(filter(None, ([f for f in frames if f not in taken] for frames in (inside, around))), around)
    return max(free, key=lambda frame: float(shape[round(100 * keys.clock.seconds(frame))]))


def _overlap(event: Any, contact: Any) -> bool:
    return bool(contact.start <= event.hold_end and event.apex <= contact.end)


def photograph(name: str, styles: list[str], size: float) -> Iterator[tuple[str, str, list[Mouth]]]:
    """(line, style, mouths) of one character."""
    import bpy

    acting, contracts, generate, keyframes, request = (
        importlib.import_module(f"{LABIAL}.{module}") for module in (
            "model_runtime.acting.styles", "model_runtime.contracts", "addon.generate", "addon.keyframes",
            "addon.request",
        )
    )  # fmt: skip
    mesh, scene, camera = load(name), bpy.context.scene, None
    scene.render.fps, scene.render.fps_base = FPS, 1.0
    for line in COLUMNS:
        for style in styles:
            asked = request.LipSyncRequest(
                mesh.name,
                request.sound_of_file(str(LINES / f"{line}.flac")),
                contracts.FrameClock(FPS, 1.0, 1.0),
                acting.load_style(style),
                (LINES / f"{line}.txt").read_text(encoding="utf-8").strip(),
            )
            prepared = generate.prepare(bpy.context, asked)
            camera = camera or studio(scene, prepared, size)
            performance = generate.perform(prepared)
            result = generate.deliver(bpy.context, prepared, performance)
            frames = moments(COLUMNS[line], performance, performance.keys)
            yield line, style, [mouth(prepared, result, camera, phone, frame) for phone, frame in frames]
            keyframes.remove(prepared.character)


def studio(scene: Any, prepared: Any, size: float) -> Any:
    """Light, background and colours around a character; the camera before its mouth."""
    import bpy

    from ..demo import film, stage
    from .paint import paint

    meshes = [bpy.data.objects[part] for part in prepared.character.meshes]
    face = stage.find_face(meshes, prepared.measured.probe)
    stage.set_background(scene)
    stage.add_light(face)
    workbench = film.workbench_runs()
    film.use(scene, film.WORKBENCH._replace(samples=8) if workbench else film.PLAIN._replace(samples=16))
    if workbench and scene.display.shading.color_type == "SINGLE":
        paint(scene, meshes, prepared.measured)
    scene.render.resolution_x, scene.render.resolution_y = round(size * WIDTH), round(size * HEIGHT)
    return stage.add_camera(face, "Sheet Camera", face.mouth - 0.15 * face.width * face.up, SEEN * face.width)


def mouth(prepared: Any, result: Any, camera: Any, phone: str, frame: int) -> Mouth:
    """The picture of a frame, and the lips as they are there."""
    import bpy

    from ..demo import film

    posing = importlib.import_module(f"{LABIAL}.addon.posing")
    scene, view_layer, measured = bpy.context.scene, bpy.context.view_layer, prepared.measured
    with tempfile.TemporaryDirectory() as folder:
        picture = film.snap(scene, camera, frame, Path(folder) / "mouth.png")
    points, teeth = posing.points_of(bpy.data.objects[measured.mesh], view_layer), measured.teeth
    places = teeth and teeth.places(posing.points_of(bpy.data.objects[teeth.mesh], view_layer))
    values = {}
    for track in result.performance.keys.tracks:
        owner = bpy.data.objects[track.target.objects[0]]
        if track.target.kind == "shape_key":
            values[track.target.name] = owner.data.shape_keys.key_blocks[track.target.name].value
        else:
            values[f"bone {track.target.name}"] = owner.pose.bones[track.target.name].matrix_basis.to_quaternion().angle
    shown = sorted((item for item in values.items() if item[1] >= SHOWN), key=lambda item: -item[1])
    return Mouth(
        picture, phone, frame, measured.lips.gap(points), measured.lips.touch(points, places),
        " ".join(f"{name} {value:.2f}" for name, value in shown),
    )  # fmt: skip


def write(rows: list[tuple[str, str, list[Mouth]]], path: Path) -> None:
    """The pictures in a grid: (character, style, mouths) from above, the phones below."""
    from PIL import Image, ImageDraw, ImageFont

    from ..demo.sheet import INK, PAPER, SOFT

    first = Image.open(io.BytesIO(rows[0][2][0].picture))
    scale = first.width / WIDTH
    gap, margin, foot = (round(scale * length) for length in (GAP, MARGIN, FOOT))
    across, down = first.width + gap, first.height + gap
    columns = max(len(mouths) for _, _, mouths in rows)
    page = Image.new("RGB", (margin + columns * across, gap + len(rows) * down + foot), PAPER)
    draw = ImageDraw.Draw(page)
    large, small = (ImageFont.truetype(_font(), round(scale * points)) for points in (20, 13))
    for row, (character, style, mouths) in enumerate(rows):
        top = gap + row * down
        draw.text((2 * gap, top + 0.5 * down - gap), style, INK, small, anchor="ld")
        draw.text((2 * gap, top + 0.5 * down - gap), character, SOFT, small, anchor="la")
        for column, seen in enumerate(mouths):
            page.paste(Image.open(io.BytesIO(seen.picture)).convert("RGB"), (margin + column * across, top))
    for column, seen in enumerate(rows[0][2]):
        middle = margin + column * across + 0.5 * first.width
        draw.text((middle, gap + len(rows) * down + 0.4 * foot), seen.phone, INK, large, anchor="mm")
    page.quantize(COLOURS, kmeans=2, dither=Image.Dither.NONE).save(path, optimize=True)


def _font() -> str:
    import bpy

    return str(Path(bpy.utils.system_resource("DATAFILES", path="fonts")) / "Inter.woff2")


def main() -> int:
    """Install the zip, photograph, print, write."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--zip", type=Path, required=True, help="the built extension")
    parser.add_argument("--out", type=Path, default=ROOT / "docs/images", help="folder of the sheets")
    parser.add_argument("--styles", nargs="*", default=list(STYLES))
    parser.add_argument("--characters", nargs="*", default=list(CHARACTERS))
    parser.add_argument("--size", type=float, default=1.0, help="times the usual size of a picture")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["BLENDER_USER_RESOURCES"] = str(Path(folder) / "blender")  # before the first import of bpy
        out = os.fdopen(os.dup(1), "w", encoding="utf-8")
        from ..demo.make_demo import install, quiet

        sheets: dict[str, list[tuple[str, str, list[Mouth]]]] = {}
        print("| line | character | style | phone | frame | lips | teeth | keys |", file=out)
        print(f"|{' --- |' * 8}", file=out)
        with quiet(Path(folder) / "blender.log"):
            install(options.zip.resolve())
            for name in options.characters:
                if name != "head" and not (SHARED / f"characters/{name}.blend").is_file():
                    continue
                for line, style, mouths in photograph(name, options.styles, options.size):
                    sheets.setdefault(line, []).append((CHARACTERS.get(name, name), style, mouths))
                    for seen in mouths:
                        cells = (line, name, style, seen.phone, str(seen.frame), f"{seen.gap:.3f}", f"{seen.touch:.3f}")
                        print(f"| {' | '.join(cells)} | {seen.values} |", file=out, flush=True)
            options.out.mkdir(parents=True, exist_ok=True)
            for line, rows in sheets.items():
                write(rows, options.out / f"sheet_{line}.png")
    return 0


if __name__ == "__main__":
    sys.exit(main())
