"""Interface and registry of decision rules, which turn a head's output into grades.

Each file of this package is one rule and describes itself in ``ABOUT``. It defines ``apply(predictions) -> grades``
(int64, shape (n,), values 0-4), or ``apply(predictions, thresholds)`` if it compares a number with thresholds. A rule
with tuned thresholds also defines ``fit(predictions) -> thresholds``. Only :func:`fit_on` calls it, with predictions
for the validation split or for train patients that no network was fitted on.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from math import inf
from typing import Any, Literal

import numpy as np

from benchmark.common.arrays import Grades
from benchmark.common.errors import InputError
from benchmark.common.plugins import discover
from benchmark.common.terms import DEFAULT as DEFAULT
from benchmark.common.terms import Head, Split
from benchmark.common.thresholds import Thresholds
from benchmark.runs.predictions import Predictions
from benchmark.scoring.kappa import confusion_matrix, quadratic_weighted_kappa


@dataclass(frozen=True, slots=True)
class DecisionRuleInfo:
    """Metadata of a decision rule."""

    title: str
    """Name in tables."""
    head: Head
    """Output that the rule reads."""
    thresholds: Literal["none", "given", "tuned"] = "none"
    """Thresholds of the rule: none, default ones, or ones that must be tuned first."""
    order: float = inf
    """Position in tables; rules are sorted by this number, then by name."""


DECISION_RULES = discover(__package__, DecisionRuleInfo)
"""Metadata by name of the file, in the order of tables."""


@dataclass(frozen=True, slots=True)
class FittedRule:
    """A decision rule with thresholds tuned by :func:`fit_on`."""

    name: str
    thresholds: Thresholds

    def apply(self, predictions: Predictions) -> Grades:
        """Grade the predictions for any split."""
        return apply_rule(self.name, predictions, self.thresholds)


def apply_rule(name: str, predictions: Predictions, thresholds: Thresholds | None = None) -> Grades:
    """Grade predictions by a rule, with thresholds if it takes any; None uses its default ones.

    Raises InputError if the rule or its head does not exist, or the thresholds are missing, not ascending, or not used.
    """
    rule = _find(name, predictions)
    grades: Grades
    if thresholds is None:
        if rule.thresholds == "tuned":
            msg = f"decision rule {name!r} needs thresholds, but got none: tune them on val with fit_on"
            raise InputError(msg)
        grades = _module(name).apply(predictions)
        return grades
    if rule.thresholds == "none":
        msg = f"decision rule {name!r} takes no thresholds, but got {thresholds}: leave them out"
        raise InputError(msg)
    if len(thresholds) != 4 or not np.isfinite(thresholds).all() or (np.diff(thresholds) < 0).any():
        msg = f"thresholds must be four ascending numbers, but got {thresholds}: correct them"
        raise InputError(msg)
    grades = _module(name).apply(predictions, thresholds)
    return grades


def default_kappa(head: Head, predictions: Predictions) -> float:
    """Return the quadratic weighted kappa of a head under its default rule; 0 where kappa is undefined."""
    kappa = quadratic_weighted_kappa(confusion_matrix(predictions.grade, apply_rule(DEFAULT[head], predictions)))
    return 0.0 if np.isnan(kappa) else kappa


def fit_on(split: Split | Literal["holdout"], name: str, predictions: Predictions) -> FittedRule:
    """Tune a rule's thresholds for the highest quadratic weighted kappa, on val or train patients that no network saw.

    Raises InputError for another split, so that nothing is tuned on test; if the rule has nothing to tune; or if the
    labels hold fewer than two grades.
    """
    if split not in ("val", "holdout"):
        msg = f"thresholds must be tuned on val or on holdout patients, but got {split!r}: fit on those"
        raise InputError(msg)
    rule = _find(name, predictions)
    if rule.thresholds != "tuned":
        known = ", ".join(key for key, info in DECISION_RULES.items() if info.thresholds == "tuned")
        msg = f"only {known} can be tuned, but got {name!r}: use apply_rule"
        raise InputError(msg)
    if len(np.unique(predictions.grade)) < 2:
        msg = f"tuning {name!r} needs at least two grades among the labels of {split}: use a rule that is not tuned"
        raise InputError(msg)
    return FittedRule(name, _module(name).fit(predictions))


def applicable(predictions: Predictions) -> list[str]:
    """Return the names of the rules whose head is among the outputs, in the order of tables."""
    return [name for name, rule in DECISION_RULES.items() if getattr(predictions, rule.head) is not None]


def _find(name: str, predictions: Predictions) -> DecisionRuleInfo:
    if name not in DECISION_RULES:
        msg = f"a decision rule must be one of {', '.join(DECISION_RULES)}, but got {name!r}: correct it"
        raise InputError(msg)
    rule = DECISION_RULES[name]
    if getattr(predictions, rule.head) is None:
        msg = f"decision rule {name!r} reads the {rule.head} head, but these predictions lack it: use another rule"
        raise InputError(msg)
    return rule


def _module(name: str) -> Any:
    return import_module(f"{__package__}.{name}")
