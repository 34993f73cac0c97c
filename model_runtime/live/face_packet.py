"""The datagram of Live Link Face: 61 values of Apple's face capture, as Unreal's Live Link takes them on port 11111.

The layout follows the public description of PyLiveLinkFace: version 6 (little endian, all else big endian), "$" and a
UUID of 36 characters, length and name of the subject, frame number and part of a frame, rate as a fraction, the number
of values, the values.
"""

from __future__ import annotations

import struct
import uuid
from collections.abc import Mapping

from ..export.livelink import COLUMNS

_VERSION = 6
_DEVICE = "$" + str(uuid.uuid5(uuid.NAMESPACE_DNS, "labial"))


def packet(values: Mapping[str, float], frame: int, rate: int, subject: str = "Labial") -> bytes:
    """values: by ARKit names in any case of their first letter; what is missing is 0."""
    shown = {name[:1].upper() + name[1:]: value for name, value in values.items()}
    name = subject.encode()
    return b"".join(
        (
            struct.pack("<I", _VERSION),
            _DEVICE.encode(),
            struct.pack(">I", len(name)),
            name,
            struct.pack(">IfII", frame, 0.0, rate, 1),
            struct.pack(f">B{len(COLUMNS)}f", len(COLUMNS), *(shown.get(column, 0.0) for column in COLUMNS)),
        )
    )
