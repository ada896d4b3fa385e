"""A difference under every common rule, output and set of seeds: the same on both sides, and equal to brute force."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr
from sklearn.metrics import cohen_kappa_score

from benchmark.common.terms import Arm
from benchmark.common.thresholds import apply_thresholds, best_thresholds
from benchmark.scoring.metrics import rank_correlation
from benchmark.statistics import multiverse
from benchmark.statistics.graded_runs import GradedRuns
from benchmark.statistics.multiverse import compare_arms
from benchmark.statistics.readings import read_output
from tests.factories.runs import ARMS, make_params, make_predictions, make_result

SEEDS = (0, 1, 2)
BETTER, WORSE = Arm("basenet_mt", "large"), Arm("basenet_mt", "small")
PARAMS = make_params(arms=ARMS)


@pytest.fixture(autouse=True)
def few_resamples(monkeypatch):
    monkeypatch.setattr(multiverse, "N_RESAMPLES", 300)


def shifted(predictions, by):
    """Return predictions whose score is off by a constant: the same order of the images, other rounded grades."""
    return replace(predictions, score=predictions.score + np.float32(by))


def made(noise=(0.4, 0.8), shift=(0.0, 0.0), seeds=(SEEDS, SEEDS)):
    """Return runs of two arms with some noise and a constant error of the score."""
    runs, outputs, readings = {}, {}, {}
    for arm, sd, off, own in zip((BETTER, WORSE), noise, shift, seeds, strict=True):
        runs[arm] = [make_result(PARAMS, *arm, seed) for seed in own]
        for split, number in (("val", 0), ("test", 50)):
            made_up = (make_predictions(split, number + seed + 1000 * int(10 * sd), sd) for seed in own)
            outputs[arm, split] = [shifted(one, off) for one in made_up]
        by_split = {split: outputs[arm, split] for split in ("val", "test")}
        readings |= {
            (arm, head, split): read_output(head, split, by_split, own)
            for head in ("score", "prob")
            for split in ("val", "test")
        }
    return GradedRuns(runs, {key: reading.by_rule["default"] for key, reading in readings.items()}, outputs, readings)


def kappa(predictions, grades):
    return cohen_kappa_score(predictions.grade, grades, weights="quadratic")


def test_every_analysis_is_the_same_on_both_sides():
    """Rounded and tuned scores, three rules of prob., each with all seeds and without one: 5 x 4 analyses."""
    runs = made()
    found = compare_arms(runs, (BETTER, "score"), (WORSE, "score"), "test")
    assert len(found.analyses) == 5 * 4
    tuned = []
    for arm in (BETTER, WORSE):
        pairs = zip(runs.outputs[arm, "val"], runs.outputs[arm, "test"], strict=True)
        tuned.append(
            np.array(
                [
                    kappa(test, apply_thresholds(test.score, best_thresholds(val.score, val.grade)))
                    for val, test in pairs
                ]
            )
        )
    apart = tuned[0] - tuned[1]
    assert found.by_rule["tuned"] == pytest.approx(apart.mean())
    assert [apart.mean(), *(np.delete(apart, one).mean() for one in range(3))] == pytest.approx(found.analyses[4:8])
    assert found.rule == "default"
    assert found.compared.difference.estimate == pytest.approx(found.by_rule["default"])


def test_val_is_graded_by_thresholds_of_other_patients():
    """Changing a patient's label changes the thresholds of the other half alone."""
    outputs = {split: [make_predictions(split, 3, 0.8)] for split in ("val", "test")}
    before = read_output("score", "val", outputs, [0]).by_rule["tuned"].predicted[0]
    val = outputs["val"][0]
    half = np.unique(val.patient, return_inverse=True)[1] % 2 == 0
    other = replace(val, grade=np.where(half, (val.grade + 2) % 5, val.grade))
    after = read_output("score", "val", outputs | {"val": [other]}, [0]).by_rule["tuned"].predicted[0]
    np.testing.assert_array_equal(before[half], after[half])
    assert (before[~half] != after[~half]).any()


def test_a_system_with_tuned_thresholds_is_compared_under_tuned_thresholds_on_both_sides(monkeypatch):
    """A constant error of one side's scores is no difference once both sides are tuned on the same patients."""
    runs = made(noise=(0.6, 0.6), shift=(0.0, 0.7))
    rounded = compare_arms(runs, (BETTER, "score"), (WORSE, "score"), "test")
    monkeypatch.setattr(multiverse, "tuned_on", lambda *_: "holdout")
    tuned = compare_arms(runs, (BETTER, "score"), (WORSE, "score"), "test")
    assert (rounded.rule, tuned.rule) == ("default", "tuned")
    assert rounded.compared.difference.low > 0.02
    assert tuned.compared.difference.low < 0 < tuned.compared.difference.high
    assert abs(tuned.ranks.estimate) < 0.02
    assert tuned.above(-1) == len(tuned.analyses)


def test_a_difference_that_depends_on_the_rule_is_recognised():
    runs = made(noise=(0.6, 0.55), shift=(0.0, 0.7))
    found = compare_arms(runs, (BETTER, "score"), (WORSE, "score"), "test")
    assert found.by_rule["default"] > 0 > found.by_rule["tuned"]
    assert found.turns_at(0)
    assert not found.turns_at(-1)
    assert 0 < found.above(0) < len(found.analyses)


def test_only_common_seeds_are_analysed():
    found = compare_arms(made(seeds=((0, 1, 2), (0, 2, 5))), (BETTER, "score"), (WORSE, "score"), "test")
    assert found.compared.seeds == ((0, 2), (0, 2))
    assert len(found.analyses) == 5 * 3
    apart = compare_arms(made(seeds=((0, 1, 2), (5, 6))), (BETTER, "score"), (WORSE, "prob"), "test")
    assert apart.compared.seeds == ((0, 1, 2), (5, 6))
    assert len(apart.analyses) == 3


@given(st.integers(0, 99), st.integers(2, 40), st.integers(1, 9))
def test_the_rank_correlation_equals_scipys(seed, n, distinct):
    rng = np.random.default_rng(seed)
    grade, values = np.append([0, 1], rng.integers(0, 5, n)), np.append([0.0, 1.0], rng.integers(0, distinct, n))
    weights = np.stack([np.ones(n + 2), np.append([1, 1], rng.integers(0, 4, n))])
    expected = [spearmanr(np.repeat(grade, w), np.repeat(values, w)).statistic for w in weights.astype(int)]
    np.testing.assert_allclose(rank_correlation(grade, values)(weights), expected, atol=1e-12)


def test_the_rank_correlation_of_constant_values_is_undefined():
    assert np.isnan(rank_correlation(np.arange(5), np.zeros(5))(np.ones((1, 5)))).all()
