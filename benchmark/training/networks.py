"""Network of a run, and its cost."""

from __future__ import annotations

from benchmark.runs.spec import ArmRun, NetworkRun, TrainedRun
from models.cost import Cost, network_cost, system_cost
from models.losses.registry import LOSSES
from models.network import Network, build_network
from models.system_network import build_system_network


def build_run_network(spec: TrainedRun) -> Network:
    """Build a run's network, initialised from torch's global generator or from pretrained weights.

    Raises:
        InputError: see :func:`models.network.build_network`.
    """
    heads = LOSSES[spec.loss.name].heads
    match spec:
        case ArmRun():
            return build_network(spec.model, spec.n_cells, heads, spec.pixels)
        case NetworkRun():
            return build_system_network(spec.group, spec.model, spec.blocks, spec.width, heads)


def run_cost(spec: TrainedRun) -> Cost:
    """Count parameters and multiply-adds of a run's network."""
    heads = LOSSES[spec.loss.name].heads
    match spec:
        case ArmRun():
            return network_cost(spec.model, spec.n_cells, heads, spec.pixels)
        case NetworkRun():
            return system_cost(spec.group, spec.model, spec.blocks, spec.width, heads, spec.pixels)
