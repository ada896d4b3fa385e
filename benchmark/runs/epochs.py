"""How long an arm trains: the common number of epochs, or what another arm's whole chain of stages cost."""

from __future__ import annotations

from benchmark.common.terms import Arm
from benchmark.settings.params import Params
from models.losses.registry import LOSSES


def epochs_of(params: Params, method: str, name: str) -> int:
    """Epochs that an arm trains.

    An arm with ``match: images`` sees as many images as all stages of the arm ``of`` together; one with ``match: macs``
    spends as many multiply-adds on them, to the nearest epoch and at least one.
    """
    arm = params.arm(method, name)
    if not arm.match:
        return params.train.epochs
    chain = _chain(params, arm.of)
    if arm.match == "images":
        return sum(epochs_of(params, *link) for link in chain)
    spent = sum(epochs_of(params, *link) * _macs(params, *link) for link in chain)
    return max(1, round(spent / _macs(params, method, name)))


def _chain(params: Params, path: str) -> list[Arm]:
    """An arm and all that it descends from."""
    chain = []
    while path:
        chain.append(Arm.parse(path))
        path = params.arm(*chain[-1]).parent
    return chain


def _macs(params: Params, method: str, name: str) -> int:
    from models.cost import network_cost

    arm = params.arm(method, name)
    return network_cost(params.model, arm.n_cells, LOSSES[arm.loss].heads, params.sizes.of(arm.size)).macs
