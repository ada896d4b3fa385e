"""Fractional max pooling (Graham 2014, arXiv 1412.6071): overlapping windows at pseudo-random places.

Where the windows lie is drawn outside, as :mod:`models.stochastic` says.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import fractional_max_pool2d

from models.stochastic import StochasticModule

MIDDLE = 0.5
"""The number of every axis where none are given: what an evaluation in one pass takes."""


class FractionalMaxPool(StochasticModule):
    """Maps (n, c, s, s) to (n, c, side, side), the maximum over ``kernel`` x ``kernel`` windows.

    Along an axis, window i starts at floor((i + u) * a) - floor(u * a) with a = (s - kernel) / (side - 1), the last one
    at s - kernel; u, one per image and axis and shared by all channels, is uniform in [0, 1).

    Args:
        kernel: side of the windows.
        side: of the result.
        fixed: whether windows lie where torch's generator has them at the start, for all images and for good, and are
            kept with the weights.
    """

    def __init__(self, kernel: int, side: int, fixed: bool = False) -> None:
        super().__init__(0 if fixed else 2)
        self.kernel, self.side = kernel, side
        self.fixed: Tensor | None
        self.register_buffer("fixed", torch.rand(2) if fixed else None)

    def forward(self, x: Tensor) -> Tensor:
        if self.fixed is not None:
            u = self.fixed.float().expand(len(x), 2)
        elif self.noise is None:
            assert not self.training, "numbers must be given for each batch of a training"
            u = torch.full((len(x), 2), MIDDLE, device=x.device)
        else:
            u = self.noise
        if x.device.type == "cpu" and torch.is_grad_enabled():
            # torch takes the width's number first, and one for each channel.
            samples = u.flip(1)[:, None].expand(-1, x.shape[1], -1).to(x.dtype).contiguous()
            return fractional_max_pool2d(x, self.kernel, output_size=self.side, _random_samples=samples)
        return self.by_copies(x, u)

    def by_copies(self, x: Tensor, u: Tensor) -> Tensor:
        """The same numbers, made of copies of rows.

        torch's own kernel has no deterministic gradient on graphics cards; on processors it is several times slower
        than this where no gradient is wanted, and several times quicker where one is.
        """
        # Rows lie together in channels-last memory, so that to copy them is to copy blocks.
        rows = self._pooled(x.permute(0, 2, 3, 1), u[:, 0])
        columns = self._pooled(rows.transpose(1, 2), u[:, 1])
        return columns.permute(0, 3, 2, 1).contiguous(memory_format=torch.channels_last)

    def _pooled(self, x: Tensor, u: Tensor) -> Tensor:
        """Maximum over windows of the second axis: (n, s, t, c) to (n, side, t, c)."""
        n, s = x.shape[:2]
        flat = x.reshape(n * s, *x.shape[2:])
        first = self.starts(s, u) + torch.arange(n, device=x.device)[:, None] * s
        pooled = flat.index_select(0, first.flatten())
        for offset in range(1, self.kernel):
            pooled = torch.maximum(pooled, flat.index_select(0, (first + offset).flatten()))
        return pooled.reshape(n, self.side, *x.shape[2:])

    def starts(self, size: int, u: Tensor) -> Tensor:
        """Where the windows of each image start along an axis of ``size``: shape (n, side), from u of shape (n,)."""
        u = u.float()[:, None]
        step = (size - self.kernel) / max(self.side - 1, 1)
        place = torch.arange(self.side, device=u.device)
        starts = ((place + u) * step).floor() - (u * step).floor()
        starts[:, -1] = size - self.kernel
        return starts.long()

    def extra_repr(self) -> str:
        return f"kernel={self.kernel}, side={self.side}"
