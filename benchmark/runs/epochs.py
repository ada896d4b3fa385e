"""Number of epochs of an arm: the common one, its own, or one that matches the cost of another arm's whole chain."""

from __future__ import annotations

from benchmark.common.terms import Arm
from benchmark.settings.params import Params
from models.losses.registry import LOSSES


def epochs_of(params: Params, method: str, name: str) -> int:
    """Return the number of epochs of an arm.

    An arm with ``match: images`` trains on as many images as the whole chain of the arm ``of``; one with
    ``match: macs`` spends as many multiply-adds, to the nearest epoch and at least one.
    """
    arm = params.arm(method, name)
    if not arm.match:
        return params.of(Arm(method, name)).train.epochs
    chain = _chain(params, arm.of)
    if arm.match == "images":
        return sum(epochs_of(params, *link) for link in chain)
    spent = sum(epochs_of(params, *link) * _macs(params, *link) for link in chain)
    return max(1, round(spent / _macs(params, method, name)))


def _chain(params: Params, path: str) -> list[Arm]:
    """Return an arm and all its ancestors."""
    chain = []
    while path:
        chain.append(Arm.parse(path))
        path = params.arm(*chain[-1]).parent
    return chain


def _macs(params: Params, method: str, name: str) -> int:
    from models.cost import network_cost

    arm = params.arm(method, name)
    model = params.of(Arm(method, name)).model
    return network_cost(model, arm.n_cells, LOSSES[arm.loss].heads, params.sizes.of(arm.size)).macs
