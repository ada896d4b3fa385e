"""No normalisation: the photograph's own colours."""

from __future__ import annotations

from benchmark.images.colour_normalisation.registry import NormalisationInfo, Square

ABOUT = NormalisationInfo("the photograph's own colours")


def apply(square: Square) -> Square:
    """Return the square unchanged."""
    return square
