"""Computed training cost, and arms that train for the cost of another arm."""

from __future__ import annotations

import pytest
import timm
import torch
import yaml

from benchmark.common.errors import InputError
from benchmark.runs.epochs import epochs_of
from benchmark.settings.loading import parse_params
from models.cost import network_cost
from models.network import build_network
from models.settings import Model
from tests.conftest import ROOT

HEADS = {"score": "regression", "prob": "softmax"}


@pytest.fixture
def raw():
    raw = yaml.safe_load((ROOT / "params.yaml").read_text())
    raw["train"]["epochs"] = 4
    same = {"loss": "ce_mse", "size": "large", "match": "images", "of": "m2cnn/large"}
    raw["arms"]["controls"]["same_images"] = same
    return raw


def test_an_arm_trains_for_the_common_number_of_epochs(raw):
    assert epochs_of(parse_params(raw), "m2cnn", "large") == 4


def test_matched_images_count_the_images_of_all_parents(raw):
    assert epochs_of(parse_params(raw), "controls", "same_images") == 12


def test_matched_multiply_adds_count_those_of_all_parents(raw):
    params = parse_params(raw)
    cells = {"small": 0, "mid": 1, "large": 2}
    macs = {
        size: network_cost(params.model, n_cells, HEADS, params.sizes.of(size)).macs for size, n_cells in cells.items()
    }
    direct = network_cost(params.model, 0, HEADS, params.sizes.large).macs
    assert epochs_of(params, "controls", "same_macs") == round(4 * sum(macs.values()) / direct)
    assert 4 < epochs_of(params, "controls", "same_macs") < 12


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"match": "images"}, "must be given together"),
        ({"match": "time", "of": "m2cnn/large"}, "'images' or 'macs'"),
        ({"match": "images", "of": "m2cnn/huge"}, "`of` must name another arm"),
        ({"match": "images", "of": "controls/same_images"}, "cannot start from, or match, one that depends on it"),
    ],
)
def test_an_impossible_match_is_refused(raw, changes, words):
    raw["arms"]["controls"]["same_images"] = {"loss": "ce_mse", "size": "large", **changes}
    with pytest.raises(InputError, match=words):
        parse_params(raw)


def test_circular_arms_are_refused(raw):
    raw["arms"]["basenet_mt"]["small"]["from"] = "m2cnn/large"
    with pytest.raises(InputError, match="depends on it"):
        parse_params(raw)


def test_the_parameter_count_is_that_of_the_built_network():
    model = Model(backbone="test_byobnet", stride=8)
    network = build_network(model, 1, HEADS, 80)
    assert network_cost(model, 1, HEADS, 80).parameters == sum(p.numel() for p in network.parameters())


def test_multiply_adds_equal_those_that_timm_publishes():
    """timm's table lists 4.11 G multiply-adds and 25.56 M parameters for ResNet-50 at 224 px."""
    cost = network_cost(Model(backbone="resnet50", stride=32), 0, HEADS, 224)
    with torch.device("meta"):
        head = timm.create_model("resnet50").fc
    assert cost.macs / 1e9 == pytest.approx(4.11, rel=0.01)
    assert cost.parameters + sum(p.numel() for p in head.parameters()) - 6 * 2049 == 25_557_032
