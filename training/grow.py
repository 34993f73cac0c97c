"""A larger network that begins as the function that a smaller one has learned, read back from its speech.onnx.

After Net2Net (Chen, Goodfellow and Shlens 2016): channels and blocks are added whose effect is zero at first.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor

from .model import Convolution, SpeechNet, View
from .weighting import weight

INTEGERS, SCALE, HALF = ".int8", ".scale", ".half"
"""What is added to a kernel's name where it is stored in int8, or in float16 as in Labial 0.1.0."""


def learned(path: Path) -> tuple[dict[str, Tensor], list[View]]:
    """The weights of a speech.onnx by the names of their layers, in float32, and the views of its blocks."""
    graph = onnx.load(path).graph
    raw = {item.name: numpy_helper.to_array(item).astype(np.float32) for item in graph.initializer}
    stored = {name.removesuffix(HALF): torch.tensor(values) for name, values in raw.items()}
    for name, values in raw.items():
        if name.endswith(INTEGERS):
            whole = name.removesuffix(INTEGERS)
            stored[whole] = torch.tensor(values * raw[whole + SCALE])
    weights = {name.removeprefix("net."): values for name, values in stored.items() if name.startswith("net.norm.")}
    views = {}
    for node in graph.node:
        if node.op_type != "Conv" or "log_mel" in node.input[1]:
            continue
        layer = node.input[1].removeprefix("net.").removesuffix(".weight")
        weights[f"{layer}.weight"] = kernel = stored[node.input[1]]
        weights[f"{layer}.bias"] = stored[node.input[2]] if len(node.input) > 2 else torch.zeros(len(kernel))
        if layer.endswith("convolution.conv"):
            given = {item.name: onnx.helper.get_attribute_value(item) for item in node.attribute}
            views[int(layer.split(".")[1])] = View(given["dilations"][0], given["pads"][1])
    return weights, [views[number] for number in sorted(views)]


def places(small: list[View], large: tuple[View, ...]) -> list[int]:
    """Where the blocks of the small network are in the large one. Raises ValueError if they do not fit in order."""
    found: list[int] = []
    for view in small:
        rest = [n for n in range(found[-1] + 1 if found else 0, len(large)) if large[n] == view]
        if not rest:
            raise ValueError("the larger network does not have the blocks of the smaller one, in their order")
        found.append(rest[0])
    return found


@torch.no_grad()
def grow(net: SpeechNet, path: Path, waveforms: Tensor) -> None:
    """Fill `net` so that it computes what the network of `path` does.

    waveforms [batch, n]: examples by which the norms, which the exported network has no more, get their statistics.
    """
    weights, views = learned(path)
    parts = [("stem.conv", net.stem)]
    mixes = []
    for number, place in enumerate(places(views, net.views)):
        parts.append((f"blocks.{number}.convolution.conv", net.blocks[place].convolution))
        mixes.append((f"blocks.{number}.mix", net.blocks[place].mix))
    for name, mix in mixes:
        _lay(mix.weight, weights[f"{name}.weight"])
        _lay(mix.bias, weights[f"{name}.bias"])
    for name, part in parts:
        _lay(part.conv.weight, weights[f"{name}.weight"])
    _lay(net.heads.weight, weights["heads.weight"])
    _lay(net.heads.bias, weights["heads.bias"])
    weight(net, 1.0)
    biases = {id(part): weights[f"{name}.bias"] for name, part in parts}

    def settle(part: Convolution) -> None:
        def hook(_: object, __: object, out: Tensor) -> None:
            _measure(part.norm, out)
            if id(part) in biases:
                kept = len(biases[id(part)])
                part.norm.weight[:kept] = torch.sqrt(part.norm.running_var[:kept] + part.norm.eps)
                part.norm.bias[:kept] = biases[id(part)] + part.norm.running_mean[:kept]

        hooks.append(part.conv.register_forward_hook(hook))

    hooks: list[torch.utils.hooks.RemovableHandle] = []
    for part in (net.stem, *(block.convolution for block in net.blocks)):
        settle(part)
    hooks.append(net.norm.register_forward_pre_hook(lambda _, given: _measure(net.norm, given[0])))
    net.eval()
    net(waveforms)
    for handle in hooks:
        handle.remove()
    for key in ("weight", "bias", "running_mean", "running_var"):
        _lay(getattr(net.norm, key), weights[f"norm.{key}"])


def _measure(norm: torch.nn.BatchNorm1d, x: Tensor) -> None:
    assert norm.running_mean is not None and norm.running_var is not None
    norm.running_mean.copy_(x.mean((0, 2)))
    norm.running_var.copy_(x.var((0, 2)))


def _lay(whole: Tensor, part: Tensor) -> None:
    """Put `part` into the corner of `whole`. What its rows get from new columns is zero."""
    corner = tuple(slice(0, size) for size in part.shape)
    if whole.ndim > 1:
        whole[: part.shape[0], part.shape[1] :] = 0.0
    whole[corner] = part
