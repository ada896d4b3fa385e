"""Files of the step ``saliency``: the photographs that were explained, and a map of each. Reading needs no torch."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from benchmark.common.csv_rows import read_rows, write_rows
from benchmark.common.errors import InputError
from benchmark.common.files import atomic
from benchmark.common.terms import Head, Size

SALIENCY = Path("saliency")
SALIENCY_IMAGES, SALIENCY_MAPS = SALIENCY / "images.csv", SALIENCY / "maps.npy"
WINDOWS_FILE, ATTENTION_MAPS = SALIENCY / "windows.csv", SALIENCY / "attention.npy"
N_NOISY_COPIES = 12
"""Number of noisy copies of an image that a map is averaged over."""

MapRow = TypeVar("MapRow", "SaliencyRow", "WindowsRow")
"""Row of an image that has a map."""
Maps = npt.NDArray[np.float16] | npt.NDArray[np.float32]
"""One map per image, shape (n, s, s), values 0 to 1."""


def write_maps(table: Path, kind: type[MapRow], rows: Sequence[MapRow], path: Path, maps: Maps) -> None:
    """Write the table of images and their maps."""
    with atomic(path) as partial, partial.open("wb") as stream:
        np.save(stream, maps.astype(np.float16))
    write_rows(table, kind, rows)


def read_maps(table: Path, kind: type[MapRow], path: Path) -> tuple[list[MapRow], Maps]:
    """Read the table of images and their maps; both are empty if the stage has not run.

    Raises InputError if a file is damaged.
    """
    if not table.exists():
        return [], np.zeros((0, 0, 0), np.float16)
    rows = read_rows(table, kind, "fundusbench saliency")
    with suppress(OSError, ValueError, EOFError):
        maps: Maps = np.load(path)
        if len(maps) == len(rows):
            return rows, maps
    msg = f"{path} must hold a map of each image in {table}, but does not: run `fundusbench saliency` again"
    raise InputError(msg)


@dataclass(frozen=True, slots=True)
class SaliencyRow:
    """An image; its map has the same index in ``maps.npy``, shape (images, pixels, pixels), values 0 to 1."""

    method: str
    arm: str
    seed: int
    size: Size
    head: Head
    image_id: str
    grade: int
    output: float
    """Score, or the expected grade of the probabilities."""


@dataclass(frozen=True, slots=True)
class WindowsRow:
    """An image and its windows; its attention map has the same index in ``attention.npy``, shape (images, m, m)."""

    method: str
    arm: str
    seed: int
    size: Size
    image_id: str
    grade: int
    output: float
    """The expected grade."""
    side: int
    """Side of the network's input image."""
    window: int
    """Side of a window."""
    corners: str
    """First row and first column of each window, separated by spaces."""
