"""Verifying Ed25519 signatures with whole numbers alone, after RFC 8032, so that the gate needs no package.

Nothing here is secret, so nothing needs to take constant time; signing is left to `cryptography`.
"""

from __future__ import annotations

import hashlib

P = 2**255 - 19
"""The field's prime."""
L = 2**252 + 27742317777372353535851937790883648493
"""The order of the base point."""
D = -121665 * pow(121666, -1, P) % P
"""The constant of the curve -x² + y² = 1 + D x² y²."""
ROOT_OF_MINUS_ONE = pow(2, (P - 1) // 4, P)

Point = tuple[int, int, int, int]
"""Extended homogeneous coordinates (X, Y, Z, T): x = X/Z, y = Y/Z, xy = T/Z."""
NEUTRAL: Point = (0, 1, 1, 0)


def verify(public_key: bytes, message: bytes, signature: bytes) -> bool:
    """Whether the signature is that of the key's owner over exactly this message (RFC 8032, 5.1.7).

    Decoding is strict, so a signature has one spelling: S below L, points with y below P and no negative zero. The
    equation is the RFC's without the cofactor, [S]B = R + [k]A. A key of small order is refused as well: it would let
    anyone sign.
    """
    if len(public_key) != 32 or len(signature) != 64:
        return False
    a, r, s = _decode(public_key), _decode(signature[:32]), int.from_bytes(signature[32:], "little")
    if a is None or r is None or s >= L or _equal(_times(8, a), NEUTRAL):
        return False
    k = int.from_bytes(hashlib.sha512(signature[:32] + public_key + message).digest(), "little") % L
    return _equal(_times(s, BASE), _sum(r, _times(k, a)))


def _decode(data: bytes) -> Point | None:
    """The point of 32 bytes: y with the lowest bit of x on top (RFC 8032, 5.1.3); None if there is none."""
    number = int.from_bytes(data, "little")
    y, odd = number & (2**255 - 1), number >> 255
    if y >= P:
        return None
    x = _root((y * y - 1) * pow(D * y * y + 1, -1, P) % P)
    if x is None or (x == 0 and odd):
        return None
    if x & 1 != odd:
        x = P - x
    return (x, y, 1, x * y % P)


def _root(square: int) -> int | None:
    """A square root modulo P, which is 5 modulo 8."""
    x = pow(square, (P + 3) // 8, P)
    if (x * x - square) % P:
        x = x * ROOT_OF_MINUS_ONE % P
    return x if (x * x - square) % P == 0 else None


def _sum(p: Point, q: Point) -> Point:
    """The complete addition of RFC 8032, 5.1.4."""
    a, b = (p[1] - p[0]) * (q[1] - q[0]) % P, (p[1] + p[0]) * (q[1] + q[0]) % P
    c, d = 2 * p[3] * q[3] * D % P, 2 * p[2] * q[2] % P
    e, f, g, h = b - a, d - c, d + c, b + a
    return (e * f % P, g * h % P, f * g % P, e * h % P)


def _times(factor: int, point: Point) -> Point:
    result = NEUTRAL
    for bit in f"{factor:b}":
        result = _sum(result, result)
        if bit == "1":
            result = _sum(result, point)
    return result


def _equal(p: Point, q: Point) -> bool:
    return (p[0] * q[2] - q[0] * p[2]) % P == 0 and (p[1] * q[2] - q[1] * p[2]) % P == 0


def _base() -> Point:
    point = _decode((4 * pow(5, -1, P) % P).to_bytes(32, "little"))
    assert point is not None
    return point


BASE = _base()
"""The point with y = 4/5 and even x."""
