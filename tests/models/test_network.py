"""Backbone, cells and heads: shapes, carried-over weights, and errors."""

from __future__ import annotations

import itertools
import socket
import time

import pytest
import timm
import torch

from benchmark.common.errors import InputError
from models.multicell import CellC, ReductionB
from models.network import build_network, carry_over, probe_backbone
from models.settings import Cells, Model

SMALL = Model(backbone="test_byobnet", stride=8, cells=Cells(width=0.125))
HEADS = {"score": "regression", "prob": "softmax"}


@pytest.fixture(scope="module")
def irv2():
    return timm.create_model("inception_resnet_v2").eval()


def test_reduction_b_equals_that_of_inception_resnet_v2(irv2):
    ours = ReductionB(1088).eval()
    ours.load_state_dict(irv2.mixed_7a.state_dict())
    x = torch.randn(2, 1088, 12, 12)
    assert ours.out_channels == 2080
    assert ours(x).shape == (2, 2080, 5, 5)
    assert torch.equal(ours(x), irv2.mixed_7a(x))


def test_cell_c_equals_that_of_inception_resnet_v2(irv2):
    ours = CellC(2080).eval()
    ours.load_state_dict(irv2.repeat_2[0].state_dict())
    x = torch.randn(2, 2080, 5, 5)
    assert torch.allclose(ours(x), irv2.repeat_2[0](x), atol=1e-6)


@pytest.mark.parametrize(("n_cells", "pixels", "side"), [(0, 40, 5), (1, 80, 4), (2, 128, 3)])
def test_each_cell_halves_the_feature_map(n_cells, pixels, side):
    network = build_network(SMALL, n_cells, HEADS, pixels).eval()
    images = torch.randn(2, 3, pixels, pixels)
    assert network.features(images).shape[2:] == (side, side)
    outputs = network(images)
    assert outputs["score"].shape == (2,)
    assert outputs["prob"].shape == (2, 5)


@pytest.mark.parametrize("backbone", ["test_resnet", "test_efficientnet", "test_convnext", "test_nfnet"])
def test_cells_attach_to_any_backbone(backbone):
    network = build_network(SMALL.model_copy(update={"backbone": backbone}), 1, HEADS, 64)
    assert network(torch.randn(2, 3, 64, 64))["prob"].shape == (2, 5)


def test_scores_are_float32_under_bfloat16_autocast():
    network = build_network(SMALL, 1, HEADS, 80)
    with torch.autocast("cpu", torch.bfloat16):
        assert network(torch.randn(2, 3, 80, 80))["score"].dtype == torch.float32


def test_a_child_copies_backbone_and_old_cells_and_keeps_its_new_cell():
    parent, child = build_network(SMALL, 1, HEADS, 80), build_network(SMALL, 2, HEADS, 128)
    before = {name: value.clone() for name, value in child.state_dict().items()}
    carried = carry_over(child, parent.state_dict())
    after = child.state_dict()
    assert set(carried) == {name for name in parent.state_dict() if not name.startswith("heads.")}
    assert all(torch.equal(after[name], parent.state_dict()[name]) for name in carried)
    new = set(after) - set(carried)
    assert {name.split(".")[0] for name in new} == {"cells", "heads"}
    assert all(torch.equal(after[name], before[name]) for name in new)


def test_heads_are_carried_over_if_their_input_width_is_the_same():
    parent, child = build_network(SMALL, 0, HEADS, 40), build_network(SMALL, 0, HEADS, 80)
    assert set(carry_over(child, parent.state_dict())) == set(child.state_dict())


def grown(width, kernels=(4,)):
    """Return convolutions and a dense layer with some number of inputs."""
    sizes = itertools.pairwise((3, *kernels))
    convolutions = [torch.nn.Conv2d(before, after, 3) for before, after in sizes]
    return torch.nn.Sequential(*convolutions, torch.nn.Flatten(), torch.nn.Linear(width, 2))


def test_only_kernels_are_carried_into_a_larger_network():
    parent, child = grown(10), grown(20, (4, 5))
    before = {name: value.clone() for name, value in child.state_dict().items()}
    assert carry_over(child, parent.state_dict(), kernels=True) == ["0.weight"]
    after = child.state_dict()
    assert {name for name in after if not torch.equal(after[name], before[name])} == {"0.weight"}
    assert torch.equal(after["0.weight"], parent.state_dict()["0.weight"])


def test_a_kernel_without_a_counterpart_is_refused_by_name():
    with pytest.raises(InputError, match=r"carry over only .* 1\.weight is \(5, 4, 3, 3\) .* and \(6, 4, 3, 3\) here"):
        carry_over(grown(20, (4, 6)), grown(20, (4, 5)).state_dict(), kernels=True)


def test_weights_of_another_backbone_are_refused_by_name():
    parent = build_network(SMALL.model_copy(update={"backbone": "test_resnet"}), 0, HEADS, 40)
    with pytest.raises(InputError, match=r"carry over only .* backbone\."):
        carry_over(build_network(SMALL, 1, HEADS, 80), parent.state_dict())


def test_a_feature_map_too_small_for_the_cells_is_refused():
    with pytest.raises(InputError, match=r"at least 3 x 3, but 1 cell\(s\) at 16 px leave 2 x 2"):
        build_network(SMALL, 1, HEADS, 16)


def test_an_unknown_backbone_or_stride_is_refused():
    with pytest.raises(InputError, match=r"must be a timm model, but got 'resnet51' \(did you mean .*resnet50.*\?\)"):
        probe_backbone(SMALL.model_copy(update={"backbone": "resnet51"}), 64)
    with pytest.raises(InputError, match=r"must be one of \[2, 4, 8, 16, 32\] for test_byobnet, but got 6"):
        probe_backbone(SMALL.model_copy(update={"stride": 6}), 64)


def test_equal_seeds_give_equal_initial_weights():
    states = []
    for _ in range(2):
        torch.manual_seed(3)
        states.append(build_network(SMALL, 1, HEADS, 80).state_dict())
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])


@pytest.mark.slow
def test_inception_resnet_v2_is_truncated_after_block8_as_in_the_paper(irv2):
    model = Model(backbone="inception_resnet_v2", stride=32, truncate_after="block8")
    assert [probe_backbone(model, pixels).side for pixels in (224, 256, 299, 448, 720)] == [5, 6, 8, 12, 21]
    assert probe_backbone(model, 224).channels == 2080
    backbone = build_network(model, 0, HEADS, 224).eval().backbone
    backbone.load_state_dict(irv2.state_dict(), strict=False)
    x = torch.randn(1, 3, 75, 75)
    want = irv2.forward_features(x)
    assert torch.allclose(irv2.conv2d_7b(backbone(x)[-1]), want, atol=1e-5)


def test_truncation_after_a_module_that_the_backbone_lacks_is_refused():
    with pytest.raises(InputError, match=r"model\.truncate_after must name a module of test_byobnet \(.*'block8'"):
        probe_backbone(SMALL.model_copy(update={"truncate_after": "block8"}), 64)


def test_weights_that_cannot_be_fetched_fail_within_seconds(monkeypatch, tmp_path, capfd):
    from huggingface_hub import constants

    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))
        monkeypatch.setattr(constants, "ENDPOINT", f"http://127.0.0.1:{closed.getsockname()[1]}")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    began = time.perf_counter()
    with pytest.raises(InputError, match=r"could not fetch weights.*'test_resnet'.*model\.pretrained: false"):
        build_network(Model(backbone="test_resnet", stride=8, pretrained=True), 0, HEADS, 40)
    assert time.perf_counter() - began < 5
    assert not constants.HF_HUB_OFFLINE
    assert "Retrying" not in capfd.readouterr().err
