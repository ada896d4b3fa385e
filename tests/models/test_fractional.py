"""Fractional max pooling: equal to torch's, with its own windows for each image, and with gradients."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.functional import fractional_max_pool2d

from models.fractional import FractionalMaxPool
from models.stochastic import count_noise, set_noise


def drawn(pool: FractionalMaxPool, n: int, seed: int = 0) -> torch.Tensor:
    uniform = torch.rand(n, 2, generator=torch.Generator().manual_seed(seed))
    set_noise(pool, uniform)
    return uniform


@settings(max_examples=30, deadline=None)
@given(kernel=st.integers(2, 3), side=st.integers(2, 9), more=st.integers(0, 9), seed=st.integers(0, 99))
def test_pooling_equals_torch_with_one_sample_for_all_channels(kernel, side, more, seed):
    size = side + kernel - 1 + more
    x = torch.rand(3, 4, size, size, generator=torch.Generator().manual_seed(seed))
    pool = FractionalMaxPool(kernel, side)
    uniform = drawn(pool, 3, seed)
    samples = uniform.flip(1)[:, None].expand(3, 4, 2).contiguous()
    theirs = fractional_max_pool2d(x, kernel, output_size=side, _random_samples=samples)
    assert torch.equal(pool(x), theirs)
    assert torch.equal(pool.pool_by_gather(x, uniform), theirs)


def test_both_implementations_have_the_same_gradient():
    x = torch.rand(2, 3, 11, 11, generator=torch.Generator().manual_seed(1))
    pool, gradients = FractionalMaxPool(3, 6), []
    uniform = drawn(pool, 2)
    for way in (pool, lambda maps: pool.pool_by_gather(maps, uniform)):
        leaf = x.clone().requires_grad_()
        way(leaf).square().sum().backward()
        gradients.append(leaf.grad)
    assert torch.allclose(*gradients)


def test_the_pooling_of_an_image_depends_on_its_own_noise_alone():
    x = torch.rand(5, 3, 13, 13, generator=torch.Generator().manual_seed(2))
    pool = FractionalMaxPool(2, 7)
    uniform = drawn(pool, 5)
    together = pool(x)
    set_noise(pool, uniform[3:4])
    assert torch.equal(pool(x[3:4]), together[3:4])
    assert not torch.equal(uniform[0], uniform[1])


def test_without_noise_evaluation_is_deterministic_and_training_is_refused():
    pool = FractionalMaxPool(3, 5)
    x = torch.rand(2, 3, 9, 9)
    assert torch.equal(pool.eval()(x), pool(x))
    with pytest.raises(AssertionError):
        pool.train()(x)


def test_noise_is_split_among_the_poolings_in_order():
    network = torch.nn.Sequential(FractionalMaxPool(3, 5), torch.nn.ReLU(), FractionalMaxPool(2, 3))
    assert count_noise(network) == 4
    uniform = torch.rand(2, 4)
    set_noise(network, uniform)
    assert torch.equal(network[2].noise, uniform[:, 2:])
    set_noise(network, None)
    assert network[0].noise is None
