"""Planned comparisons: paired differences of kappa between declared pairs of arms.

Only the predictions checked by ``fundusbench evaluate`` are read, and each head uses its default decision rule, so
nothing is tuned. Equal predictions give equal tables.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter

from benchmark.common.files import read_yaml
from benchmark.common.section import validated
from benchmark.common.terms import EVALUATED, Arm, Split
from benchmark.scoring.decision_rules.registry import DEFAULT
from benchmark.statistics.bootstrap import N_RESAMPLES
from benchmark.statistics.comparison import Comparison, compare
from benchmark.statistics.estimates import Estimate, Side, adjusted, difference_of
from benchmark.statistics.graded_runs import GradedRuns, on_every_core

PAIRS = Path("experiments/comparisons.yaml")


@dataclass(frozen=True, slots=True)
class ComparedPair:
    """A pair of arms that is compared on the same images."""

    about: str
    """Subject of the comparison."""
    first: str
    """Arm as method/arm, from whose kappa that of the second is subtracted."""
    second: str


def read_pairs(path: Path = PAIRS) -> list[ComparedPair]:
    """Read the declared pairs of arms.

    Raises:
        InputError: the file is missing or breaks a rule.
    """
    return validated(TypeAdapter(list[ComparedPair]), read_yaml(path, "pairs of arms are"), str(path))


def comparisons(runs: GradedRuns) -> list[Estimate]:
    """Compare each declared pair that ran, by each head that both arms have, on each split.

    Both kinds of p-value are adjusted for all rows together.
    """
    sides = [(pair.about, Arm.parse(pair.first), Arm.parse(pair.second)) for pair in read_pairs()]
    asked = [
        (about, (a, head), (b, head), split)
        for about, a, b in sides
        for head in DEFAULT
        for split in EVALUATED
        if (a, head, split) in runs.grades and (b, head, split) in runs.grades
    ]

    def row(about: str, a: Side, b: Side, split: Split) -> Estimate:
        return difference_of(runs, "comparison", about, (a, b), split, compare_arms(runs, a, b, split))

    return adjusted(on_every_core(lambda each: row(*each), asked))


def compare_arms(runs: GradedRuns, a: Side, b: Side, split: Split) -> Comparison:
    """Return the kappa of side a minus that of side b on one split, each side an arm graded from one of its heads."""
    return compare(runs.grades[*a, split], runs.grades[*b, split], n_resamples=N_RESAMPLES)
