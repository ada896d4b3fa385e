"""Each measure against scikit-learn or a plain reference, and NaN where the images cannot show it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn import metrics as reference

from benchmark.kappa import confusion_matrix
from benchmark.metrics import BINS, all_metrics, auc, expected_calibration_error
from benchmark.predictions import Predictions

ALWAYS = {
    "kappa",
    "kappa_linear",
    "accuracy",
    "f1_macro",
    "mae",
    "amae",
    "off_by_one",
    "referable_sensitivity",
    "referable_specificity",
    *(f"recall_{grade}" for grade in range(5)),
}


def outputs(grade: np.ndarray, rng: np.random.Generator, heads: tuple[str, ...] = ("score", "prob")) -> Predictions:
    n = len(grade)
    score = (grade + rng.normal(size=n)).round(1).astype(np.float32)
    prob = rng.dirichlet(np.ones(5), n).astype(np.float32)
    return Predictions(
        np.arange(n).astype(str),
        np.full(n, ""),
        np.full(n, "left"),
        grade,
        score if "score" in heads else None,
        prob if "prob" in heads else None,
    )


@pytest.mark.filterwarnings("ignore::UserWarning")
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=40), st.integers(0, 99))
def test_every_measure_is_the_references(rows: list[tuple[int, int]], seed: int) -> None:
    grade, predicted = np.array(rows, np.int64).T
    predictions = outputs(grade, np.random.default_rng(seed))
    ours = all_metrics(predictions, predicted)
    sick, called = grade >= 2, predicted >= 2
    every = {"labels": range(5)}
    expected = {
        "kappa": reference.cohen_kappa_score(grade, predicted, weights="quadratic", **every),
        "kappa_linear": reference.cohen_kappa_score(grade, predicted, weights="linear", **every),
        "accuracy": reference.accuracy_score(grade, predicted),
        "f1_macro": reference.f1_score(grade, predicted, average="macro", zero_division=0),
        "mae": reference.mean_absolute_error(grade, predicted),
        "amae": np.mean([np.abs(predicted - grade)[grade == g].mean() for g in np.unique(grade)]),
        "off_by_one": np.mean(np.abs(predicted - grade) == 1),
        "referable_sensitivity": reference.recall_score(sick, called, zero_division=np.nan),
        "referable_specificity": reference.recall_score(~sick, ~called, zero_division=np.nan),
    }
    recalls = reference.recall_score(grade, predicted, average=None, zero_division=np.nan, **every)
    expected |= {f"recall_{g}": recall for g, recall in enumerate(recalls)}
    two_sides = 0 < sick.sum() < len(sick)
    assert predictions.prob is not None
    prob = predictions.prob.astype(np.float64)
    for head, values in (("score", predictions.score), ("prob", prob[:, 2:].sum(1))):
        expected[f"referable_auc_{head}"] = reference.roc_auc_score(sick, values) if two_sides else np.nan
    # The ranked probability score is the sum of the Brier scores of "at most grade k".
    expected["rps"] = sum(np.mean((prob[:, : k + 1].sum(1) - (grade <= k)) ** 2) for k in range(4))
    expected["ece"] = plain_calibration_error(grade, prob)
    assert ours.keys() == expected.keys()
    for name, value in ours.items():
        np.testing.assert_allclose(value, expected[name], atol=1e-9, err_msg=name)


def plain_calibration_error(grade: np.ndarray, prob: np.ndarray) -> float:
    confidence, right = prob.max(1), prob.argmax(1) == grade
    error = 0.0
    for low in np.arange(BINS) / BINS:
        inside = (confidence > low) & (confidence <= low + 1 / BINS)
        if inside.any():
            error += inside.mean() * abs(confidence[inside].mean() - right[inside].mean())
    return error


def test_only_what_the_heads_allow_is_given() -> None:
    grade = np.array([0, 1, 2, 3, 4, 0])
    rng = np.random.default_rng(0)
    assert all_metrics(outputs(grade, rng, ()), grade).keys() == ALWAYS
    assert all_metrics(outputs(grade, rng, ("score",)), grade).keys() == ALWAYS | {"referable_auc_score"}
    softmax = {"referable_auc_prob", "rps", "ece"}
    assert all_metrics(outputs(grade, rng, ("prob",)), grade).keys() == ALWAYS | softmax


@pytest.mark.filterwarnings("error")
def test_what_the_images_cannot_show_is_nan() -> None:
    rng = np.random.default_rng(0)
    nothing = np.empty(0, np.int64)
    assert np.isnan(list(all_metrics(outputs(nothing, rng), nothing).values())).all()
    healthy = np.zeros(3, np.int64)
    values = all_metrics(outputs(healthy, rng), healthy)
    undefined = {name for name, value in values.items() if np.isnan(value)}
    assert undefined == {
        "kappa",
        "kappa_linear",
        "referable_sensitivity",
        "referable_auc_score",
        "referable_auc_prob",
        *(f"recall_{grade}" for grade in range(1, 5)),
    }


def test_known_values() -> None:
    grade, predicted = np.array([0, 0, 0, 4]), np.array([0, 0, 1, 1])
    sure = np.eye(5, dtype=np.float32)[predicted]
    predictions = Predictions(*(np.arange(4).astype(str),) * 3, grade, None, sure)
    values = all_metrics(predictions, predicted)
    assert values["mae"] == pytest.approx(1.0)
    assert values["amae"] == pytest.approx((1 / 3 + 3) / 2)
    assert values["off_by_one"] == pytest.approx(0.25)
    assert values["ece"] == pytest.approx(0.5)
    assert values["rps"] == pytest.approx((1 + 3) / 4)
    assert confusion_matrix(grade, predicted)[4, 1] == 1


def test_auc_counts_ties_half_and_calibration_is_0_for_honest_confidence() -> None:
    assert auc(np.array([True, False]), np.array([1.0, 1.0])) == 0.5
    prob = np.tile([0.75, 0.25, 0, 0, 0], (4, 1))
    assert expected_calibration_error(np.array([0, 0, 0, 1]), prob) == pytest.approx(0)
