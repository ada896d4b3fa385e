"""Min-pooling's networks at full size: weights, feature maps and fields of view as the source lists them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from models.fractional import FractionalMaxPool
from models.settings import Model
from models.system_network import build_system_network
from models.systems.min_pooling import build, sides, statistics

FULL = {"net_1": 8, "net_2": 10, "net_3": 7}
POOLED = {
    "net_1": [466, 258, 142, 78, 42, 22, 11, 5, 2, 1],
    "net_2": [544, 361, 239, 158, 104, 68, 44, 28, 17, 10, 5, 2, 1],
    "net_3": [507, 251, 123, 59, 27, 11, 3, 2, 1],
}
"""Sizes of the feature maps after each pooling and at the end, as listed by the source."""


@pytest.mark.parametrize(("net", "millions"), [("net_1", 2.699), ("net_2", 6.105), ("net_3", 3.010)])
def test_the_number_of_weights_equals_that_of_the_report(net, millions):
    with torch.device("meta"):
        network = build_system_network(f"min_pooling/{net}", Model(backbone="-"), FULL[net], 1.0, {"prob": "softmax"})
    assert sum(p.numel() for p in network.parameters()) / 1e6 == pytest.approx(millions, abs=0.0005)


@pytest.mark.parametrize("net", FULL)
def test_feature_maps_have_the_sizes_that_the_source_lists(net):
    with torch.device("meta"), torch.no_grad():
        body = build(net, FULL[net], 1.0)
        assert body.pixels == {"net_1": 843, "net_2": 820, "net_3": 1019}[net]
        left, x = [], torch.zeros(1, 3, body.pixels, body.pixels)
        for module in body.module.eval():
            x = module(x)
            if isinstance(module, FractionalMaxPool | torch.nn.MaxPool2d):
                left.append(x.shape[-1])
    ends = [side for side in POOLED[net] if side < left[-1]]
    assert left + ends == POOLED[net]
    assert x.shape == (1, body.channels, 1, 1)


@pytest.mark.parametrize(
    ("net", "fields"),
    [
        ("net_1", [13, 24, 44, 80, 144, 260, 468, 843]),
        ("net_2", [19, 30, 46, 70, 106, 160, 241, 363, 546, 820]),
        ("net_3", [11, 27, 59, 123, 251, 507, 1019]),
    ],
)
def test_fewer_blocks_have_smaller_fields_of_view(net, fields):
    assert [sides(net, blocks)[0] for blocks in range(1, len(fields) + 1)] == fields


def test_statistics_measure_sharpness_colour_and_size():
    rng = np.random.default_rng(0)
    plain = np.full((2, 32, 32, 3), (120, 60, 30), np.uint8)
    detailed = np.stack([np.full((32, 32, 3), 128, np.uint8), rng.integers(0, 256, (32, 32, 3), np.uint8)])
    found = statistics(plain, detailed, np.array([[640, 480], [1000, 900]]))
    assert found.shape == (2, 7)
    assert found[0].tolist() == [0, 0, 120, 60, 30, 320, 240]
    assert (found[1, :2] > 10).all()
