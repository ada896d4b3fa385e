"""From what networks say of eyes to one answer per eye, one file each.

A blend is a module with ``fit(x, grade, seed, **parameters) -> State``, which learns from columns ``x`` (n, d) and
labels (n,), and ``answer(state, x)``, which gives ``score`` (n,) or ``prob`` (n, 5). A state is plain arrays, written
as safetensors: no pickle is ever read, and equal states are equal files, which an archive of an estimator, dated
inside, is not. Of a forest it is the rows that it was grown on, and it is grown again from them. Adding one is adding
its file and its line in :data:`BLENDS`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Protocol, cast

import numpy as np
import numpy.typing as npt

from benchmark.common.arrays import Ints
from benchmark.common.terms import Head

State = dict[str, npt.NDArray[Any]]
"""What a blend has learnt, array by array."""
Columns = npt.NDArray[np.float32]
"""What it reads of each eye, shape (n, d)."""


class Blend(Protocol):
    """The interface of a module in this package."""

    @staticmethod
    def fit(x: Columns, grade: Ints, seed: int, **parameters: float) -> State: ...

    @staticmethod
    def answer(state: State, x: Columns) -> npt.NDArray[np.float32]: ...


@dataclass(frozen=True, slots=True)
class Entry:
    """Registry line of a blend."""

    title: str
    head: Head
    """What it answers."""
    rule: str
    """The decoder whose cuts are tuned for it, on the patients that it is fitted on."""
    learns: bool = True
    """Whether it is fitted at all: then its cuts are tuned on answers to patients that it was not fitted on."""
    pairs: bool = False
    """Whether it always reads the columns of two eyes, own ones twice where no fellow is read, and then the own eye's
    side: 1 for the right one, 0 for the left one, a half where that is not known."""
    features: bool = False
    """Whether it reads what the nets' ``layer`` gives (mean and, over passes, spread) and not the system's columns."""
    defaults: Mapping[str, float] = field(default_factory=dict)
    """Its parameters and the sources' values."""


_FUSION = {"epochs": 50, "batch": 64, "rate": 0.02, "momentum": 0.9, "weight_decay": 0.0005, "clip": 1}
_GLMNET = {"mix": 0.5, "folds": 30, "penalties": 300}
_MAXOUT = {
    "first": 32,
    "second": 32,
    "epochs": 100,
    "batch": 128,
    "rate": 5e-4,
    "absolute": 2e-5,
    "squares": 5e-3,
    "balanced": 0.2,
    "uniform": 0.3,
}

BLENDS: dict[str, Entry] = {
    "elastic_net": Entry("elastic net", "score", "tuned", pairs=True, defaults=_GLMNET),
    "elastic_nets": Entry(
        "two levels of elastic nets", "score", "tuned", pairs=True, defaults={**_GLMNET, "mix_of_grades": 0.01}
    ),
    "expected": Entry("the probabilities as they are", "prob", "expected_tuned", learns=False),
    "forest": Entry("random forest", "prob", "expected_tuned", defaults={"trees": 1000}),
    "fusion": Entry("fusion of features", "score", "tuned", pairs=True, features=True, defaults=_FUSION),
    "maxout": Entry("maxout network on features", "score", "tuned", pairs=True, features=True, defaults=_MAXOUT),
    "score": Entry("the score as it is", "score", "tuned", learns=False),
}
"""Name of the file in models/blends -> its registry line."""


def load_blend(name: str) -> Blend:
    """Import a blend by the name of its file."""
    return cast("Blend", import_module(f"models.blends.{name}"))
