"""Maxout over pairs of neighbouring features (Goodfellow et al. 2013)."""

from __future__ import annotations

from torch import Tensor, nn


class Maxout(nn.Module):
    """Maximum of each pair of neighbours: (n, 2 d) to (n, d)."""

    def forward(self, x: Tensor) -> Tensor:
        larger: Tensor = x.reshape(len(x), -1, 2).amax(2)
        return larger
