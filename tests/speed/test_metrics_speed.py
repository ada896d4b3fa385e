"""Speed of the intervals of all metrics of a run relative to a loop over resampled patients."""

from __future__ import annotations

from statistics import median
from time import perf_counter, process_time

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


def made_run(patients: int = PATIENTS) -> Predictions:
    made, rng = simulate(patients, np.random.default_rng(0)), np.random.default_rng(1)
    seen = made.predicted[0] + 0.5 * rng.standard_normal(len(made.grade))
    prob = np.exp(-((np.arange(5) - seen[:, None]) ** 2))
    eye = np.tile(["left", "right"], patients)
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


@pytest.mark.speed
def test_intervals_of_all_metrics_take_time_in_proportion_to_images(benchmark: BenchmarkFixture, scaled) -> None:
    """Time per image of all of EyePACS' test split relative to that of a quarter of it."""
    sizes = scaled((PATIENTS // 4, PATIENTS), (100, 400))
    few, many = (made_run(size) for size in sizes)

    def seconds(run: Predictions) -> float:
        began = process_time()
        metric_intervals(graded([run], [apply_rule("argmax", run)]), "prob", [run], seed=1)
        return process_time() - began

    small = median(seconds(few) for _ in range(3))
    large = benchmark.pedantic(seconds, args=(many,), rounds=1)
    benchmark.extra_info |= {"patients": sizes, "ratio": round(large / small * sizes[0] / sizes[1], 2)}
    print(f"\ntime per image of {sizes[1]} patients: {benchmark.extra_info['ratio']} of that of {sizes[0]}")
