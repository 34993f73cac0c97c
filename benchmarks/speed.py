"""How fast and how large: `python3 build.py bench speed`. Each row is a process of its own on one processor.

Real-time factor: seconds of work a second of sound, from the samples in memory to the phones (first row of a length:
network and decoder warm). Memory: the process's peak beyond the decoded samples. Arithmetic: of the network alone,
against the largest product of two matrices that numpy reaches on the same processor.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from model_runtime.contracts import SAMPLE_RATE
from model_runtime.hearing import network, numpy_session
from model_runtime.hearing.numpy_session import Array

ROOT = Path(__file__).resolve().parents[1]
LENGTHS = {"1 s": 1, "10 s": 10, "10 min": 600, "2 h": 7200}

CHILD = """
import json, resource, sys, time
started = time.perf_counter()
import numpy as np
from model_runtime import pipeline
from model_runtime.contracts import AudioClip
from model_runtime.hearing import align, audio, network
line = audio.load("presets/demo/line.wav").samples
seconds = float(sys.argv[1])
clip = AudioClip(np.resize(line, int(seconds * 16_000)), "line")
clip.samples.setflags(write=False)
if sys.argv[2] == "cold":
    pipeline.listen(clip)
    print(json.dumps({"cold": time.perf_counter() - started}))
    sys.exit()
network.shared().hear(AudioClip(line, "warm"))
times = []
for _ in range(max(1, min(20, int(20 / seconds)))):
    begun = time.perf_counter()
    hearing = network.shared().hear(clip)
    heard = time.perf_counter()
    align.recognise(hearing)
    times.append((heard - begun, time.perf_counter() - heard))
hear, decode = np.median(times, axis=0)
peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
print(json.dumps({"hear": hear, "decode": decode, "beyond": peak - clip.samples.nbytes / 2**20}))
"""
PEAK = """
import time, numpy as np
a, b = (np.random.default_rng(i).random((1024, 1024), np.float32) for i in (1, 2))
a @ b
begun = time.perf_counter()
for _ in range(8): a @ b
print(8 * 2 * 1024**3 / (time.perf_counter() - begun) / 1e9)
"""


def multiplications() -> float:
    """Of the network a second of sound: those of every convolution and matrix product while NumPy runs ten seconds."""
    made = []

    def counted(operation: Callable[..., Array]) -> Callable[..., Array]:
        def run(attributes: Mapping[str, Any], x: Array, weight: Array, *rest: Array) -> Array:
            out = operation(attributes, x, weight, *rest)
            made.append(out.size * (weight[0].size if operation is products["Conv"] else x.shape[-1]))
            return out

        return run

    products = {name: numpy_session.OPERATIONS[name] for name in ("Conv", "MatMul")}
    session = numpy_session.NumpySession(network.WEIGHTS / "speech.onnx")
    numpy_session.OPERATIONS |= {name: counted(operation) for name, operation in products.items()}
    session.run(network.OUTPUTS, {"waveform": np.zeros(10 * SAMPLE_RATE, np.float32)})
    numpy_session.OPERATIONS |= products
    return sum(made) / 10


def measured(program: str, *arguments: str) -> str:
    """What a child process prints that has one processor."""
    processor = str(min(os.sched_getaffinity(0)))
    threads = os.environ | {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
    command = ["taskset", "-c", processor, sys.executable, "-c", program, *arguments]
    return subprocess.run(command, cwd=ROOT, env=threads, capture_output=True, text=True, check=True).stdout


def main() -> None:
    """Print the table."""
    peak, work = float(measured(PEAK)), multiplications()
    cold = json.loads(measured(CHILD, "3", "cold"))["cold"]
    print("| sound | real-time factor | of it network | MB beyond the samples | GFLOP/s |\n|---|---|---|---|---|")
    for name, seconds in LENGTHS.items():
        row = json.loads(measured(CHILD, str(seconds), "warm"))
        whole, speed = (row["hear"] + row["decode"]) / seconds, 2 * work * seconds / row["hear"] / 1e9
        print(f"| {name} | {whole:.4f} | {row['hear'] / seconds:.4f} | {row['beyond']:.0f} | {speed:.0f} |", flush=True)
    print(f"\nFirst result for 3 s of sound, imports and network loaded anew: {cold:.2f} s.")
    print(f"The processor's largest matrix product: {peak:.0f} GFLOP/s.")


if __name__ == "__main__":
    main()
