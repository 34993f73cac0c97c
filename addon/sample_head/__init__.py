"""The sample character: a stylised talking head made of code, with ARKit and viseme shape keys and a jaw bone."""

from __future__ import annotations

from .build import build_head

__all__ = ["build_head"]
