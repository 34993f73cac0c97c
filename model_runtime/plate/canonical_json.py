"""One value, one spelling: JSON that is signed or hashed, after RFC 8785 (JSON Canonicalization Scheme).

Members are sorted by the UTF-16 code units of their names, nothing stands between the tokens, strings are UTF-8 with
only the escapes that JSON asks for, and no text is normalised. Numbers are whole and within ±(2⁵³ − 1), so that the
RFC's rules for fractions never come into play. Fractions, NaN, infinity and names given twice are refused.
"""

from __future__ import annotations

import json
from typing import Any, NoReturn

LARGEST = 2**53 - 1
"""The largest whole number that every reader of JSON keeps exactly (RFC 7493)."""
LARGEST_FILE = 1_000_000
"""Bytes; no document that is signed here comes near it."""


def encode(value: Any) -> bytes:
    """The canonical UTF-8 form. Raises ValueError on what has none: fractions, half a surrogate pair, other types."""
    return _text(value).encode("utf-8")


def decode(data: bytes) -> Any:
    """Reads any JSON text strictly. Raises ValueError saying what is wrong with it.

    A document may be spelled in many ways, with spaces and in any order; what is refused is what two readers could
    understand differently.
    """
    if len(data) > LARGEST_FILE:
        raise ValueError(f"it is larger than {LARGEST_FILE} bytes")
    try:
        value = json.loads(
            data.decode("utf-8"), object_pairs_hook=_members, parse_float=_no_fraction, parse_constant=_no_fraction
        )
        encode(value)
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    return value


def _text(value: Any) -> str:
    if isinstance(value, dict):
        if not all(isinstance(name, str) for name in value):
            raise ValueError("a name is no text")
        names = sorted(value, key=lambda name: name.encode("utf-16-be"))
        return "{" + ",".join(f"{_text(name)}:{_text(value[name])}" for name in names) + "}"
    if isinstance(value, list | tuple):
        return "[" + ",".join(map(_text, value)) + "]"
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, int):
        if abs(value) > LARGEST:
            raise ValueError(f"the number {value} is too large")
        return str(value)
    raise ValueError(f"{value!r} has no canonical form")


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f'"{twice}" is given twice')
    return members


def _no_fraction(text: str) -> NoReturn:
    raise ValueError(f"{text} is no whole number")
