"""The encoder attends as it says, and begins as Whisper's does."""

from __future__ import annotations

import math
from pathlib import Path

import ctranslate2
import numpy as np
import pytest
import torch
from torch.nn import functional

from training import whisper, whisper_layers
from training.corpora import SAMPLE_RATE, audio
from training.model import PAST, STRIDE, Encoder, Layer, SpeechNet


def attended(layer: Layer, x: torch.Tensor) -> torch.Tensor:
    """What a layer makes of states [t, width], one state after the other."""
    out = []
    parts = layer.query_key_value(layer.attention_norm(x)).view(len(x), 3, layer.heads, layer.head)
    deviation = torch.sqrt(x.var(dim=1, unbiased=False) + layer.attention_norm.eps)
    for at in range(len(x)):
        first, last = max(0, at - PAST), min(len(x), at + layer.future + 1)
        heads = []
        for head in range(layer.heads):
            query = parts[at, 0, head]
            apart = layer.apart[head][:, first - at + PAST : last - at + PAST]
            scores = parts[first:last, 1, head] @ query + (query @ apart) / deviation[first:last]
            heads.append((scores / math.sqrt(layer.head)).softmax(0) @ parts[first:last, 2, head])
        out.append(torch.cat(heads))
    mixed = x + layer.attended(torch.stack(out))
    return mixed + layer.narrow(functional.gelu(layer.widen(layer.feed_norm(mixed))))


@pytest.mark.parametrize("count", [1, 39, 40, 41, 130])
def test_each_state_attends_to_those_around_it(count: int) -> None:
    torch.manual_seed(count)
    layer = Layer(width=24, head=8, future=3)
    torch.nn.init.normal_(layer.apart)
    x = 2 * torch.randn(count, 24)
    with torch.no_grad():
        torch.testing.assert_close(layer(x[None])[0], attended(layer, x), rtol=1e-4, atol=1e-5)


def likeness(ours: np.ndarray, theirs: np.ndarray, late: int) -> float:
    """Correlation of 20 states in the middle of Whisper's window with those `late` states after them."""
    middle = np.arange(740, 760)
    one, other = (states - states[middle].mean(axis=0) for states in (ours, theirs))
    return float(np.mean([np.corrcoef(one[at], other[at + late])[0, 1] for at in middle]))


def test_it_begins_as_whisper(shared: Path, work: Path) -> None:
    """All four layers, which see 0.8 s on both sides, are nearest to what Whisper tiny hears with 30 s there and then.

    It is not the same: Whisper's upper layers look further. Without the distances little is left of it.
    """
    samples = audio(shared, work, "kathleen")[: 30 * SAMPLE_RATE]
    path = whisper_layers.model_path()
    model = ctranslate2.models.Whisper(str(path.parent), compute_type="float32", intra_threads=1)
    bands = whisper.log_mel(samples)
    theirs = np.array(model.encode(ctranslate2.StorageView.from_array(bands[None]), to_cpu=True))[0]
    net = SpeechNet(futures=(PAST,) * 4)
    whisper_layers.begin(net, path)
    with torch.no_grad():
        ours = net.encoder(torch.tensor(bands[None]))[0].numpy()
        for layer in net.encoder.layers:
            torch.nn.init.zeros_(layer.apart)
        lost = net.encoder(torch.tensor(bands[None]))[0].numpy()
    there = likeness(ours, theirs, 0)
    assert there > 0.4 and there > 1.5 * max(likeness(ours, theirs, late) for late in (-2, -1, 1, 2))
    assert likeness(lost, theirs, 0) < 0.5 * there


def test_a_piece_is_heard_as_the_whole() -> None:
    torch.manual_seed(0)
    encoder = Encoder(width=24, head=8, futures=(4, 3))
    features = torch.randn(1, 80, 700)
    begin, reach = 100, STRIDE * 7 + 2
    with torch.no_grad():
        whole, piece = encoder(features), encoder(features[:, :, begin:501])
    first, last = PAST * 2 + 1, (501 - begin - reach) // STRIDE
    torch.testing.assert_close(piece[:, first:last], whole[:, begin // STRIDE :][:, first:last])


def test_another_model_is_refused(tmp_path: Path) -> None:
    (tmp_path / "model.bin").write_bytes(whisper_layers.model_path().read_bytes()[:-1])
    with pytest.raises(ValueError, match=r"model\.bin"):
        whisper_layers.begin(SpeechNet(), tmp_path / "model.bin")
