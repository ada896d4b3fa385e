"""What may be done to the colours of a prepared square, one file each.

A variant is a module with ``apply(square) -> square``: uint8 RGB, shape (size, size, 3), of the largest size, in which
the retinal disc is the inscribed circle and black lies beyond the photograph. It returns the same shape and leaves its
argument as it is. Adding a variant is adding its file and its line in :data:`NORMALISATIONS`.

Variants work on the square of the largest size, and the smaller sizes are shrunk from what they return. So all sizes
show one picture, as the comparison of sizes asks for; what they clip and round is clipped and rounded on the finest
pixels, before these are averaged; and neither a Gaussian of a fraction of a pixel nor a histogram of a dozen pixels
must stand for a local mean or a local contrast.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import Any

import numpy as np
import numpy.typing as npt

Square = npt.NDArray[np.uint8]
"""RGB, shape (size, size, 3)."""


@dataclass(frozen=True, slots=True)
class Entry:
    """Registry line of a variant."""

    title: str
    """What it shows, in words."""
    background: int = 0
    """Level, 0-255, of every channel where it shows no retina."""


NORMALISATIONS: dict[str, Entry] = {
    "plain": Entry("the photograph's own colours"),
    "graham": Entry("deviation from the local mean colour", background=128),
    "clahe": Entry("lightness equalised locally"),
}
"""Name in ``prepare.colour_normalisation`` (and of the file) -> its registry line."""


def load_normalisation(name: str) -> Callable[[Square], Square]:
    """Import a variant: ``apply(square) -> square``."""
    module: Any = import_module(f"benchmark.images.colour_normalisation.{name}")
    return module.apply  # type: ignore[no-any-return]
