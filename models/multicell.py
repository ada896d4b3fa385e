"""Multi-Cell modules: Reduction Cell-B and Normal Cell-C of Inception-ResNet-v2, for any number of channels.

With the channels of Inception-ResNet-v2 (1088 and 2080) and ``width=1`` they have the same tensors under the same names
as timm's ``Mixed_7a`` and ``Block8``.
"""

from __future__ import annotations

from functools import partial

import torch
from timm.layers import ConvNormAct
from torch import Tensor, nn

# Convolution, batch norm and ReLU of Inception-ResNet-v2: no padding by default, epsilon 1e-3.
_conv = partial(ConvNormAct, padding=0, norm_layer="batchnorm2d", act_layer="relu", norm_kwargs={"eps": 1e-3})

SMALLEST_MAP = 3
"""Minimum side of the input of a Reduction Cell-B."""


class ReductionB(nn.Module):
    """Reduction block: three convolution branches and a max pooling, concatenated.

    Maps (n, channels, s, s) to (n, out_channels, (s - 1) // 2, (s - 1) // 2); s >= 3. ``out_channels`` is ``channels``
    plus the widths of the three branches (992 at ``width=1``, the widths of Inception-ResNet-v2).
    """

    def __init__(self, channels: int, width: float = 1.0) -> None:
        super().__init__()
        w256, w288, w320, w384 = (round(width * c) for c in (256, 288, 320, 384))
        self.branch0 = nn.Sequential(_conv(channels, w256, 1), _conv(w256, w384, 3, stride=2))
        self.branch1 = nn.Sequential(_conv(channels, w256, 1), _conv(w256, w288, 3, stride=2))
        self.branch2 = nn.Sequential(
            _conv(channels, w256, 1), _conv(w256, w288, 3, padding=1), _conv(w288, w320, 3, stride=2)
        )
        self.branch3 = nn.MaxPool2d(3, stride=2)
        self.out_channels = channels + w384 + w288 + w320

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat((self.branch0(x), self.branch1(x), self.branch2(x), self.branch3(x)), dim=1)


class CellC(nn.Module):
    """Residual block with a 1x1 branch and a factorised 3x3 branch; it preserves the shape.

    ``width`` is a multiple of the branch widths of Inception-ResNet-v2, whose first nine blocks scale the residual by
    0.2.
    """

    def __init__(self, channels: int, width: float = 1.0, scale: float = 0.2) -> None:
        super().__init__()
        w192, w224, w256 = (round(width * c) for c in (192, 224, 256))
        self.scale = scale
        self.branch0 = _conv(channels, w192, 1)
        self.branch1 = nn.Sequential(
            _conv(channels, w192, 1),
            _conv(w192, w224, (1, 3), padding=(0, 1)),
            _conv(w224, w256, (3, 1), padding=(1, 0)),
        )
        self.conv2d = nn.Conv2d(w192 + w256, channels, kernel_size=1)
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        branches = torch.cat((self.branch0(x), self.branch1(x)), dim=1)
        return self.relu(x + self.scale * self.conv2d(branches))  # type: ignore[no-any-return]


class MultiCell(nn.Sequential):
    """A Reduction Cell-B and ``normal`` Normal Cells-C: one of the ``n_cells`` of a network."""

    def __init__(self, channels: int, width: float = 1.0, normal: int = 1) -> None:
        reduction = ReductionB(channels, width)
        self.out_channels: int
        super().__init__(reduction, *(CellC(reduction.out_channels, width) for _ in range(normal)))
        self.out_channels = reduction.out_channels
