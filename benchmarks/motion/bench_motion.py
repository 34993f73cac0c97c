"""How the mouth moves, in figures: `python3 build.py bench motion` prints a row a style, character and kind of speech.

Runs in a Python that has `bpy`, on the built zip. Speech: the demo line, 20 sentences of kathleen, EmoDB's angry and
sad sentences (../shared). Closures and contacts are those that Labial proves on the evaluated mesh at 24 frames a
second; what the other columns mean is said in figures.py. The keys' columns are means over the keyed targets.
"""

from __future__ import annotations

import argparse
import importlib
import json
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

from benchmarks.installed import installed

from . import figures

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared"
LABIAL = "bl_ext.user_default.labial"
CHARACTERS = (
    "head", "cc0_head_arkit_oculus", "cc0_head_rigify", "ict_mouth_small", "mpfb_default", "godette_vrmaddon",
)  # fmt: skip
EMOTIONS = {"W": "angry", "T": "sad"}
HEADER = (
    "character", "style", "speech", "p b m", "f v", "false closures/s", "jerk", "speed", "above 12 Hz", "changes/s",
    "closing starts", "closed",
    "parts before end", "jaw after loudness", "still", "keys/s", "of baking", "key error", "ms a contact",
)  # fmt: skip


def speech(folder: Path, sentences: int) -> Iterator[tuple[str, Path]]:
    """(kind, sound file) of every line."""
    yield "demo", ROOT / "presets/demo/line.wav"
    packed, listed = (SHARED / f"speech/kathleen.{ending}" for ending in ("opus", "jsonl"))
    if not listed.is_file():
        return
    for line in listed.read_text(encoding="utf-8").splitlines()[:sentences]:
        row = json.loads(line)
        first = round(row["start"] * 16_000)
        samples, rate = soundfile.read(packed, start=first, stop=first + round(row["dur"] * 16_000))
        path = folder / f"{Path(row['id']).name}.wav"
        soundfile.write(path, samples, rate)
        yield "kathleen", path
    labelled = SHARED / "speech/handlabelled"
    for line in (labelled / "labels.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        if row.get("complete") and row.get("emotion") in EMOTIONS:
            yield EMOTIONS[row["emotion"]], labelled / row["audio"]


def load(name: str) -> Any:
    """A character in a scene of its own; its face."""
    import bpy

    bpy.ops.wm.read_homefile(use_factory_startup=True, use_empty=True)
    if name == "head":
        bpy.ops.labial.add_head()
    else:
        bpy.ops.wm.open_mainfile(filepath=str(SHARED / f"characters/{name}.blend"), load_ui=False)
    keyed = [mesh for mesh in bpy.context.view_layer.objects if mesh.type == "MESH" and mesh.data.shape_keys]
    face = max(keyed, key=lambda mesh: len(mesh.data.shape_keys.key_blocks))
    bpy.context.view_layer.objects.active = face
    bpy.context.view_layer.update()
    return face


class Row:
    """The figures of one character, style and kind of speech, gathered line by line."""

    def __init__(self) -> None:
        self.values: dict[str, list[float]] = {}
        self.closures: list[tuple[float, float, float]] = []

    def add(self, prepared: Any, result: Any, seconds: float) -> None:
        """A line that was written and proven. seconds: what the proof took."""
        names = ("rigs.keys", "rigs.retarget", "contracts")
        rigs, retarget, contracts = (importlib.import_module(f"{LABIAL}.model_runtime.{name}") for name in names)
        made, probe = result.performance, prepared.measured.probe
        line, track, curves = made.speech, made.track, made.curves
        clock, swings = contracts.FrameClock(figures.RATE, 1.0, 1.0), retarget.swings(prepared.rig_map)
        fine = rigs.thin(curves, clock, prepared.request.tolerance, swings=swings)
        frames = np.arange(1.0, line.duration * figures.RATE + 1.0)
        shown = figures.aperture(probe, tuple(t.target for t in fine.tracks), figures.evaluated(fine, frames))
        opening = figures.aperture(probe, curves.targets, curves.values.astype(float))
        self.closures += figures.medial_closures(line, opening)
        tracks = max(1, len(made.keys.tracks))
        self._put(
            **figures.smoothness(shown),
            changes=figures.shape_changes(track),
            still=figures.stillness(line, curves.values),
            keys=made.keys.key_count / tracks / line.duration,
            baking=fine.key_count / max(1, len(fine.tracks)) / len(frames),
            error=result.report.key_error,
            false=figures.false_closures(line, track, opening),
            seconds=line.duration,
            **{
                f"{kind} {name}": count
                for kind in ("closure", "labiodental")
                for name, count in zip(("proven", "all"), result.report.proven(kind), strict=True)
            },
            contact=1000 * seconds / max(1, len(result.report.proofs)),
        )
        for lag in figures.jaw_lags(line, track.channel("jaw")):
            self._put(lag=lag)

    def _put(self, **values: float) -> None:
        for name, value in values.items():
            self.values.setdefault(name, []).append(value)

    def cells(self) -> list[str]:
        """As in the table: rms of the jerk, medians of times in ms, the worst of stillness and error, else means."""
        mean = {name: float(np.mean(values)) for name, values in self.values.items()}
        lag = float(np.median(self.values.get("lag", [np.nan])))
        begun, closed, parted = 1000 * np.median(self.closures, axis=0) if self.closures else (np.nan,) * 3
        return [
            *(f"{sum(self.values[f'{kind} proven']):.0f} of {sum(self.values[f'{kind} all']):.0f}"
              for kind in ("closure", "labiodental")),
            f"{sum(self.values['false']) / sum(self.values['seconds']):.3f}",
            f"{np.sqrt(np.mean(np.square(self.values['jerk']))):.0f}",
            f"{mean['speed95']:.1f}", f"{100 * mean['above12']:.1f} %", f"{mean['changes']:.1f}",
            f"{begun:.0f}", f"{closed:.0f}", f"{parted:.0f}", f"{1000 * lag:.0f}",
            f"{100 * max(self.values['still']):.1f} %", f"{mean['keys']:.1f}", f"1/{1 / mean['baking']:.1f}",
            f"{100 * max(self.values['error']):.1f} %", f"{mean['contact']:.0f}",
        ]  # fmt: skip


def measured(name: str, styles: list[str], lines: list[tuple[str, Path]]) -> Iterator[list[str]]:
    """The rows of one character; one that says why, if Labial cannot move it."""
    import bpy

    generate, request, keyframes, acting, contracts, errors = (
        importlib.import_module(f"{LABIAL}.{module}") for module in (
            "addon.generate", "addon.request", "addon.keyframes", "model_runtime.acting.styles",
            "model_runtime.contracts", "model_runtime.errors",
        )
    )  # fmt: skip
    face = load(name)
    prepared = None
    for style in styles:
        rows: dict[str, Row] = {}
        for kind, path in lines:
            asked = request.LipSyncRequest(
                face.name,
                request.sound_of_file(str(path)),
                contracts.FrameClock(24, 1.0, 1.0),
                acting.load_style(style),
            )
            try:
                prepared = replace(prepared or generate.prepare(bpy.context, asked), request=asked)
            except errors.LipSyncError as error:
                yield [name, "-", "-", str(error)]
                return
            performance = generate.perform(prepared)
            started = time.perf_counter()
            result = generate.deliver(bpy.context, prepared, performance)
            rows.setdefault(kind, Row()).add(prepared, result, time.perf_counter() - started)
            keyframes.remove(prepared.character)
        for kind, row in rows.items():
            yield [name, style, kind, *row.cells()]


def main() -> None:
    """Print the table, row by row."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n\n")[0])
    parser.add_argument("--zip", type=Path, required=True, help="the built extension")
    parser.add_argument("--sentences", type=int, default=20, help="of kathleen")
    parser.add_argument("--styles", nargs="*", help="only these")
    parser.add_argument("--characters", nargs="*", default=CHARACTERS, help="only these")
    options = parser.parse_args()
    with installed(options.zip) as (folder, out):
        styles = options.styles or list(importlib.import_module(f"{LABIAL}.model_runtime.acting.styles").load_styles())
        lines = list(speech(folder, options.sentences))
        print(f"| {' | '.join(HEADER)} |\n|{' --- |' * len(HEADER)}", file=out, flush=True)
        for name in options.characters:
            if name == "head" or (SHARED / f"characters/{name}.blend").is_file():
                for row in measured(name, styles, lines):
                    print(f"| {' | '.join(row)} |", file=out, flush=True)


if __name__ == "__main__":
    sys.exit(main())
