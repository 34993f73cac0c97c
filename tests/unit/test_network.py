"""The network: chunks join exactly, every frame is a distribution, and a wrong weights folder is named."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from model_runtime.contracts import SAMPLE_RATE, VISEMES, AudioClip, frozen_array
from model_runtime.errors import Cancelled, ModelError
from model_runtime.hearing import audio, network
from model_runtime.phones import PHONES


@pytest.fixture(scope="module")
def minute(speech: Path) -> AudioClip:
    """A little over one minute of real sentences, one after the other."""
    lines = [audio.load(path).samples for path in sorted((speech / "handlabelled").glob("[ae]*/*.flac"))]
    enough = int(np.searchsorted(np.cumsum([len(line) for line in lines]), 61 * SAMPLE_RATE)) + 1
    return AudioClip(frozen_array(np.concatenate(lines[:enough])), "minute")


def noise(samples: int) -> AudioClip:
    return AudioClip(frozen_array(np.random.default_rng(3).normal(0, 0.1, samples)), "noise")


@pytest.mark.parametrize("chunk", [997, network.CHUNK_FRAMES])
def test_chunks_join_as_if_heard_at_once(minute: AudioClip, chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "CHUNK_FRAMES", 10**9)
    whole = network.shared().hear(minute)
    monkeypatch.setattr(network, "CHUNK_FRAMES", chunk)
    chunked = network.shared().hear(minute)
    frames = len(minute.samples) // 160
    assert frames > 6000
    for name, width in (("phones", len(PHONES)), ("visemes", len(VISEMES)), ("voice", None), ("loudness", None)):
        one, many = getattr(whole, name), getattr(chunked, name)
        assert one.shape == many.shape == ((frames, width) if width else (frames,))
        assert np.abs(one - many).max() < 1e-4
        assert not many.flags.writeable
    for posteriors in (chunked.phones, chunked.visemes):
        assert posteriors.min() >= 0.0
        assert posteriors.sum(axis=1) == pytest.approx(1.0, abs=1e-4)
    assert chunked.voice.min() >= 0.0 and chunked.voice.max() <= 1.0
    np.testing.assert_allclose(whole.pitch, chunked.pitch, rtol=1e-3)
    assert chunked.loudness.min() >= -90.1 and chunked.loudness.max() <= 3.1


@pytest.mark.parametrize("samples", [1, 80, 159, 160, 161, 1000, 4799])
def test_short_clips_have_whole_frames_and_at_least_one(samples: int) -> None:
    heard = network.shared().hear(noise(samples))
    assert len(heard.phones) == len(heard.voice) == max(1, samples // 160)
    assert heard.duration == samples / SAMPLE_RATE
    assert np.isfinite(heard.phones).all()


def test_loudness_is_dbfs_of_the_frame() -> None:
    heard = network.shared().hear(noise(SAMPLE_RATE))
    assert float(heard.loudness[20:80].mean()) == pytest.approx(-20.0, abs=1.0)


def alike(samples: np.ndarray, at: int, lag: float) -> float:
    """How alike 30 ms around sample `at` are to what was `lag` samples earlier, at most 1."""
    now = samples[at - 240 : at + 240]
    lags = [round(lag * stretch) for stretch in (0.92, 0.94, 0.96, 0.98, 1.0, 1.02, 1.04, 1.06, 1.08)]
    ago = (samples[at - 240 - lag : at + 240 - lag] for lag in lags)
    return max(float(now @ then / np.sqrt((now @ now) * (then @ then) + 1e-12)) for then in ago)


def test_the_voice_repeats_itself_at_the_pitch_that_is_heard(minute: AudioClip) -> None:
    pitch = network.shared().hear(minute).pitch
    voiced = np.flatnonzero(pitch[10:-10] > 0)[::7] + 10
    assert 0.25 < (pitch > 0).mean() < 0.75
    assert 60.0 < np.median(pitch[voiced]) < 350.0
    here = [alike(minute.samples, 160 * k + 80, SAMPLE_RATE / pitch[k]) for k in voiced]
    elsewhere = [alike(minute.samples, 160 * k + 80, 1.4 * SAMPLE_RATE / pitch[k]) for k in voiced]
    assert np.median(here) > 0.6 and np.median(here) > np.median(elsewhere) + 0.3


def test_noise_has_no_pitch() -> None:
    assert (network.shared().hear(noise(2 * SAMPLE_RATE)).pitch == 0).mean() > 0.95


def test_digital_silence_is_quiet_and_finite() -> None:
    heard = network.shared().hear(AudioClip(frozen_array(np.zeros(SAMPLE_RATE)), "nothing"))
    assert heard.loudness == pytest.approx(-90.0, abs=0.1)


def test_progress_rises_and_may_cancel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "CHUNK_FRAMES", 50)
    told: list[float] = []

    def listen(fraction: float, what: str) -> None:
        told.append(fraction)
        if fraction >= 0.5:
            raise Cancelled("enough")

    with pytest.raises(Cancelled):
        network.shared().hear(noise(2 * SAMPLE_RATE), listen)
    assert told == [0.0, 0.25, 0.5]


def test_threads_are_as_many_as_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(network, "_shared_threads", None)
    network.set_threads(1)
    for heard_by, threads in ((network.SpeechNetwork.load(threads=3), 3), (network.shared.__wrapped__(), 1)):
        assert heard_by.session.get_session_options().intra_op_num_threads == threads


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    return Path(shutil.copytree(network.WEIGHTS, tmp_path / "weights"))


def test_a_network_of_another_version_is_named_by_what_differs(weights: Path) -> None:
    path = weights / "speech.json"
    contract = json.loads(path.read_text(encoding="utf-8"))
    others = {"schema": "labial-speech/9", "sample_rate": 22050, "hop": 256, "phones": ["a"], "visemes": ["aa"]}
    for name, value in others.items():
        path.write_text(json.dumps({**contract, name: value}), encoding="utf-8")
        with pytest.raises(ModelError, match=f"network's {name} differs"):
            network.SpeechNetwork.load(weights)
        path.write_text(json.dumps({k: v for k, v in contract.items() if k != name}), encoding="utf-8")
        with pytest.raises(ModelError, match=f"network's {name} differs"):
            network.SpeechNetwork.load(weights)


@pytest.mark.parametrize("content", [None, b"{", b"[]", b"\xff\xfe", b"{}"])
def test_a_damaged_contract_is_named(weights: Path, content: bytes | None) -> None:
    path = weights / "speech.json"
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(ModelError, match=r"speech\.json|schema"):
        network.SpeechNetwork.load(weights)


@pytest.mark.parametrize("missing", ["sha256", "receptive_field"])
def test_a_contract_that_lacks_a_field_is_named(weights: Path, missing: str) -> None:
    path = weights / "speech.json"
    contract = json.loads(path.read_text(encoding="utf-8"))
    del contract[missing]
    path.write_text(json.dumps(contract), encoding="utf-8")
    with pytest.raises(ModelError, match=missing):
        network.SpeechNetwork.load(weights)


def test_missing_or_damaged_weights_are_named(weights: Path) -> None:
    graph = weights / "speech.onnx"
    content = bytearray(graph.read_bytes())
    content[len(content) // 2] ^= 1
    graph.write_bytes(content)
    with pytest.raises(ModelError, match=r"speech\.onnx"):
        network.SpeechNetwork.load(weights)
    graph.unlink()
    with pytest.raises(ModelError, match=r"speech\.onnx"):
        network.SpeechNetwork.load(weights)
