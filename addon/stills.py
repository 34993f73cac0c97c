"""A picture of each line for the page: the mouth at its widest. Cycles renders it, which needs no graphics card."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import bpy
import numpy as np
from mathutils import Matrix, Vector

from ..model_runtime.acting.articulate import articulate
from ..model_runtime.contracts import CHANNELS, FRAME_RATE, RigProbe, Style
from ..model_runtime.scenes.job import SUFFIX, file_name
from ..model_runtime.speech_data import from_text
from . import compat, generate, keyframes, placement
from .character import find_character
from .dialogue import actions_of_line
from .export_scene import scratch

if TYPE_CHECKING:
    from .properties import LabialLine

SIZE, SAMPLES = 240, 12
FRAMED = 3.4
"""Height and width of a picture, in widths of the mouth."""


def take(context: bpy.types.Context, folder: Path) -> dict[tuple[str, str], str]:
    """Renders the lines that are to be seen, into a folder that is made. Returns the names of the files, by id and
    language of their line. Raises OSError if the folder cannot be made, LipSyncError for what is no character."""
    folder.mkdir(exist_ok=True)
    made: dict[tuple[str, str], str] = {}
    for who, lines in _shown(context.scene).items():
        character = find_character(bpy.data.objects[who], context.view_layer)
        probe = generate.mapped(character, context.view_layer)[0].probe
        parts = [*character.meshes, *([character.armature] if character.armature else ())]
        rate = context.scene.render.fps / context.scene.render.fps_base
        with scratch("Labial stills", rate, [bpy.data.objects[name] for name in parts]) as scene:
            _set_up(scene, probe)
            for line, frame in lines:
                name = file_name(f"{line.name}.{line.language}").removesuffix(SUFFIX) + ".png"
                scene.frame_set(frame)
                scene.render.filepath = str(folder / name)
                bpy.ops.render.render(write_still=True, scene=scene.name)
                made[line.name, line.language] = name
    context.scene.frame_set(context.scene.frame_current)  # what was evaluated elsewhere goes back
    return made


def _shown(scene: bpy.types.Scene) -> Mapping[str, list[tuple[LabialLine, int]]]:
    """The lines that are not muted, by character, each with the frame at which its jaw is widest."""
    found: dict[str, list[tuple[LabialLine, int]]] = {}
    for line in scene.labial.lines:
        for action in actions_of_line(line):
            if not any(strip.mute for strip in placement.strips_of(action)):
                found.setdefault(line.character, []).append((line, _widest(scene, action)))
    return found


def _widest(scene: bpy.types.Scene, action: Any) -> int:
    made = action[keyframes.MARK]
    track = articulate(from_text(made["speech"]), Style(**json.loads(made["acting"])))
    seconds = int(track.values[:, CHANNELS.index("jaw")].argmax()) / FRAME_RATE
    strips = placement.strips_of(action)
    moved = strips[0].frame_start - strips[0].action_frame_start if strips else 0.0
    return round(made["start"] + moved + seconds * scene.render.fps / scene.render.fps_base)


def _set_up(scene: bpy.types.Scene, probe: RigProbe) -> None:
    """A camera before the mouth, two lamps, and a small picture."""
    forward, up = Vector(probe.forward.tolist()), Vector(probe.up.tolist())
    mouth = Vector(np.concatenate([probe.rest[probe.upper], probe.rest[probe.lower]]).mean(axis=0).tolist())
    axes: list[Any] = [up.cross(forward), up, forward]
    turned = Matrix(axes).transposed().to_4x4()
    data = bpy.data.cameras.new("Labial still")
    data.type, data.ortho_scale = "ORTHO", FRAMED * probe.width
    data.clip_start, data.clip_end = 0.01 * probe.width, 100.0 * probe.width
    scene.camera = _placed(scene, data, Matrix.Translation(mouth + 20.0 * probe.width * forward) @ turned)
    for side, energy in ((-0.3, 3.0), (0.8, 1.0)):  # the first shines into the mouth
        lamp = bpy.data.lights.new("Labial still", "SUN")
        lamp.energy = energy
        _placed(scene, lamp, turned @ Matrix.Rotation(side, 4, "Y") @ Matrix.Rotation(-0.2, 4, "X"))
    compat.use_cycles(scene, SAMPLES)
    scene.render.resolution_x = scene.render.resolution_y = SIZE
    scene.render.resolution_percentage = 100
    compat.as_png(scene)


def _placed(scene: bpy.types.Scene, data: Any, matrix: Matrix) -> bpy.types.Object:
    obj = bpy.data.objects.new(data.name, data)
    scene.collection.objects.link(obj)
    obj.matrix_world = matrix
    return obj
