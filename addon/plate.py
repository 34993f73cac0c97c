"""What the panel "Video Plate" asks for, as a command for an outside Python; and what comes back, into the scene."""

from __future__ import annotations

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bpy

from ..model_runtime.contracts import Progress
from ..model_runtime.errors import PlateError
from . import compat, outside
from .preferences import preferences

if TYPE_CHECKING:
    from .plate_settings import LabialPlate

EXTENSION = Path(__file__).parents[1]
"""Where model_runtime is, which the outside Python runs."""
GROUP = "Labial Plate"
FIT = "training/plate/fit.py"


@dataclass(frozen=True)
class Task:
    """What is run outside: python, folder and arguments."""

    python: Path
    folder: Path
    arguments: tuple[str, ...]

    def run(self, progress: Progress) -> dict[str, Any]:
        """Runs it; see `outside.run`."""
        return outside.run(self.python, self.folder, self.arguments, progress)


def redub_task(context: bpy.types.Context) -> Task:
    """The settings as `python -m model_runtime plate …`. Raises PlateError naming what is missing."""
    asked, chosen = context.scene.labial_plate, preferences(context)
    plate, sound, consent = (_file(asked, name) for name in ("plate", "sound", "consent"))
    rate = context.scene.render.fps / context.scene.render.fps_base
    options = [
        "-m", "model_runtime", "plate", str(plate), "--sound", str(sound), "--consent", str(consent), "--out",
        str(_folder(asked)), "--language", asked.language, "--media", *sorted(asked.media), "--territory",
        *asked.territories.split(), "--as", asked.kind, "--rate", f"{rate:g}", "--tell",
    ]  # fmt: skip
    if not asked.media:
        raise PlateError("Say where the film will be shown: choose at least one of the media.")
    options += ["--text", asked.text] if asked.text else []
    options += ["--lips-only"] if asked.lips_only else []
    options += ["--plain"] if asked.plain else []
    options += ["--refiner", bpy.path.abspath(asked.refiner)] if asked.refiner else []
    return Task(Path(bpy.path.abspath(chosen.outside_python)), EXTENSION, tuple(options))


def command_task(context: bpy.types.Context, options: argparse.Namespace) -> Task:
    """The options of `--command labial plate` for the outside Python."""
    values: list[str] = []
    for flag, value in (
        ("--sound", options.sound.resolve()), ("--consent", options.consent.resolve()),
        ("--out", options.out.resolve()), ("--text", options.text), ("--language", options.language),
        ("--style", options.style), ("--rate", options.rate), ("--as", options.kind),
        ("--refiner", options.refiner and options.refiner.resolve()),
    ):  # fmt: skip
        values += [flag, str(value)] if value else []
    for flag, many in (("--media", options.media), ("--territory", options.territory),
                       ("--certificate", [path.resolve() for path in options.certificate or ()])):  # fmt: skip
        values += [flag, *map(str, many)] if many else []
    values += [flag for flag, on in (("--lips-only", options.lips_only), ("--plain", options.plain)) if on]
    python = options.python or Path(bpy.path.abspath(preferences(context).outside_python))
    plate = str(options.plate.resolve())
    return Task(python, EXTENSION, ("-m", "model_runtime", "plate", plate, *values, "--tell"))


def fit_task(context: bpy.types.Context) -> tuple[Task, Path]:
    """labial-fit on the plate, and the file that it will write."""
    asked, chosen = context.scene.labial_plate, preferences(context)
    plate, consent = (_file(asked, name) for name in ("plate", "consent"))
    folder = Path(bpy.path.abspath(chosen.fit_folder))
    if not (folder / FIT).is_file():
        raise PlateError(f"{folder} is not the unpacked folder of labial-fit. Choose it in the preferences of Labial.")
    out = (Path(bpy.data.filepath).parent if bpy.data.filepath else plate.parent) / f"{plate.stem}.fit.onnx"
    arguments = ("-m", "training.plate.fit", str(plate), "--consent", str(consent), "--out", str(out),
                 "--minutes", str(chosen.fit_minutes))  # fmt: skip
    return Task(Path(bpy.path.abspath(chosen.outside_python)), folder, arguments), out


def _file(asked: LabialPlate, name: str) -> Path:
    path = Path(bpy.path.abspath(getattr(asked, name)))
    if not getattr(asked, name) or not path.exists():
        title = asked.bl_rna.properties[name].name
        raise PlateError(f"{title}: there is no file {path}." if getattr(asked, name) else f"Choose a file: {title}.")
    return path


def _folder(asked: LabialPlate) -> Path:
    """A folder in the chosen one that is not there yet: nothing is overwritten."""
    parent = Path(bpy.path.abspath(asked.folder))
    name = f"{Path(asked.plate).stem}-{Path(asked.sound).stem}"
    taken = (parent / (f"{name}-{number}" if number else name) for number in range(1000))
    return next(path for path in taken if not path.exists())


def place(scene: bpy.types.Scene, plate: Path, told: dict[str, Any], start: int) -> str:
    """Puts what was made above the plate in the sequencer and into a group of the compositor; says so."""
    film, mattes = Path(told["film"]), Path(told["mattes"])
    below = compat.add_picture_strip(scene, plate.name, _pictures(plate), start)
    compat.add_picture_strip(scene, film.name, _pictures(film), start, above=below)
    node_group(plate, film, mattes, start)
    ways = ", ".join(f"{count} {way}" for way, count in told["ways"].items() if count)
    return (
        f"{film.name}: frames {ways}. It lies above the plate in the sequencer; node group “{GROUP}” in the compositor"
    )


def _pictures(path: Path) -> list[Path]:
    return sorted(part for part in path.iterdir() if part.is_file()) if path.is_dir() else [path]


def node_group(plate: Path, film: Path, mattes: Path, start: int) -> bpy.types.NodeTree:
    """A group of the compositor: the new film over the plate where the mattes are. Made anew if it is there."""
    old: bpy.types.NodeTree | None = bpy.data.node_groups.get(GROUP)
    if old is not None:
        bpy.data.node_groups.remove(old)
    group = bpy.data.node_groups.new(GROUP, "CompositorNodeTree")
    group.interface.new_socket("Image", in_out="OUTPUT", socket_type="NodeSocketColor")
    group.interface.new_socket("Matte", in_out="OUTPUT", socket_type="NodeSocketColor")
    pictures = [_image_node(group, path, start, row) for row, path in enumerate((plate, film, mattes))]
    pictures[2].image.colorspace_settings.name = "Non-Color"
    mix = compat.new_mix_node(group)
    mix.node.location = (400, 0)
    out = group.nodes.new("NodeGroupOutput")
    out.location = (650, 0)
    for source, target in zip((pictures[2], pictures[0], pictures[1]), mix.inputs, strict=True):
        group.links.new(source.outputs["Image"], target)
    group.links.new(mix.output, out.inputs["Image"])
    group.links.new(pictures[2].outputs["Image"], out.inputs["Matte"])
    return group


def _image_node(group: bpy.types.NodeTree, path: Path, start: int, row: int) -> Any:
    parts = _pictures(path)
    node = group.nodes.new("CompositorNodeImage")
    node.location, node.label = (0, -350 * row), path.name
    node.image = bpy.data.images.load(str(parts[0]), check_existing=True)
    node.image.source = "SEQUENCE" if len(parts) > 1 or path.is_dir() else "MOVIE"
    node.frame_start, node.frame_duration = start, max(1, len(parts) if len(parts) > 1 else node.image.frame_duration)
    first = "".join(char for char in parts[0].stem[-6:] if char.isdigit())
    node.frame_offset = int(first) - 1 if node.image.source == "SEQUENCE" and first else 0
    return node
