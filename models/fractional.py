"""Fractional max pooling (Graham 2014, arXiv 1412.6071): overlapping windows at pseudo-random positions.

The caller draws the positions; see :mod:`models.stochastic`.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn.functional import fractional_max_pool2d

from models.stochastic import StochasticModule

MIDDLE = 0.5
"""Noise of both axes in a deterministic evaluation."""


class FractionalMaxPool(StochasticModule):
    """Max pooling from (n, c, s, s) to (n, c, side, side) over ``kernel`` x ``kernel`` windows.

    Along an axis, window i starts at floor((i + u) * a) - floor(u * a) with a = (s - kernel) / (side - 1), and the last
    window at s - kernel. The noise u is uniform in [0, 1), one number per image and axis, shared by all channels; with
    ``fixed`` it is the same for all images, drawn from torch's generator and saved with the weights.
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
            assert not self.training, "training needs noise for each batch: call set_noise"
            u = torch.full((len(x), 2), MIDDLE, device=x.device)
        else:
            u = self.noise
        if x.device.type == "cpu" and torch.is_grad_enabled():
            # torch expects the number of the width first, and one per channel.
            samples = u.flip(1)[:, None].expand(-1, x.shape[1], -1).to(x.dtype).contiguous()
            return fractional_max_pool2d(x, self.kernel, output_size=self.side, _random_samples=samples)
        return self.pool_by_gather(x, u)

    def pool_by_gather(self, x: Tensor, u: Tensor) -> Tensor:
        """Pool by gathering rows and columns; the result equals torch's kernel.

        torch's kernel has no deterministic gradient on GPUs. On CPUs it is several times slower than this without a
        gradient, and several times faster with one.
        """
        # Rows are contiguous in channels-last memory, so gathering them copies blocks.
        rows = self._pooled(x.permute(0, 2, 3, 1), u[:, 0])
        columns = self._pooled(rows.transpose(1, 2), u[:, 1])
        return columns.permute(0, 3, 2, 1).contiguous(memory_format=torch.channels_last)

    def _pooled(self, x: Tensor, u: Tensor) -> Tensor:
        """Pool windows along the second axis: (n, s, t, c) to (n, side, t, c)."""
        n, s = x.shape[:2]
        flat = x.reshape(n * s, *x.shape[2:])
        first = self.starts(s, u) + torch.arange(n, device=x.device)[:, None] * s
        pooled = flat.index_select(0, first.flatten())
        for offset in range(1, self.kernel):
            pooled = torch.maximum(pooled, flat.index_select(0, (first + offset).flatten()))
        return pooled.reshape(n, self.side, *x.shape[2:])

    def starts(self, size: int, u: Tensor) -> Tensor:
        """Return each image's window starts along an axis of ``size``, shape (n, side), from u of shape (n,)."""
        u = u.float()[:, None]
        step = (size - self.kernel) / max(self.side - 1, 1)
        index = torch.arange(self.side, device=u.device)
        starts = ((index + u) * step).floor() - (u * step).floor()
        starts[:, -1] = size - self.kernel
        return starts.long()

    def extra_repr(self) -> str:
        return f"kernel={self.kernel}, side={self.side}"
