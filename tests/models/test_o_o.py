"""o_O's networks at full size, their growth, and the weights that a stage inherits from the previous one."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import nn

from benchmark.common.errors import InputError
from models.maxout import Maxout
from models.network import carry_over
from models.settings import Model
from models.system_network import build_system_network
from models.systems.o_o import BIAS, RootMeanSquare, Untied, build, sides

FULL = {f"{kind}_{stage}": stage + 3 for kind in "ab" for stage in (1, 2, 3)}
SCORE = {"score": "regression"}
BEHIND = {
    "a_1": [112, 56, 27, 14, 6, 2],
    "a_2": [224, 112, 55, 28, 13, 6, 2],
    "a_3": [448, 224, 111, 56, 27, 13, 6, 2],
    "b_1": [112, 57, 28, 14, 6, 7, 3],
    "b_2": [224, 113, 56, 28, 13, 14, 6, 7, 3],
    "b_3": [448, 225, 112, 56, 27, 28, 13, 14, 6, 5, 2],
}
"""Sizes of the feature maps where they change."""


def made(net, blocks, width=0.0625, seed=0):
    torch.manual_seed(seed)
    return build_system_network(f"o_o/{net}", Model(backbone="-"), blocks, width, SCORE)


@pytest.mark.parametrize("net", FULL)
def test_feature_maps_have_the_sizes_of_the_source(net):
    with torch.device("meta"), torch.no_grad():
        body = build(net, FULL[net], 1.0)
        x, left = torch.zeros(1, 3, body.pixels, body.pixels), [body.pixels]
        for module in body.module.maps:
            x = module(x)
            if isinstance(module, nn.Conv2d | nn.MaxPool2d):
                left.append(x.shape[-1])
        x = body.module.pooled(x)
        left.append(x.shape[-1])
        assert left == sides(net, FULL[net])
        assert set(BEHIND[net]) <= set(left)
        channels = {1: 128, 2: 256, 3: 512}[int(net[-1])]
        assert x.shape == (1, channels, BEHIND[net][-1], BEHIND[net][-1])
        assert body.module.dense(x).shape == (1, 512)
        assert body.module.out(body.module.dense(x)).shape == (1, body.channels, 1, 1)


@pytest.mark.parametrize(
    ("net", "kernels", "widths"),
    [
        ("a_3", [5, 3, 5, 3, 3, 3, 3, 3, 3, 3, 3, 3, 3], [32] * 2 + [64] * 3 + [128] * 3 + [256] * 3 + [512] * 2),
        ("b_3", [4] * 12, [32] * 2 + [64] * 3 + [128] * 3 + [256] * 3 + [512]),
    ],
)
def test_the_last_stage_has_the_source_s_convolutions_and_dense_layers(net, kernels, widths):
    with torch.device("meta"):
        modules = list(build(net, 6, 1.0).module.modules())
    convolutions = [module for module in modules if isinstance(module, nn.Conv2d)]
    assert [layer.kernel_size[0] for layer in convolutions] == kernels
    assert [layer.out_channels for layer in convolutions] == widths
    assert [layer.stride[0] for layer in convolutions] == [2, 1, 2] + [1] * (len(kernels) - 3)
    dense = [module for module in modules if isinstance(module, nn.Linear)]
    assert [(layer.in_features, layer.out_features) for layer in dense] == [(2048, 1024), (512, 1024)]
    assert [module.p for module in modules if isinstance(module, nn.Dropout)] == [0.5, 0.5]
    slopes = {module.negative_slope for module in modules if isinstance(module, nn.LeakyReLU)}
    assert slopes == {0.01}
    assert sum(isinstance(module, Maxout) for module in modules) == 2
    # One pooling between each two groups, and none after the last.
    assert sum(isinstance(module, nn.MaxPool2d) for module in modules) == 4


@pytest.mark.parametrize(("stage", "side"), [(1, 35), (2, 70), (3, 112)])
def test_small_photographs_skip_the_first_stride_and_pooling(stage, side):
    found = sides(f"a_{stage}", stage + 1)
    assert (found[0], found[-1]) == (side, 2)
    whole, small = (build(f"a_{stage}", stage + more, 0.0625).module.maps for more in (3, 1))
    kept = [module.stride for module in whole if isinstance(module, nn.Conv2d)]
    assert [module.stride for module in small if isinstance(module, nn.Conv2d)] == [(1, 1), *kept[1:]]
    poolings = [sum(isinstance(module, nn.MaxPool2d) for module in net) for net in (whole, small)]
    assert poolings == [stage + 1, stage]


@pytest.mark.parametrize("blocks", [1, 3, 5])
def test_an_unsupported_number_of_poolings_is_refused(blocks):
    with pytest.raises(InputError, match=r"o_o.nets.b_1.blocks must be 4, .* or 2, for small photographs, but got"):
        sides("b_1", blocks)


@pytest.mark.parametrize("kind", "ab")
def test_a_stage_inherits_every_kernel_of_the_previous_one_and_nothing_else(kind):
    nets = [made(f"{kind}_{stage}", stage + 1, seed=stage) for stage in (1, 2, 3)]
    for parent, child in itertools.pairwise(nets):
        before = {name: value.clone() for name, value in child.state_dict().items()}
        carried = carry_over(child, parent.state_dict(), kernels=True)
        kernels = [name for name, value in parent.state_dict().items() if value.ndim == 4]
        assert carried == kernels
        after = child.state_dict()
        assert all(torch.equal(after[name], parent.state_dict()[name]) for name in kernels)
        assert {name for name in after if not torch.equal(after[name], before[name])} == set(kernels)
        grown = [name for name, value in after.items() if value.ndim == 4 and name not in kernels]
        assert grown == [name for name in after if name.startswith("backbone.body.maps") and name in grown]
        assert grown


def test_stages_of_other_widths_or_kinds_are_refused():
    with pytest.raises(InputError, match="carry over only"):
        carry_over(made("a_2", 3, 0.125), made("a_1", 2).state_dict(), kernels=True)
    with pytest.raises(InputError, match="carry over only"):
        carry_over(made("b_2", 3), made("a_1", 2).state_dict(), kernels=True)


def test_initial_kernels_are_orthonormal_and_biases_equal():
    network = made("a_1", 2, 0.25)
    for module in network.backbone.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            rows = module.weight.flatten(1)
            rows = rows if len(rows) <= rows.shape[1] else rows.T
            assert torch.allclose(rows @ rows.T, torch.eye(len(rows)), atol=1e-5)
        if isinstance(module, Untied | nn.Linear):
            assert (module.bias == BIAS).all()


def test_biases_are_per_channel_and_position():
    network = made("a_1", 2)
    shapes = [tuple(module.bias.shape) for module in network.backbone.modules() if isinstance(module, Untied)]
    assert shapes == [(2, 35, 35)] * 2 + [(4, 18, 18)] * 3 + [(8, 8, 8)] * 3


def test_pooling_is_the_root_mean_square():
    x = torch.full((1, 1, 3, 3), 2.0)
    assert RootMeanSquare(3)(x).item() == pytest.approx(2)
    x = torch.rand(2, 3, 7, 7)
    assert RootMeanSquare(2)(x).shape == (2, 3, 3, 3)
    assert torch.allclose(RootMeanSquare(2)(x)[:, :, 1, 2], x[:, :, 2:5, 4:7].square().mean((2, 3)).sqrt(), atol=1e-6)
    still = torch.zeros(1, 1, 3, 3, requires_grad=True)
    RootMeanSquare(3)(still).sum().backward()
    assert torch.isfinite(still.grad).all()
