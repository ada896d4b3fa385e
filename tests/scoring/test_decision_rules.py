"""Decision rules: what all of them guarantee, and tuning on val alone."""

from __future__ import annotations

from importlib import import_module
from itertools import combinations_with_replacement

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from benchmark.common.errors import InputError
from benchmark.common.thresholds import NEAREST, apply_thresholds, best_thresholds
from benchmark.runs.predictions import Predictions
from benchmark.scoring.decision_rules.registry import DECISION_RULES, DEFAULT, applicable, apply_rule, fit_on
from benchmark.scoring.kappa import confusion_matrix, quadratic_weighted_kappa

TUNED = [name for name, entry in DECISION_RULES.items() if entry.thresholds == "tuned"]
UNTUNED = [name for name, entry in DECISION_RULES.items() if entry.thresholds != "tuned"]
THRESHOLDS = (0.4, 1.3, 2.6, 3.2)

finite = st.floats(-3, 7, width=32)
scores = hnp.arrays(np.float32, st.integers(1, 30), elements=finite)


def outputs(score: np.ndarray, grade: np.ndarray | None = None) -> Predictions:
    """Return both heads: the score, and a softmax centred on it."""
    n = len(score)
    logits = -2 * (np.clip(score, -1, 5).astype(np.float64)[:, None] - np.arange(5)) ** 2
    prob = np.exp(logits - logits.max(1, keepdims=True))
    text = np.arange(n).astype(str)
    labels = np.zeros(n, np.int64) if grade is None else grade
    prob = (prob / prob.sum(1, keepdims=True)).astype(np.float32)
    return Predictions(text, text, np.full(n, "left"), labels, score.astype(np.float32), prob)


def only(predictions: Predictions, head: str) -> Predictions:
    score = predictions.score if head == "score" else None
    prob = predictions.prob if head == "prob" else None
    return Predictions(predictions.image_id, predictions.patient, predictions.eye, predictions.grade, score, prob)


def graded(name: str, predictions: Predictions) -> np.ndarray:
    return apply_rule(name, predictions, THRESHOLDS if name in TUNED else None)


@pytest.mark.parametrize("name", DECISION_RULES)
@given(score=scores)
def test_grades_are_integers_from_0_to_4_and_rise_with_the_output(name: str, score: np.ndarray) -> None:
    predictions = only(outputs(np.sort(score)), DECISION_RULES[name].head)
    grades = graded(name, predictions)
    assert (grades.dtype, grades.shape) == (np.int64, score.shape)
    assert ((grades >= 0) & (grades <= 4)).all()
    assert (np.diff(grades) >= 0).all()
    assert np.array_equal(graded(name, predictions), grades)


@pytest.mark.parametrize("name", DECISION_RULES)
def test_an_unambiguous_output_gets_its_grade(name: str) -> None:
    assert graded(name, outputs(np.arange(5, dtype=np.float32))).tolist() == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("name", DECISION_RULES)
def test_an_image_is_graded_independently_of_others(name: str) -> None:
    score = np.array([0.1, 2.2, 3.9, 1.4], np.float32)
    alone = [graded(name, outputs(score[i : i + 1])).item() for i in range(4)]
    assert graded(name, outputs(score)).tolist() == alone


@pytest.mark.parametrize("name", DECISION_RULES)
def test_no_images_give_no_grades(name: str) -> None:
    assert graded(name, outputs(np.empty(0, np.float32))).shape == (0,)


@pytest.mark.parametrize("name", DECISION_RULES)
def test_a_missing_head_is_refused(name: str) -> None:
    head = DECISION_RULES[name].head
    without = only(outputs(np.ones(3)), "prob" if head == "score" else "score")
    assert name not in applicable(without)
    with pytest.raises(InputError, match=f"reads the {head} head"):
        graded(name, without)


def test_only_tuned_rules_can_be_fitted() -> None:
    assert [
        name for name in DECISION_RULES if hasattr(import_module(f"benchmark.scoring.decision_rules.{name}"), "fit")
    ] == TUNED
    assert set(DEFAULT.values()) <= set(UNTUNED)
    assert len({entry.title for entry in DECISION_RULES.values()}) == len(DECISION_RULES)


@pytest.mark.parametrize("name", ["argmax", "expected", "nearest"])
@given(score=scores)
def test_rules_without_parameters(name: str, score: np.ndarray) -> None:
    predictions = outputs(score)
    assert predictions.prob is not None
    value = predictions.prob.astype(np.float64) @ np.arange(5) if name == "expected" else score.astype(np.float64)
    expected = predictions.prob.argmax(1) if name == "argmax" else np.clip(np.floor(value + 0.5), 0, 4)
    assert np.array_equal(apply_rule(name, predictions), expected)


def test_a_value_on_a_threshold_gets_the_upper_grade() -> None:
    assert apply_rule("nearest", outputs(np.array([-9, 0.5, 1.5, 2.5, 3.5, 99]))).tolist() == [0, 1, 2, 3, 4, 4]
    assert apply_rule("fixed", outputs(np.array([0.4, 0.5, 3])), (0.5, 0.5, 0.5, 3.0)).tolist() == [0, 3, 4]


@pytest.mark.parametrize("thresholds", [(1, 2, 3), (0.5, 2.5, 1.5, 3.5), (0.5, 1.5, 2.5, float("nan"))])
def test_thresholds_must_be_four_ascending_numbers(thresholds: tuple[float, ...]) -> None:
    with pytest.raises(InputError, match="four ascending numbers"):
        apply_rule("fixed", outputs(np.ones(3)), thresholds)  # type: ignore[arg-type]


def test_unknown_rules_and_unused_thresholds_are_refused() -> None:
    with pytest.raises(InputError, match="a decision rule must be one of argmax"):
        apply_rule("median", outputs(np.ones(3)))
    with pytest.raises(InputError, match="takes no thresholds"):
        apply_rule("nearest", outputs(np.ones(3)), THRESHOLDS)


@pytest.mark.parametrize("name", TUNED)
@pytest.mark.parametrize("split", ["test", "train"])
def test_nothing_can_be_tuned_on_test_or_train(name: str, split) -> None:
    predictions = outputs(np.arange(5, dtype=np.float32), np.arange(5))
    with pytest.raises(InputError, match=f"tuned on val or on holdout patients, but got '{split}'"):
        fit_on(split, name, predictions)
    with pytest.raises(InputError, match="needs thresholds"):
        apply_rule(name, predictions)
    assert fit_on("val", name, predictions).apply(predictions).tolist() == [0, 1, 2, 3, 4]


def test_fitting_needs_a_tuned_rule_and_two_grades() -> None:
    with pytest.raises(InputError, match="only expected_tuned, tuned can be tuned"):
        fit_on("val", "nearest", outputs(np.arange(5)))
    with pytest.raises(InputError, match="at least two grades"):
        fit_on("val", "tuned", outputs(np.arange(5), np.ones(5, np.int64)))


def kappa(values: np.ndarray, thresholds, grade: np.ndarray) -> float:
    return quadratic_weighted_kappa(confusion_matrix(grade, apply_thresholds(values, thresholds)))


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 7), st.integers(0, 4)), min_size=2, max_size=14))
def test_tuned_thresholds_are_optimal_or_half_way_between_grades_if_none_beat_chance(
    rows: list[tuple[int, int]],
) -> None:
    table = np.array(rows)
    values, grade = table[:, 0] / 2, table[:, 1]
    if len(set(grade.tolist())) < 2:
        return
    every = combinations_with_replacement(np.arange(-0.25, 4, 0.5), 4)
    best = max(kappa(values, thresholds, grade) for thresholds in every)
    thresholds = best_thresholds(values, grade)
    if best < 1e-9:
        assert thresholds == NEAREST
    else:
        assert kappa(values, thresholds, grade) == pytest.approx(best, abs=1e-9)


@given(hnp.arrays(np.float64, 12, elements=st.sampled_from([1.0, np.nextafter(1, 2), np.nextafter(1, 0)])))
def test_neighbouring_numbers_are_separated(values: np.ndarray) -> None:
    for grade in (np.where(values >= 1, 3, 1), np.where(values > 1, 3, 1)):
        if len(set(grade.tolist())) == 2:
            assert kappa(values, best_thresholds(values, grade), grade) == 1


def test_tuned_thresholds_are_half_way_between_values_or_half_a_grade_outside() -> None:
    assert best_thresholds(np.array([3.2, 4.0]), np.array([3, 4])) == pytest.approx((2.7, 2.7, 2.7, 3.6))
    assert best_thresholds(np.array([0.0, 0.8]), np.array([0, 1])) == pytest.approx((0.4, 1.3, 1.3, 1.3))


def test_tuning_undoes_a_shift_of_the_score_and_holds_on_test() -> None:
    rng = np.random.default_rng(0)
    grade = rng.choice(5, 20_000, p=(0.735, 0.07, 0.15, 0.025, 0.02))
    predictions = outputs(0.6 * grade + 0.5 + 0.3 * rng.normal(size=len(grade)), grade)
    half = [
        Predictions(*(np.asarray(getattr(predictions, field))[rows] for field in Predictions.__slots__))
        for rows in (slice(0, 10_000), slice(10_000, None))
    ]
    fitted = fit_on("val", "tuned", half[0])
    assert fit_on("val", "tuned", half[0]) == fitted

    def on_test(grades: np.ndarray) -> float:
        return quadratic_weighted_kappa(confusion_matrix(half[1].grade, grades))

    assert on_test(fitted.apply(half[1])) > on_test(apply_rule("nearest", half[1])) + 0.02
