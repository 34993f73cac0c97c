"""Live: a voice in, shapes of its mouth out to whoever listens on this machine."""

from __future__ import annotations

import json
import socket
import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from ..contracts import CHANNELS, Float32
from ..errors import LipSyncError
from ..rigs.presets import RigPreset, load_presets
from ..rigs.retarget import standard_weights
from . import osc
from .face_packet import packet
from .mouth import DELAY, HEARD, RATE, LiveMouth, MouthFrame
from .sources import Source
from .websocket import HOST, WebSocketServer

PORTS = {"websocket": 8765, "vrchat": 9000, "vmc": 39539, "livelink": 11111}
RIGS = {"websocket": "", "vrchat": "arkit52", "vmc": "vrm1", "livelink": "arkit52"}
"""The standard of each protocol's names; "" are the 15 visemes, the jaw and what else a mouth track has."""
_KEPT = 60 * RATE
"""Measurements of the last minute are kept."""


class Sender(Protocol):
    """Where shapes go; `address` says it to people."""

    address: str

    def wait(self) -> None:
        """Returns when somebody listens, as far as that can be known."""

    def send(self, seconds: float, values: Mapping[str, float]) -> None:
        """One shape: its moment in the sound, and values 0-1 by name."""

    def close(self) -> None:
        """Nothing more comes."""


@dataclass
class Measured:
    """What live mode costs: milliseconds of computing for each hearing, milliseconds from a sound to its shape."""

    computing: deque[float] = field(default_factory=lambda: deque(maxlen=_KEPT))
    behind: deque[float] = field(default_factory=lambda: deque(maxlen=_KEPT))
    shapes: int = 0

    def __str__(self) -> str:
        if not self.computing:
            return "no shapes: there was no sound"
        (work, most), (behind, last) = ((np.mean(x), np.percentile(x, 99)) for x in (self.computing, self.behind))
        return (
            f"{self.shapes} shapes, {behind:.0f} ms behind the sound (99 % within {last:.0f}); "
            f"{work:.1f} ms of computing for each {1000.0 * HEARD:.0f} ms of sound (99 % within {most:.1f})"
        )


class Vocabulary:
    """The names of a rig preset, or of the mouth track's own channels, perhaps as one character spells them."""

    def __init__(self, rig: str, names: Mapping[str, str] | None = None) -> None:
        """Raises LipSyncError if there is no such preset, or it has no such name."""
        preset = _preset(rig) if rig else None
        own = preset.names if preset else CHANNELS
        if unknown := sorted(set(names or {}) - set(own)):
            raise LipSyncError(f"There is no {', '.join(unknown)} in {rig or 'the channels'}: {', '.join(own)}.")
        self.names = tuple((names or {}).get(name, name) for name in own)
        self._weights = standard_weights(preset) if preset else np.eye(len(CHANNELS), dtype=np.float32)

    def values(self, channels: Float32) -> dict[str, float]:
        """channels: float32 [channels] of the mouth."""
        return dict(zip(self.names, np.clip(channels @ self._weights, 0.0, 1.0).tolist(), strict=True))


def vocabulary(protocol: str, rig: str | None, names: Mapping[str, str]) -> Vocabulary:
    """What a protocol says unless told otherwise. Raises LipSyncError if it can say nothing else."""
    if protocol == "livelink" and (names or rig not in (None, RIGS[protocol])):
        raise LipSyncError("Live Link Face takes ARKit's own names alone. Leave --rig and --names out.")
    return Vocabulary(RIGS[protocol] if rig is None else rig, names)


class WebSocketSender:
    """JSON to every client: first what comes and how, then `{"time": seconds, "values": {name: 0-1}}`."""

    def __init__(self, port: int, names: Sequence[str], origins: Sequence[str] = ()) -> None:
        greeting = {"labial": "live", "rate": RATE, "delay": DELAY, "names": list(names)}
        self._server = WebSocketServer(port, json.dumps(greeting), origins)
        self.address = f"ws://{HOST}:{self._server.port}"

    def wait(self) -> None:
        """Until the first client is there."""
        while not self._server.someone.wait(0.2):  # with an end, or Ctrl-C would not be heard on Windows
            continue

    def send(self, seconds: float, values: Mapping[str, float]) -> None:
        """To all clients."""
        rounded = {name: round(value, 4) for name, value in values.items()}
        self._server.send(json.dumps({"time": round(seconds, 4), "values": rounded}, separators=(",", ":")))

    def close(self) -> None:
        """Ends the server."""
        self._server.close()


class DatagramSender:
    """A UDP datagram a shape to a port of this machine; nobody needs to listen."""

    def __init__(self, port: int, encode: Callable[[float, Mapping[str, float]], bytes]) -> None:
        self._to, self._encode = (HOST, port), encode
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.address = f"udp://{HOST}:{port}"

    def wait(self) -> None:
        """Nobody answers a datagram."""

    def send(self, seconds: float, values: Mapping[str, float]) -> None:
        """As the protocol wants it."""
        self._socket.sendto(self._encode(seconds, values), self._to)

    def close(self) -> None:
        """Ends it."""
        self._socket.close()


def sender(protocol: str, port: int | None, names: Sequence[str], origins: Sequence[str] = ()) -> Sender:
    """What speaks a protocol of `PORTS`, on its usual port without one. Raises LipSyncError if that is taken."""
    port = PORTS[protocol] if port is None else port
    if protocol == "websocket":
        return WebSocketSender(port, names, origins)
    encoders: dict[str, Callable[[float, Mapping[str, float]], bytes]] = {
        "vrchat": lambda _, values: osc.vrchat(values),
        "vmc": lambda _, values: osc.vmc(values),
        "livelink": lambda seconds, values: packet(values, round(seconds * RATE), RATE),
    }
    return DatagramSender(port, encoders[protocol])


def serve(source: Source, mouth: LiveMouth, vocabulary: Vocabulary, out: Sender, measured: Measured) -> None:
    """Sends the shapes of a source until it ends or KeyboardInterrupt is raised; then the mouth rests."""
    at = 0.0
    try:
        for frame in _shapes(source, mouth, measured):
            at = frame.time
            out.send(at, vocabulary.values(frame.values))
            measured.behind.append(1000.0 * (time.perf_counter() - source.came(at)))
            measured.shapes += 1
    finally:
        out.send(at, vocabulary.values(np.eye(1, len(CHANNELS), dtype=np.float32)[0]))


def _shapes(source: Source, mouth: LiveMouth, measured: Measured) -> Iterator[MouthFrame]:
    """The shapes of a source as they are decided."""
    spent = 0.0
    for block in source:
        begun = time.thread_time()
        frames = mouth.push(block)
        spent += time.thread_time() - begun
        if frames:
            measured.computing.append(1000.0 * spent)
            spent = 0.0
        yield from frames
    yield from mouth.finish()


def _preset(rig: str) -> RigPreset:
    known = {preset.id: preset for preset in load_presets()}
    if rig not in known:
        raise LipSyncError(f"There is no rig preset {rig}. Choose one of {', '.join(known)}.")
    return known[rig]
