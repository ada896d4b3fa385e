"""What a network costs, counted by torch's own counter without weights or arithmetic (meta device)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import torch
from torch.utils.flop_counter import FlopCounterMode

from models.network import build_network
from models.settings import Model


@dataclass(frozen=True, slots=True)
class Cost:
    """Size and work of a network at one input size."""

    parameters: int
    macs: int
    """Multiply-adds of one image's forward pass, in convolutions and matrix products."""


def network_cost(model: Model, level: int, heads: Mapping[str, str], pixels: int) -> Cost:
    """Count parameters and multiply-adds; the arguments are those of :func:`models.network.build_network`."""
    return _count(model, level, tuple(heads.items()), pixels)


@cache
def _count(model: Model, level: int, heads: tuple[tuple[str, str], ...], pixels: int) -> Cost:
    with torch.device("meta"), torch.no_grad():
        network = build_network(model.bare, level, dict(heads), pixels).eval()
        with FlopCounterMode(display=False) as counter:
            network(torch.zeros(1, 3, pixels, pixels))
    return Cost(sum(p.numel() for p in network.parameters()), counter.get_total_flops() // 2)
