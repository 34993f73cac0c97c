"""From a checkpoint to `speech.onnx` and the contract beside it, `speech.json`."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import numpy_helper

from model_runtime.contracts import FRAME_RATE, VISEMES
from model_runtime.phones import PHONES

from .corpora import CORPORA
from .features import BANDS, HOP, N_FFT, POWER_FLOOR, SAMPLE_RATE, WINDOW
from .model import FUTURE_FRAMES, PAST_FRAMES, Hearer, SpeechNet
from .train import PHONE_WEIGHT, VISEME_WEIGHT

VERSION = "0.1.0"
OPSET = 18
OUTPUTS = ("phones", "visemes", "voice", "loudness")
LENGTHS = (1, 159, 160, 4_001, 32_000)
"""Samples of the waveforms on which the exported graph is held to the network."""
HALVED = 1_024
"""Numbers from which on a weight is stored in float16; the filters of the features keep float32."""


def to_onnx(hearer: Hearer) -> onnx.ModelProto:
    """The graph: one input `waveform` float32 [n], n >= 1. Raises ValueError if onnxruntime hears otherwise."""
    program = torch.onnx.export(
        hearer, (torch.zeros(SAMPLE_RATE),), dynamo=True, opset_version=OPSET, external_data=False, verbose=False,
        input_names=["waveform"], output_names=list(OUTPUTS),
        dynamic_shapes={"waveform": {0: torch.export.Dim("samples", min=1)}},
    )  # fmt: skip
    assert program is not None
    program.optimize()
    proto = program.model_proto
    error = difference(hearer, proto)
    if error > 1e-4:
        raise ValueError(f"the exported graph differs from the network by {error:.1e}")
    return proto


def difference(hearer: Hearer, proto: onnx.ModelProto) -> float:
    """Largest difference of any output between the network and the graph on noise and hum of several lengths.

    Loudness counts in units of 100 dB.
    """
    session = onnxruntime.InferenceSession(proto.SerializeToString(), providers=["CPUExecutionProvider"])
    worst = 0.0
    for length in LENGTHS:
        generator = torch.Generator().manual_seed(length)
        hum = torch.sin(torch.arange(length) * 0.05) * torch.linspace(0.0, 0.5, length)
        waveform = hum + 0.05 * torch.randn(length, generator=generator)
        with torch.no_grad():
            expected = hearer(waveform)
        heard = session.run(list(OUTPUTS), {"waveform": waveform.numpy()})
        for name, a, b in zip(OUTPUTS, expected, heard, strict=True):
            worst = max(worst, float(np.abs(a.numpy() - b).max()) * (0.01 if name == "loudness" else 1.0))
    return worst


def halved(proto: onnx.ModelProto) -> onnx.ModelProto:
    """The same graph with the large weights stored in float16 and cast when it is loaded: half the size."""
    small = onnx.ModelProto()
    small.CopyFrom(proto)
    casts = []
    for weight in small.graph.initializer:
        values = numpy_helper.to_array(weight)
        if values.dtype != np.float32 or values.size < HALVED or "log_mel" in weight.name:
            continue
        name = weight.name
        weight.CopyFrom(numpy_helper.from_array(values.astype(np.float16), f"{name}.half"))
        casts.append(onnx.helper.make_node("Cast", [f"{name}.half"], [name], to=onnx.TensorProto.FLOAT))
    nodes = [*casts, *small.graph.node]
    del small.graph.node[:]
    del small.graph.value_info[:]
    small.graph.node.extend(nodes)
    small.doc_string = ""
    onnx.checker.check_model(small)
    return small


def contract(weights: bytes, state: dict[str, Any], scores: dict[str, Any]) -> dict[str, Any]:
    """What the loader of the runtime holds the network to, and where it comes from."""
    return {
        "schema": "labial-speech/1",
        "version": VERSION,
        "sha256": hashlib.sha256(weights).hexdigest(),
        "sample_rate": SAMPLE_RATE,
        "hop": HOP,
        "frame_rate": FRAME_RATE,
        "look_ahead_ms": FUTURE_FRAMES * 1000 // FRAME_RATE,
        "receptive_field": {"past_frames": PAST_FRAMES, "future_frames": FUTURE_FRAMES},
        "phones": list(PHONES),
        "visemes": list(VISEMES),
        "inputs": {"waveform": "float32 [n], n >= 1, mono, 16 kHz, -1..1"},
        "outputs": {
            "phones": f"float32 [t, {len(PHONES)}], posteriors, t = max(1, floor(n / {HOP}))",
            "visemes": f"float32 [t, {len(VISEMES)}], posteriors",
            "voice": "float32 [t], probability of speech",
            "loudness": "float32 [t], dBFS of the frame, floor -90",
        },
        "features": {
            "bands": BANDS, "n_fft": N_FFT, "window": WINDOW, "hop": HOP, "scale": "slaney", "power_floor": POWER_FLOOR,
        },
        "trained_on": [
            {"name": c.name, "language": c.language, "hours": c.hours, "licence": c.licence, "source": c.source}
            for c in CORPORA
        ],
        "training_minutes": round(state["seconds"] / 60),
        "validation": scores,
    }  # fmt: skip


@torch.no_grad()
def unweight(net: SpeechNet) -> None:
    """Take the loss's weights out of the posteriors: what counts w times in training is said w times too often."""
    assert net.heads.bias is not None
    net.heads.bias[: len(PHONES)] -= PHONE_WEIGHT.log()
    net.heads.bias[len(PHONES) : len(PHONES) + len(VISEMES)] -= VISEME_WEIGHT.log()


def export(checkpoint: Path, weights: Path) -> None:
    """Write speech.onnx and speech.json into the folder `weights` from the averaged weights of a checkpoint."""
    state = torch.load(checkpoint)
    net = SpeechNet()
    net.load_state_dict(state["average"])
    unweight(net)
    hearer = Hearer(net)
    proto = halved(to_onnx(hearer))
    print(f"stored in float16: outputs move by at most {difference(hearer, proto):.1e}")
    weights.mkdir(parents=True, exist_ok=True)
    packed = proto.SerializeToString()
    (weights / "speech.onnx").write_bytes(packed)
    text = json.dumps(contract(packed, state, state["scores"]), ensure_ascii=False, indent=1)
    (weights / "speech.json").write_text(text + "\n", encoding="utf-8")
    print(f"speech.onnx: {len(packed) / 1e6:.2f} MB after {state['step']} steps")
