"""Paired comparison: p-values that mean what they say, on the same images only."""

from __future__ import annotations

from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from benchmark.common.errors import InputError
from benchmark.scoring.kappa import confusion_matrix, quadratic_weighted_kappa
from benchmark.statistics.bootstrap import Graded, kappa_interval
from benchmark.statistics.comparison import compare, holm
from tests.made.grades import simulate


def two_arms(
    patients: int, rng: np.random.Generator, a: tuple[float, ...], b: tuple[float, ...]
) -> tuple[Graded, Graded]:
    """Arms of runs with these errors of their own on the same simulated patients."""
    both = simulate(patients, rng, own=a + b)
    return replace(both, predicted=both.predicted[: len(a)]), replace(both, predicted=both.predicted[len(a) :])


def reordered(arm: Graded, order: np.ndarray) -> Graded:
    return Graded(arm.image_id[order], arm.patient[order], arm.grade[order], arm.predicted[:, order])


def kappa(arm: Graded, predicted: np.ndarray) -> float:
    return quadratic_weighted_kappa(confusion_matrix(arm.grade, predicted))


def test_the_difference_is_that_of_the_mean_kappas() -> None:
    a, b = two_arms(60, np.random.default_rng(0), (0.2, 0.3, 0.4), (0.5, 0.6, 0.7))
    result = compare(a, b, replicates=200)
    assert result.a == pytest.approx(np.mean([kappa(a, predicted) for predicted in a.predicted]))
    assert result.b == pytest.approx(np.mean([kappa(b, predicted) for predicted in b.predicted]))
    assert result.difference.value == pytest.approx(result.a - result.b)
    assert (result.images, result.difference.clusters) == (120, 60)


def test_an_arm_does_not_differ_from_itself() -> None:
    a, _ = two_arms(60, np.random.default_rng(0), (0.2,), (0.5,))
    result = compare(a, a, replicates=200)
    assert (result.p, result.resolvable) == (1, 0)
    assert (result.difference.low, result.difference.value, result.difference.high) == (0, 0, 0)


def test_neither_a_repetition_nor_the_order_of_the_images_changes_the_result() -> None:
    a, b = two_arms(60, np.random.default_rng(0), (0.2, 0.2), (0.5, 0.5))
    expected = compare(a, b, replicates=200)
    assert compare(a, b, replicates=200) == expected
    assert compare(a, reordered(b, np.random.default_rng(1).permutation(120)), replicates=200) == expected


def test_exchanging_the_arms_turns_the_sign_and_keeps_p() -> None:
    a, b = two_arms(150, np.random.default_rng(2), (0.2,), (0.35,))
    ab, ba = compare(a, b), compare(b, a)
    assert ba.difference.value == pytest.approx(-ab.difference.value)
    assert ba.difference.low == pytest.approx(-ab.difference.high, abs=2e-3)
    assert ba.p == pytest.approx(ab.p, abs=0.02)


@pytest.mark.parametrize("runs", [1, 2])
def test_p_is_that_of_all_exchanges_of_patients(runs: int) -> None:
    a, b = two_arms(10, np.random.default_rng(4), (0.1,) * runs, (0.9,) * runs)
    first, second = a.predicted, b.predicted
    differences = []
    for exchange in product([False, True], repeat=10):
        swap = np.repeat(exchange, 2)
        kappas = [
            [kappa(a, row) for row in np.where(swap, one, other)] for one, other in ((second, first), (first, second))
        ]
        differences.append(np.mean(kappas[0]) - np.mean(kappas[1]))
    exact = np.mean(np.abs(differences) >= abs(differences[0]) - 1e-12)
    assert 0 < exact < 0.9
    assert compare(a, b, replicates=20_000).p == pytest.approx(exact, abs=0.015)


def test_pairing_finds_what_two_intervals_apart_cannot() -> None:
    a, b = two_arms(400, np.random.default_rng(5), (0.1,), (0.35,))
    paired = compare(a, b)
    apart = [kappa_interval(arm) for arm in (a, b)]
    assert paired.p < 0.01
    assert paired.difference.low > 0
    assert apart[0].low < apart[1].high
    assert paired.difference.error < np.hypot(apart[0].error, apart[1].error)


def test_the_resolvable_difference_is_2_8_standard_errors_of_one_run() -> None:
    result = compare(*two_arms(400, np.random.default_rng(5), (0.1,), (0.35,)))
    assert result.resolvable == pytest.approx((1.96 + 0.84) * result.difference.error, rel=0.03)


def test_the_same_networks_may_differ_for_sure_while_retrained_ones_may_not() -> None:
    a, b = two_arms(2000, np.random.default_rng(6), (0.1, 0.1, 0.6), (0.3, 0.5, 0.5))
    result = compare(a, b, replicates=2000)
    assert result.p < 0.01
    assert result.p_retrained > 0.05
    assert result.difference.low < 0 < result.difference.high
    assert np.isnan(compare(replace(a, predicted=a.predicted[:1]), replace(b, predicted=b.predicted[:1])).p_retrained)


def test_unequal_numbers_of_runs_are_compared_unpaired() -> None:
    a, b = two_arms(300, np.random.default_rng(7), (0.1, 0.1, 0.1), (0.7, 0.7))
    result = compare(a, b, replicates=2000)
    assert 0 < result.p < 0.01
    assert result.difference.low < result.difference.value < result.difference.high


@pytest.mark.filterwarnings("error")
def test_an_undefined_kappa_has_no_p() -> None:
    grade = np.zeros(4, np.int64)
    arm = Graded(np.arange(4).astype(str), np.full(4, ""), grade, grade[None])
    result = compare(arm, arm, replicates=50)
    assert np.isnan([result.a, result.p, result.resolvable, result.difference.low]).all()


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        (lambda b: reordered(b, np.arange(10)), "same images once, but '.*' and 29 more"),
        (lambda b: replace(b, grade=(b.grade + 1) % 5), "one label, but '0_left' has"),
        (lambda b: replace(b, patient=np.full(40, "x")), "one patient, but '0_left' has '0' and 'x'"),
    ],
    ids=["images", "labels", "patients"],
)
def test_other_images_labels_or_patients_are_refused(change, sentence: str) -> None:
    a, b = two_arms(20, np.random.default_rng(0), (0.2,), (0.5,))
    with pytest.raises(InputError, match=sentence):
        compare(a, change(b))


@given(st.lists(st.floats(0, 1), min_size=1, max_size=20))
def test_holm_is_statsmodels(p: list[float]) -> None:
    np.testing.assert_allclose(holm(p), multipletests(p, method="holm")[1], rtol=1e-12)


def test_holm_leaves_out_tests_that_were_not_made() -> None:
    np.testing.assert_allclose(holm([0.01, np.nan, 0.04, 0.03]), [0.03, np.nan, 0.06, 0.06])
    assert holm([]).shape == (0,)


@pytest.mark.slow
@pytest.mark.parametrize("runs", [1, 3])
def test_arms_that_are_alike_differ_in_5_of_100_trials(runs: int) -> None:
    rng, trials = np.random.default_rng(11), 500
    by_permutation = by_interval = 0
    for seed in range(trials):
        result = compare(*two_arms(120, rng, (0.4,) * runs, (0.4,) * runs), replicates=500, seed=seed)
        by_permutation += result.p <= 0.05
        by_interval += not result.difference.low <= 0 <= result.difference.high
    error = 3 * (0.05 * 0.95 / trials) ** 0.5
    assert abs(by_permutation / trials - 0.05) < error
    # Over runs the interval errs on the wide side.
    assert (0.05 - error if runs == 1 else 0) < by_interval / trials < 0.05 + error
