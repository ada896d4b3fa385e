"""The paper's network at the paper's sizes: a real training step of each level."""

from __future__ import annotations

import pytest
import torch

from benchmark.settings.loading import parse_params
from models.losses.registry import LOSSES, load_loss
from models.network import build_network, carry_over
from tests.settings.test_params import composed

pytestmark = pytest.mark.slow


def test_one_step_of_each_level_reaches_every_tensor_and_hands_its_weights_on():
    params = parse_params(composed("scale=paper"))
    model = params.model.model_copy(update={"pretrained": False})
    loss_of, heads = load_loss("ce_mse"), LOSSES["ce_mse"].heads
    parent = None
    for level, pixels, side in ((1, 224, 5), (2, 448, 5), (3, 720, 4)):
        network = build_network(model, level, heads, pixels).to(memory_format=torch.channels_last)
        if parent is not None:
            carried = carry_over(network, parent)
            assert all(torch.equal(network.state_dict()[name], parent[name]) for name in carried)
            new = {name for name in network.state_dict() if name not in carried}
            assert {name.split(".")[0] for name in new} == {"cells", "heads"}
            assert all(name.startswith(("heads.", f"cells.{level - 2}.")) for name in new)
        optimizer = torch.optim.SGD(network.parameters(), lr=1e-3)
        images = torch.randn(2, 3, pixels, pixels).to(memory_format=torch.channels_last)
        features = network.features(images)
        assert features.shape[-1] == side
        raw = {name: head(features.mean(dim=(2, 3))) for name, head in network.heads.items()}
        loss_of(raw, torch.tensor([0, 3])).mean().backward()
        silent = [name for name, p in network.named_parameters() if p.grad is None or not p.grad.abs().sum() > 0]
        assert silent == []
        optimizer.step()
        assert all(torch.isfinite(p).all() for p in network.parameters())
        parent = network.state_dict()
