"""Reformed Gamblers (Xu, Dunavent and Kainkaryam, third of the Kaggle contest of 2015), after their published code.

Networks of several kinds; each channel of each photograph is standardised; convolutions with leaky
rectifiers of slope 0.1, three dense layers, one score, trained on MSE without penalty beyond the ends; means
over TTA views; per network an elastic net on the scores of both eyes, and another on their grades.

Grades are 0-4 here and 1-5 in the source: the same but for a shift of the last layer's start. Not taken over: the
cyclic network's first block from another network and frozen; networks of other sizes and retuned copies; the network
trained on pseudo-labels; test-time augmentation other than that of the training. Our reading: where dropout acts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn

from benchmark.common.errors import InputError
from models.fractional import FractionalMaxPool
from models.heads import staircase
from models.settings import Model
from models.systems.registry import Body, Outputs, Statistics, Step, SystemInfo

ABOUT = SystemInfo(
    title="Reformed Gamblers",
    loss="mse_free_ends",
    colour_normalisation="plain",
    centre=127.5,
    nets=("plain", "step", "cyclic", "fractional", "four"),
    train_only_augment=(),
    steps={
        "one_view": Step("one network, one view, one eye", "score", "first", tta=False, eyes="one"),
        "tta": Step("+ TTA", "score", "first", eyes="one"),
        "fellow": Step("+ fellow eye, by an elastic net", "elastic_net", "first"),
        "ensemble": Step("+ ensemble, by an elastic net on the nets' grades", "elastic_nets"),
        "own_eye": Step("own eye alone", "elastic_nets", eyes="one", control=True),
        "shuffled": Step("another patient's eye as fellow", "elastic_nets", eyes="shuffled", control=True),
    },
    missing_fellow="drop",
    view=0.875,
    left_out="retuned copies of nets, nets of other sizes, and the first block of its cyclic net, from another net",
)

SLOPE = 0.1
DROPOUT = 0.5
DENSE = 1024
"""Outputs of each dense layer at full width."""
TURNS = 4
_Layer = TypeVar("_Layer", nn.Conv2d, nn.Linear)

SIDES: dict[str, tuple[int, ...]] = {
    "plain": (767, 383, 191, 95, 47, 23, 11, 5, 2),
    "cyclic": (480, 120, 60, 30, 15, 7, 3),
    "fractional": (724, 512, 362, 256, 181, 128, 90, 63, 44, 31, 21, 14, 9, 6, 4, 2),
    "four": (385, 192, 95, 47, 23, 11, 5, 2),
}
"""Sides of the input and of each pooling's output in the source; a net with fewer blocks has the last ones."""
WIDTHS: dict[str, tuple[tuple[int, ...], ...]] = {
    "plain": tuple((width, width) for width in (16, 32, 64, 128, 256, 384, 512, 512)),
    "cyclic": ((8, 8, 8), (32, 16), (64, 32), (128, 128, 64), (256, 256, 128), (512, 512)),
    "fractional": tuple((width,) for width in (16, 32, 32, 64, 64, 128, 128, 192, 192, 256, 256, 384, 384, 512, 512)),
    "four": tuple((width, width) for width in (32, 64, 128, 256, 384, 512, 512)),
}
"""Channels of the convolutions of each block at full width."""
KERNELS = {"plain": (3, 1), "cyclic": (3, 3, 3), "fractional": (3,), "four": (4, 4)}
LIKE = {"step": "plain"}
"""Nets that equal another net followed by a soft staircase."""


class CyclicSlice(nn.Module):
    """Four copies of a map, rotated by 0 to 3 quarter turns: (n, c, s, s) to (4 n, c, s, s)."""

    def forward(self, x: Tensor) -> Tensor:
        return torch.cat([x.rot90(turn, (2, 3)) for turn in range(TURNS)])


class CyclicRoll(nn.Module):
    """Channels of all copies, rotated into the frame of each: (4 n, c, s, s) to (4 n, 4 c, s, s)."""

    def forward(self, x: Tensor) -> Tensor:
        copies = x.chunk(TURNS)
        return torch.cat(
            [
                torch.cat([copies[(frame + turn) % TURNS].rot90(-turn, (2, 3)) for turn in range(TURNS)], 1)
                for frame in range(TURNS)
            ]
        )


class CyclicPool(nn.Module):
    """Root mean square over the four copies, rotated back: (4 n, c, s, s) to (n, c, s, s)."""

    def forward(self, x: Tensor) -> Tensor:
        back = torch.stack([copy.rot90(-turn, (2, 3)) for turn, copy in enumerate(x.chunk(TURNS))])
        # The epsilon keeps the gradient finite at 0.
        return (back.square().mean(0) + 1e-12).sqrt()


def sides(net: str, blocks: int) -> list[int]:
    """Return the sides of the input and of each pooling's output.

    Raises InputError if there are more poolings than the source has.
    """
    listed = SIDES[LIKE.get(net, net)]
    if blocks >= len(listed):
        msg = (
            f"systems.reformed_gamblers.nets.{net}.blocks must be at most {len(listed) - 1}, as many as the source "
            f"has, but got {blocks}: lower it"
        )
        raise InputError(msg)
    pooled = list(listed[len(listed) - blocks :])
    # The first pooling of the cyclic net is always 4 x 4.
    return [4 * pooled[0] if net == "cyclic" else listed[-blocks - 1], *pooled]


def build(net: str, blocks: int, width: float, model: Model | None = None) -> Body:
    """Build a net up to its last dense layer; the source has 8, 8, 6, 15 and 7 blocks, which are poolings."""
    kind = LIKE.get(net, net)
    map_sides = sides(net, blocks)
    widths = [[max(1, round(width * each)) for each in block] for block in WIDTHS[kind][:blocks]]
    dense = max(1, round(width * DENSE))
    stack = nn.Sequential(
        # Standardise each channel of each image by its own mean and deviation.
        nn.InstanceNorm2d(3),
        *_modules(kind, widths, map_sides),
        nn.Flatten(),
        nn.Dropout(DROPOUT),
        *_dense(widths[-1][-1] * map_sides[-1] ** 2, dense),
        *_dense(dense, dense),
        nn.Unflatten(1, (dense, 1, 1)),
    )
    return Body(stack, dense, map_sides[0], {"score": staircase} if net in LIKE else {})


def _modules(kind: str, widths: Sequence[Sequence[int]], map_sides: Sequence[int]) -> Iterator[nn.Module]:
    before = 3
    for block, (channels, side) in enumerate(zip(widths, map_sides[1:], strict=True)):
        for index, after in enumerate(channels):
            kernel = KERNELS[kind][index]
            # Two convolutions of side 4 keep a map's side between them.
            padding = (2 - index) if kernel == 4 else kernel // 2
            yield _started(nn.Conv2d(before, after, kernel, padding=padding))
            if kernel > 1:
                yield nn.LeakyReLU(SLOPE)
            before = after
        yield _pooling(kind, block, side)
        if kind == "plain":
            yield nn.LeakyReLU(SLOPE)
        if kind == "cyclic":
            last = block == len(widths) - 1
            if block == 0:
                yield CyclicSlice()
            if last:
                yield CyclicPool()
            elif block:
                yield CyclicRoll()
                before *= TURNS


def _pooling(kind: str, block: int, side: int) -> nn.Module:
    if kind == "fractional":
        return FractionalMaxPool(2, side, fixed=True)
    if kind == "cyclic":
        return nn.MaxPool2d(2 if block else 4)
    return nn.MaxPool2d(3, stride=2)


def _dense(before: int, after: int) -> list[nn.Module]:
    return [_started(nn.Linear(before, after)), nn.LeakyReLU(SLOPE)]


def _started(layer: _Layer) -> _Layer:
    """Initialise a layer with normal weights of variance 2 / fan-in, as in the source."""
    nn.init.normal_(layer.weight, std=(2 / layer.weight[0].numel()) ** 0.5)
    assert layer.bias is not None
    nn.init.zeros_(layer.bias)
    return layer


def columns(outputs: Sequence[Outputs], statistics: Statistics | None) -> npt.NDArray[np.float32]:
    """Return the score of each net, shape (n, nets)."""
    return np.column_stack([each["score"] for each in outputs]).astype(np.float32)
