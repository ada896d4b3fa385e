"""Paired comparison: valid p-values, on the same images only."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from unittest.mock import patch

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from statsmodels.stats.multitest import multipletests

from benchmark.common.errors import InputError
from benchmark.scoring.kappa import confusion_matrix, quadratic_weighted_kappa
from benchmark.statistics import bootstrap
from benchmark.statistics.bootstrap import Graded, kappa_interval
from benchmark.statistics.comparison import compare, holm
from benchmark.statistics.confidence import NOT_LEARNED, ONE_LABEL, ONE_RUN
from benchmark.statistics.verdict_rules import judge_ordering
from tests.factories.grades import simulate


def two_arms(
    patients: int, rng: np.random.Generator, a: tuple[float, ...], b: tuple[float, ...]
) -> tuple[Graded, Graded]:
    """Return arms whose runs have these errors on the same simulated patients."""
    both = simulate(patients, rng, own=a + b)
    return replace(both, predicted=both.predicted[: len(a)]), replace(both, predicted=both.predicted[len(a) :])


def reordered(arm: Graded, order: np.ndarray) -> Graded:
    return Graded(arm.image_id[order], arm.patient[order], arm.grade[order], arm.predicted[:, order])


def kappa(arm: Graded, predicted: np.ndarray) -> float:
    return quadratic_weighted_kappa(confusion_matrix(arm.grade, predicted))


def test_the_difference_equals_that_of_the_mean_kappas() -> None:
    a, b = two_arms(60, np.random.default_rng(0), (0.2, 0.3, 0.4), (0.5, 0.6, 0.7))
    result = compare(a, b, n_resamples=200)
    assert result.a == pytest.approx(np.mean([kappa(a, predicted) for predicted in a.predicted]))
    assert result.b == pytest.approx(np.mean([kappa(b, predicted) for predicted in b.predicted]))
    assert result.difference.estimate == pytest.approx(result.a - result.b)
    assert (result.images, result.difference.n_patients) == (120, 60)


def test_an_arm_does_not_differ_from_itself() -> None:
    a, _ = two_arms(60, np.random.default_rng(0), (0.2,), (0.5,))
    result = compare(a, a, n_resamples=2000)
    assert (result.p, result.difference.estimate) == (1, 0)
    # Three pseudo-patients, by the rule of three, whom one arm grades right and the other with errors.
    wrong = np.repeat((a.predicted[0] != a.grade).reshape(60, 2).any(1), 2)
    errors = ((a.predicted[0] - a.grade) ** 2).sum() / wrong.sum() * 2
    chance = (np.subtract.outer(a.grade, a.predicted[0]) ** 2).mean()
    reach = 3 * errors / 62 / (2 * chance)
    assert (result.difference.low, result.difference.high) == pytest.approx((-reach, reach), rel=0.25)


def constant(arm: Graded, rows: list[int], but: int = 0) -> Graded:
    """Return the arm with some runs that give every image grade 0, apart from the first images of grade 4."""
    predicted = arm.predicted.copy()
    predicted[rows] = 0
    predicted[np.ix_(rows, np.flatnonzero(arm.grade == 4)[:but])] = 4
    return replace(arm, predicted=predicted)


@pytest.mark.parametrize("but", [0, 1])
def test_an_arm_that_never_learned_allows_no_conclusion(but: int) -> None:
    a, b = two_arms(60, np.random.default_rng(0), (0.2,) * 3, (0.5,) * 3)
    for sides in ((a, constant(b, [0, 1, 2], but)), (constant(a, [0, 1, 2], but), constant(b, [0, 1, 2], but))):
        result = compare(*sides, n_resamples=200)
        assert result.difference.inconclusive_reason == NOT_LEARNED
        assert np.isnan([*result.difference.evidence, result.min_detectable_difference]).all()
        assert result.failed[1] == 3
    assert result.difference.low < 0 < result.difference.high


@pytest.mark.parametrize("but", [0, 1])
def test_failed_trainings_are_counted_and_left_out(but: int) -> None:
    a, b = two_arms(60, np.random.default_rng(0), (0.2,) * 4, (0.5,) * 4)
    result = compare(constant(a, [1], but), b, n_resamples=200)
    assert (result.failed, result.seeds) == ((1, 0), ((0, 2, 3), (0, 2, 3)))
    assert replace(result, failed=(0, 0)) == compare(a.of_seeds([0, 2, 3]), b.of_seeds([0, 2, 3]), n_resamples=200)
    every = compare(constant(a, [1], but), b, keep_failed=True, n_resamples=200)
    assert (every.failed, every.seeds) == ((1, 0), ((0, 1, 2, 3), (0, 1, 2, 3)))
    assert every.a == pytest.approx(np.mean(constant(a, [1], but).kappas))


def test_the_interval_of_trainings_that_learned_covers_their_difference_where_others_fail() -> None:
    """A fifth of the trainings fails; the interval of a mean over all of them covered the truth in 57 of 100 cases."""
    rng, trials = np.random.default_rng(3), 60
    both = two_arms(20_000, rng, (0.3,), (0.6,))
    truth = compare(*both, n_resamples=2).difference.estimate
    covered = []
    for seed in range(trials):
        a, b = two_arms(100, rng, (0.3,) * 5, (0.6,) * 5)
        failed = np.flatnonzero(rng.random(5) < 0.2).tolist()
        found = compare(a, constant(b, failed), n_resamples=200, seed=seed)
        covered.append(found.failed[1] != len(failed) or found.difference.low <= truth <= found.difference.high)
    assert np.mean(covered) > 0.95 - 3 * (0.05 * 0.95 / trials) ** 0.5


@given(st.permutations(range(5)), st.integers(2, 5))
def test_runs_are_paired_by_seed_whatever_their_places(order: list[int], common: int) -> None:
    a, b = two_arms(12, np.random.default_rng(0), (0.1, 0.2, 0.3, 0.4, 0.5), (0.2, 0.3, 0.4, 0.5, 0.6))
    kept = sorted(order[:common])
    expected = compare(a.of_seeds(kept), b.of_seeds(kept), n_resamples=40)
    assert compare(a, b.of_seeds(order[:common]), n_resamples=40) == expected
    assert compare(a.of_seeds(order[:common]), b, n_resamples=40) == expected


def test_arms_without_common_seeds_are_independent_samples() -> None:
    a, b = two_arms(60, np.random.default_rng(0), (0.1, 0.2, 0.3), (0.3, 0.5, 0.7))
    apart = compare(a, replace(b, seeds=(7, 8, 9)), n_resamples=200)
    assert apart.seeds == ((0, 1, 2), (7, 8, 9))
    assert apart.difference.estimate == pytest.approx(np.mean(a.kappas) - np.mean(b.kappas))


def test_neither_a_repetition_nor_the_order_of_the_images_changes_the_result() -> None:
    a, b = two_arms(60, np.random.default_rng(0), (0.2, 0.2), (0.5, 0.5))
    expected = compare(a, b, n_resamples=200)
    assert compare(a, b, n_resamples=200) == expected
    assert compare(a, reordered(b, np.random.default_rng(1).permutation(120)), n_resamples=200) == expected


def test_p_depends_on_the_seed_alone() -> None:
    a, b = two_arms(30, np.random.default_rng(0), (0.2,), (0.4,))

    def p(seed: int) -> float:
        # Clear the cache, because draws are kept from one comparison to the next.
        bootstrap._tossed.cache_clear()
        return compare(a, b, n_resamples=500, seed=seed).p

    assert p(0) == p(0)
    assert len({p(seed) for seed in range(5)}) > 1


def test_exchanging_the_arms_flips_the_sign_and_keeps_p() -> None:
    a, b = two_arms(150, np.random.default_rng(2), (0.2,), (0.35,))
    ab, ba = compare(a, b), compare(b, a)
    assert ba.difference.estimate == pytest.approx(-ab.difference.estimate)
    assert ba.difference.low == pytest.approx(-ab.difference.high, abs=5e-3)
    assert ba.p == pytest.approx(ab.p, abs=0.02)


@pytest.mark.parametrize("block", [1, 10**7])
@pytest.mark.parametrize(("runs", "draw"), [(1, 9), (2, 11)])
def test_p_equals_that_of_all_exchanges_of_patients(
    runs: int, draw: int, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bootstrap, "_BLOCK", block)
    a, b = two_arms(10, np.random.default_rng(draw), (0.1,) * runs, (0.6,) * runs)
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
    assert compare(a, b, n_resamples=20_000).p == pytest.approx(exact, abs=0.015)


def test_pairing_detects_differences_that_separate_intervals_cannot() -> None:
    a, b = two_arms(400, np.random.default_rng(5), (0.1,), (0.35,))
    paired = compare(a, b)
    apart = [kappa_interval(arm) for arm in (a, b)]
    assert paired.p < 0.01
    assert paired.difference.low > 0
    assert apart[0].low < apart[1].high
    assert paired.difference.se < np.hypot(apart[0].se, apart[1].se)


def test_the_min_detectable_difference_is_2_8_standard_errors_of_one_run() -> None:
    result = compare(*two_arms(400, np.random.default_rng(5), (0.1,), (0.35,)))
    assert result.min_detectable_difference == pytest.approx((1.96 + 0.84) * result.difference.se, rel=0.03)


def test_trained_networks_can_differ_while_retrained_ones_need_not() -> None:
    a, b = two_arms(2000, np.random.default_rng(6), (0.1, 0.1, 0.6), (0.3, 0.5, 0.5))
    result = compare(a, b, n_resamples=2000)
    assert result.p < 0.01
    assert result.p_retrained > 0.05
    assert result.difference.low < 0 < result.difference.high
    assert np.isnan(compare(replace(a, predicted=a.predicted[:1]), replace(b, predicted=b.predicted[:1])).p_retrained)


def rarely_apart(n: int, share: float, favour: float, runs: int, rng: np.random.Generator) -> tuple[Graded, Graded]:
    """Return arms with equal errors, except on some images where one is right, the first arm in ``favour`` of them."""
    grade = rng.choice(5, n, p=(0.4, 0.15, 0.2, 0.13, 0.12))
    wrong = np.where(grade == 0, 1, grade - 1)
    alike = np.where(rng.random(n) < 0.3, wrong, grade)
    apart, first = rng.random((runs, n)) < share, rng.random((runs, n)) < favour
    names = np.arange(n).astype(str)
    a, b = (np.where(apart, np.where(right, grade, wrong), alike) for right in (first, ~first))
    return Graded(names, names, grade, a), Graded(names, names, grade, b)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("n", "share", "favour", "runs"),
    [
        (83, 0.01, 1.0, 1),
        (83, 0.03, 1.0, 1),
        (83, 0.03, 0.5, 1),
        (83, 0.1, 0.8, 1),
        (83, 0.03, 1.0, 3),
        (480, 0.02, 1.0, 1),
    ],
)
def test_the_interval_covers_the_truth_where_few_images_differ(n, share, favour, runs) -> None:
    both = rarely_apart(200_000, share, favour, 1, np.random.default_rng(0))
    truth = kappa(both[0], both[0].predicted[0]) - kappa(both[1], both[1].predicted[0])
    rng, trials = np.random.default_rng(1), 200
    found = [compare(*rarely_apart(n, share, favour, runs, rng), n_resamples=300, seed=s) for s in range(trials)]
    intervals = [one.difference for one in found]
    error = 3 * (0.05 * 0.95 / trials) ** 0.5
    assert np.mean([not one.low <= truth <= one.high for one in intervals]) < 0.05 + error
    # A true effect of twice the margin is hardly ever found wanting; a single run finds nothing at all.
    verdicts = [judge_ordering(one.evidence, truth / 2, None) for one in intervals]
    assert favour == 0.5 or np.mean([verdict == "not reproduced" for verdict in verdicts]) <= 0.01
    assert runs > 1 or set(verdicts) == {"inconclusive"}
    assert all(one.low < one.high for one in intervals)


@given(st.integers(1, 4), st.integers(0, 99), st.booleans())
def test_one_run_on_a_side_is_never_evidence_on_retraining(others: int, seed: int, turned: bool) -> None:
    sides = two_arms(12, np.random.default_rng(seed), (0.1,), (1.5,) * others)
    result = compare(*(sides[::-1] if turned else sides), n_resamples=40)
    assert result.difference.inconclusive_reason in (ONE_RUN, NOT_LEARNED, ONE_LABEL)
    assert np.isnan([*result.difference.evidence, result.p_retrained]).all()


@pytest.mark.filterwarnings("error")
def test_an_undefined_kappa_has_no_p() -> None:
    grade = np.zeros(4, np.int64)
    arm = Graded(np.arange(4).astype(str), np.full(4, ""), grade, grade[None])
    result = compare(arm, arm, n_resamples=50)
    assert np.isnan([result.a, result.p, result.min_detectable_difference, result.difference.low]).all()


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
def test_holm_equals_statsmodels(p: list[float]) -> None:
    # statsmodels collects garbage at every call, which takes seconds once torch is loaded.
    with patch("gc.collect"):
        expected = multipletests(p, method="holm")[1]
    np.testing.assert_allclose(holm(p), expected, rtol=1e-12)


def test_holm_leaves_out_tests_that_were_not_made() -> None:
    np.testing.assert_allclose(holm([0.01, np.nan, 0.04, 0.03]), [0.03, np.nan, 0.06, 0.06])
    assert holm([]).shape == (0,)


@pytest.mark.slow
@pytest.mark.parametrize("trials", [200, pytest.param(500, marks=pytest.mark.nightly)])
@pytest.mark.parametrize("runs", [1, 3])
def test_equal_arms_differ_in_5_of_100_trials(runs: int, trials: int) -> None:
    rng = np.random.default_rng(11)
    by_permutation = by_interval = 0
    for seed in range(trials):
        result = compare(*two_arms(120, rng, (0.4,) * runs, (0.4,) * runs), n_resamples=500, seed=seed)
        by_permutation += result.p <= 0.05
        by_interval += not result.difference.low <= 0 <= result.difference.high
    error = 3 * (0.05 * 0.95 / trials) ** 0.5
    assert abs(by_permutation / trials - 0.05) < error
    # Over runs the interval errs on the wide side.
    assert (0.05 - error if runs == 1 else 0) <= by_interval / trials < 0.05 + error
    assert by_interval or trials < 500
