"""Every metric of every arm with an interval over patients and seeds.

All metrics use the patient bootstrap of :mod:`.bootstrap` and the standard error over runs of :mod:`.confidence`.
Metrics of grades are functions of the resampled confusion matrices, pseudo-patients included, and cost next to nothing.
Metrics of outputs (areas under ROC curves, RPS and calibration) need a pass over all images per resample, so fewer
resamples are drawn; ``n_resamples`` says how many.

The calibration error is a sum of absolute gaps, to which noise adds: a resample's is on average higher than the
sample's, and the sample's higher than the true one, by at most the error of a calibrated network (``ece_calibrated``)
and by less the larger the gaps are. Resamples are therefore shifted to have the sample's own mean, and the interval's
low end is lowered by that error, so that it covers the true one for calibrated networks and for others.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from math import isnan, nan
from statistics import fmean, stdev

import numpy as np

from benchmark.common.arrays import Floats
from benchmark.common.csv_rows import read_rows
from benchmark.common.errors import InputError
from benchmark.common.terms import GRADES, Arm, Head, Split
from benchmark.evaluation.evaluate import METRICS_FILE, MetricRow
from benchmark.runs.predictions import Predictions, clusters
from benchmark.scoring.metrics import METRICS, confusion_sums, of_confusion, of_outputs, of_sums
from benchmark.scoring.rules import rule_of, tuned_on
from benchmark.statistics.bootstrap import (
    N_RESAMPLES,
    Graded,
    collapse,
    resample,
    weights_in_blocks,
    with_pseudo_patients,
)
from benchmark.statistics.confidence import Confidence, Interval, spread_of
from benchmark.statistics.estimates import Estimate, estimate_of
from benchmark.statistics.graded_runs import GradedRuns, on_every_core

N_OUTPUT_RESAMPLES = 1000
"""Resamples for metrics that need a pass over all images."""
BOUNDS: dict[str, tuple[float, float]] = {
    "kappa": (-1, 1),
    "kappa_linear": (-1, 1),
    "mae": (0, 4),
    "amae": (0, 4),
    "rps": (0, 4),
}
"""Range of a metric where it is not 0 to 1."""

Values = Mapping[tuple[str, str, str, str, str], Sequence[MetricRow]]
"""Values of each seed by method, arm, head, split and metric."""


def metric_estimates(runs: GradedRuns) -> list[Estimate]:
    """Estimate every metric of every arm, head and split, in declared order.

    An estimate is the mean over seeds of the values in ``evaluation/metrics.csv``; its interval is bootstrapped.

    Raises:
        InputError: these runs were not evaluated.
    """
    values: dict[tuple[str, str, str, str, str], list[MetricRow]] = defaultdict(list)
    for row in read_rows(METRICS_FILE, MetricRow, "fundusbench evaluate"):
        values[row.method, row.arm, row.head, row.split, row.metric].append(row)
    for arm, head, split in runs.grades:
        if [row.seed for row in values[*arm, head, split, "kappa"]] != [run.seed for run in runs.runs[arm]]:
            msg = f"{METRICS_FILE} must have the finished runs, but has others of {arm}: run `fundusbench evaluate`"
            raise InputError(msg)
    found = on_every_core(lambda key: list(_rows(runs, values, *key)), runs.grades)
    return [row for rows in found for row in rows]


def _rows(runs: GradedRuns, values: Values, arm: Arm, head: Head, split: Split) -> Iterator[Estimate]:
    grades, run = runs.grades[arm, head, split], runs.runs[arm][0]
    asked = {"n_resamples": N_RESAMPLES, "n_output_resamples": N_OUTPUT_RESAMPLES}
    for name, interval in metric_intervals(grades, head, runs.outputs[arm, split], **asked).items():
        if not interval.high > interval.low:  # No resample differs, as for a ROC curve without errors.
            interval = replace(interval, low=nan, high=nan)
        each = values[*arm, head, split, name]
        per_seed = [row.value for row in each]
        undefined = any(map(isnan, per_seed))
        yield estimate_of(
            runs,
            "metric",
            [(arm, head)],
            split,
            interval,
            grades,
            rule=rule_of(run, head),
            tuned_on=tuned_on(run, head),
            quantity=name,
            estimate=nan if undefined else fmean(per_seed),
            sd=nan if undefined or len(per_seed) < 2 else stdev(per_seed),
            n_images=each[0].n,
        )


def metric_intervals(
    arm: Graded,
    head: Head,
    outputs: Sequence[Predictions],
    *,
    n_resamples: int = N_RESAMPLES,
    n_output_resamples: int = N_OUTPUT_RESAMPLES,
    seed: int = 0,
) -> dict[str, Interval]:
    """Bootstrap every metric of one arm's head, in the order of the tables.

    ``outputs`` are the predictions behind the grades of ``arm``. Metrics of outputs use ``n_output_resamples``.
    """
    patients = int(clusters(arm.patient).max(initial=-1)) + 1
    values, resampled = _of_grades(arm, n_resamples, seed)
    by_output, resampled_outputs = _of_outputs(arm, head, outputs, n_output_resamples, seed)
    values, resampled = values | by_output, resampled | resampled_outputs
    if "ece" in values:
        resampled["ece"] += values["ece"].mean() - resampled["ece"].mean()
    found: dict[str, Interval] = {}
    for name in (name for name in METRICS if name in values):
        spread = Confidence(float(values[name].mean()), resampled[name], spread_of(values[name]), patients)
        found[name] = spread.interval(bounds=BOUNDS.get(name, (0, 1)))
    if "ece" in found:
        low = found["ece"].low - found["ece_calibrated"].estimate
        found["ece"] = replace(found["ece"], low=float(np.maximum(low, 0)))  # NaN stays NaN.
    return found


def _of_grades(arm: Graded, n_resamples: int, seed: int) -> tuple[dict[str, Floats], dict[str, Floats]]:
    """Compute each run's values, shape (runs,), and their means on resamples, shape (n_resamples,)."""
    patterns = collapse(arm.patient, arm.grade, arm.predicted)
    values, every = of_confusion(patterns.total), np.ones(len(arm.predicted), np.bool_)
    patterns = with_pseudo_patients(patterns, every)
    of_patterns = confusion_sums(patterns.counts.reshape(*patterns.counts.shape[:2], GRADES, GRADES)).swapaxes(1, 2)
    resampled = of_sums(resample(patterns, of_patterns, n_resamples, seed))
    return values, {name: of_runs.mean(0) for name, of_runs in resampled.items()}


def _of_outputs(
    arm: Graded, head: Head, outputs: Sequence[Predictions], n_resamples: int, seed: int
) -> tuple[dict[str, Floats], dict[str, Floats]]:
    """Compute the same as :func:`_of_grades`, without pseudo-patients, because these have no outputs."""
    cluster = clusters(arm.patient)
    patients = int(cluster.max(initial=-1)) + 1
    measures = [of_outputs(head, run, cluster) for run in outputs]
    once = np.ones((1, patients))
    values = {
        name: np.concatenate(of_runs) for name, of_runs in _by_name([of_run(once) for of_run in measures]).items()
    }
    blocks = [
        {n: np.mean(of_runs, axis=0) for n, of_runs in _by_name([one(drawn) for one in measures]).items()}
        for drawn in weights_in_blocks(patients, len(cluster), n_resamples, seed)
    ]
    return values, {name: np.concatenate(parts) for name, parts in _by_name(blocks).items()}


def _by_name(each: Sequence[Mapping[str, Floats]]) -> dict[str, list[Floats]]:
    return {name: [one[name] for one in each] for name in each[0]}
