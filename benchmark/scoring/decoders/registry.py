"""Interface and metadata of the decoders in this package, the rules that turn a head's output into a grade.

Each file is one decoder and describes itself in ``ABOUT``. A decoder is a module with ``decode(predictions) -> grades``
(int64, shape (n,), values 0-4). One that cuts at given places takes them as ``decode(predictions, cuts)``. One whose
cuts are tuned also has ``fit(predictions) -> cuts``, which only :func:`fit_on` calls, with the validation split or with
train patients that no network was fitted on.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from math import inf
from typing import Any, Literal

import numpy as np

from benchmark.common.arrays import Grades
from benchmark.common.cuts import Cuts
from benchmark.common.errors import InputError
from benchmark.common.plugins import discover
from benchmark.common.terms import DEFAULT as DEFAULT
from benchmark.common.terms import Head, Split
from benchmark.runs.predictions import Predictions
from benchmark.scoring.kappa import confusion_matrix, quadratic_weighted_kappa


@dataclass(frozen=True, slots=True)
class DecoderInfo:
    """Metadata of a decoder."""

    title: str
    """Name in tables."""
    head: Head
    """Output that it reads."""
    cuts: Literal["none", "given", "tuned"] = "none"
    """Whether it takes cuts: none, given ones (it has defaults), or ones that must be tuned first."""
    order: float = inf
    """Place in tables: rules are sorted by this, then by name."""


DECODERS = discover(__package__, DecoderInfo)
"""Metadata by name of the file, in the order of tables."""


@dataclass(frozen=True, slots=True)
class Fitted:
    """A decoder with the cuts that were tuned for it on the validation split; made by :func:`fit_on`."""

    name: str
    cuts: Cuts

    def decode(self, predictions: Predictions) -> Grades:
        """Grades of any split by these cuts."""
        return decode(self.name, predictions, self.cuts)


def decode(name: str, predictions: Predictions, cuts: Cuts | None = None) -> Grades:
    """Grades by the named rule.

    Args:
        name: a key of :data:`DECODERS`.
        predictions: outputs; the head that the rule reads must be there.
        cuts: where to cut, for a rule that takes cuts.

    Raises:
        InputError: there is no such rule or head, the cuts do not ascend, or they are missing or out of place.
    """
    entry = _entry(name, predictions)
    if cuts is None:
        if entry.cuts == "tuned":
            msg = f"decoder {name!r} needs cuts, but none were given: tune them on the validation split with fit_on"
            raise InputError(msg)
        grades: Grades = _module(name).decode(predictions)
        return grades
    if entry.cuts == "none":
        msg = f"decoder {name!r} takes no cuts, but got {cuts}: leave them out"
        raise InputError(msg)
    if len(cuts) != 4 or not np.isfinite(cuts).all() or (np.diff(cuts) < 0).any():
        msg = f"cuts must be four ascending numbers, but got {cuts}: correct them"
        raise InputError(msg)
    grades = _module(name).decode(predictions, cuts)
    return grades


def default_kappa(head: Head, predictions: Predictions) -> float:
    """Quadratic weighted kappa of a head by its default rule; 0 where it is undefined (one grade everywhere)."""
    kappa = quadratic_weighted_kappa(confusion_matrix(predictions.grade, decode(DEFAULT[head], predictions)))
    return 0.0 if np.isnan(kappa) else kappa


def fit_on(split: Split | Literal["holdout"], name: str, predictions: Predictions) -> Fitted:
    """Tune a rule's cuts for the highest quadratic weighted kappa.

    Args:
        split: what ``predictions`` are of: only "val" and the role "holdout" of train are accepted, so that nothing is
            tuned on test.
        name: a decoder with tuned cuts.
        predictions: outputs and labels.

    Raises:
        InputError: the split is not val, the rule has nothing to tune, or the labels hold fewer than two grades.
    """
    if split not in ("val", "holdout"):
        msg = (
            f"cuts may be tuned on val or on blend patients alone, but got {split!r}: fit there, then decode "
            f"{split!r} with the result"
        )
        raise InputError(msg)
    entry = _entry(name, predictions)
    if entry.cuts != "tuned":
        known = ", ".join(key for key, line in DECODERS.items() if line.cuts == "tuned")
        msg = f"only {known} can be tuned, but got {name!r}: use decode for it"
        raise InputError(msg)
    if len(np.unique(predictions.grade)) < 2:
        msg = (
            f"tuning cuts needs two grades or more among the labels of {split}, but {name!r} got fewer: decode untuned"
        )
        raise InputError(msg)
    return Fitted(name, _module(name).fit(predictions))


def applicable(predictions: Predictions) -> list[str]:
    """Names of the decoders whose head is there, in the order of tables."""
    return [name for name, entry in DECODERS.items() if getattr(predictions, entry.head) is not None]


def _entry(name: str, predictions: Predictions) -> DecoderInfo:
    if name not in DECODERS:
        msg = f"a decoder must be one of {', '.join(DECODERS)}, but got {name!r}: correct it"
        raise InputError(msg)
    entry = DECODERS[name]
    if getattr(predictions, entry.head) is None:
        msg = f"decoder {name!r} reads the {entry.head} head, but these predictions lack it: take another decoder"
        raise InputError(msg)
    return entry


def _module(name: str) -> Any:
    return import_module(f"{__package__}.{name}")
