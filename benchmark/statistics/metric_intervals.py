"""Every metric of every arm with an interval over patients and seeds, in ``statistics/metrics.csv``.

All go through the patient bootstrap of :mod:`.bootstrap` and the runs' error of :mod:`.confidence`. What is made of
decoded grades is a function of the resampled confusion matrices, imaginary patients included, and costs next to
nothing. What is made of outputs (areas under ROC curves, RPS and calibration) needs a pass over all images for each
resample, so fewer are drawn; those rows say how many. The calibration error of a resample is on average higher than the
sample's, for noise adds to a sum of absolute values: its resamples are moved to have the sample's own as their mean.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from benchmark.common.arrays import Floats
from benchmark.common.csv_rows import write_rows
from benchmark.common.terms import Arm, Head, Split
from benchmark.runs.predictions import Predictions, clusters, patients_in_words
from benchmark.scoring.kappa import GRADES
from benchmark.scoring.metrics import METRICS, of_confusion, of_outputs
from benchmark.scoring.rules import rule_of
from benchmark.statistics.bootstrap import REPLICATES, Graded, collapse, resample, weights_in_blocks, with_imagined
from benchmark.statistics.confidence import Confidence, spread_of
from benchmark.statistics.decoded import STATISTICS, Decoded, on_every_core

METRIC_INTERVALS = STATISTICS / "metrics.csv"
OUTPUT_REPLICATES = 1000
"""Resamples for what needs a pass over all images."""
BOUNDS: dict[str, tuple[float, float]] = {
    "kappa": (-1, 1),
    "kappa_linear": (-1, 1),
    "mae": (0, 4),
    "amae": (0, 4),
    "rps": (0, 4),
}
"""What a metric can be, where that is not 0 to 1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MetricInterval:
    """One metric of one arm and head on one split."""

    stage: str
    arm: str
    split: str
    head: str
    decoder: str
    metric: str
    """A key of :data:`benchmark.scoring.metrics.METRICS`."""
    mean: float
    """Over seeds; NaN where a seed has no value."""
    low: float
    """NaN where no resample has another value, as the area under a ROC curve without an error."""
    high: float
    error: float
    """Standard error."""
    level: float
    over: str
    """Whether the interval is over seeds and patients, or over patients alone."""
    images: int
    patients: str
    seeds: str
    replicates: int
    undefined: int
    """Replicates without a value, left out."""
    data: str
    synthetic: bool


def run(decoded: Decoded) -> None:
    """Write ``statistics/metrics.csv``."""
    write_rows(METRIC_INTERVALS, MetricInterval, metric_intervals(decoded))


def metric_intervals(decoded: Decoded) -> list[MetricInterval]:
    """One row per arm, split, head and metric, in declared order."""
    found = on_every_core(lambda key: list(_rows(decoded, *key)), decoded.grades)
    return [row for rows in found for row in rows]


def _rows(decoded: Decoded, arm: Arm, head: Head, split: Split) -> Iterator[MetricInterval]:
    grades = decoded.grades[arm, head, split]
    asked = {"replicates": REPLICATES, "output_replicates": OUTPUT_REPLICATES}
    for name, found in metric_confidence(grades, head, decoded.outputs[arm, split], **asked).items():
        interval = found.interval(bounds=BOUNDS.get(name, (0, 1)))
        wide = interval.high > interval.low
        yield MetricInterval(
            stage=arm[0],
            arm=arm[1],
            split=split,
            head=head,
            decoder=rule_of(decoded.runs[arm][0], head),
            metric=name,
            mean=interval.value,
            low=interval.low if wide else float("nan"),
            high=interval.high if wide else float("nan"),
            error=interval.error,
            level=interval.level,
            over=decoded.over(arm),
            images=len(grades.grade),
            patients=patients_in_words(grades.patient),
            seeds=decoded.seeds(arm),
            replicates=interval.replicates,
            undefined=interval.undefined,
            data=decoded.data.name,
            synthetic=decoded.data.synthetic,
        )


def metric_confidence(
    arm: Graded,
    head: Head,
    outputs: Sequence[Predictions],
    *,
    replicates: int = REPLICATES,
    output_replicates: int = OUTPUT_REPLICATES,
    seed: int = 0,
) -> dict[str, Confidence]:
    """Every metric of one arm's head, in the order of the tables.

    Args:
        arm: its runs, decoded.
        head: the head.
        outputs: the same runs' outputs.
        replicates: resamples for what is made of grades.
        output_replicates: and for what is made of outputs.
        seed: equal seeds give equal results.
    """
    patients = int(clusters(arm.patient).max(initial=-1)) + 1
    values, resampled = _of_grades(arm, replicates, seed)
    found = {name: _confidence(value, resampled[name], patients) for name, value in values.items()}
    values, resampled = _of_outputs(arm, head, outputs, output_replicates, seed)
    if "ece" in values:
        resampled["ece"] += values["ece"].mean() - resampled["ece"].mean()
    found |= {name: _confidence(value, resampled[name], patients) for name, value in values.items()}
    return {name: found[name] for name in METRICS if name in found}


def _confidence(values: Floats, over_patients: Floats, patients: int) -> Confidence:
    return Confidence(float(values.mean()), over_patients, spread_of(values), patients)


def _of_grades(arm: Graded, replicates: int, seed: int) -> tuple[dict[str, Floats], dict[str, Floats]]:
    """Each run's values, shape (runs,), and their means on resamples, shape (replicates,)."""
    patterns = collapse(arm.patient, arm.grade, arm.predicted)
    values, every = of_confusion(patterns.total), np.ones(len(arm.predicted), np.bool_)
    patterns = with_imagined(patterns, every)
    confusion = resample(patterns, patterns.counts, replicates, seed)
    resampled = of_confusion(confusion.reshape(*confusion.shape[:2], GRADES, GRADES))
    return values, {name: of_runs.mean(1) for name, of_runs in resampled.items()}


def _of_outputs(
    arm: Graded, head: Head, outputs: Sequence[Predictions], replicates: int, seed: int
) -> tuple[dict[str, Floats], dict[str, Floats]]:
    """As :func:`_of_grades`; without the imaginary patients, who have no outputs."""
    measures = [of_outputs(head, run) for run in outputs]
    once = np.ones((1, len(arm.grade)))
    values = {
        name: np.concatenate(of_runs) for name, of_runs in _by_name([of_run(once) for of_run in measures]).items()
    }
    cluster = clusters(arm.patient)
    blocks: list[Mapping[str, Floats]] = []
    for drawn in weights_in_blocks(int(cluster.max(initial=-1)) + 1, len(cluster), replicates, seed):
        weights = drawn[:, cluster]
        blocks.append(
            {n: np.mean(of_runs, axis=0) for n, of_runs in _by_name([one(weights) for one in measures]).items()}
        )
    return values, {name: np.concatenate(parts) for name, parts in _by_name(blocks).items()}


def _by_name(each: Sequence[Mapping[str, Floats]]) -> dict[str, list[Floats]]:
    return {name: [one[name] for one in each] for name in each[0]}
