"""Speed of a bootstrap interval relative to a loop over resampled patients with scikit-learn's kappa."""

from __future__ import annotations

from statistics import median
from time import perf_counter

import numpy as np
import pytest
from pytest_benchmark.fixture import BenchmarkFixture
from sklearn.metrics import cohen_kappa_score

from benchmark.statistics.bootstrap import N_RESAMPLES, Graded, kappa_interval
from tests.factories.grades import simulate

PATIENTS = 21_335
"""Number of patients in EyePACS' test split, with 42,670 images."""
TIMED = 15
"""Number of timed resamples of the loop, whose time is scaled up."""
TRIED = 200
"""Number of patients if nothing is measured."""


def loop_seconds(made: Graded) -> float:
    """Return the time of one resample by a plain loop: draw patients, gather their images, call scikit-learn."""
    rng = np.random.default_rng(0)
    grade, predicted = made.grade.reshape(-1, 2), made.predicted[0].reshape(-1, 2)
    seconds = []
    for _ in range(TIMED):
        start = perf_counter()
        drawn = rng.integers(0, len(grade), len(grade))
        cohen_kappa_score(grade[drawn].ravel(), predicted[drawn].ravel(), labels=range(5), weights="quadratic")
        seconds.append(perf_counter() - start)
    return median(seconds)


@pytest.mark.speed
@pytest.mark.parametrize("runs", [1, 3])
def test_an_interval_against_a_scikit_learn_loop(benchmark: BenchmarkFixture, scaled, runs: int) -> None:
    made = simulate(scaled(PATIENTS, TRIED), np.random.default_rng(0), own=(0.2,) * runs)
    loop = runs * N_RESAMPLES * loop_seconds(made)
    interval = benchmark.pedantic(kappa_interval, args=(made,), rounds=3, warmup_rounds=1)
    assert interval.low < interval.estimate < interval.high
    benchmark.extra_info |= {
        "images": len(made.grade),
        "patients": interval.n_patients,
        "runs": runs,
        "n_resamples": interval.n_resamples,
        "loop_s": round(loop, 1),
        "ratio": round(loop / benchmark.stats.stats.median, 1) if benchmark.stats else None,
    }
