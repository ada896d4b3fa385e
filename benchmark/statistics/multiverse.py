"""Difference of two arms under one decision rule for both, and under every other way to measure it.

The declared analysis compares both sides under one common rule (:mod:`.readings`): the default rule of each output, or
thresholds tuned on val where a side has tuned thresholds of its own. Its interval decides. The *multiverse* (Steegen et
al. 2016, Perspectives on Psychological Science 11:702) has the point estimates of the other analyses: every common rule
x every output that both sides have x every seed left out. The difference of rank correlations, with its own interval,
needs no rule.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from benchmark.common.arrays import Floats
from benchmark.common.terms import DEFAULT, Head, Split
from benchmark.scoring.rules import tuned_on
from benchmark.statistics.bootstrap import N_RESAMPLES, Graded
from benchmark.statistics.comparison import Comparison, compare
from benchmark.statistics.confidence import Confidence, Interval, run_differences, spread_of
from benchmark.statistics.estimates import Side
from benchmark.statistics.graded_runs import GradedRuns
from benchmark.statistics.readings import COMMON_RULES, CommonRule, Reading


@dataclass(frozen=True, eq=False, slots=True)
class Difference:
    """Difference of two arms on one split.

    Attributes:
        rule: common rule of the declared analysis.
        compared: that analysis.
        by_rule: difference under each common rule.
        analyses: difference in each analysis of the multiverse, shape (analyses,).
        ranks: difference of Spearman's rank correlations, with its interval over patients and seeds.
    """

    rule: CommonRule
    compared: Comparison
    by_rule: Mapping[CommonRule, float]
    analyses: Floats
    ranks: Interval

    def above(self, x: float) -> int:
        """Count the analyses whose difference is above ``x``."""
        return int((self.analyses > x).sum())

    def turns_at(self, x: float) -> bool:
        """Return True if some common rules find a difference above ``x`` and others do not."""
        return len({found > x for found in self.by_rule.values()}) > 1


def compare_arms(runs: GradedRuns, a: Side, b: Side, split: Split) -> Difference:
    """Compare two sides, each an arm graded from one of its heads, on one split: the first minus the second."""
    readings = runs.readings[*a, split], runs.readings[*b, split]
    shared = [rule for rule in COMMON_RULES if all(rule in one.by_rule for one in readings)]
    own = any(tuned_on(runs.runs[arm][0], head) for arm, head in (a, b))
    rule: CommonRule = "tuned" if own and "tuned" in shared else "default"
    compared = compare(*(one.by_rule[rule] for one in readings), n_resamples=N_RESAMPLES)
    by_rule = {one: float(_differences(*readings, one, compared)[0]) for one in shared}
    analyses = [_differences(*pair, one, compared) for pair, one in _analyses(runs, a, b, split)]
    return Difference(rule, compared, by_rule, np.concatenate(analyses), _rank_difference(*readings, compared))


def _analyses(runs: GradedRuns, a: Side, b: Side, split: Split) -> Iterator[tuple[tuple[Reading, Reading], CommonRule]]:
    """Yield the readings of both sides for each common rule and output; of rules that are the same here, the first."""
    heads: list[tuple[Head, Head]] = [(a[1], b[1])]
    if a[1] == b[1]:
        heads += [(head, head) for head in DEFAULT if head != a[1]]
    for own, other in heads:
        keys = (a[0], own, split), (b[0], other, split)
        if all(key in runs.readings for key in keys):
            pair = runs.readings[keys[0]], runs.readings[keys[1]]
            named: dict[tuple[str, str], CommonRule] = {}
            for rule, names in COMMON_RULES.items():
                if all(rule in one.by_rule for one in pair):
                    named.setdefault((names[own], names[other]), rule)
            yield from ((pair, rule) for rule in named.values())


def _differences(first: Reading, second: Reading, rule: CommonRule, compared: Comparison) -> Floats:
    """Return the difference under a rule of the compared runs, and then without each of their common seeds."""
    a, b = (
        _kappas(reading.by_rule[rule].of_seeds(seeds))
        for reading, seeds in zip((first, second), compared.seeds, strict=True)
    )
    if compared.seeds[0] != compared.seeds[1] or len(a) < 2:
        return np.array([a.mean() - b.mean()])
    apart = a - b
    return np.append(apart.mean(), (apart.sum() - apart) / (len(apart) - 1))


def _kappas(arm: Graded) -> Floats:
    return np.array(arm.kappas)


def _rank_difference(first: Reading, second: Reading, compared: Comparison) -> Interval:
    """Estimate the difference of rank correlations of the compared runs."""
    sides = []
    for reading, seeds in zip((first, second), compared.seeds, strict=True):
        known = reading.by_rule["default"].seed_ids
        rows = [known.index(seed) for seed in seeds]
        sides.append((reading.correlations[rows], reading.resampled[:, rows]))
    (a, over_a), (b, over_b) = sides
    return Confidence(
        estimate=float(a.mean() - b.mean()),
        over_patients=over_a.mean(1) - over_b.mean(1),
        runs=spread_of(run_differences(a, b)),
        patients=compared.confidence.patients,
        inconclusive_reason=compared.difference.inconclusive_reason,
    ).interval(bounds=(-2, 2))
