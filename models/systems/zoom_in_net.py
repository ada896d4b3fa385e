"""M-Net, M-Net+A-Net and Zoom-in-Net (arXiv 1706.04372, MICCAI 2017), after its abstract.

From the abstract: M-Net classifies; A-Net learns attention maps from image labels alone; C-Net
examines high-resolution patches of the regions with high attention, and corrects.

Our reading, since we had neither the paper's full text nor its authors' code: M-Net has the backbone that every arm
shares, on the photograph shrunk to 0.625 of its side; A-Net is a map of scores per grade, weighted by a gate per grade
that is a softmax over positions, summed and added to M-Net's logits; C-Net looks at four windows of 0.3125 of the side,
cut from the photograph itself, takes the maximum of each feature over the windows, and adds a correction to the logits;
windows surround the positions whose gated scores vary most between grades, in descending order, skipping positions
in a previous window. The parts are trained one after the other; the earlier parts are frozen.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn.functional import interpolate

from benchmark.common.errors import InputError
from benchmark.common.terms import GRADES
from models.heads import logits
from models.network import build_backbone, probe_backbone
from models.settings import Model
from models.stochastic import StochasticModule
from models.systems.registry import Body, Outputs, Statistics, Step, SystemInfo

ABOUT = SystemInfo(
    title="Zoom-in-Net",
    loss="ce",
    colour_normalisation="plain",
    centre=127.5,
    nets=("m", "a", "c", "c_random"),
    train_only_augment=("flip", "rotate"),
    steps={
        "m_net": Step("M-Net, our reading", "expected", "first", tta=False, eyes="one"),
        "m_net_a_net": Step("+ A-Net, our reading", "expected", ("a",), tta=False, eyes="one"),
        "whole": Step("+ windows, our reading", "expected", ("c",), tta=False, eyes="one"),
        "random_windows": Step("random windows", "expected", ("c_random",), eyes="one", control=True),
    },
    missing_fellow="drop",
    shares_backbone=True,
    attention_net="c",
    our_version="our reading of its abstract, because we did not have the full text of its paper",
)

SEEN = 0.625
"""Side of M-Net's input as a fraction of the photograph's side."""
WINDOW = 0.3125
"""Side of a window as a fraction of the photograph's side."""
WINDOWS = 4
GATE = 64
PATCH = 32
"""Channels of A-Net's gates and of C-Net's first convolution at full width."""


class MNet(nn.Module):
    """The photograph, shrunk, to its feature map (n, c, m, m) and logits (n, 5)."""

    def __init__(self, backbone: nn.Module, channels: int) -> None:
        super().__init__()
        self.backbone, self.classifier = backbone, nn.Linear(channels, GRADES)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        side = seen_side(images.shape[-1])
        shrunk = interpolate(images, (side, side), mode="bilinear", antialias=True, align_corners=False)
        maps: Tensor = self.backbone(shrunk.contiguous(memory_format=torch.channels_last))[-1]
        logits: Tensor = self.classifier(maps.mean((2, 3)))
        return maps, logits


class ANet(nn.Module):
    """M-Net's map to gated scores of each grade, (n, 5, m, m), which are 0 before training."""

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.scores = _zero(nn.Conv2d(channels, GRADES, 1))
        self.gates = nn.Sequential(
            nn.Conv2d(channels, width, 1),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(width, GRADES, 1),
        )

    def forward(self, maps: Tensor) -> Tensor:
        gates: Tensor = self.gates(maps)
        gated: Tensor = gates.flatten(2).softmax(2).reshape(gates.shape) * self.scores(maps)
        return gated


class CNet(nn.Module):
    """Windows (n, w, 3, t, t) and M-Net's map to a correction of the logits, (n, 5), which is 0 before training."""

    def __init__(self, channels: int, width: int, blocks: int) -> None:
        super().__init__()
        self.blocks = blocks
        stack, before = list[nn.Module](), 3
        for block in range(blocks):
            after = width * 2 ** min(block, 3)
            convolution = nn.Conv2d(before, after, 3, padding=1, bias=False)
            stack += [convolution, nn.BatchNorm2d(after), nn.ReLU(), nn.MaxPool2d(2)]
            before = after
        self.patches = nn.Sequential(*stack)
        self.classifier = _zero(nn.Linear(channels + before, GRADES))

    def forward(self, windows: Tensor, maps: Tensor) -> Tensor:
        if windows.shape[-1] < 2**self.blocks:
            msg = (
                f"systems.zoom_in_net.nets: a window must have {2**self.blocks} px or more for {self.blocks} poolings, "
                f"but has {windows.shape[-1]}: lower `blocks`, or raise `fov_px`"
            )
            raise InputError(msg)
        each: Tensor = self.patches(windows.flatten(0, 1)).mean((2, 3))
        most = each.reshape(*windows.shape[:2], -1).amax(1)
        correction: Tensor = self.classifier(torch.cat((maps.mean((2, 3)), most), 1))
        return correction


class Suspected(nn.Module):
    """Windows at the positions whose gated scores vary most between grades."""

    def forward(self, gated: Tensor, side: int) -> Tensor:
        return suspected(suspicion(gated), side)


class Anywhere(StochasticModule):
    """Windows at random positions, or without noise one in each quarter of the photograph."""

    def __init__(self) -> None:
        super().__init__(2 * WINDOWS)

    def forward(self, gated: Tensor, side: int) -> Tensor:
        if self.noise is None:
            quarters = gated.new_tensor([[0.25, 0.25], [0.25, 0.75], [0.75, 0.25], [0.75, 0.75]])
            positions = quarters.expand(len(gated), WINDOWS, 2)
        else:
            positions = self.noise.reshape(-1, WINDOWS, 2)
        corners: Tensor = (positions * (side - window_side(side) + 1)).long()
        return corners


class ZoomInNet(nn.Module):
    """Photographs (n, 3, s, s) to logits (n, 5, 1, 1): M-Net alone, with A-Net, or with C-Net, too.

    All but the last part are frozen, including their batch-norm statistics.
    """

    def __init__(self, m: MNet, a: ANet | None = None, c: CNet | None = None, where: nn.Module | None = None) -> None:
        super().__init__()
        self.m, self.a, self.c, self.where = m, a, c, where
        self._fixed = [part for part, following in ((m, a), (a, c)) if part is not None and following is not None]
        for part in self._fixed:
            part.requires_grad_(False)

    def train(self, mode: bool = True) -> ZoomInNet:
        super().train(mode)
        for part in self._fixed:
            part.eval()
        return self

    def attention(self, images: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Return the suspicion map (n, m, m), the corners of the windows (n, w, 2), and their side."""
        assert self.a is not None
        assert self.where is not None
        gated, side = self.a(self.m(images)[0]), images.shape[-1]
        return suspicion(gated), self.where(gated, side), torch.tensor(window_side(side))

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor
        maps, logits = self.m(images)
        if self.a is not None:
            gated = self.a(maps)
            logits = logits + gated.sum((2, 3))
        if self.c is not None:
            assert self.where is not None
            side = images.shape[-1]
            windows = cut_windows(images, self.where(gated, side), window_side(side))
            logits = logits + self.c(windows, maps)
        return logits[:, :, None, None]


def _zero(layer: nn.Conv2d | nn.Linear) -> nn.Module:
    """Set the initial weights and biases of a layer to 0."""
    nn.init.zeros_(layer.weight)
    assert layer.bias is not None
    nn.init.zeros_(layer.bias)
    return layer


def seen_side(side: int) -> int:
    """Return the side of M-Net's input."""
    return round(SEEN * side)


def window_side(side: int) -> int:
    """Return the side of a window."""
    return round(WINDOW * side)


def suspicion(gated: Tensor) -> Tensor:
    """Return the standard deviation of the gated scores over grades, (n, 5, m, m) to (n, m, m).

    It ignores a common offset, which does not affect the probabilities, and counts evidence against a grade.
    """
    return gated.std(1)


def suspected(response: Tensor, side: int) -> Tensor:
    """Return the first row and column of the windows around the largest responses, int64, shape (n, WINDOWS, 2).

    The responses have the shape (n, m, m); windows stay inside the photograph of side ``side``.
    """
    m = response.shape[-1]
    window = window_side(side)
    centres = (torch.arange(m, device=response.device) + 0.5) * side / m
    remaining, corners = response.flatten(1).clone(), []
    for _ in range(WINDOWS):
        index = remaining.argmax(1)
        centre = torch.stack((centres[index // m], centres[index % m]), 1)
        corner = (centre - window / 2).round().clamp(0, side - window)
        inside = [(centres >= corner[:, i, None]) & (centres <= corner[:, i, None] + window) for i in (0, 1)]
        taken = inside[0][:, :, None] & inside[1][:, None, :]
        remaining = remaining.masked_fill(taken.flatten(1), -torch.inf)
        corners.append(corner.long())
    return torch.stack(corners, 1)


def cut_windows(images: Tensor, corners: Tensor, window: int) -> Tensor:
    """Crop windows, (n, w, c, window, window), from images, (n, c, s, s), by first row and column, (n, w, 2)."""
    steps = torch.arange(window, device=images.device)
    rows = corners[:, :, 0, None, None] + steps[:, None]
    columns = corners[:, :, 1, None, None] + steps
    which = torch.arange(len(images), device=images.device)[:, None, None, None]
    return images.permute(0, 2, 3, 1)[which, rows, columns].permute(0, 1, 4, 2, 3)


def build(net: str, blocks: int, width: float, model: Model) -> Body:
    """Build a network with its classifier: M-Net, M-Net+A-Net, or Zoom-in-Net with its own or with random windows.

    Blocks are the poolings of C-Net, and the width is that of A-Net and C-Net as a multiple of our reading's.
    """
    # The number of channels does not depend on the input size.
    shape = probe_backbone(model, 8 * model.stride)
    m = MNet(build_backbone(model, shape.index), shape.channels)
    a = None if net == "m" else ANet(shape.channels, max(1, round(width * GATE)))
    c = CNet(shape.channels, max(1, round(width * PATCH)), blocks) if net in ("c", "c_random") else None
    where = {"c": Suspected, "c_random": Anywhere}.get(net, lambda: None)()
    return Body(ZoomInNet(m, a, c, where), GRADES, 0, {"prob": logits})


def columns(outputs: Sequence[Outputs], statistics: Statistics | None) -> npt.NDArray[np.float32]:
    """Return the probabilities of the step's network, shape (n, 5)."""
    return np.asarray(outputs[0]["prob"], np.float32)
