"""Modules that draw numbers of their own in each pass, which are drawn outside and handed to them.

So what a network says of an image depends on those numbers and the image alone, and neither on a generator's past nor
on what else is in the batch.
"""

from __future__ import annotations

from torch import Tensor, nn


class Drawing(nn.Module):
    """A module whose result depends on uniform numbers, too."""

    def __init__(self, numbers: int) -> None:
        super().__init__()
        self.numbers = numbers
        """That an image takes in a pass."""
        self.given: Tensor | None = None
        """Each image's numbers for the next pass, in [0, 1), shape (n, numbers); None outside training and passes."""


def count_numbers(network: nn.Module) -> int:
    """How many uniform numbers an image takes in a pass through a network."""
    return sum(module.numbers for module in _drawing(network))


def give(network: nn.Module, uniform: Tensor | None) -> None:
    """Hand out each image's numbers for the next pass; None for those that an evaluation in one pass takes.

    Args:
        network: changed in place.
        uniform: in [0, 1), shape (n, :func:`count_numbers`).
    """
    start = 0
    for module in _drawing(network):
        module.given = None if uniform is None else uniform[:, start : start + module.numbers]
        start += module.numbers


def _drawing(network: nn.Module) -> list[Drawing]:
    return [module for module in network.modules() if isinstance(module, Drawing) and module.numbers]
