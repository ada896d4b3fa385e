"""Planned comparisons: paired differences of kappa between declared pairs of arms.

Only the predictions checked by ``fundusbench evaluate`` are read. Both arms are graded by one decision rule
(:mod:`.multiverse`). The differences describe; only the primary endpoints of the claims are tested (:mod:`.verdicts`).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from benchmark.common.files import read_yaml
from benchmark.common.section import validated
from benchmark.common.terms import EVALUATED, Arm, Split
from benchmark.scoring.decision_rules.registry import DEFAULT
from benchmark.statistics.comparison import Comparison
from benchmark.statistics.confidence import NOT_LEARNED
from benchmark.statistics.estimates import Estimate, Kind, Side, estimate_of
from benchmark.statistics.graded_runs import ALONE, BOTH, GradedRuns, on_every_core
from benchmark.statistics.multiverse import Difference, compare_arms

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

    Raises InputError if the file is missing or breaks a rule.
    """
    return validated(TypeAdapter(list[ComparedPair]), read_yaml(path, "pairs of arms are"), str(path))


def comparisons(runs: GradedRuns) -> list[Estimate]:
    """Compare each declared pair that ran, by each head that both arms have, or else by their main heads."""
    asked = [
        (pair.about, sides, split)
        for pair in read_pairs()
        for sides in _shared_heads(runs, Arm.parse(pair.first), Arm.parse(pair.second))
        for split in EVALUATED
    ]
    return compare_all(runs, "comparison", asked)


def _shared_heads(runs: GradedRuns, a: Arm, b: Arm) -> list[tuple[Side, Side]]:
    """Return the sides of each comparison of two arms; none if one of them did not run."""
    if not {a, b} <= runs.runs.keys():
        return []
    first, second = (runs.runs[arm][0].heads for arm in (a, b))
    shared = [head for head in DEFAULT if head in first and head in second]
    return [((a, head), (b, head)) for head in shared] or [((a, first[0]), (b, second[0]))]


def compare_all(runs: GradedRuns, kind: Kind, asked: Sequence[tuple[str, tuple[Side, Side], Split]]) -> list[Estimate]:
    """Return the rows of some differences, then those of their rank correlations.

    Args:
        runs: all finished runs.
        kind: kind of the differences of kappa.
        asked: subject, both sides and split of each comparison.
    """
    found = on_every_core(lambda each: compare_arms(runs, *each[1], each[2]), asked)
    pairs = list(zip(asked, found, strict=True))
    return [
        *(_kappa_row(runs, kind, *each, difference) for each, difference in pairs),
        *(_rank_row(runs, kind, *each, difference) for each, difference in pairs),
    ]


def _kappa_row(
    runs: GradedRuns, kind: Kind, about: str, sides: tuple[Side, Side], split: Split, found: Difference
) -> Estimate:
    compared = found.compared
    return estimate_of(
        runs,
        kind,
        sides,
        split,
        compared.difference,
        runs.grades[*sides[0], split],
        about=about,
        rule=found.rule,
        tuned_on="val" if found.rule == "tuned" else "",
        n_analyses=len(found.analyses),
        n_above=found.above(0),
        failed=compared.failed[0],
        failed_versus=compared.failed[1],
        min_detectable_difference=compared.min_detectable_difference,
        p_beats=compared.p_beats,
        rules_low=min(found.by_rule.values()),
        rules_high=max(found.by_rule.values()),
        **_compared(compared),
    )


def _rank_row(
    runs: GradedRuns, kind: Kind, about: str, sides: tuple[Side, Side], split: Split, found: Difference
) -> Estimate:
    return estimate_of(
        runs,
        "rank correlation",
        sides,
        split,
        found.ranks,
        runs.grades[*sides[0], split],
        about=about,
        quantity="rank correlation difference",
        **_compared(found.compared),
    )


def _compared(compared: Comparison) -> dict[str, Any]:
    """Return the columns on the compared runs; a difference from an arm that never learned has no value."""
    never = compared.difference.inconclusive_reason == NOT_LEARNED
    nothing = dict.fromkeys(("estimate", "se", "low", "high"), math.nan) if never else {}
    return compared_runs(compared) | nothing


def compared_runs(compared: Comparison) -> dict[str, Any]:
    """Return the columns ``seeds``, one list where both sides agree, and ``resampled`` of a comparison."""
    seeds = dict.fromkeys(" ".join(map(str, one)) for one in compared.seeds)
    return {"seeds": " | ".join(seeds), "resampled": BOTH if min(map(len, compared.seeds)) > 1 else ALONE}
