"""Bootstrap intervals: patients are resampled whole, equal seeds give equal ends, and coverage is nominal."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import ndtri
from scipy.stats import ks_2samp

from benchmark.common.errors import InputError
from benchmark.runs.predictions import Predictions, clusters
from benchmark.scoring.kappa import confusion_matrix, weighted_kappa
from benchmark.statistics import bootstrap
from benchmark.statistics.bootstrap import Graded, collapse, graded, kappa_interval, kappa_of_sums, resample
from benchmark.statistics.confidence import NOT_LEARNED, ONE_LABEL, ONE_RUN
from tests.factories.grades import simulate

images = st.lists(
    st.tuples(st.sampled_from(["", "a", "b", "c"]), st.integers(0, 4), st.integers(0, 4), st.integers(0, 4)),
    max_size=30,
)


def arm(rows: list[tuple[str, int, int, int]]) -> Graded:
    """Return two runs from rows of patient, grade and two predictions."""
    patient = np.array([row[0] for row in rows], dtype=str)
    table = np.array([row[1:] for row in rows], np.int64).reshape(-1, 3)
    return Graded(np.arange(len(rows)).astype(str), patient, table[:, 0], table[:, 1:].T)


def ends(made: Graded, seed: int = 0) -> tuple[float, float]:
    interval = kappa_interval(made, n_resamples=500, seed=seed)
    return interval.low, interval.high


@given(images)
def test_collapsing_keeps_every_image_and_every_patient(rows: list[tuple[str, int, int, int]]) -> None:
    made = arm(rows)
    patterns = collapse(made.patient, made.grade, made.predicted)
    each = [confusion_matrix(made.grade, predicted) for predicted in made.predicted]
    assert np.array_equal(patterns.total, each)
    known = {row[0] for row in rows if row[0]}
    assert patterns.size == len(known) + sum(not row[0] for row in rows)
    assert len(np.unique(patterns.counts, axis=0)) == len(patterns.counts)


def test_an_unknown_patient_is_a_separate_cluster() -> None:
    number = clusters(np.array(["x", "", "y", "x", ""]))
    assert number[0] == number[3]
    assert len(set(number.tolist())) == 4


@pytest.mark.parametrize("block", [1, 10**7])
def test_drawing_patterns_equals_drawing_patients(block: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "_BLOCK", block)
    rng = np.random.default_rng(3)
    made = simulate(80, rng)
    patterns = collapse(made.patient, made.grade, made.predicted)
    ours = kappa_of_sums(resample(patterns, patterns.kappa_sums, 4000, 0))[0]
    cells = (made.grade * 5 + made.predicted[0]).reshape(80, 2)
    drawn = cells[rng.integers(0, 80, (4000, 80))].reshape(4000, 160)
    one_by_one = weighted_kappa(np.array([np.bincount(row, minlength=25).reshape(5, 5) for row in drawn]))
    assert ks_2samp(ours, one_by_one).pvalue > 0.01


def test_blocks_respect_the_memory_bound_and_cover_all_resamples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "_BLOCK", 6)
    monkeypatch.setattr(bootstrap, "_MEASURED", 6)
    asked: list[int] = []

    def draw(size: int) -> np.ndarray:
        asked.append(size)
        return np.arange(2 * size).reshape(size, 2)

    sums = bootstrap.in_blocks(draw, np.array([[1.0, 0.0], [0.5, 2.0]]), 7)
    assert (asked, sums.shape) == ([3, 3, 1], (2, 7))
    assert sums.T[:3].tolist() == [[0.5, 2], [3.5, 6], [6.5, 10]]
    for images, sizes in ((1, [6, 1]), (2, [3, 3, 1]), (4, [1] * 7), (99, [1] * 7)):
        blocks = list(bootstrap.weights_in_blocks(5, images, 7, seed=0))
        assert [block.shape for block in blocks] == [(size, 5) for size in sizes]
        assert all((block.sum(1) == 5).all() for block in blocks)


def test_sums_are_exact_for_weights_of_any_precision() -> None:
    large = np.array([[2.0**24], [1.0]])
    assert bootstrap.weighted_sums(np.ones((1, 2), np.float32), large).item() == 2**24 + 1
    tenths = np.array([[0.1], [0.2], [0.3]])
    assert bootstrap.weighted_sums(np.ones((1, 3)), tenths).item() == pytest.approx(0.6, abs=1e-15)


def test_draws_depend_on_the_seed_alone() -> None:
    made = simulate(30, np.random.default_rng(0))
    patterns = collapse(made.patient, made.grade, made.predicted)
    values = patterns.counts[:, 0, :3]

    def sums(of: Callable[..., np.ndarray], seed: int) -> list[list[float]]:
        # Clear the cache, because draws are kept for the next call.
        bootstrap._drawn.cache_clear()
        bootstrap._tossed.cache_clear()
        return of(patterns, values, 50, seed).tolist()

    for of in (resample, bootstrap.exchange):
        assert sums(of, 0) == sums(of, 0) != sums(of, 1)


def test_equal_seeds_give_equal_intervals_for_any_order_of_images() -> None:
    made = simulate(100, np.random.default_rng(0), own=(0.2, 0.3))
    mixed = np.random.default_rng(1).permutation(200)
    other = Graded(made.image_id[mixed], made.patient[mixed], made.grade[mixed], made.predicted[:, mixed])
    assert ends(made) == ends(made) == ends(other)
    assert ends(made, seed=1) != ends(made)


def test_a_fellow_eye_that_repeats_its_patient_adds_nothing() -> None:
    once = simulate(100, np.random.default_rng(0))
    twice = Graded(
        *(np.concatenate([part, part], axis=-1) for part in (once.image_id, once.patient, once.grade)),
        np.hstack([once.predicted] * 2),
    )
    # The pseudo-patients are rounded to 64ths of images.
    assert ends(twice) == pytest.approx(ends(once), abs=2e-4)
    apart = replace(twice, patient=np.full(400, ""))
    low, high = ends(apart)
    assert high - low < 0.85 * (ends(once)[1] - ends(once)[0])


def test_runs_that_agree_count_as_one() -> None:
    made = simulate(100, np.random.default_rng(0))
    assert ends(replace(made, predicted=np.repeat(made.predicted, 3, axis=0))) == pytest.approx(ends(made), abs=1e-12)


def test_ends_are_clipped_to_the_range_of_kappa() -> None:
    """The t interval of two runs far apart, one of them perfect, would reach far above 1."""
    made = simulate(100, np.random.default_rng(0), own=(0.2, 0.3))
    predicted = np.stack([made.grade, 4 - made.grade])
    found = kappa_interval(replace(made, predicted=predicted), n_resamples=500)
    assert (found.low, found.high) == (-1, 1)
    assert found.low < found.estimate < found.high


def predicted_of(made: Graded, *runs: object) -> Graded:
    """Return the same images graded by these runs."""
    return replace(
        made, predicted=np.stack([np.broadcast_to(np.asarray(run, np.int64), made.grade.shape) for run in runs])
    )


@pytest.mark.parametrize("runs", [1, 3])
def test_the_interval_of_a_sample_without_errors_has_a_width(runs: int) -> None:
    made = simulate(5, np.random.default_rng(0), likeness=0)
    assert len(np.unique(made.grade)) > 1
    found = kappa_interval(predicted_of(made, *[made.grade] * runs), n_resamples=2000)
    assert (found.estimate, found.high) == (1, 1)
    # Of seven patients, pseudo-patients among them, the one graded by chance may be drawn three times.
    assert found.low < 4 / 7


def test_an_inconclusive_interval_gives_its_reason() -> None:
    made = simulate(40, np.random.default_rng(0), own=(0.2, 0.3))
    assert kappa_interval(made, n_resamples=50).inconclusive_reason == ""
    assert kappa_interval(predicted_of(made, made.predicted[0]), n_resamples=50).inconclusive_reason == ONE_RUN
    assert kappa_interval(predicted_of(made, made.predicted[0], 2), n_resamples=50).inconclusive_reason == NOT_LEARNED
    assert kappa_interval(replace(made, grade=0 * made.grade), n_resamples=50).inconclusive_reason == ONE_LABEL


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("n", [0, 1, 6])
def test_an_undefined_kappa_has_no_interval(n: int) -> None:
    grade = np.full(n, 2, np.int64)
    made = Graded(np.arange(n).astype(str), np.full(n, ""), grade, grade[None])
    interval = kappa_interval(made, n_resamples=50)
    assert np.isnan([interval.estimate, interval.low, interval.high, interval.se]).all()
    assert (interval.n_patients, interval.n_undefined) == (n, 50)


@pytest.mark.filterwarnings("error")
def test_one_patient_has_a_kappa_but_no_interval() -> None:
    interval = kappa_interval(arm([("a", 0, 0, 0), ("a", 3, 2, 3)]), n_resamples=50)
    assert interval.estimate > 0
    assert np.isnan([interval.low, interval.high]).all()


@pytest.mark.filterwarnings("error")
def test_undefined_resamples_are_left_out_and_counted() -> None:
    made = arm([("a", 0, 0, 0), ("b", 0, 0, 0), ("c", 2, 1, 1)])
    interval = kappa_interval(made, n_resamples=20_000)
    # Neither the third nor a pseudo-patient is drawn.
    assert interval.n_undefined == pytest.approx(20_000 * (2 / 5) ** 5, rel=0.3)
    assert interval.low <= interval.estimate <= interval.high


def test_runs_on_other_images_are_refused() -> None:
    def run(*names: str) -> Predictions:
        text, n = np.array(names), len(names)
        return Predictions(text, np.full(n, ""), np.full(n, "left"), np.zeros(n, np.int64), None, None)

    grades = np.zeros(2, np.int64)
    assert graded([run("a", "b"), run("a", "b")], [grades, grades]).predicted.shape == (2, 2)
    with pytest.raises(InputError, match="share their images"):
        graded([run("a", "b"), run("a", "c")], [grades, grades])
    with pytest.raises(InputError, match="at least one run"):
        graded([], [])


def true_kappa(*own: float) -> float:
    """Return the mean kappa of runs with these errors over very many patients."""
    made = simulate(100_000, np.random.default_rng(99), own=own)
    return float(np.mean([weighted_kappa(confusion_matrix(made.grade, predicted)) for predicted in made.predicted]))


def covers(made: Graded, truth: float, seed: int) -> bool:
    interval = kappa_interval(made, n_resamples=1000, seed=seed)
    return interval.low <= truth <= interval.high


def within_error(level: float, trials: int) -> float:
    """Return three standard errors of a coverage estimated from a number of trials."""
    return 3 * (level * (1 - level) / trials) ** 0.5


@pytest.mark.slow
@pytest.mark.parametrize("trials", [300, pytest.param(1000, marks=pytest.mark.nightly)])
def test_the_interval_covers_the_truth_95_times_in_100_and_one_over_images_does_not(trials: int) -> None:
    rng, truth = np.random.default_rng(7), true_kappa(0.2)
    patients = images = 0
    for seed in range(trials):
        made = simulate(150, rng)
        patients += covers(made, truth, seed)
        images += covers(replace(made, patient=np.full(300, "")), truth, seed)
    assert abs(patients / trials - 0.95) < within_error(0.95, trials)
    assert images / trials < 0.95 - within_error(0.95, trials)


@pytest.mark.slow
@pytest.mark.parametrize("trials", [100, pytest.param(300, marks=pytest.mark.nightly)])
def test_the_interval_over_three_runs_covers_the_expected_kappa_and_resampling_runs_does_not(trials: int) -> None:
    rng, spread = np.random.default_rng(8), 0.25
    truth = true_kappa(*0.5 * np.exp(spread * ndtri(np.arange(0.025, 1, 0.05))))
    ours = resampled = 0
    for seed in range(trials):
        made = simulate(800, rng, own=tuple(0.5 * np.exp(spread * rng.normal(size=3))))
        ours += covers(made, truth, seed)
        patterns = collapse(made.patient, made.grade, made.predicted)
        kappas = kappa_of_sums(resample(patterns, patterns.kappa_sums, 1000, seed)).T
        drawn = np.take_along_axis(kappas, rng.integers(0, 3, (1000, 3)), axis=1).mean(1)
        low, high = np.quantile(drawn, [0.025, 0.975])
        resampled += low <= truth <= high
    assert ours / trials > 0.95 - within_error(0.95, trials)
    assert resampled / trials < 0.95 - within_error(0.95, trials)


def test_patients_drawn_one_by_one_are_distributed_as_patients_drawn_by_pattern(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    random = np.random.default_rng(0)
    patient, grade = np.array([str(i // 2) for i in range(600)]), random.integers(0, 5, 600)
    patterns = collapse(patient, grade, random.integers(0, 5, (4, 600)))
    assert len(patterns.patients) > 250  # Most patients have a pattern of their own.
    monkeypatch.setattr(bootstrap, "_BLOCK", 10_000)
    found = []
    for many in (10_000, 0):
        monkeypatch.setattr(bootstrap, "_MANY", many)
        found.append(np.moveaxis(resample(patterns, patterns.counts, 2000, 0), -1, 0))
    by_pattern, one_by_one = found
    assert (one_by_one.sum((1, 2)) == 4 * 600).all()
    assert not np.array_equal(by_pattern, one_by_one)
    spread = by_pattern.std(0)
    assert np.abs(by_pattern.mean(0) - one_by_one.mean(0)).max() < 0.2 * spread.max()
    assert np.abs(spread - one_by_one.std(0)).max() < 0.1 * spread.max()
