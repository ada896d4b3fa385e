"""The photograph's own colours."""

from __future__ import annotations

from benchmark.images.variants.registry import Square


def apply(square: Square) -> Square:
    """The square as it is."""
    return square
