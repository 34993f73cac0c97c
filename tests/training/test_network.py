"""The network learns, its export is the same network, and what is shipped keeps its contract."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from model_runtime.contracts import SAMPLE_RATE, VISEMES
from model_runtime.phones import PHONES
from training import labels
from training.corpora import audio, utterances
from training.evaluate import hearer
from training.export_onnx import difference, quantised, to_onnx
from training.features import HOP
from training.model import STRIDE, Hearer, SpeechNet, View
from training.scenes import Batch, Material, Scenes, targets
from training.train import Course, Recipe, hear, loss_of, train, train_all
from training.weighting import TO_VISEME

REACH = SpeechNet()
Hear = Callable[[np.ndarray], list[np.ndarray]]


def tiny(channels: int = 24) -> SpeechNet:
    """A network of the same shape that takes no time."""
    return SpeechNet(channels=channels, views=(View(1, 1), View(2, 2), View(2, 0)), width=channels, head=12)


@pytest.fixture(scope="module")
def scenes(shared: Path, work: Path) -> Scenes:
    """Examples from a few aligned recordings."""
    torch.set_num_threads(1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(labels, "PIECE", 12)
        labels.align_piece(shared, work, "picovoice-wake", 0)
    return Scenes(Material(shared, work, ["picovoice-wake"], validation=False), seed=0)


def test_examples_are_the_same_each_time(scenes: Scenes) -> None:
    first, again, other = (scenes.batch(number, range(3)) for number in (7, 7, 8))
    assert torch.equal(first.waveform, again.waveform) and torch.equal(first.phones, again.phones)
    assert not torch.equal(first.waveform, other.waveform)
    assert first.waveform.isfinite().all() and first.waveform.shape == (3, 48_000)
    assert first.phones.sum(2).numpy() == pytest.approx(1.0, abs=1e-4)


def test_training_hears_what_the_network_hears(scenes: Scenes) -> None:
    """In bfloat16 on some processors: three digits."""
    torch.manual_seed(0)
    batch, net = scenes.batch(2, range(3)), tiny().eval()
    with torch.no_grad():
        near, exact = hear(net, batch.waveform, batch.mask), net(batch.waveform, batch.mask)
    for one, other in zip(near, exact, strict=True):
        assert one.dtype == torch.float32
        torch.testing.assert_close(one, other, rtol=0.02, atol=0.02)
    assert torch.equal(near.loudness, exact.loudness)


def test_a_tiny_network_learns_and_goes_on_where_it_stopped(scenes: Scenes, tmp_path: Path) -> None:
    recipe = Recipe(steps=30, batch=6, peak_rate=1e-2)

    def course(name: str) -> Course:
        torch.manual_seed(0)
        return Course(recipe, tiny(), tmp_path / name)

    fixed = scenes.batch(1_000, range(6))
    whole = course("whole.pt")
    before = float(loss_of(whole.net, fixed).detach())
    for _ in range(30):
        whole.advance(scenes)
    assert float(loss_of(whole.net, fixed).detach()) < 0.8 * before

    half = course("half.pt")
    for _ in range(15):
        half.advance(scenes)
    half.save()
    resumed = course("half.pt")
    for _ in range(15):
        resumed.advance(scenes)
    for ours, theirs in zip(resumed.net.parameters(), whole.net.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)


def test_another_recipe_does_not_take_over_a_checkpoint(tmp_path: Path) -> None:
    net = tiny()
    Course(Recipe(steps=100), net, tmp_path / "speech.pt").save()
    with pytest.raises(ValueError, match="another recipe"):
        Course(Recipe(steps=101), net, tmp_path / "speech.pt")


@pytest.fixture
def course_folder(work: Path, scenes: Scenes, tmp_path: Path) -> Path:
    """A work folder with its own checkpoints: sounds, labels and pitch are the session's."""
    for made in work.iterdir():
        (tmp_path / made.name).symlink_to(made)
    return tmp_path


def test_courses_from_one_start_become_their_mean(shared: Path, course_folder: Path) -> None:
    first, *others = (Recipe(steps=1, batch=2, seed=seed) for seed in (9, 10, 11))
    start = train(shared, course_folder, ["picovoice-wake"], first)
    path = train_all(shared, course_folder, ["picovoice-wake"], others, start, processes=2)
    states = [torch.load(course_folder / f"speech-{seed}.pt") for seed in (10, 11)]
    mean = torch.load(path)
    for name, value in mean["net"].items():
        if value.dtype.is_floating_point:
            one, other = (state["net"][name] for state in states)
            torch.testing.assert_close(value, (one + other) / 2)
    assert not torch.equal(states[0]["net"]["heads.weight"], states[1]["net"]["heads.weight"])
    assert mean["seconds"] == pytest.approx(states[0]["seconds"] + states[1]["seconds"])


def test_export_equals_the_network(scenes: Scenes, tmp_path: Path) -> None:
    torch.manual_seed(0)
    net = tiny(channels=132)
    batch: Batch = scenes.batch(0, range(2))
    for _ in range(5):
        net(batch.waveform)  # statistics of the norms
    torch.nn.init.normal_(net.blocks[0].mix.weight, std=0.1)
    torch.nn.init.normal_(net.encoder.layers[0].apart, std=0.1)
    hearing = Hearer(net)
    proto = to_onnx(hearing)
    assert difference(hearing, proto) < 1e-4
    assert difference(hearing, quantised(proto)) < 2e-2
    assert len(quantised(proto).SerializeToString()) < 0.8 * len(proto.SerializeToString())


@pytest.fixture(scope="module")
def contract(weights: Path) -> dict:
    """speech.json as shipped."""
    return json.loads((weights / "speech.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def shipped(weights: Path) -> Hear:
    """speech.onnx as shipped."""
    return hearer(weights)


def test_the_contract_describes_the_shipped_network(contract: dict, weights: Path, shipped: Hear) -> None:
    assert contract["schema"] == "labial-speech/2"
    assert contract["phones"] == list(PHONES) and contract["visemes"] == list(VISEMES)
    assert contract["sha256"] == hashlib.sha256((weights / "speech.onnx").read_bytes()).hexdigest()
    assert contract["receptive_field"] == {
        "past_frames": REACH.past_frames, "future_frames": REACH.future_frames, "stride_frames": STRIDE,
    }  # fmt: skip
    assert contract["look_ahead_ms"] == 10 * REACH.future_frames <= 250
    assert {row["name"] for row in contract["trained_on"]} >= {"kathleen", "speechocean762"}
    session = onnxruntime.InferenceSession(weights / "speech.onnx", providers=["CPUExecutionProvider"])
    assert [(i.name, i.type) for i in session.get_inputs()] == [("waveform", "tensor(float)")]
    assert [o.name for o in session.get_outputs()] == list(contract["outputs"])


@pytest.mark.parametrize("samples", [1, 159, 160, 161, 319, 320, 8_000, 32_001])
def test_shipped_outputs_at_every_length(shipped: Hear, samples: int) -> None:
    waveform = np.random.default_rng(samples).normal(0.0, 0.1, samples).astype(np.float32)
    phones, visemes, voice, loudness, voicing, pitch = shipped(waveform)
    frames = max(1, samples // HOP)
    assert phones.shape == (frames, len(PHONES)) and visemes.shape == (frames, len(VISEMES))
    assert voice.shape == loudness.shape == voicing.shape == pitch.shape == (frames,)
    assert phones.sum(1) == pytest.approx(1.0, abs=1e-4) and visemes.sum(1) == pytest.approx(1.0, abs=1e-4)
    assert voice.min() >= 0.0 and voice.max() <= 1.0
    assert all(np.isfinite(output).all() for output in (phones, visemes, voice, loudness, voicing, pitch))


def test_chunks_with_overlap_hear_what_the_whole_hears(shared: Path, work: Path, shipped: Hear) -> None:
    utterance = utterances(shared, work, "picovoice-wake")[0]
    waveform = audio(shared, work, "picovoice-wake")[utterance.start : utterance.end].astype(np.float32) / 32768
    whole = shipped(waveform)
    frames = len(waveform) // HOP
    step = 70
    for start in range(0, frames, step):
        first = max(0, start - REACH.past_frames) // STRIDE * STRIDE
        last = min(frames, start + step + REACH.future_frames)
        chunk = shipped(waveform[first * HOP : last * HOP if last < frames else None])
        for one, part in zip(whole, chunk, strict=True):
            stop = min(frames, start + step)
            np.testing.assert_allclose(part[start - first : stop - first], one[start:stop], rtol=1e-4, atol=1e-4)


def test_shipped_network_hears_words_and_neither_silence_nor_noise(shipped: Hear, scenes: Scenes) -> None:
    """Frames agree with the aligner on recordings of people; nobody speaks before and after them."""
    hush = np.zeros(SAMPLE_RATE // 2, np.float32)
    right = []
    for utterance, aligned in scenes.material.spoken["picovoice-wake"]:
        phones, visemes, voice, *_ = shipped(np.concatenate((hush, scenes.material.waveform(utterance), hush)))
        truth = (targets(list(aligned.segments()), len(phones) - 100) @ TO_VISEME).argmax(1).numpy()
        right.append(visemes[50:-50].argmax(1) == truth)
        assert set(phones[:40].argmax(1)) | set(phones[-25:].argmax(1)) == {PHONES.index("sil")}
        assert voice[:40].max() < 0.2 and voice[50:-50].max() > 0.8
    assert np.concatenate(right).mean() > 0.75
    noise = np.random.default_rng(0).normal(0.0, 0.05, SAMPLE_RATE).astype(np.float32)
    assert (shipped(noise)[0].argmax(1) == PHONES.index("sil")).mean() > 0.9


def test_the_shipped_network_says_nothing_of_the_machine_that_trained_it() -> None:
    weights = (Path(__file__).parents[2] / "model_runtime/hearing/weights/speech.onnx").read_bytes()
    assert b"stack_trace" not in weights and b".py" not in weights and b"site-packages" not in weights
