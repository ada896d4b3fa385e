"""Parameters and multiply-adds of a network, counted by torch's FLOP counter on the meta device."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache

import torch
from torch.utils.flop_counter import FlopCounterMode

from models.network import Network, build_network
from models.settings import Model
from models.system_network import build_system_network


@dataclass(frozen=True, slots=True)
class Cost:
    """Parameters and multiply-adds of a network at one input size."""

    parameters: int
    macs: int
    """Multiply-adds of one image's forward pass, in convolutions and matrix products."""


def network_cost(model: Model, n_cells: int, heads: Mapping[str, str], pixels: int) -> Cost:
    """Count parameters and multiply-adds; the arguments are those of :func:`models.network.build_network`."""
    return _count(model, n_cells, tuple(heads.items()), pixels)


def system_cost(name: str, model: Model, blocks: int, width: float, heads: Mapping[str, str], pixels: int) -> Cost:
    """Count the same for a system's network; see :func:`models.system_network.build_system_network`."""
    return _count_system(name, model, blocks, width, tuple(heads.items()), pixels)


@cache
def _count(model: Model, n_cells: int, heads: tuple[tuple[str, str], ...], pixels: int) -> Cost:
    return _counted(lambda: build_network(model.bare, n_cells, dict(heads), pixels), pixels)


@cache
def _count_system(
    name: str, model: Model, blocks: int, width: float, heads: tuple[tuple[str, str], ...], pixels: int
) -> Cost:
    return _counted(lambda: build_system_network(name, model.bare, blocks, width, dict(heads)), pixels)


def _counted(build: Callable[[], Network], pixels: int) -> Cost:
    with torch.device("meta"), torch.no_grad():
        network = build().eval()
        with FlopCounterMode(display=False) as counter:
            network(torch.zeros(1, 3, pixels, pixels))
    return Cost(sum(p.numel() for p in network.parameters()), counter.get_total_flops() // 2)
