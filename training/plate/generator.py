"""The refiner in torch: a small U-Net on shuffled pixels, whose output is what to change; its critic and its losses."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812  (its usual name)

from model_runtime.plate.refine import CHANNELS

BASE = 24
WIDTHS = (1, 2, 4, 6)
"""Channels of each floor, times BASE; each floor has half the size of the one above it."""
SHUFFLE = 2
LIPS = (slice(18, 90), slice(28, 100))
"""Rows and columns of the square of 128 in which lips are."""


class Block(nn.Module):
    """Two convolutions around which the input goes as well."""

    def __init__(self, entering: int, leaving: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(entering, leaving, 3, padding=1)
        self.second = nn.Conv2d(leaving, leaving, 3, padding=1)
        self.past = nn.Conv2d(entering, leaving, 1) if entering != leaving else nn.Identity()
        self.act = nn.LeakyReLU(0.1)

    def forward(self, x: Tensor) -> Tensor:
        """[b, entering, h, w] to [b, leaving, h, w]."""
        return self.act(self.second(self.act(self.first(x))) + self.past(x))


class Refiner(nn.Module):
    """planes [b, 9, n, n], levels 0-255, to the change of the picture [b, 3, n, n] in levels."""

    def __init__(self, base: int = BASE) -> None:
        super().__init__()
        widths = [base * width for width in WIDTHS]
        self.enter = nn.Conv2d(CHANNELS * SHUFFLE**2, widths[0], 3, padding=1)
        self.down = nn.ModuleList([Block(a, a) for a in widths[:-1]])
        self.shrink = nn.ModuleList([nn.Conv2d(a, b, 4, 2, 1) for a, b in itertools.pairwise(widths)])
        self.middle = nn.Sequential(Block(widths[-1], widths[-1]), Block(widths[-1], widths[-1]))
        self.grow = nn.ModuleList([nn.Conv2d(b, a, 3, padding=1) for a, b in itertools.pairwise(widths)])
        self.up = nn.ModuleList([Block(2 * a, a) for a in widths[:-1]])
        self.leave = nn.Conv2d(widths[0], 3 * SHUFFLE**2, 3, padding=1)
        nn.init.zeros_(self.leave.weight)
        nn.init.zeros_(self.leave.bias)

    def forward(self, planes: Tensor) -> Tensor:
        """See the class."""
        x = self.enter(F.pixel_unshuffle(planes / 127.5 - 1, SHUFFLE))
        kept = []
        for block, shrink in zip(self.down, self.shrink, strict=True):
            x = block(x)
            kept.append(x)
            x = shrink(x)
        x = self.middle(x)
        for block, grow, past in reversed(list(zip(self.up, self.grow, kept, strict=True))):
            x = block(torch.cat([grow(F.interpolate(x, scale_factor=2.0, mode="nearest")), past], dim=1))
        return 127.5 * torch.tanh(F.pixel_shuffle(self.leave(x), SHUFFLE))


def refined(network: nn.Module, planes: Tensor) -> Tensor:
    """The refined picture [b, 3, n, n], levels, not clamped: a clamp has no gradient where it acts."""
    return planes[:, :3] + planes[:, 6:7] / 255 * network(planes)


class Critic(nn.Module):
    """Tells lips of films from painted ones, patch by patch (Isola et al. 2017), with spectral norm (Miyato 2018).

    [b, 3 + 2, n, n]: a picture and the areas of the lips, to scores [b, 1, n / 8, n / 8]; also the layers between.
    """

    def __init__(self, base: int = 32) -> None:
        super().__init__()
        widths = (5, base, 2 * base, 4 * base)
        norm = nn.utils.parametrizations.spectral_norm
        self.layers = nn.ModuleList([norm(nn.Conv2d(a, b, 4, 2, 1)) for a, b in itertools.pairwise(widths)])
        self.last = norm(nn.Conv2d(widths[-1], 1, 3, padding=1))

    def forward(self, picture: Tensor) -> tuple[Tensor, list[Tensor]]:
        """See the class."""
        x, between = picture, []
        for layer in self.layers:
            x = F.leaky_relu(layer(x), 0.2)
            between.append(x)
        return self.last(x), between


class FaceFeatures(nn.Module):
    """The first layers of the face tracker's landmark network (Apache-2.0), with gradients: what a mouth looks like.

    Reads Conv, PRelu, Add, MaxPool and Pad of the converted graph; everything up to its `depth`-th PRelu.
    """

    TAPS = (4, 8, 12)
    """The activations, counted from 0, whose values are compared."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        graph = onnx.load(str(path)).graph
        self.values = {one.name: torch.from_numpy(np.array(numpy_helper.to_array(one))) for one in graph.initializer}
        self.nodes = list(graph.node)
        self.input = graph.input[0].name

    def forward(self, picture: Tensor) -> list[Tensor]:
        """[b, 3, n, n], levels, to the values of some layers."""
        known: dict[str, Tensor] = {self.input: picture / 255}
        taps: list[Tensor] = []
        seen = 0
        for node in self.nodes:
            attributes = {one.name: onnx.helper.get_attribute_value(one) for one in node.attribute}
            x = known.get(node.input[0])
            rest = [known[name] if name in known else self.values.get(name) for name in node.input[1:]]
            if node.op_type == "Constant":
                self.values[node.output[0]] = torch.from_numpy(np.array(numpy_helper.to_array(attributes["value"])))
                continue
            if x is None:
                raise ValueError(f"the landmark network has {node.op_type} {node.name} on a constant")
            known[node.output[0]] = self._apply(node.op_type, x, rest, attributes)
            if node.op_type == "PRelu":
                if seen in self.TAPS:
                    taps.append(known[node.output[0]])
                seen += 1
                if seen > self.TAPS[-1]:
                    return taps
        raise ValueError("the landmark network ends before the layers that are compared")

    @staticmethod
    def _apply(kind: str, x: Tensor, rest: list[Tensor | None], attributes: dict) -> Tensor:
        if kind == "Transpose":  # the graph begins with one from [h, w, 3]; pictures come in planes already
            return x
        if kind == "Conv":
            pads = list(attributes.get("pads", [0, 0, 0, 0]))
            if attributes.get("auto_pad", b"NOTSET") in (b"SAME_UPPER", b"SAME_LOWER"):
                raise ValueError("automatic padding is not read")
            x = F.pad(x, (pads[1], pads[3], pads[0], pads[2]))
            return F.conv2d(x, rest[0], rest[1], attributes.get("strides", [1, 1]), 0,
                            attributes.get("dilations", [1, 1]), attributes.get("group", 1))  # fmt: skip
        if kind == "PRelu":
            return F.prelu(x, rest[0].flatten())
        if kind == "Add":
            return x + rest[0]
        if kind == "MaxPool":
            return F.max_pool2d(x, attributes["kernel_shape"], attributes["strides"])
        if kind == "Pad":
            ends = rest[0].tolist()
            half = len(ends) // 2
            pads = [end for axis in reversed(range(half)) for end in (ends[axis], ends[half + axis])]
            return F.pad(x, [int(end) for end in pads])
        raise ValueError(f"the landmark network has a layer {kind}, which is not read")


def gradients(picture: Tensor) -> tuple[Tensor, Tensor]:
    """Differences of neighbours, along and down."""
    return picture[..., :, 1:] - picture[..., :, :-1], picture[..., 1:, :] - picture[..., :-1, :]
