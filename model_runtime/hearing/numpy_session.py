"""The same graph without onnxruntime: numpy runs the operations of Labial's network, some times slower.

`NumpySession` has the one method of onnxruntime's InferenceSession that Labial calls. Operations mean what the ONNX
operator specification (opset 18) says, for the cases that the network uses.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .onnx_file import Graph, Node, read

Array = NDArray[Any]


class NumpySession:
    """A loaded graph. Raises ValueError if it is damaged or holds an operation that is not known here."""

    def __init__(self, path: Path) -> None:
        self.graph = read(path)
        unknown = sorted({node.operation for node in self.graph.nodes} - set(OPERATIONS))
        if unknown:
            raise ValueError(f"{path.name} uses {', '.join(unknown)}, which numpy does not run here")
        self.constants, self.nodes = _folded(self.graph)
        self.last_use = {name: i for i, node in enumerate(self.nodes) for name in node.inputs}

    def run(self, outputs: Sequence[str], feed: Mapping[str, Array]) -> list[Array]:
        """The named outputs for arrays by input name."""
        values: dict[str, Array] = {**self.constants, **feed}
        for i, node in enumerate(self.nodes):
            with np.errstate(divide="ignore", over="ignore"):  # digital silence: its logarithm is minus infinity
                _apply(node, values)
            for name in node.inputs:  # what nobody needs any more is let go, or every layer would stay in memory
                if self.last_use[name] == i and name not in outputs and name not in self.constants:
                    values.pop(name, None)
        return [values[name] for name in outputs]


def _folded(graph: Graph) -> tuple[dict[str, Array], list[Node]]:
    """What depends on constants alone (weights stored in int8), worked out and laid out for `_conv` once."""
    constants, nodes = dict(graph.constants), []
    for node in graph.nodes:
        if all(name in constants for name in node.inputs if name):
            _apply(node, constants)
        else:
            nodes.append(node)
    for name in {node.inputs[1] for node in nodes if node.operation == "Conv"} & constants.keys():
        # Each tap contiguous: NumPy 1.26, which Blender 4.5 has, multiplies anything else ten times slower.
        constants[name] = np.ascontiguousarray(constants[name].transpose(2, 0, 1)).transpose(1, 2, 0)
    return constants, nodes


def _apply(node: Node, values: dict[str, Array]) -> None:
    made = OPERATIONS[node.operation](node.attributes, *(values[name] if name else None for name in node.inputs))
    values.update(zip(node.outputs, made if isinstance(made, list) else [made], strict=True))


def _conv(a: Mapping[str, Any], x: Array, weight: Array, bias: Array | None = None) -> Array:
    """One-dimensional, one group: x [1, in, n] and weight [out, in, width] to [1, out, m]."""
    (dilation,), (stride,), (before, after) = a["dilations"], a["strides"], a["pads"]
    if a["group"] != 1 or len(x) != 1:
        raise ValueError("only one group and one signal")
    signal = np.pad(x[0], ((0, 0), (before, after)))
    width = weight.shape[2]
    count = (signal.shape[1] - dilation * (width - 1) - 1) // stride + 1
    if weight.shape[1] == 1:
        windows = np.lib.stride_tricks.sliding_window_view(signal[0], width)[::stride]
        out = weight[:, 0] @ np.ascontiguousarray(windows).T
    else:
        out = np.zeros((len(weight), count), np.float32)
        for tap in range(width):
            start = tap * dilation
            seen = signal[:, start : start + (count - 1) * stride + 1 : stride]
            out += weight[:, :, tap] @ np.ascontiguousarray(seen)
    return np.asarray(out if bias is None else out + bias[:, None])[None]


def _erf(_: Mapping[str, Any], x: Array) -> Array:
    """Abramowitz and Stegun 1964, formula 7.1.26: at most 1.5e-7 off."""
    size = np.abs(x)
    t = 1 / (1 + np.float32(0.3275911) * size)
    series = np.zeros_like(t)
    for factor in (1.061405429, -1.453152027, 1.421413741, -0.284496736, 0.254829592):
        series = (series + np.float32(factor)) * t
    return np.asarray(np.copysign(1 - series * np.exp(-size * size), x))


def _layer_norm(a: Mapping[str, Any], x: Array, scale: Array, bias: Array) -> Array:
    """Over the last axis."""
    centred = x - x.mean(axis=-1, keepdims=True)
    variance = np.square(centred).mean(axis=-1, keepdims=True)
    return np.asarray(centred / np.sqrt(variance + np.float32(a["epsilon"])) * scale + bias)


def _average_pool(a: Mapping[str, Any], x: Array) -> Array:
    (width,), (stride,) = a["kernel_shape"], a["strides"]
    return np.asarray(np.lib.stride_tricks.sliding_window_view(x, width, axis=2)[:, :, ::stride].mean(axis=3))


def _norm(a: Mapping[str, Any], x: Array, scale: Array, bias: Array, mean: Array, variance: Array) -> Array:
    factor = scale / np.sqrt(variance + np.float32(a["epsilon"]))
    return np.asarray(x * factor[:, None] + (bias - mean * factor)[:, None])


def _softmax(a: Mapping[str, Any], x: Array) -> Array:
    raised = np.exp(x - x.max(axis=a["axis"], keepdims=True))
    return np.asarray(raised / raised.sum(axis=a["axis"], keepdims=True))


def _slice(_: Mapping[str, Any], x: Array, starts: Array, ends: Array, axes: Array, steps: Array) -> Array:
    cut: list[slice] = [slice(None)] * x.ndim
    for start, end, axis, step in zip(starts, ends, axes, steps, strict=True):
        cut[axis] = slice(int(start), int(end), int(step))
    return x[tuple(cut)]


def _split(a: Mapping[str, Any], x: Array, sizes: Array | None = None) -> list[Array]:
    if sizes is None:
        return np.array_split(x, a["num_outputs"], axis=a["axis"])
    return np.split(x, np.cumsum(sizes)[:-1], axis=a["axis"])


def _pad(_: Mapping[str, Any], x: Array, pads: Array) -> Array:
    return np.pad(x, list(zip(pads[: x.ndim], pads[x.ndim :], strict=True)))


def _divide(_: Mapping[str, Any], x: Array, y: Array) -> Array:
    return x // y if x.dtype.kind == "i" else x / y


def _cast(a: Mapping[str, Any], x: Array) -> Array:
    return x.astype({1: np.float32, 7: np.int64}[a["to"]])


OPERATIONS: dict[str, Callable[..., Any]] = {
    "Add": lambda _, x, y: x + y,
    "AveragePool": _average_pool,
    "BatchNormalization": _norm,
    "Cast": _cast,
    "Concat": lambda a, *parts: np.concatenate(parts, axis=a["axis"]),
    "Conv": _conv,
    "Div": _divide,
    "Erf": _erf,
    "Exp": lambda _, x: np.exp(x),
    "Expand": lambda _, x, shape: np.broadcast_to(x, np.broadcast_shapes(x.shape, tuple(shape))),
    "Gather": lambda a, x, index: np.take(x, index, axis=a["axis"]),
    "Greater": lambda _, x, y: x > y,
    "LayerNormalization": _layer_norm,
    "Log": lambda _, x: np.log(x),
    "MatMul": lambda _, x, y: x @ y,
    "Max": lambda _, x, y: np.maximum(x, y),
    "Min": lambda _, x, y: np.minimum(x, y),
    "Mul": lambda _, x, y: x * y,
    "Pad": _pad,
    "Reciprocal": lambda _, x: 1 / x,
    "ReduceMean": lambda a, x, axes: x.mean(axis=tuple(axes), keepdims=bool(a["keepdims"])),
    "Relu": lambda _, x: np.maximum(x, 0),
    "Reshape": lambda _, x, shape: x.reshape(shape),
    "Shape": lambda a, x: np.array(x.shape, np.int64)[a.get("start", 0) : a.get("end")],
    "Sigmoid": lambda _, x: 1 / (1 + np.exp(-x)),
    "Slice": _slice,
    "Softmax": _softmax,
    "Split": _split,
    "Sqrt": lambda _, x: np.sqrt(x),
    "Squeeze": lambda _, x, axes=None: x.squeeze() if axes is None else np.squeeze(x, tuple(axes)),
    "Sub": lambda _, x, y: x - y,
    "Transpose": lambda a, x: x.transpose(a["perm"]),
    "Unsqueeze": lambda _, x, axes: np.expand_dims(x, tuple(axes)),
}
