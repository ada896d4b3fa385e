"""The decision rule of a run: thresholds tuned for the run, or the default rule of the head."""

from __future__ import annotations

from typing import Literal

from benchmark.common.arrays import Grades
from benchmark.common.terms import Head
from benchmark.runs.predictions import Predictions
from benchmark.runs.run import Outcome, TunedThresholds
from benchmark.scoring.decision_rules.registry import DEFAULT, apply_rule

HOLDOUT: Literal["holdout"] = "holdout"
"""Role of the train patients on whom a run's own thresholds are tuned; its networks never saw them."""


def rule_of(run: Outcome, head: Head) -> str:
    """Return the name of the rule, a key of :data:`benchmark.scoring.decision_rules.registry.DECISION_RULES`."""
    tuned = _tuned(run, head)
    return tuned.rule if tuned else DEFAULT[head]


def grades_of(run: Outcome, head: Head, predictions: Predictions) -> Grades:
    """Grade any predictions of a run, shape (n,)."""
    tuned = _tuned(run, head)
    return apply_rule(rule_of(run, head), predictions, tuned.values if tuned else None)


def tuned_on(run: Outcome, head: Head) -> str:
    """Return the role of the patients that the rule was tuned on; empty for the default rule."""
    return HOLDOUT if _tuned(run, head) else ""


def _tuned(run: Outcome, head: Head) -> TunedThresholds | None:
    return run.tuned_thresholds if run.tuned_thresholds and run.tuned_thresholds.head == head else None
