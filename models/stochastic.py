"""Modules that use random numbers in the forward pass; the caller draws the numbers and hands them in.

The output for an image therefore depends on the image and its numbers alone, neither on the state of a random generator
nor on the rest of the batch.
"""

from __future__ import annotations

from torch import Tensor, nn


class StochasticModule(nn.Module):
    """Base class of modules whose output also depends on uniform random numbers."""

    def __init__(self, n_noise: int) -> None:
        super().__init__()
        self.n_noise = n_noise
        """Random numbers per image and forward pass."""
        self.noise: Tensor | None = None
        """Random numbers in [0, 1) for the next forward pass, shape (n, n_noise); None for the deterministic output."""


def count_noise(network: nn.Module) -> int:
    """Count the random numbers that a network uses per image and forward pass."""
    return sum(module.n_noise for module in _stochastic_modules(network))


def set_noise(network: nn.Module, uniform: Tensor | None) -> None:
    """Set the random numbers of each image in [0, 1), shape (n, :func:`count_noise`), for the next forward pass.

    None gives the deterministic output.
    """
    start = 0
    for module in _stochastic_modules(network):
        module.noise = None if uniform is None else uniform[:, start : start + module.n_noise]
        start += module.n_noise


def _stochastic_modules(network: nn.Module) -> list[StochasticModule]:
    return [module for module in network.modules() if isinstance(module, StochasticModule) and module.n_noise]
