"""The rule that makes grades of a run's outputs: its head's default, or the one that was tuned for the run."""

from __future__ import annotations

from typing import Literal

from benchmark.common.arrays import Grades
from benchmark.common.terms import Head
from benchmark.runs.predictions import Predictions
from benchmark.runs.run import Outcome
from benchmark.scoring.decoders.registry import DEFAULT, decode

HOLDOUT: Literal["holdout"] = "holdout"
"""Where a run's own cuts are tuned: on train patients that its networks were not fitted on."""


def rule_of(run: Outcome, head: Head) -> str:
    """Name of the rule, a key of :data:`benchmark.scoring.decoders.registry.DECODERS`."""
    return run.cut.rule if run.cut and run.cut.head == head else DEFAULT[head]


def grades_of(run: Outcome, head: Head, predictions: Predictions) -> Grades:
    """Grades of any predictions of a run, shape (n,)."""
    cuts = run.cut.cuts if run.cut and run.cut.head == head else None
    return decode(rule_of(run, head), predictions, cuts)


def tuned_on(run: Outcome, head: Head) -> str:
    """Where a run's own rule was tuned; empty where the head is decoded by its default rule."""
    return HOLDOUT if run.cut and run.cut.head == head else ""
