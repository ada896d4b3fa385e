"""Interface and metadata of the blends in this package, which combine network outputs into one prediction per eye.

Each file is one blend and describes itself in ``ABOUT``. A blend is a module with ``fit(x, grade, seed, **parameters)
-> State``, which is fitted to columns ``x`` (n, d) and labels (n,), and ``predict(state, x)``, which returns ``score``
(n,) or ``prob`` (n, 5). A state is a set of arrays, stored as safetensors: no pickle is read, and equal states are
equal files. A forest's state is its training rows, from which it is refitted.
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
    """True for a fitted blend, whose thresholds are tuned on predictions for patients outside the fit."""
    pairs: bool = False
    """True if the input is the columns of both eyes and the eye's side (1 right, 0 left, 0.5 unknown). Without a
    fellow eye the eye's own columns are repeated."""
    features: bool = False
    """True if the input is features of the networks' ``layer`` (their mean and, with TTA, their spread over the views)
    instead of the system's columns."""
    defaults: Mapping[str, float] = field(default_factory=dict)
    """Parameters and their published values."""


BLENDS = discover(__package__, BlendInfo)
"""Metadata by name of the file."""


def load_blend(name: str) -> Blend:
    """Import a blend by the name of its file."""
    return cast("Blend", import_module(f"{__package__}.{name}"))
