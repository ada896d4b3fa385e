"""Speed of the intervals of all metrics of a run relative to a loop over resampled patients."""

from __future__ import annotations

from statistics import median
from time import perf_counter

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from benchmark.runs.predictions import Predictions
from benchmark.scoring.decision_rules.registry import apply_rule
from benchmark.scoring.metrics import METRICS, measure
from benchmark.statistics.bootstrap import N_RESAMPLES, graded
from benchmark.statistics.metrics import metric_intervals
from tests.factories.grades import simulate

PATIENTS = 21_335
"""Number of patients in EyePACS' test split, with 42,670 images."""
TIMED = 5
"""Number of timed resamples of the loop, whose time is scaled up."""


def made_run() -> Predictions:
    made, rng = simulate(PATIENTS, np.random.default_rng(0)), np.random.default_rng(1)
    seen = made.predicted[0] + 0.5 * rng.standard_normal(len(made.grade))
    prob = np.exp(-((np.arange(5) - seen[:, None]) ** 2))
    eye = np.tile(["left", "right"], PATIENTS)
    prob = (prob / prob.sum(1, keepdims=True)).astype(np.float32)
    return Predictions(made.image_id, made.patient, eye, made.grade, seen.astype(np.float32), prob)


def loop_seconds(run: Predictions) -> float:
    """Return the time of one resample by a plain loop: draw patients, gather their images, measure."""
    rng, predicted, seconds = np.random.default_rng(0), apply_rule("argmax", run), []
    for _ in range(TIMED):
        start = perf_counter()
        rows = (2 * rng.integers(0, PATIENTS, PATIENTS)[:, None] + [0, 1]).ravel()
        drawn = Predictions(*(getattr(run, name)[rows] for name in Predictions.__dataclass_fields__))
        measure("prob", drawn, predicted[rows])
        seconds.append(perf_counter() - start)
    return median(seconds)


@pytest.mark.speed
def test_intervals_of_all_metrics_of_a_run_against_a_loop(benchmark: BenchmarkFixture) -> None:
    run = made_run()
    arm, loop = graded([run], [apply_rule("argmax", run)]), N_RESAMPLES * loop_seconds(run)

    def intervals() -> dict[str, object]:
        return {**metric_intervals(arm, "prob", [run])}

    assert intervals().keys() == METRICS.keys()
    benchmark.pedantic(intervals, rounds=2)
    benchmark.extra_info |= {
        "images": len(run),
        "patients": PATIENTS,
        "metrics": len(METRICS),
        "loop_s": round(loop, 1),
        "ratio": round(loop / benchmark.stats.stats.median, 1) if benchmark.stats else None,
    }
