"""Each metric against its definition and against libraries, and NaN where it is undefined."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
from dlordinal.metrics import accuracy_off1, ranked_probability_score
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sklearn_metrics
from sklearn.calibration import calibration_curve

from benchmark.common.terms import Head
from benchmark.runs.predictions import Predictions
from benchmark.scoring.decision_rules.registry import DEFAULT
from benchmark.scoring.kappa import confusion_matrix
from benchmark.scoring.metrics import BINS, METRICS, auc, measure, of_confusion, of_outputs

NAN = float("nan")
HEADS: tuple[Head, ...] = tuple(DEFAULT)


def outputs(grade: np.ndarray, rng: np.random.Generator) -> Predictions:
    n = len(grade)
    score = (grade + rng.normal(size=n)).round(1).astype(np.float32)
    prob = rng.dirichlet(np.ones(5), n).astype(np.float32)
    return Predictions(np.arange(n).astype(str), np.full(n, ""), np.full(n, "left"), grade, score, prob)


def values(head: Head, predictions: Predictions, predicted: np.ndarray) -> dict[str, float]:
    return {name: found.value for name, found in measure(head, predictions, predicted).items()}


def share(part: list[bool]) -> float:
    return sum(part) / len(part) if part else NAN


def f1_of(grade: int, pairs: list[tuple[int, int]]) -> float:
    both = sum(pair == (grade, grade) for pair in pairs)
    return 2 * both / sum((label == grade) + (predicted == grade) for label, predicted in pairs)


def linear_kappa(pairs: list[tuple[int, int]]) -> float:
    observed = sum(abs(label - predicted) for label, predicted in pairs)
    chance = sum(abs(label - predicted) for label, _ in pairs for _, predicted in pairs) / len(pairs)
    return 1 - observed / chance if chance else NAN


def area(sick: list[bool], output: np.ndarray) -> float:
    pairs = [
        (a > b) + (a == b) / 2
        for a, ill in zip(output, sick, strict=True)
        if ill
        for b, other in zip(output, sick, strict=True)
        if not other
    ]
    return float(np.mean(pairs)) if pairs else NAN


def calibration_error(grade: np.ndarray, prob: np.ndarray) -> float:
    confidence, right = prob.max(1), prob.argmax(1) == grade
    error = 0.0
    for low in np.arange(BINS) / BINS:
        inside = (confidence >= low) & (confidence < low + 1 / BINS)
        if inside.any():
            error += inside.mean() * abs(confidence[inside].mean() - right[inside].mean())
    return error


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=1, max_size=40), st.integers(0, 99))
def test_every_metric_equals_its_definition(pairs: list[tuple[int, int]], seed: int) -> None:
    grade, predicted = np.array(pairs, np.int64).T
    predictions = outputs(grade, np.random.default_rng(seed))
    off = [abs(label - guess) for label, guess in pairs]
    expected = {
        "kappa_linear": linear_kappa(pairs),
        "accuracy": share([not distance for distance in off]),
        "f1_macro": np.mean([f1_of(each, pairs) for each in {each for pair in pairs for each in pair}]),
        "mae": np.mean(off),
        "amae": np.mean(
            [np.mean([o for o, g in zip(off, grade, strict=True) if g == each]) for each in set(grade.tolist())]
        ),
        "off_by_one": share([distance == 1 for distance in off]),
        "referable_sensitivity": share([guess >= 2 for label, guess in pairs if label >= 2]),
        "referable_specificity": share([guess < 2 for label, guess in pairs if label < 2]),
        **{f"recall_{each}": share([guess == each for label, guess in pairs if label == each]) for each in range(5)},
    }
    assert predictions.prob is not None
    prob, sick = predictions.prob.astype(np.float64), [label >= 2 for label, _ in pairs]
    referable = {"score": predictions.score, "prob": prob[:, 2:].sum(1)}
    # The ranked probability score is the sum of the Brier scores of "at most grade k".
    softmax = {"rps": sum(np.mean((prob[:, : k + 1].sum(1) - (grade <= k)) ** 2) for k in range(4))}
    softmax["ece"] = calibration_error(grade, prob)
    softmax["ece_calibrated"] = noise_of_calibration(prob)
    softmax["auc_grades"] = np.mean([area((grade == each).tolist(), prob[:, each]) for each in range(5)])
    for head in HEADS:
        ours = values(head, predictions, predicted)
        # Quadratic weighted kappa has tests of its own.
        del ours["kappa"]
        own = expected | {"referable_auc": area(sick, referable[head])} | (softmax if head == "prob" else {})
        assert ours.keys() == own.keys()
        for name, value in ours.items():
            # Edges of bins are in single precision.
            np.testing.assert_allclose(value, own[name], atol=1e-6 if name == "ece" else 1e-9, err_msg=name)


def noise_of_calibration(prob: np.ndarray) -> float:
    """Compute the calibration error that noise gives a calibrated network, bin by bin."""
    confidence = prob.max(1)
    place = np.minimum((confidence.astype(np.float32) * BINS).astype(int), BINS)
    spreads = [np.sum(confidence[place == each] * (1 - confidence[place == each])) for each in set(place.tolist())]
    return float(np.sum(np.sqrt(2 / np.pi * np.array(spreads))) / len(prob))


@pytest.mark.parametrize("n", [100, 1000])
def test_a_calibrated_network_has_the_stated_calibration_error_from_noise_alone(n: int) -> None:
    rng = np.random.default_rng(5)
    prob = rng.dirichlet([4, 1, 1, 0.5, 0.5], n).astype(np.float32)
    cumulated = prob.cumsum(1)
    found: list[float] = []
    for _ in range(200):
        grade = np.minimum((rng.random((n, 1)) > cumulated).sum(1), 4)
        given = Predictions(*(np.arange(n).astype(str),) * 3, grade, None, prob)
        measured = of_outputs("prob", given)(np.ones((1, n)))
        found.append(float(measured["ece"][0]))
    assert np.mean(found) == pytest.approx(float(measured["ece_calibrated"][0]), rel=0.1)


def test_each_head_has_the_metrics_that_are_declared_for_it() -> None:
    grade = np.array([0, 1, 2, 3, 4, 0])
    predictions = outputs(grade, np.random.default_rng(0))
    for head in HEADS:
        declared = [name for name, metric in METRICS.items() if metric.head in (None, head)]
        assert list(measure(head, predictions, grade)) == declared


def test_a_metric_counts_the_images_behind_it() -> None:
    grade = np.array([0, 0, 0, 1, 2, 2, 4])
    found = measure("prob", outputs(grade, np.random.default_rng(0)), grade)
    assert [found[f"recall_{each}"].n for each in range(5)] == [3, 1, 2, 0, 1]
    assert (found["referable_sensitivity"].n, found["referable_specificity"].n) == (3, 4)
    assert {found[name].n for name in ("kappa", "accuracy", "amae", "referable_auc", "rps", "ece")} == {7}


@pytest.mark.filterwarnings("error")
def test_undefined_metrics_are_nan() -> None:
    rng = np.random.default_rng(0)
    nothing = np.empty(0, np.int64)
    for head in HEADS:
        empty = values(head, outputs(nothing, rng), nothing)
        assert list(empty) == [name for name, metric in METRICS.items() if metric.head in (None, head)]
        assert np.isnan(list(empty.values())).all()
    healthy = np.zeros(3, np.int64)
    undefined = {name for name, value in values("prob", outputs(healthy, rng), healthy).items() if np.isnan(value)}
    missing = {f"recall_{grade}" for grade in range(1, 5)}
    assert undefined == {"kappa", "kappa_linear", "referable_sensitivity", "referable_auc", "auc_grades"} | missing


def test_known_values() -> None:
    grade, predicted = np.array([0, 0, 0, 4]), np.array([0, 0, 1, 1])
    sure = np.eye(5, dtype=np.float32)[predicted]
    found = values("prob", Predictions(*(np.arange(4).astype(str),) * 3, grade, None, sure), predicted)
    assert found["mae"] == pytest.approx(1.0)
    assert found["amae"] == pytest.approx((1 / 3 + 3) / 2)
    assert found["off_by_one"] == pytest.approx(0.25)
    assert found["ece"] == pytest.approx(0.5)
    assert found["rps"] == pytest.approx((1 + 3) / 4)


def test_absent_grades_keep_their_distance() -> None:
    found = of_confusion(confusion_matrix(np.array([0, 0, 4]), np.array([0, 4, 4])))
    assert found["amae"] == pytest.approx((2 + 0) / 2)


def calibration(grade: list[int], prob: np.ndarray) -> float:
    labels = np.array(grade)
    given = Predictions(*(np.arange(len(labels)).astype(str),) * 3, labels, None, prob.astype(np.float32))
    return float(of_outputs("prob", given)(np.ones((1, len(labels))))["ece"][0])


def test_auc_counts_ties_half_and_calibration_is_0_for_honest_confidence() -> None:
    assert auc(np.array([True, False]), np.array([1.0, 1.0]))(np.ones((1, 2))) == [0.5]
    assert auc(np.array([False, True, False]), np.array([0.0, 1.0, 1.0]))(np.ones((1, 3))) == [0.75]
    assert calibration([0, 0, 0, 1], np.tile([0.75, 0.25, 0, 0, 0], (4, 1))) == pytest.approx(0)


def test_a_probability_just_above_1_counts_as_1() -> None:
    prob = np.array([[1 + 1e-7, 0, 0, 0, 0], [0, 0.9, 0.1, 0, 0]])
    assert calibration([0, 1], prob) == pytest.approx(0.05, abs=1e-6)


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=2, max_size=40), st.integers(0, 99))
def test_metrics_equal_those_of_the_libraries(pairs: list[tuple[int, int]], seed: int) -> None:
    grade, predicted = np.array(pairs, np.int64).T
    ours, names = of_confusion(confusion_matrix(grade, predicted)), {"labels": range(5)}
    expected = {
        "accuracy": sklearn_metrics.accuracy_score(grade, predicted),
        "f1_macro": sklearn_metrics.f1_score(grade, predicted, average="macro", zero_division=np.nan),
        "mae": sklearn_metrics.mean_absolute_error(grade, predicted),
        "off_by_one": accuracy_off1(grade, predicted, **names) - sklearn_metrics.accuracy_score(grade, predicted),
    }
    if len(np.union1d(grade, predicted)) > 1:
        expected["kappa_linear"] = sklearn_metrics.cohen_kappa_score(grade, predicted, weights="linear", **names)
    for name, value in expected.items():
        assert ours[name] == pytest.approx(value, abs=1e-12), name
    given = outputs(grade, np.random.default_rng(seed))
    prob = given.prob.astype(np.float64)
    found = values("prob", given, predicted)
    assert found["rps"] == pytest.approx(ranked_probability_score(grade, prob))
    confidence = prob.max(1)
    right, said = calibration_curve(prob.argmax(1) == grade, confidence, n_bins=BINS)
    images = np.histogram(confidence, BINS, (0, 1))[0]
    assert found["ece"] == pytest.approx(np.average(abs(right - said), weights=images[images > 0]))


def test_integer_weights_equal_repetitions() -> None:
    rng = np.random.default_rng(0)
    given = outputs(rng.integers(0, 5, 60), rng)
    weights = rng.integers(0, 3, (4, 60)).astype(np.float64)
    for head in HEADS:
        together = of_outputs(head, given)(weights)
        for row, times in enumerate(weights.astype(int)):
            fields = (given.image_id, given.patient, given.eye, given.grade, given.score, given.prob)
            repeated = Predictions(*(np.repeat(field, times, axis=0) for field in fields))
            alone = values(head, repeated, repeated.grade)
            for name, value in together.items():
                assert value[row] == pytest.approx(alone[name], abs=1e-9), name


def test_heavy_libraries_are_imported_only_when_needed() -> None:
    code = "import sys, benchmark.scoring.metrics\n"
    code += "sys.exit(any(m in sys.modules for m in ('torch', 'sklearn', 'dlordinal')))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
