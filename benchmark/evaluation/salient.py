"""What the step ``saliency`` writes: which photographs it looked at, and a map of each; read without torch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from benchmark.common.csv_rows import write_rows
from benchmark.common.files import atomic
from benchmark.common.terms import Head, Size

SALIENCY = Path("saliency")
IMAGES, MAPS = SALIENCY / "images.csv", SALIENCY / "maps.npy"
WINDOWS, ATTENTION = SALIENCY / "windows.csv", SALIENCY / "attention.npy"
COPIES = 12
"""Noisy copies of an image that a map is averaged over."""

Row = TypeVar("Row", "SalientRow", "WindowsRow")
"""Of an image that has a map."""
Maps = npt.NDArray[np.float16] | npt.NDArray[np.float32]
"""One of each image, shape (n, s, s), values 0 to 1."""


def write_maps(table: Path, kind: type[Row], rows: Sequence[Row], path: Path, maps: Maps) -> None:
    """Write which images were looked at, and their maps."""
    with atomic(path) as partial, partial.open("wb") as stream:
        np.save(stream, maps.astype(np.float16))
    write_rows(table, kind, rows)


@dataclass(frozen=True, slots=True)
class SalientRow:
    """An image whose map is the same row of ``maps.npy``, shape (images, pixels, pixels), values 0 to 1."""

    method: str
    arm: str
    seed: int
    size: Size
    head: Head
    image_id: str
    grade: int
    output: float
    """Score or, of probabilities, the expected grade."""


@dataclass(frozen=True, slots=True)
class WindowsRow:
    """An image, and where a network cuts windows from it by the same row of ``attention.npy``, shape (images, m, m)."""

    method: str
    arm: str
    seed: int
    size: Size
    image_id: str
    grade: int
    output: float
    """The expected grade."""
    side: int
    """Of the image as the network is given it."""
    window: int
    """Side of a window."""
    corners: str
    """First row and column of each window, one after the other."""
