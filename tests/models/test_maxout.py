"""The maxout network: its initial weights, predictions, penalties and batches."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from models.blends import maxout
from models.blends.registry import BLENDS
from models.maxout import Maxout
from models.orthogonal import orthogonal

SMALL = {**BLENDS["maxout"].defaults, "first": 8, "second": 4, "epochs": 20, "batch_size": 16, "lr": 0.01}


def rows(n=60, d=6, seed=0):
    """Return columns on different scales, of which the first two are noisy grades, and the grades."""
    rng = np.random.default_rng(seed)
    grade = np.arange(n) % 5
    x = rng.normal(0, 1, (n, d))
    x[:, :2] = grade[:, None] + rng.normal(0, 0.5, (n, 2))
    return (x * 10.0 ** np.arange(d) + 3).astype(np.float32), grade.astype(np.int64)


@settings(max_examples=30, deadline=None)
@given(st.integers(1, 12), st.integers(1, 12), st.integers(0, 99))
def test_initial_weights_are_orthonormal_along_the_shorter_side(r, c, seed):
    found = orthogonal(np.random.default_rng(seed).standard_normal((r, c)))
    assert found.shape == (r, c)
    product = found @ found.T if r <= c else found.T @ found
    assert np.allclose(product, np.eye(min(r, c)), atol=1e-12)


def test_the_first_row_of_the_initial_weights_keeps_its_direction():
    normal = np.random.default_rng(0).standard_normal((3, 5))
    assert np.allclose(orthogonal(normal)[0], normal[0] / np.linalg.norm(normal[0]))


def test_predictions_are_those_of_the_fitted_network():
    network = maxout.build(6, (8, 4), np.random.default_rng(0))
    x, _ = rows()
    mean, scale = maxout.standard(x)
    state = maxout.state_of(network, mean, scale)
    with torch.no_grad():
        expected = network(torch.from_numpy((x - mean) / scale))[:, 0].numpy()
    assert np.allclose(maxout.predict(state, x), expected, atol=1e-5)
    assert {name: value.shape for name, value in state.items() if name.startswith("weight")} == {
        "weight_0": (8, 6),
        "weight_1": (4, 4),
        "weight_2": (1, 2),
    }


def test_maxout_is_the_larger_of_two_neighbours():
    x = torch.tensor([[1.0, 2.0, -3.0, -4.0], [0.0, -1.0, 5.0, 6.0]])
    assert Maxout()(x).tolist() == [[2.0, -3.0], [0.0, 6.0]]


def test_the_scale_of_a_column_has_no_effect_and_a_constant_column_is_dropped():
    x, grade = rows()
    x[:, -1] = 7
    state = maxout.fit(x, grade, 1, **SMALL)
    answer = maxout.predict(state, x)
    assert np.corrcoef(answer, grade)[0, 1] > 0.8
    other = x * np.float32(2) - np.float32(1)
    assert np.allclose(maxout.predict(maxout.fit(other, grade, 1, **SMALL), other), answer, atol=1e-2)


def test_columns_are_standardised_by_the_training_rows():
    x, grade = rows()
    state = maxout.fit(x, grade, 1, **SMALL)
    assert np.allclose(state["mean"], x.mean(0), rtol=1e-4)
    assert np.allclose(state["scale"], x.std(0), rtol=1e-4)


@pytest.mark.parametrize(("penalty", "strong"), [("absolute", 1.0), ("squares", 1.0)])
def test_a_strong_penalty_shrinks_the_first_layer(penalty, strong):
    x, grade = rows()
    free, penalised = (maxout.fit(x, grade, 1, **{**SMALL, penalty: value})["weight_0"] for value in (0.0, strong))
    assert np.abs(penalised).sum() < 0.5 * np.abs(free).sum()


@pytest.mark.parametrize(("balanced", "uniform"), [(1.0, 0.0), (0.0, 1.0), (0.0, 0.0)])
def test_batches_are_balanced_by_grade_or_uniform_or_in_order(balanced, uniform):
    grade = np.repeat([0, 4], [900, 100])
    generator = np.random.default_rng(0)
    drawn = np.concatenate(
        [part for _ in range(5) for part in maxout._batches(grade, generator, 64, balanced, uniform)]
    )
    assert len(drawn) == 5000
    assert (grade[drawn] == 4).mean() == pytest.approx(0.5 if balanced else 0.1, abs=0.03)
    in_order = np.array_equal(drawn, np.tile(np.arange(1000), 5))
    assert in_order == (not balanced and not uniform)
