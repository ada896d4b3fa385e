"""The single table of everything that the statistics estimate: ``statistics/estimates.csv``, one estimate per row.

Tables and figures of the report are selections of it. Judgements of claims (:mod:`.verdicts`) and tuned thresholds
(:mod:`.decision_rules`) are not estimates and have files of their own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import nan
from pathlib import Path
from typing import Any, Literal

from benchmark.common.csv_rows import read_rows, write_rows
from benchmark.common.terms import Arm, Head, Split
from benchmark.runs.predictions import patients_in_words
from benchmark.runs.run import DataSummary
from benchmark.statistics.bootstrap import Graded
from benchmark.statistics.confidence import Interval
from benchmark.statistics.graded_runs import STATISTICS, GradedRuns

ESTIMATES = STATISTICS / "estimates.csv"

Kind = Literal[
    "metric",
    "group",
    "rule",
    "baseline",
    "shortcut",
    "rule range",
    "comparison",
    "rank",
    "system comparison",
    "system rank",
    "rank correlation",
    "transfer",
    "transfer change",
]
"""Part of the statistics that an estimate belongs to:

* ``metric``: a metric of an arm under its own decision rule.
* ``group``: kappa of an arm in one group of the photographs.
* ``rule``: kappa of an arm under one decision rule.
* ``baseline``: kappa of grades that were made without looking at the image.
* ``shortcut``: kappa of grades that were predicted from the frame, the colours or the file alone.
* ``rule range``: the highest minus the lowest kappa of an arm over decision rules.
* ``comparison``, ``system comparison``: kappa of one arm minus that of another on the same images.
* ``rank correlation``: Spearman's rank correlation of the labels with the outputs of one arm minus that of another.
* ``rank``, ``system rank``: probability of a rank of an arm among others.
* ``transfer``: kappa on the test split of another data set; ``transfer change``: that kappa minus the own one.
"""

Side = tuple[Arm, Head]
"""An arm and the head that is read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Estimate:
    """One estimated quantity. Text is empty, and a number NaN or 0, where a column does not apply."""

    kind: Kind
    about: str = ""
    """Question of a comparison; property and group of photographs; arms that are ranked together; rules of a range;
    name of another data set; pictures that shortcuts are measured on (``photographs`` or ``squares``)."""
    method: str = ""
    arm: str = ""
    head: str = ""
    rule: str = ""
    """Decision rule, name of a baseline, features of a shortcut, or key of
    :data:`benchmark.statistics.readings.COMMON_RULES`."""
    tuned_on: str = ""
    """Split, or part of train, whose labels the rule was tuned on; empty where it was not tuned."""
    versus: str = ""
    """The arm and head that are subtracted, as ``method/arm head``."""
    split: str
    quantity: str
    """A key of :data:`benchmark.scoring.metrics.METRICS`, ``kappa difference``, ``rank correlation difference`` or
    ``rank probability``."""
    rank: int = 0
    """1 is the highest kappa."""
    estimate: float
    """Mean over seeds; NaN where it is undefined for a seed."""
    sd: float = nan
    """Sample standard deviation over seeds."""
    se: float = nan
    """Standard error over the resampled units."""
    low: float = nan
    high: float = nan
    confidence_level: float = nan
    rules_low: float = nan
    """Smallest difference over the decision rules that are common to both sides."""
    rules_high: float = nan
    n_analyses: int = 0
    """Analyses of a difference: common rules x common outputs x seeds left out."""
    n_above: int = 0
    """Those whose difference is above 0."""
    failed: int = 0
    """Trainings whose kappa is not clear of 0; a difference leaves them out."""
    failed_versus: int = 0
    """The same of the arm that is subtracted."""
    min_detectable_difference: float = nan
    p_beats: float = nan
    """Probability that one further run has a higher kappa than one of the arm that is subtracted, on as many new
    patients."""
    resampled: str
    """Resampled units: seeds and patients, or patients alone."""
    n_images: int
    n_patients: str
    seeds: str
    n_resamples: int
    n_undefined: int = 0
    """Resamples on which the quantity is undefined; they are left out."""
    n_shared: int = 0
    """Images of another data set whose files are also in train or val of the own one."""
    data: str
    synthetic: bool


def write_estimates(rows: Iterable[Estimate]) -> None:
    """Write ``statistics/estimates.csv``."""
    write_rows(ESTIMATES, Estimate, rows)


def read_estimates(root: Path = Path()) -> list[Estimate]:
    """Read ``statistics/estimates.csv`` of a project.

    Raises InputError if the file is missing or was changed.
    """
    return read_rows(root / ESTIMATES, Estimate, "fundusbench statistics")


def select(rows: Iterable[Estimate], **columns: object) -> list[Estimate]:
    """Return the estimates whose columns have these values, in order."""
    return [row for row in rows if all(getattr(row, name) == value for name, value in columns.items())]


def estimate_of(
    runs: GradedRuns,
    kind: Kind,
    sides: Sequence[Side],
    split: Split,
    found: Interval,
    grades: Graded,
    **columns: Any,
) -> Estimate:
    """Return the row of an interval for an arm or, with two sides, for their difference; ``columns`` override."""
    arms = [arm for arm, _ in sides]
    (arm, head), *others = sides
    described: dict[str, Any] = {
        "method": arm.method,
        "arm": arm.name,
        "head": head,
        "versus": " ".join(side_text(side) for side in others),
        "split": split,
        "quantity": "kappa difference" if others else "kappa",
        "resampled": runs.resampled(*arms),
        "seeds": runs.seeds(*arms),
    }
    return Estimate(kind=kind, **(interval_columns(found, grades, runs.data) | described | columns))


def interval_columns(found: Interval, grades: Graded, data: DataSummary) -> dict[str, Any]:
    """Return the columns that an interval, the graded images and their data set determine."""
    return {
        "estimate": found.estimate,
        "se": found.se,
        "low": found.low,
        "high": found.high,
        "confidence_level": found.confidence_level,
        "n_images": len(grades.grade),
        "n_patients": patients_in_words(grades.patient),
        "n_resamples": found.n_resamples,
        "n_undefined": found.n_undefined,
        "data": data.name,
        "synthetic": data.synthetic,
    }


def side_text(side: Side) -> str:
    """Return an arm and its head as ``method/arm head``."""
    return f"{side[0]} {side[1]}"
