"""The paper's network: a real training step with each number of cells, at sizes with the smallest feature maps.

``tests/evaluation/test_architecture.py`` checks the map sizes at the paper's own sizes on the meta device.
"""

from __future__ import annotations

import multiprocessing
from concurrent.futures import ProcessPoolExecutor

import pytest
import torch
from torch import Tensor, nn

from benchmark.settings.loading import parse_params
from models.losses.registry import LOSSES, load_loss
from models.network import build_network, carry_over
from tests.settings.test_params import composed

pytestmark = pytest.mark.slow


def step(network: nn.Module, pixels: int) -> None:
    """Make one update; it must reach every tensor and leave it finite."""
    images = torch.randn(2, 3, pixels, pixels).to(memory_format=torch.channels_last)
    load_loss("ce_mse")(network(images), torch.tensor([0, 3])).mean().backward()
    silent = [name for name, p in network.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
    assert silent == []
    torch.optim.SGD(network.parameters(), lr=1e-3).step()
    assert all(torch.isfinite(p).all() for p in network.parameters())


def test_one_step_with_each_number_of_cells_updates_every_tensor_and_carries_its_weights_over():
    # A separate process frees its gigabytes when it ends.
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as pool:
        pool.submit(_step_each_number_of_cells).result()


def _step_each_number_of_cells() -> None:
    model = parse_params(composed("scale=paper")).model.model_copy(update={"pretrained": False})
    parent: dict[str, Tensor] = {}
    for n_cells, pixels in ((0, 96), (1, 160), (2, 272)):
        network = build_network(model, n_cells, LOSSES["ce_mse"].heads, pixels).to(memory_format=torch.channels_last)
        if parent:
            carried = carry_over(network, parent)
            assert all(torch.equal(network.state_dict()[name], parent[name]) for name in carried)
            new = {name for name in network.state_dict() if name not in carried}
            assert {name.split(".")[0] for name in new} == {"cells", "heads"}
            assert all(name.startswith(("heads.", f"cells.{n_cells - 1}.")) for name in new)
            parent = {}  # Free 200 MB for the step.
        step(network, pixels)
        network.zero_grad()
        parent = network.state_dict()
