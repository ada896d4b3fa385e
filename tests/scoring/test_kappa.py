"""Quadratic weighted kappa: equal to scikit-learn's wherever it is defined, and NaN without a warning elsewhere."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from sklearn.metrics import cohen_kappa_score
from sklearn.metrics import confusion_matrix as sklearn_confusion

from benchmark.scoring.kappa import confusion_matrix, quadratic_weighted_kappa, weighted_kappa, why_undefined

pairs = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=60)
stacks = hnp.arrays(
    np.int64,
    hnp.array_shapes(min_dims=1, max_dims=2, max_side=4).map(lambda s: (*s, 5, 5)),
    elements=st.integers(0, 50),
)


def columns(images: list[tuple[int, int]]) -> tuple[np.ndarray, np.ndarray]:
    table = np.array(images, np.int64)
    return table[:, 0], table[:, 1]


@given(pairs)
def test_confusion_matrix_equals_scikit_learns(images: list[tuple[int, int]]) -> None:
    grade, predicted = columns(images)
    assert np.array_equal(confusion_matrix(grade, predicted), sklearn_confusion(grade, predicted, labels=range(5)))


@given(pairs)
def test_kappa_equals_scikit_learns(images: list[tuple[int, int]]) -> None:
    grade, predicted = columns(images)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = cohen_kappa_score(grade, predicted, labels=range(5), weights="quadratic")
    ours = weighted_kappa(confusion_matrix(grade, predicted))
    np.testing.assert_allclose(ours, expected, rtol=0, atol=1e-12)


@given(stacks)
def test_a_stack_gives_the_kappa_of_each_of_its_matrices(stack: np.ndarray) -> None:
    one_by_one = [quadratic_weighted_kappa(confusion) for confusion in stack.reshape(-1, 5, 5)]
    np.testing.assert_array_equal(weighted_kappa(stack), np.reshape(one_by_one, stack.shape[:-2]))


@given(pairs)
def test_kappa_has_a_value_or_a_reason_and_never_warns(images: list[tuple[int, int]]) -> None:
    confusion = confusion_matrix(*columns(images))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        kappa = quadratic_weighted_kappa(confusion)
    assert np.isnan(kappa) == (why_undefined(confusion) is not None)
    assert np.isnan(kappa) or -1 <= kappa <= 1


@pytest.mark.parametrize(
    ("grade", "predicted", "kappa"),
    [
        ([0, 1, 2, 4], [0, 1, 2, 4], 1.0),
        ([0, 1, 2, 4], [2, 2, 2, 2], 0.0),
        ([3], [1], 0.0),
        ([0, 4], [4, 0], -1.0),
    ],
    ids=["agreement", "constant prediction", "one wrong image", "opposites"],
)
def test_known_values(grade: list[int], predicted: list[int], kappa: float) -> None:
    confusion = confusion_matrix(np.array(grade), np.array(predicted))
    assert quadratic_weighted_kappa(confusion) == pytest.approx(kappa)
    assert why_undefined(confusion) is None


@pytest.mark.parametrize(
    ("images", "reason"),
    [(0, "no image was graded"), (1, "every label and every prediction is grade 3"), (9, "is grade 3")],
)
def test_undefined_kappa_is_nan_with_a_reason(images: int, reason: str) -> None:
    grade = np.full(images, 3, np.int64)
    confusion = confusion_matrix(grade, grade)
    assert np.isnan(quadratic_weighted_kappa(confusion))
    assert reason in str(why_undefined(confusion))
