"""The network without onnxruntime: the same values, and damaged files are refused."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pytest

from model_runtime.contracts import AudioClip, frozen_array
from model_runtime.errors import ModelError
from model_runtime.hearing import audio, network
from model_runtime.hearing.numpy_session import NumpySession

GRAPH = network.WEIGHTS / "speech.onnx"
LINE = Path(__file__).resolve().parents[2] / "presets/demo/line.wav"


@pytest.fixture(scope="module")
def session() -> NumpySession:
    return NumpySession(GRAPH)


@pytest.mark.parametrize("samples", [1, 159, 160, 161, 4_001, 16_000, 90_001])
def test_numpy_hears_what_onnxruntime_hears(session: NumpySession, samples: int) -> None:
    reference = onnxruntime.InferenceSession(str(GRAPH), providers=["CPUExecutionProvider"])
    waveform = np.resize(audio.load(LINE).samples, samples)
    ours, theirs = (s.run(list(network.OUTPUTS), {"waveform": waveform}) for s in (session, reference))
    for name, one, other in zip(network.OUTPUTS, ours, theirs, strict=True):
        assert one.shape == other.shape
        np.testing.assert_allclose(one, other, rtol=1e-5 if name == "pitch" else 0, atol=1e-4, err_msg=name)


def test_constants_survive_and_a_second_run_is_the_same(session: NumpySession) -> None:
    waveform = audio.load(LINE).samples[:8_000]
    first, second = (session.run(["phones"], {"waveform": waveform})[0] for _ in range(2))
    np.testing.assert_array_equal(first, second)


def test_without_onnxruntime_numpy_runs_the_network(monkeypatch: pytest.MonkeyPatch) -> None:
    clip = AudioClip(frozen_array(audio.load(LINE).samples[:32_000]), "line")
    expected = network.shared().hear(clip)
    assert network.shared().executor == "onnxruntime"
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    instead = network.SpeechNetwork.load()
    assert instead.executor == "NumPy"
    heard = instead.hear(clip)
    for name in ("phones", "visemes", "voice", "loudness"):
        assert np.abs(getattr(heard, name) - getattr(expected, name)).max() < 1e-4
    np.testing.assert_allclose(heard.pitch, expected.pitch, rtol=1e-5)


@pytest.mark.parametrize("keep", [0, 10, 1_000, 1_000_000])
def test_a_damaged_graph_is_refused(tmp_path: Path, keep: int) -> None:
    path = tmp_path / "speech.onnx"
    path.write_bytes(GRAPH.read_bytes()[:keep])
    with pytest.raises(ValueError, match=r"speech\.onnx"):
        NumpySession(path)


def test_a_damaged_graph_in_the_folder_is_named_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copytree(network.WEIGHTS, tmp_path / "weights")
    with open(tmp_path / "weights/speech.onnx", "ab") as graph:
        graph.write(b"more")
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ModelError, match=r"speech\.onnx"):
        network.SpeechNetwork.load(tmp_path / "weights")
