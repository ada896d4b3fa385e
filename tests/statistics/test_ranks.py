"""Rank probabilities: 1 for very different arms, equal for equal arms, and as simulated in between."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmark.statistics.bootstrap import Graded
from benchmark.statistics.graded_runs import read_graded_runs
from benchmark.statistics.ranks import rank_estimates, rank_probabilities
from tests.factories.runs import ARMS, make_all, make_params

N = 80


def arm(wrong: list[float], seed: int = 0) -> Graded:
    """Return runs that grade a fraction of the images one too low or too high."""
    draw = np.random.default_rng(seed)
    grade = np.arange(N) % 5
    step = np.where(grade == 4, -1, 1)
    predicted = np.stack([grade + step * (draw.random(N) < share) for share in wrong])
    return Graded(np.arange(N).astype(str), (np.arange(N) // 2).astype(str), grade, predicted)


def test_the_arm_with_fewer_errors_ranks_first_and_probabilities_sum_to_1():
    arms = [arm([0.6, 0.62]), arm([0.05, 0.06], 1), arm([0.3, 0.33], 2)]
    found = rank_probabilities(arms, [[0, 1]] * 3, 2000)
    assert found.shape == (3, 3)
    assert np.diag(found[:, [2, 0, 1]]).min() > 0.8
    np.testing.assert_allclose(found.sum(0), 1)
    np.testing.assert_allclose(found.sum(1), 1)


def test_equal_arms_are_ranked_at_random():
    found = rank_probabilities([arm([0.3, 0.3])] * 2, [[0, 1]] * 2, 4000)
    np.testing.assert_allclose(found, 0.5, atol=0.05)


def test_an_arm_that_is_not_clear_of_chance_has_no_rank():
    good, better = arm([0.3, 0.32]), arm([0.05, 0.06], 1)
    constant = replace(good, predicted=np.zeros((2, N), np.int64))
    nearly = replace(good, predicted=np.where(np.arange(N) == 4, 4, constant.predicted))
    undefined = replace(constant, grade=np.zeros(N, np.int64))
    for failed in (constant, nearly):
        found = rank_probabilities([failed, good, better], [[0, 1]] * 3, 500)
        assert np.isnan(found[0]).all()
        expected = rank_probabilities([good, better], [[0, 1]] * 2, 500)
        np.testing.assert_allclose(found[1:, :2], expected, atol=0.06)
        assert not found[1:, 2].any()
    assert np.isnan(rank_probabilities([undefined, undefined], [[0, 1]] * 2, 50)).all()


def test_only_shared_seeds_correlate_arms():
    """If seeds differ far more than two arms do, only shared seeds show the better arm."""
    spread = [0.1, 0.3, 0.5, 0.7]
    first, second = arm(spread), arm([share - 0.04 for share in spread])
    shared = rank_probabilities([first, second], [[0, 1, 2, 3]] * 2, 4000)
    apart = rank_probabilities([first, second], [[0, 1, 2, 3], [4, 5, 6, 7]], 4000)
    assert shared[1, 0] > 0.95
    assert apart[1, 0] < 0.75


@settings(max_examples=15, deadline=None)
@given(st.permutations(range(3)))
def test_the_order_of_arms_does_not_matter(order):
    arms = [arm([0.2, 0.3], 1), arm([0.25, 0.35], 2), arm([0.3, 0.3], 3)]
    found = rank_probabilities(arms, [[0, 1]] * 3, 3000)
    moved = rank_probabilities([arms[place] for place in order], [[0, 1]] * 3, 3000)
    np.testing.assert_allclose(moved, found[list(order)], atol=0.04)


def test_arms_of_one_size_are_ranked_on_each_split(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    arms = {"basenet": {"mse_mid": ARMS["basenet"]["mse_mid"], "ce_small": ARMS["basenet"]["ce_small"]}}
    params = make_params(seeds=[0, 1], arms=arms | {"basenet_mt": {"mid": ARMS["basenet_mt"]["mid"]}})
    make_all(params)
    rows = list(rank_estimates(read_graded_runs(params), n_resamples=100))
    # A single arm of the small size has no rank.
    assert {(row.about, row.split, row.arm, row.head) for row in rows} == {
        ("mid", split, name, "score") for split in ("val", "test") for name in ("mse_mid", "mid")
    }
    assert all((row.resampled, row.seeds) == ("seeds and patients", "0 1") for row in rows)
    assert {row.rank for row in rows} == {1, 2}
