"""Interface of the colour normalisations, one file each.

A colour normalisation is a module in this folder with two names. ``ABOUT`` is its :class:`NormalisationInfo`.
``apply(square)`` maps a uint8 RGB square of shape (size, size, 3) to another of the same shape and leaves its argument
unchanged. The field of view is the inscribed circle of the square; pixels beyond the photograph are black.

It is applied at the largest size, and the smaller sizes are shrunk from its output. So all sizes show the same picture,
clipping and rounding happen at the finest pixels, and local means and contrasts are estimated from enough pixels.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
import numpy.typing as npt

from benchmark.common.plugins import discover

Square = npt.NDArray[np.uint8]
"""RGB image of shape (size, size, 3)."""


@dataclass(frozen=True, slots=True)
class NormalisationInfo:
    """Metadata of a colour normalisation, the ``ABOUT`` of its file."""

    title: str
    """Description of the resulting image."""
    background: int = 0
    """Value, 0-255, of all channels outside the retina."""


NORMALISATIONS = discover("benchmark.images.colour_normalisation", NormalisationInfo)
"""Metadata of each colour normalisation by the name of its file, which ``prepare.colour_normalisation`` takes."""


def load_normalisation(name: str) -> Callable[[Square], Square]:
    """Import the function ``apply`` of a colour normalisation."""
    module: Any = import_module(f"benchmark.images.colour_normalisation.{name}")
    return module.apply  # type: ignore[no-any-return]
