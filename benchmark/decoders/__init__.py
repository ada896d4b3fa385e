"""Rules that turn a head's output into a grade, one file each.

A decoder is a module with ``decode(predictions) -> grades`` (int64, shape (n,), values 0-4). Adding one is adding its
file and its line in :data:`DECODERS`.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Literal, cast

import numpy as np
import numpy.typing as npt

from benchmark.predictions import Predictions

Head = Literal["score", "prob"]


@dataclass(frozen=True, slots=True)
class Entry:
    """Registry line of a decoder."""

    title: str
    """How tables call it."""
    head: Head
    """The head whose output it reads."""


DECODERS: dict[str, Entry] = {
    "argmax": Entry("most probable grade", "prob"),
    "nearest": Entry("nearest grade", "score"),
}
"""Name of the decoder (and of its file) -> its registry line."""

DEFAULT: dict[Head, str] = {"score": "nearest", "prob": "argmax"}
"""The rule that the paper's tables are rebuilt with, per head."""


def decode(name: str, predictions: Predictions) -> npt.NDArray[np.int64]:
    """Grades by the named rule."""
    return cast("npt.NDArray[np.int64]", import_module(f"benchmark.decoders.{name}").decode(predictions))
