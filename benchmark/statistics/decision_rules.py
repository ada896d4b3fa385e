"""Effect of the decision rule: kappa of every arm under every rule, and of baselines that need no image.

Only predictions are read. A rule with tuned thresholds gets them per run, from that run's predictions on val, and
grades val and test by them; its rows name the split that it was tuned on.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from benchmark.common.arrays import Grades
from benchmark.common.csv_rows import write_rows
from benchmark.common.terms import EVALUATED, Arm, Split
from benchmark.common.thresholds import Thresholds
from benchmark.runs.predictions import Predictions
from benchmark.runs.run import DataSummary
from benchmark.runs.spec import RunResult
from benchmark.scoring.decision_rules.registry import DECISION_RULES, applicable, apply_rule, fit_on
from benchmark.scoring.rules import HOLDOUT, grades_of
from benchmark.statistics.baselines import FROM, TRIVIAL_BASELINES, trivial_baselines
from benchmark.statistics.bootstrap import N_RESAMPLES, Graded, graded, kappa_interval
from benchmark.statistics.comparison import compare
from benchmark.statistics.confidence import Interval
from benchmark.statistics.estimates import Estimate, Kind, interval_columns
from benchmark.statistics.graded_runs import ALONE, BOTH, STATISTICS, GradedRuns, on_every_core

THRESHOLDS_FILE = STATISTICS / "thresholds.csv"

TUNED_ON: Split = "val"
"""Split on which thresholds are tuned."""

RunOutputs = Mapping[Split, Predictions]
"""Predictions of one run."""


@dataclass(frozen=True, slots=True)
class ThresholdsRow:
    """A line of ``statistics/thresholds.csv``: thresholds that were tuned for one run."""

    method: str
    arm: str
    seed: int
    head: str
    rule: str
    tuned_on: str
    n_images: int
    threshold_1: float
    """A score, or expected grade, of at least ``threshold_k`` gets grade k or higher."""
    threshold_2: float
    threshold_3: float
    threshold_4: float


@dataclass(frozen=True, eq=False, slots=True)
class RuleGrades:
    """Grades of one arm and head, or of a baseline, on one split under one rule."""

    kind: Kind
    arm: Arm
    head: str
    rule: str
    tuned_on: str
    split: Split
    seeds: Sequence[int]
    grades: Graded
    data: DataSummary

    def estimate(self, found: Interval, **columns: Any) -> Estimate:
        """Return the row of an interval of these grades; ``columns`` override."""
        kappas = self.grades.kappas
        described: dict[str, Any] = {
            "kind": self.kind,
            "method": self.arm.method,
            "arm": self.arm.name,
            "head": self.head,
            "rule": self.rule,
            "tuned_on": self.tuned_on,
            "split": self.split,
            "quantity": "kappa",
            "sd": float(np.std(kappas, ddof=1)) if len(kappas) > 1 else float("nan"),
            "resampled": BOTH if len(kappas) > 1 else ALONE,
            "seeds": " ".join(map(str, self.seeds)),
        }
        return Estimate(**(interval_columns(found, self.grades, self.data) | described | columns))


def rule_estimates(runs: GradedRuns) -> list[Estimate]:
    """Estimate kappa by rule and the range over rules, and write ``statistics/thresholds.csv``."""
    ruled: list[RuleGrades] = []
    thresholds: list[ThresholdsRow] = []
    outputs: list[RunOutputs] = []
    for arm, results in runs.runs.items():
        outputs = [{split: runs.outputs[arm, split][run] for split in EVALUATED} for run in range(len(results))]
        for rule in _rules(outputs[0]):
            by_rule = [grade_run(rule, each) for each in outputs]
            tuned_on = TUNED_ON if DECISION_RULES[rule].thresholds == "tuned" else ""
            head = DECISION_RULES[rule].head
            ruled += _of_arm(head, rule, tuned_on, results, outputs, [grades for grades, _ in by_rule])
            found = [tuned for _, tuned in by_rule]
            thresholds += _thresholds(rule, results, found, TUNED_ON, len(outputs[0][TUNED_ON]))
        if results[0].tuned_thresholds:
            head, rule = results[0].tuned_thresholds.head, results[0].tuned_thresholds.rule
            own = [
                {split: grades_of(run, head, each[split]) for split in EVALUATED}
                for run, each in zip(results, outputs, strict=True)
            ]
            ruled += _of_arm(head, rule, HOLDOUT, results, outputs, own)
            found = [result.tuned_thresholds.values if result.tuned_thresholds else None for result in results]
            thresholds += _thresholds(rule, results, found, HOLDOUT, results[0].train_images)
    # All runs were evaluated on the same images, so any of them knows the labels.
    ruled += _baselines(outputs[0], ruled[0].data)
    write_rows(THRESHOLDS_FILE, ThresholdsRow, thresholds)
    rows = on_every_core(lambda one: one.estimate(kappa_interval(one.grades, n_resamples=N_RESAMPLES)), ruled)
    return rows + on_every_core(_range, _extremes(ruled, rows))


def grade_run(rule: str, outputs: RunOutputs) -> tuple[dict[Split, Grades], Thresholds | None]:
    """Grade every split of one run by a rule; return the grades and, if they were tuned for the run, the thresholds.

    Raises InputError if thresholds would be tuned on another split than val, or on labels of fewer than two grades.
    """
    if DECISION_RULES[rule].thresholds != "tuned":
        return {split: apply_rule(rule, predictions) for split, predictions in outputs.items()}, None
    fitted = fit_on(TUNED_ON, rule, outputs[TUNED_ON])
    return {split: fitted.apply(predictions) for split, predictions in outputs.items()}, fitted.thresholds


def _rules(outputs: RunOutputs) -> list[str]:
    """Return the rules that apply to an arm; tuned ones only where val has several grades."""
    tunable = len(np.unique(outputs[TUNED_ON].grade)) > 1
    return [rule for rule in applicable(outputs[TUNED_ON]) if tunable or DECISION_RULES[rule].thresholds != "tuned"]


def _of_arm(
    head: str,
    rule: str,
    tuned_on: str,
    results: Sequence[RunResult],
    outputs: Sequence[RunOutputs],
    grades: Sequence[Mapping[Split, Grades]],
) -> Iterator[RuleGrades]:
    """Join the grades of an arm's runs under one rule, on each split."""
    first, seeds = results[0], [result.seed for result in results]
    for split in EVALUATED:
        joined = graded([each[split] for each in outputs], [each[split] for each in grades])
        yield RuleGrades("rule", Arm(first.method, first.arm), head, rule, tuned_on, split, seeds, joined, first.data)


def _baselines(outputs: RunOutputs, data: DataSummary) -> Iterator[RuleGrades]:
    for split in EVALUATED:
        for name, grades in trivial_baselines(outputs, split).items():
            tuned_on, seeds = "" if name == "fellow" else FROM, range(TRIVIAL_BASELINES[name].draws)
            yield RuleGrades("baseline", Arm("", ""), "", name, tuned_on, split, seeds, grades, data)


def _extremes(ruled: Sequence[RuleGrades], rows: Sequence[Estimate]) -> list[tuple[RuleGrades, RuleGrades]]:
    """Find the rules with the highest and the lowest kappa per arm, head and split, where there are two.

    A rule that was tuned on that very split does not count.
    """
    groups: dict[tuple[Arm, str, Split], list[tuple[float, RuleGrades]]] = {}
    for one, row in zip(ruled, rows, strict=True):
        if one.head and one.tuned_on != one.split and not np.isnan(row.estimate):
            groups.setdefault((one.arm, one.head, one.split), []).append((row.estimate, one))
    ranked = [sorted(group, key=lambda pair: pair[0]) for group in groups.values() if len(group) > 1]
    return [(group[-1][1], group[0][1]) for group in ranked]


def _range(extremes: tuple[RuleGrades, RuleGrades]) -> Estimate:
    """Estimate the difference of two rules; its interval ignores that they were chosen by their kappas."""
    top, bottom = extremes
    return top.estimate(
        compare(top.grades, bottom.grades, keep_failed=True, n_resamples=N_RESAMPLES).difference,
        kind="rule range",
        about=f"{top.rule} - {bottom.rule}",
        rule="highest - lowest",
        tuned_on="",
        quantity="kappa difference",
        sd=float("nan"),
    )


def _thresholds(
    rule: str, results: Sequence[RunResult], found: Sequence[Thresholds | None], tuned_on: str, n_images: int
) -> Iterator[ThresholdsRow]:
    """Return the thresholds of each run of an arm that were tuned."""
    head = DECISION_RULES[rule].head
    for result, thresholds in zip(results, found, strict=True):
        if thresholds:
            yield ThresholdsRow(result.method, result.arm, result.seed, head, rule, tuned_on, n_images, *thresholds)
