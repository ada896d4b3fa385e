"""Reformed Gamblers' networks at full size, their rotated copies, and the formula of their soft step."""

from __future__ import annotations

import math

import pytest
import torch

from benchmark.common.errors import InputError
from models.fractional import FractionalMaxPool
from models.heads.staircase import Staircase
from models.losses.registry import load_loss
from models.settings import Model
from models.stochastic import count_noise
from models.system_network import build_system_network
from models.systems.reformed_gamblers import CyclicPool, CyclicRoll, CyclicSlice, build, sides

FULL = {"plain": 8, "step": 8, "cyclic": 6, "fractional": 15, "four": 7}
SCORE = {"score": "regression"}


@pytest.mark.parametrize("net", FULL)
def test_feature_maps_have_the_sizes_that_the_source_lists(net):
    with torch.device("meta"), torch.no_grad():
        body = build(net, FULL[net], 1.0)
        left, x = [body.pixels], torch.zeros(1, 3, body.pixels, body.pixels)
        for module in body.module.eval():
            x = module(x)
            if isinstance(module, FractionalMaxPool | torch.nn.MaxPool2d):
                left.append(x.shape[-1])
    assert left == sides(net, FULL[net])
    assert x.shape == (1, 1024, 1, 1)
    assert left[0] == {"plain": 767, "step": 767, "cyclic": 480, "fractional": 724, "four": 385}[net]
    assert left[-1] == (3 if net == "cyclic" else 2)


@pytest.mark.parametrize("net", FULL)
def test_dense_layers_have_1024_outputs_and_features_the_listed_size(net):
    with torch.device("meta"):
        dense = [module for module in build(net, FULL[net], 1.0).module if isinstance(module, torch.nn.Linear)]
    features = {"cyclic": 512 * 9}.get(net, 512 * 4)
    assert [(layer.in_features, layer.out_features) for layer in dense] == [(features, 1024), (1024, 1024)]


@pytest.mark.parametrize(("net", "blocks", "side"), [("plain", 5, 95), ("cyclic", 3, 60), ("fractional", 9, 90)])
def test_fewer_blocks_have_the_last_feature_maps_of_the_list(net, blocks, side):
    assert sides(net, blocks)[0] == side
    assert sides(net, blocks)[-1] == sides(net, FULL[net])[-1]
    assert len(sides(net, blocks)) == blocks + 1


def test_more_blocks_than_the_source_has_are_refused():
    with pytest.raises(InputError, match=r"nets.cyclic.blocks must be at most 6, as many as the source has, but got 7"):
        sides("cyclic", 7)


def turned_stack():
    torch.manual_seed(0)
    convolutions = [torch.nn.Conv2d(3, 5, 3, padding=1), torch.nn.Conv2d(20, 4, 3, padding=1)]
    return torch.nn.Sequential(CyclicSlice(), convolutions[0], CyclicRoll(), convolutions[1], CyclicPool())


def test_a_rotated_photograph_gives_a_rotated_feature_map():
    stack = turned_stack()
    x = torch.rand(2, 3, 8, 8)
    for turn in (1, 2, 3):
        assert torch.allclose(stack(x.rot90(turn, (2, 3))), stack(x).rot90(turn, (2, 3)), atol=1e-6)
    assert not torch.allclose(stack(x), stack(x.flip(3)).flip(3), atol=1e-3)


def test_rolled_channels_are_the_other_copies_rotated_into_the_copys_frame():
    copies = CyclicSlice()(torch.rand(1, 1, 4, 4))
    # Each rotated copy, rotated back, equals the image.
    rolled = CyclicRoll()(copies)
    assert rolled.shape == (4, 4, 4, 4)
    assert all(torch.equal(rolled[own, channel], copies[own, 0]) for own in range(4) for channel in range(4))


def test_rotated_copies_are_pooled_by_root_mean_square():
    x = torch.rand(4, 2, 1, 1)
    assert torch.allclose(CyclicPool()(x)[0], x.square().mean(0).sqrt(), atol=1e-6)
    still = torch.zeros(4, 1, 2, 2, requires_grad=True)
    CyclicPool()(still).sum().backward()
    assert torch.isfinite(still.grad).all()


def test_windows_of_fractional_poolings_are_drawn_once_and_saved_with_the_weights():
    one, other = (
        build_system_network("reformed_gamblers/fractional", Model(backbone="-"), 5, 0.25, SCORE).eval()
        for _ in range(2)
    )
    assert count_noise(one) == 0
    x = torch.rand(2, 3, 21, 21)
    assert torch.equal(one(x)["score"], one(x)["score"])
    grids = [name for name in one.state_dict() if name.endswith("fixed")]
    assert len(grids) == 5
    assert not torch.equal(one(x)["score"], other(x)["score"])
    other.load_state_dict(one.state_dict())
    assert torch.equal(one(x)["score"], other(x)["score"])
    # The windows do not depend on the image's position in the batch.
    assert torch.allclose(one(x[1:])["score"], one(x)["score"][1:], atol=1e-6)


def test_each_channel_of_each_photograph_is_standardised_by_itself():
    network = build_system_network("reformed_gamblers/plain", Model(backbone="-"), 3, 0.25, SCORE).eval()
    x = torch.rand(2, 3, 23, 23)
    changed = x * torch.tensor([0.5, 2.0, 3.0])[:, None, None] + torch.tensor([1.0, -2.0, 0.3])[:, None, None]
    assert torch.allclose(network(x)["score"], network(changed)["score"], atol=1e-3)


def test_the_soft_step_is_a_sum_of_logistic_steps():
    staircase = Staircase()
    x = torch.tensor([-1.0, 0.5, 1.2, 3.9, 9.0])
    by_hand = [
        sum(1 / (1 + math.exp(-10 * (value - threshold))) for threshold in (0.5, 1.5, 2.5, 3.5)) for value in x.tolist()
    ]
    assert torch.allclose(staircase(x), torch.tensor(by_hand), atol=1e-6)
    assert torch.allclose(staircase(torch.arange(5.0)), torch.arange(5.0), atol=0.02)


def test_thresholds_and_slopes_of_the_soft_step_are_learnt():
    staircase = Staircase()
    staircase(torch.tensor([0.4, 1.6, 2.4, 3.6])).sum().backward()
    assert (staircase.thresholds.grad != 0).all()
    assert (staircase.slopes.grad != 0).all()


def test_a_score_beyond_the_ends_of_the_scale_has_no_extra_loss():
    score = torch.tensor([-0.5, 0.5, 4.5, 3.0, -0.5, 4.5, 2.0], requires_grad=True)
    grade = torch.tensor([0, 0, 4, 4, 1, 3, 2])
    loss = load_loss("mse_free_ends")({"score": score}, grade)
    # As in the source, such a score is clipped to the end of the scale.
    counted = [0.0, 0.5, 4.0, 3.0, -0.5, 4.5, 2.0]
    assert loss.tolist() == [(value - label) ** 2 for value, label in zip(counted, grade.tolist(), strict=True)]
    loss.sum().backward()
    assert (score.grad == 0).tolist() == [True, False, True, False, False, False, True]


def test_a_network_with_a_staircase_starts_from_one_without():
    plain, step = (
        build_system_network(f"reformed_gamblers/{net}", Model(backbone="-"), 3, 0.25, SCORE)
        for net in ("plain", "step")
    )
    own, parent = step.state_dict(), plain.state_dict()
    assert all(own[name].shape == value.shape for name, value in parent.items())
    assert {name.rpartition(".")[2] for name in own.keys() - parent.keys()} == {"thresholds", "slopes"}
