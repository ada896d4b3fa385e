"""Interface and metadata of the blends in this package, which turn outputs of networks into one prediction per eye.

Each file is one blend and describes itself in ``ABOUT``. A blend is a module with ``fit(x, grade, seed, **parameters)
-> State``, which learns from columns ``x`` (n, d) and labels (n,), and ``predict(state, x)``, which returns ``score``
(n,) or ``prob`` (n, 5). A state is a set of plain arrays, stored as safetensors: no pickle is ever read, and equal
states are equal files. The state of a forest is the rows that it was grown on, and it is grown again from them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Protocol, cast

import numpy as np
import numpy.typing as npt

from benchmark.common.arrays import Ints
from benchmark.common.plugins import discover
from benchmark.common.terms import Head

State = dict[str, npt.NDArray[Any]]
"""Fitted state of a blend, array by array."""
Columns = npt.NDArray[np.float32]
"""Inputs of a blend for each eye, shape (n, d)."""


class Blend(Protocol):
    """The interface of a module in this package."""

    @staticmethod
    def fit(x: Columns, grade: Ints, seed: int, **parameters: float) -> State: ...

    @staticmethod
    def predict(state: State, x: Columns) -> npt.NDArray[np.float32]: ...


@dataclass(frozen=True, slots=True)
class BlendInfo:
    """Metadata of a blend."""

    title: str
    """Name in tables."""
    head: Head
    """Output that it predicts."""
    rule: str
    """Decision rule whose thresholds are tuned for it, on the patients that it is fitted on."""
    learns: bool = True
    """Whether it is fitted: thresholds are then tuned on predictions for patients that it was not fitted on."""
    pairs: bool = False
    """Whether it always reads the columns of two eyes, the own ones twice if no fellow is read, followed by the own
    eye's side: 1 for right, 0 for left, 0.5 for unknown."""
    features: bool = False
    """Whether it reads features from the networks' ``layer`` (mean and, over passes, spread) instead of the system's
    columns."""
    defaults: Mapping[str, float] = field(default_factory=dict)
    """Parameters and the sources' values."""


BLENDS = discover(__package__, BlendInfo)
"""Metadata by name of the file."""


def load_blend(name: str) -> Blend:
    """Import a blend by the name of its file."""
    return cast("Blend", import_module(f"{__package__}.{name}"))
