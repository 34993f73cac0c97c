"""Open Sound Control 1.0: a bundle a shape, for VRChat's avatar parameters and for Virtual Motion Capture (VMC)."""

from __future__ import annotations

import struct
from collections.abc import Mapping

_AT_ONCE = 1
_VRCHAT = "/avatar/parameters/"
_VMC_VALUE, _VMC_APPLY = "/VMC/Ext/Blend/Val", "/VMC/Ext/Blend/Apply"


def vrchat(values: Mapping[str, float]) -> bytes:
    """A float parameter of the avatar for each value."""
    return _bundle([_message(_VRCHAT + name, value) for name, value in values.items()])


def vmc(values: Mapping[str, float]) -> bytes:
    """A blend shape for each value, and the word to apply them."""
    return _bundle([*(_message(_VMC_VALUE, name, value) for name, value in values.items()), _message(_VMC_APPLY)])


def _message(address: str, *arguments: str | float) -> bytes:
    tags = "," + "".join("s" if isinstance(argument, str) else "f" for argument in arguments)
    body = (_text(part) if isinstance(part, str) else struct.pack(">f", part) for part in arguments)
    return _text(address) + _text(tags) + b"".join(body)


def _bundle(messages: list[bytes]) -> bytes:
    parts = (struct.pack(">I", len(message)) + message for message in messages)
    return _text("#bundle") + struct.pack(">Q", _AT_ONCE) + b"".join(parts)


def _text(text: str) -> bytes:
    """Ended by at least one zero, and a multiple of four bytes long."""
    raw = text.encode()
    return raw + bytes(4 - len(raw) % 4)
