"""The network of a run, and what it costs."""

from __future__ import annotations

from benchmark.runs.spec import RunSpec
from models.cost import Cost, network_cost, system_cost
from models.losses.registry import LOSSES
from models.network import Network, build_network
from models.system_network import build_system_network


def network_of(spec: RunSpec) -> Network:
    """Build a run's network, with the weights of its seed's start (torch's global generator).

    Raises:
        InputError: as :func:`models.network.build_network`.
    """
    heads = LOSSES[spec.objective.name].heads
    if spec.system:
        return build_system_network(spec.system.name, spec.model, spec.system.blocks, spec.system.width, heads)
    return build_network(spec.model, spec.level, heads, spec.pixels)


def cost_of(spec: RunSpec) -> Cost:
    """Parameters and multiply-adds of a run's network."""
    heads = LOSSES[spec.objective.name].heads
    if spec.system:
        return system_cost(spec.system.name, spec.model, spec.system.blocks, spec.system.width, heads, spec.pixels)
    return network_cost(spec.model, spec.level, heads, spec.pixels)
