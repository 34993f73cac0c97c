"""What live mode costs and reaches: `python3 build.py bench live`.

Computing: processor time of one thread for each hearing (20 ms of sound), network, acting and blend shapes together;
a frame of 16.7 ms holds at most one. Latency: from the moment at which a sound was spoken to that at which a client on
this machine had its shape, over WebSocket. Then, against the motion of the same lines when they are known whole: how
many p b m are closed, how alike the jaw moves, and how much the network's memory of the past is worth.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import soundfile
from websockets.sync.client import connect

from model_runtime import pipeline
from model_runtime.acting.articulate import articulate
from model_runtime.contracts import CHANNELS, AudioClip, Float32, MouthTrack
from model_runtime.hearing import audio, network
from model_runtime.live import mouth, server, stream

ROOT = Path(__file__).resolve().parents[1]
SPEECH = ROOT.parent / "shared/speech"
PP, JAW = CHANNELS.index("PP"), CHANNELS.index("jaw")
PASTS = (1.5, 0.4, stream.PAST, 0.1)
AROUND = (0.04, 0.05)
"""Seconds before and after a closure within which the live one counts as the same."""


class Line(NamedTuple):
    """A sound, and its motion when it is known whole, with its words."""

    clip: AudioClip
    track: MouthTrack


def lines() -> list[Line]:
    """The demo line and, where the recordings are, 24 sentences of a reader."""
    demo = ROOT / "presets/demo"
    spoken = [(audio.load(demo / "line.wav"), (demo / "line.txt").read_text(encoding="utf-8"))]
    if (SPEECH / "kathleen.jsonl").is_file():
        rows = [json.loads(row) for row in (SPEECH / "kathleen.jsonl").read_text(encoding="utf-8").splitlines()]
        with soundfile.SoundFile(SPEECH / "kathleen.opus") as file:
            for row in rows[40:1000:40]:
                file.seek(round(row["start"] * file.samplerate))
                samples = file.read(round(row["dur"] * file.samplerate), dtype="float32")
                spoken.append((audio.from_samples(samples, file.samplerate, row["id"]), row["text"]))
    return [Line(clip, articulate(pipeline.listen(clip, words))) for clip, words in spoken]


def heard_again(line: Line, net: network.SpeechNetwork, past: float) -> tuple[Float32, list[float]]:
    """The live shapes [frames, channels] of a line, and the milliseconds of processor time of each hearing."""
    live = mouth.LiveMouth(net, past=past)
    vocabulary, step = server.Vocabulary("arkit52"), round(mouth.HEARD * 16_000)
    shapes, spent = [], []
    for at in range(0, len(line.clip.samples) - step, step):
        begun = time.thread_time()
        frames = live.push(line.clip.samples[at : at + step])
        for frame in frames:
            vocabulary.values(frame.values)
        spent.append(1000.0 * (time.thread_time() - begun))
        shapes += frames
    return np.stack([frame.values for frame in [*shapes, *live.finish()]]), spent


def likeness(line: Line, shapes: Float32) -> tuple[int, int, int, float]:
    """Closures that are closed live, that there are, that are closed without one; correlation of the jaw."""
    before, after = (round(seconds * mouth.RATE) for seconds in AROUND)
    spans = [
        slice(max(0, round(contact.start * mouth.RATE) - before), round(contact.end * mouth.RATE) + after)
        for contact in line.track.contacts if contact.kind == "closure"
    ]  # fmt: skip
    whole = shapes[:, PP] > 0.999
    near = np.zeros(len(shapes), dtype=bool)
    for span in spans:
        near[span] = True
    begins = np.flatnonzero(whole & ~np.append(False, whole[:-1]))
    times = np.arange(len(shapes)) / mouth.RATE
    known = np.interp(times, np.arange(len(line.track.values)) / 100, line.track.channel("jaw"))
    alike = float(np.corrcoef(known, shapes[:, JAW])[0, 1])
    return sum(whole[span].any() for span in spans), len(spans), int((~near[begins]).sum()), alike


def told(address: str) -> list[tuple[float, float]]:
    """The moment of each shape in the sound, and when it was there."""
    with connect(address) as client:
        return [(json.loads(text).get("time", 0.0), time.perf_counter()) for text in client]


def latency() -> str:
    """What the command line says of itself, and how evenly a client of its own process gets the shapes."""
    command = [sys.executable, "-m", "model_runtime", "live", "--from", "presets/demo/line.wav", "--to", "websocket"]
    process = subprocess.Popen([*command, "--port", "0"], cwd=ROOT, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    address = re.search(r"live on (\S+);", process.stderr.readline())
    assert address
    shapes = told(address[1])[1:-1]
    late = np.array([at - moment for moment, at in shapes])
    said = process.stderr.read().strip()
    process.wait()
    return (
        f"{said}\nA client gets them evenly within {1000.0 * np.percentile(late - np.median(late), 99):.0f} ms (99 %)."
    )


def table(made: Sequence[Line], net: network.SpeechNetwork) -> None:
    """A row for each length of the past that the network hears again."""
    print("| past heard again | ms a hearing | 99 % | p b m closed | closed without one | jaw alike |")
    print("|---|---|---|---|---|---|")
    for past in PASTS:
        spent: list[float] = []
        counts, jaws = np.zeros(3, dtype=int), []
        for line in made:
            shapes, times = heard_again(line, net, past)
            *some, jaw = likeness(line, shapes)
            counts += some
            jaws.append(jaw)
            spent += times[10:]
        name = f"{past} s{' (what runs)' if past == stream.PAST else ''}"
        cost = f"{np.mean(spent):.1f} | {np.percentile(spent, 99):.1f}"
        print(f"| {name} | {cost} | {counts[0]} of {counts[1]} | {counts[2]} | {np.mean(jaws):.2f} |", flush=True)


def main() -> None:
    """Print the table and the latency."""
    os.environ["OMP_NUM_THREADS"] = "1"
    net = network.SpeechNetwork.load(threads=1)
    made = lines()
    print(f"{len(made)} lines, {sum(line.clip.duration for line in made):.0f} s; {net.executor}, one thread.\n")
    table(made, net)
    print(f"\n{latency()}")


if __name__ == "__main__":
    main()
