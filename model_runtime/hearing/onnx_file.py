"""Reads the graph of an .onnx file with the standard library and numpy, as far as Labial's own networks need it.

The format is a protocol buffer (messages and field numbers: onnx.proto of the ONNX project, version 1.x).
"""

from __future__ import annotations

import struct
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]
Fields = Mapping[int, list[Any]]

TYPES = {1: np.float32, 3: np.int8, 6: np.int32, 7: np.int64, 9: np.bool_, 10: np.float16, 11: np.float64}
"""TensorProto.DataType to numpy."""


@dataclass(frozen=True)
class Node:
    """One operation: values named `inputs` become those named `outputs`; "" is an input that is left out."""

    operation: str
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    attributes: Mapping[str, Any]


@dataclass(frozen=True)
class Graph:
    """Nodes in the order of execution, and the constants by name."""

    nodes: tuple[Node, ...]
    constants: Mapping[str, Array]


def read(path: Path) -> Graph:
    """The graph of a file. Raises ValueError if it is no ONNX model that can be read."""
    try:
        graph = _fields(_fields(path.read_bytes())[7][0])
        constants = dict(_tensor(_fields(raw)) for raw in graph[5])
        nodes = tuple(_node(_fields(raw)) for raw in graph[1])
    except (IndexError, KeyError, struct.error, UnicodeDecodeError) as error:
        raise ValueError(f"{path.name} is not an ONNX model that can be read: {error}") from error
    return Graph(nodes, constants)


def _node(fields: Fields) -> Node:
    attributes = dict(_attribute(_fields(raw)) for raw in fields[5])
    inputs, outputs = (tuple(map(_text, fields[number])) for number in (1, 2))
    return Node(_text(fields[4][0]), inputs, outputs, attributes)


def _attribute(fields: Fields) -> tuple[str, Any]:
    name, kind = _text(fields[1][0]), fields[20][0]
    if kind == 1:
        return name, struct.unpack("<f", fields[2][0])[0]
    if kind == 2:
        return name, _signed(fields[3][0])
    if kind == 3:
        return name, fields[4][0]
    if kind == 4:
        return name, _tensor(_fields(fields[5][0]))[1]
    if kind == 7:
        return name, _integers(fields[8])
    raise KeyError(f"attribute {name} of type {kind}")


def _tensor(fields: Fields) -> tuple[str, Array]:
    shape = _integers(fields[1])
    kind = TYPES[fields[2][0]]
    name = _text(fields[8][0]) if fields[8] else ""
    if fields[9]:
        return name, np.frombuffer(fields[9][0], kind).reshape(shape)
    if fields[4]:
        return name, np.frombuffer(b"".join(fields[4]), "<f4").astype(kind).reshape(shape)
    return name, np.array(_integers(fields[7] or fields[5]), kind).reshape(shape)


def _integers(values: list[Any]) -> list[int]:
    """Repeated int64, packed or not."""
    found: list[int] = []
    for value in values:
        found += list(_varints(value)) if isinstance(value, bytes) else [value]
    return [_signed(value) for value in found]


def _varints(data: bytes) -> Iterator[int]:
    at = 0
    while at < len(data):
        value, at = _varint(data, at)
        yield value


def _fields(data: bytes) -> Fields:
    """A message's fields by number: integers, or bytes for everything with a length and for fixed-size numbers."""
    found: dict[int, list[Any]] = defaultdict(list)
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        number, kind = key >> 3, key & 7
        if kind == 0:
            value, at = _varint(data, at)
            found[number].append(value)
            continue
        if kind == 2:
            size, at = _varint(data, at)
        elif kind in (1, 5):
            size = 8 if kind == 1 else 4
        else:
            raise KeyError(f"wire type {kind}")
        if at + size > len(data):
            raise IndexError("the file ends early")
        found[number].append(data[at : at + size])
        at += size
    return found


def _varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 127) << shift
        at, shift = at + 1, shift + 7
        if byte < 128:
            return value, at


def _signed(value: int) -> int:
    return value - (1 << 64) if value >= 1 << 63 else value


def _text(data: bytes) -> str:
    return data.decode()
