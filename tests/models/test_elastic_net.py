"""The elastic nets compared with scikit-learn's, fold by fold and penalty by penalty."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import ElasticNet
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PolynomialFeatures, StandardScaler

from benchmark.common.thresholds import apply_thresholds, best_thresholds
from models.blends import elastic_net, elastic_nets


def scores(n=40, networks=1, seed=0):
    """Return each network's scores of the eye and its fellow eye with the side, and the grades."""
    rng = np.random.default_rng(seed)
    grade = rng.integers(0, 5, n)
    x = grade[:, None] + rng.normal(0, 0.8, (n, 2 * networks))
    return np.column_stack([x, np.arange(n) % 2]).astype(np.float32), grade


def test_columns_are_five_values_and_their_pairwise_products():
    x, _ = scores()
    own, fellow, side = x.astype(np.float64).T
    five = np.column_stack([side, own, fellow, np.maximum(own, fellow), np.minimum(own, fellow)])
    found = elastic_net.columns(own, fellow, side)
    assert found.shape == (40, 15)
    assert np.allclose(found, PolynomialFeatures(2, interaction_only=True, include_bias=False).fit_transform(five))


def test_the_penalty_is_the_strongest_within_a_standard_error_of_the_best():
    """Fit each fold and penalty with scikit-learn's estimator, and apply the rule as glmnet documents it."""
    x, grade = scores(40)
    rows = elastic_net.columns(*x.astype(np.float64).T)
    seed, mix, folds, count = 3, 0.5, 4, 12
    standard = StandardScaler().fit_transform(rows)
    strongest = max(abs(standard[:, j] @ (grade - grade.mean())) for j in range(15)) / (40 * mix)
    tried = [strongest * 0.001 ** (i / (count - 1)) for i in range(count)]

    def model(penalty):
        return make_pipeline(StandardScaler(), ElasticNet(alpha=penalty, l1_ratio=mix, max_iter=100_000))

    fold = np.random.default_rng(seed).permutation(40) % folds

    def fold_error(penalty, validation):
        fitted = model(penalty).fit(rows[~validation], grade[~validation])
        return np.mean((fitted.predict(rows[validation]) - grade[validation]) ** 2)

    errors = np.array([[fold_error(penalty, fold == number) for penalty in tried] for number in range(folds)])
    mean, error = errors.mean(0), errors.std(0, ddof=1) / folds**0.5
    limit = mean.min() + error[mean.argmin()]
    chosen = next(p for p, value in zip(tried, mean, strict=True) if value <= limit)
    weights, intercept = elastic_net.fit_line(rows, grade, seed, mix=mix, folds=folds, penalties=count)
    assert np.allclose(rows @ weights + intercept, model(chosen).fit(rows, grade).predict(rows), atol=1e-3)
    assert tried[0] > chosen > tried[-1]


def test_at_the_strongest_penalty_all_weights_are_zero_and_just_below_they_are_not():
    x, grade = scores(60)
    rows = elastic_net.columns(*x.astype(np.float64).T)
    tried = elastic_net._penalties(rows, grade, 0.5, 20)
    weights, intercepts = elastic_net._path(rows, grade, 0.5, tried)
    assert not weights[:, 0].any()
    assert intercepts[0] == pytest.approx(grade.mean())
    assert weights[:, 1].any()
    assert tried[-1] == pytest.approx(tried[0] / 1000)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 999), st.integers(2, 6), st.integers(1, 9))
def test_one_standard_error_never_takes_a_weaker_penalty_than_the_best(seed, folds, penalties):
    errors = np.random.default_rng(seed).random((folds, penalties))
    sizes = np.full(folds, 5)
    place, best = elastic_net.one_standard_error(errors, sizes), int(errors.mean(0).argmin())
    assert place <= best
    assert errors.mean(0)[place] <= errors.mean(0)[best] + errors[:, best].std(ddof=1) / folds**0.5 + 1e-12


def test_the_second_level_reads_only_the_grade_of_each_network():
    x, grade = scores(60, networks=2, seed=1)
    settled = {"mix": 0.5, "mix_of_grades": 0.01, "folds": 5, "penalties": 10}
    state = elastic_nets.fit(x, grade, 0, **settled)
    assert state["weights"].shape == (2, 15)
    assert state["grade_weights"].shape == (10,)
    first = np.column_stack([x[:, 0], x[:, 2], x[:, 4]])
    alone = elastic_net.fit(first, grade, 0, mix=0.5, folds=5, penalties=10)
    assert np.array_equal(alone["weights"], state["weights"][0])
    fitted = elastic_net.columns(*first.astype(np.float64).T) @ alone["weights"] + alone["intercept"]
    assert tuple(state["thresholds"][0]) == best_thresholds(fitted, grade)
    # At most one prediction per pair of grades.
    predicted = elastic_nets.predict(state, x)
    assert len(np.unique(predicted)) <= 25
    assert len(np.unique(predicted[apply_thresholds(fitted, tuple(state["thresholds"][0])) == 0])) <= 5


def test_constant_columns_and_labels_of_one_grade_can_be_fitted():
    x, _ = scores(20)
    x[:, -1] = 1
    state = elastic_nets.fit(x, np.full(20, 2), 0, mix=0.5, mix_of_grades=0.01, folds=4, penalties=5)
    assert np.allclose(elastic_nets.predict(state, x), 2)
