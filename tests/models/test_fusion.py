"""The fusion of the features of two eyes: its layers, its inputs and its fit."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from models.blends import fusion
from models.blends.registry import BLENDS

SOURCE = BLENDS["fusion"].defaults


def eyes(n=80, width=48, seed=0, fellow=True):
    """Return features of both eyes that grow with the grade, with the side, and the grades.

    Args:
        n: number of eyes.
        width: number of features of an eye.
        seed: seed of the noise.
        fellow: whether the fellow eye's features match the grade; otherwise they are shuffled.
    """
    rng = np.random.default_rng(seed)
    grade = rng.integers(0, 5, n)
    weights = rng.uniform(0, 0.3, width)
    own, other = (np.maximum(0, grade[:, None] * weights + rng.normal(0, 0.6, (n, width))) for _ in range(2))
    if not fellow:
        other = rng.permutation(other)
    return np.column_stack([own, other, np.arange(n) % 2]).astype(np.float32), grade


def test_layer_widths_have_the_proportions_of_the_source():
    """The source: 2 x 2048 features; dense layers of 2048 and 512, each with maxout of 2; one output without bias."""
    x, grade = eyes(width=64)
    state = fusion.fit(x, grade, 0, **SOURCE | {"epochs": 1})
    assert {name: value.shape for name, value in state.items()} == {
        "0.weight": (64, 128),
        "0.bias": (64,),
        "3.weight": (16, 32),
        "3.bias": (16,),
        "6.weight": (1, 8),
    }


def test_each_layer_takes_the_larger_of_two_outputs_and_clips_at_zero():
    x, grade = eyes()
    state = fusion.fit(x, grade, 0, **SOURCE)
    values = x[:, :-1].astype(np.float64)
    for layer in ("0", "3"):
        values = values @ state[f"{layer}.weight"].T + state[f"{layer}.bias"]
        values = np.maximum(np.maximum(values[:, ::2], values[:, 1::2]), 0)
    assert np.allclose(fusion.predict(state, x), (values @ state["6.weight"].T)[:, 0], atol=1e-4)


def test_one_full_batch_update_is_a_nesterov_step_on_the_squared_error():
    """Expect w - rate (1 + momentum) (g + d w) from weights w, the clipped gradient g and weight decay d."""
    x, grade = eyes(20)
    given = SOURCE | {"epochs": 1, "weight_decay": 0.1, "lr": 0.05, "clip_grad": 0.5}
    start = fusion.fit(x, grade, 3, **given | {"epochs": 0})
    tensors = {name: torch.from_numpy(value.copy()).requires_grad_() for name, value in start.items()}
    rows = torch.from_numpy(x[:, :-1])
    for layer in ("0", "3"):
        rows = (rows @ tensors[f"{layer}.weight"].T + tensors[f"{layer}.bias"]).reshape(20, -1, 2).amax(2).relu()
    ((rows @ tensors["6.weight"].T)[:, 0] - torch.from_numpy(grade)).square().mean().backward()
    norm = sum(each.grad.square().sum() for each in tensors.values()).sqrt()
    assert norm > 0.5
    found = fusion.fit(x, grade, 3, **given)
    for name, each in tensors.items():
        step = each.grad * 0.5 / norm + 0.1 * each.detach()
        expected = each.detach() - 0.05 * (1 + SOURCE["momentum"]) * step
        assert np.allclose(found[name], expected, atol=1e-5)


def test_an_informative_fellow_eye_lowers_the_error():
    def error(fellow):
        state = fusion.fit(*eyes(160, seed=1, fellow=fellow), 0, **SOURCE)
        x, grade = eyes(400, seed=1, fellow=fellow)
        return np.square(fusion.predict(state, x) - grade).mean()

    assert error(True) < 0.8 * error(False)


def test_the_side_of_the_eye_is_ignored():
    x, grade = eyes()
    other = x.copy()
    other[:, -1] = 0.5
    first, second = (fusion.fit(each, grade, 0, **SOURCE) for each in (x, other))
    assert all(np.array_equal(first[name], second[name]) for name in first)
    assert np.array_equal(fusion.predict(first, x), fusion.predict(first, other))


def test_initial_weights_and_order_depend_on_the_seed_alone():
    x, grade = eyes()
    torch.manual_seed(5)
    before = torch.get_rng_state()
    first = fusion.fit(x, grade, 0, **SOURCE)
    assert torch.equal(torch.get_rng_state(), before)
    torch.manual_seed(6)
    again, other = (fusion.fit(x, grade, seed, **SOURCE) for seed in (0, 1))
    assert all(np.array_equal(first[name], again[name]) for name in first)
    assert not np.array_equal(first["0.weight"], other["0.weight"])


@pytest.mark.parametrize("rows", [1, 63, 65])
def test_any_number_of_rows_can_be_fitted(rows):
    x, grade = eyes(rows)
    predicted = fusion.predict(fusion.fit(x, grade, 0, **SOURCE), x)
    assert predicted.shape == (rows,)
    assert np.isfinite(predicted).all()
