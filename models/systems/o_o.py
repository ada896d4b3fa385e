"""o_O (Antony and Brueggemann, second of the Kaggle contest of 2015), after their published code and report.

Networks that grow with the photograph: three stages, each of twice the side of the one before and with a group of
convolutions more, whose kernels are inherited; leaky rectifiers of slope 0.01, a bias for every unit and position,
root-mean-square pooling, two dense maxout layers, one score, trained on MSE with class resampling that decays;
TTA views that give mean and spread of the pooled features; a small maxout network on those of both eyes; rounding.

Not taken over: a second net and three weight sets of each, whose blends are averaged; TTA views from a quasi-random
sequence. Our reading: the score is linear, because the source's rectifier can die; the square is cropped before
augmentation instead of after it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Sequence
from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn.functional import avg_pool2d

from benchmark.common.errors import InputError
from models.maxout import Maxout
from models.orthogonal import orthogonal
from models.settings import Model
from models.systems.registry import Body, Outputs, Statistics, Step, SystemInfo

ABOUT = SystemInfo(
    title="o_O",
    loss="mse",
    colour_normalisation="plain",
    centre=0,
    colours=((108.64628601, 75.86886597, 54.34005737), (70.53946096, 51.71475228, 43.03428563)),
    nets=("a_1", "a_2", "a_3", "b_1", "b_2", "b_3"),
    train_only_augment=(),
    steps={
        "one_view": Step("one network, one view, one eye", "score", "last", tta=False, eyes="one"),
        "tta": Step("+ TTA", "score", "last", eyes="one"),
        "fellow": Step("+ fellow eye, by a maxout network on features", "maxout", "last"),
        "own_eye": Step("own eye alone", "maxout", "last", eyes="one", control=True),
        "shuffled": Step("another patient's eye as fellow", "maxout", "last", eyes="shuffled", control=True),
    },
    missing_fellow="drop",
    view=0.875,
    inherits="kernels",
    layer="backbone.body.pooled",
    tuned=False,
    left_out="a second net, two more sets of weights of each net, and views from a quasi-random sequence",
)

SLOPE = 0.01
BIAS = 0.05
DROPOUT = 0.5
STEP = 32
"""Channels of the first group of convolutions at full width; each group has twice those of the one before."""
DENSE = 512
"""Outputs of a dense layer after maxout at full width."""
SIDES = (112, 224, 448)
"""Side of the input at each stage."""
SMALL = (35, 70, 112)
"""The same without the first convolution's stride and the max pooling behind the first group."""
_Layer = TypeVar("_Layer", nn.Conv2d, nn.Linear)


class _Convolution(NamedTuple):
    kernel: int
    padding: int
    stride: int = 1


_ODD, _FIRST = _Convolution(3, 1), _Convolution(5, 2, 2)
# Of side 4: one takes a row and a column off a map, one adds them, one halves it.
_LESS, _MORE, _HALF = _Convolution(4, 1), _Convolution(4, 2), _Convolution(4, 1, 2)
GROUPS: dict[str, tuple[tuple[_Convolution, ...], ...]] = {
    "a": ((_FIRST, _ODD), (_FIRST, _ODD, _ODD), (_ODD,) * 3, (_ODD,) * 3, (_ODD,) * 2),
    "b": ((_HALF, _MORE), (_HALF, _MORE, _LESS), (_MORE, _LESS, _MORE), (_MORE, _LESS, _MORE), (_LESS,)),
}
"""Convolutions of each kind of net, with a max pooling between groups; the first stage has three groups."""
POOLED = {"a": 3, "b": 2}
"""Stride of the root-mean-square pooling."""


class _Operation(NamedTuple):
    """A convolution, or a max pooling."""

    convolution: _Convolution | None
    group: int
    side: int
    """Side of the output."""


class RootMeanSquare(nn.Module):
    """Root-mean-square pooling over 3 x 3 windows."""

    def __init__(self, stride: int) -> None:
        super().__init__()
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        # The epsilon keeps the gradient finite at 0.
        return (avg_pool2d(x.square(), 3, self.stride) + 1e-12).sqrt()


class Untied(nn.Module):
    """Bias per channel and position, added to maps (n, c, s, s)."""

    def __init__(self, channels: int, side: int) -> None:
        super().__init__()
        self.bias = nn.Parameter(torch.full((channels, side, side), BIAS))

    def forward(self, x: Tensor) -> Tensor:
        return x + self.bias


def sides(net: str, blocks: int) -> list[int]:
    """Return the sides of the input, of each convolution's and max pooling's output, and of the pooled features.

    Raises InputError if the poolings and strides are neither those of the source nor two fewer.
    """
    start, operations = _operations(net, blocks)
    maps = [start, *(operation.side for operation in operations)]
    return [*maps, _shrunk(maps[-1], POOLED[net[0]])]


def build(net: str, blocks: int, width: float, model: Model | None = None) -> Body:
    """Build a net of some kind and stage, ``a_1`` to ``b_3``, up to its last maxout layer.

    Blocks are max poolings and strides of 2, of which the source has 4, 5 and 6 by stage; or two fewer, without the
    first of each, for smaller photographs.
    """
    start, operations = _operations(net, blocks)
    dense = max(1, round(width * DENSE))
    features = _channels(operations[-1].group, width) * sides(net, blocks)[-1] ** 2
    stack = OrderedDict[str, nn.Module](
        maps=nn.Sequential(*_maps(operations, width)),
        pooled=RootMeanSquare(POOLED[net[0]]),
        dense=nn.Sequential(nn.Flatten(), *_dense(features, dense), *_dense(dense, dense)),
        out=nn.Unflatten(1, (dense, 1, 1)),
    )
    return Body(nn.Sequential(stack), dense, start)


def _operations(net: str, blocks: int) -> tuple[int, list[_Operation]]:
    """Return the side of the input, and the convolutions and max poolings of a net."""
    kind, _, number = net.partition("_")
    stage = int(number)
    whole = blocks == stage + 3
    if not whole and blocks != stage + 1:
        msg = (
            f"systems.o_o.nets.{net}.blocks must be {stage + 3}, as many as the source has, or {stage + 1}, for small "
            f"photographs, but got {blocks}: set one"
        )
        raise InputError(msg)
    start = side = (SIDES if whole else SMALL)[stage - 1]
    operations: list[_Operation] = []
    for group, convolutions in enumerate(GROUPS[kind][: stage + 2]):
        if group > 1 or (group == 1 and whole):
            side = _shrunk(side, 2)
            operations.append(_Operation(None, group, side))
        for index, convolution in enumerate(convolutions):
            if index == group == 0 and not whole:
                convolution = convolution._replace(stride=1)
            side = (side + 2 * convolution.padding - convolution.kernel) // convolution.stride + 1
            operations.append(_Operation(convolution, group, side))
    return start, operations


def _shrunk(side: int, stride: int) -> int:
    """Return the side of a map after 3 x 3 windows."""
    return (side - 3) // stride + 1


def _channels(group: int, width: float) -> int:
    return max(1, round(width * (STEP << group)))


def _maps(operations: Sequence[_Operation], width: float) -> Iterator[nn.Module]:
    before = 3
    for operation in operations:
        if operation.convolution is None:
            yield nn.MaxPool2d(3, stride=2)
            continue
        after, (kernel, padding, stride) = _channels(operation.group, width), operation.convolution
        yield _started(nn.Conv2d(before, after, kernel, stride, padding, bias=False))
        yield Untied(after, operation.side)
        yield nn.LeakyReLU(SLOPE)
        before = after


def _dense(before: int, after: int) -> list[nn.Module]:
    layer = _started(nn.Linear(before, 2 * after))
    nn.init.constant_(layer.bias, BIAS)
    return [nn.Dropout(DROPOUT), layer, nn.LeakyReLU(SLOPE), Maxout()]


def _started(layer: _Layer) -> _Layer:
    """Initialise a layer with orthogonal rows, as in the source."""
    if not layer.weight.is_meta:
        normal = torch.randn(len(layer.weight), layer.weight[0].numel(), dtype=torch.float64)
        with torch.no_grad():
            layer.weight.copy_(torch.from_numpy(orthogonal(normal.numpy())).reshape(layer.weight.shape))
    return layer


def columns(outputs: Sequence[Outputs], statistics: Statistics | None) -> npt.NDArray[np.float32]:
    """Return the scores of the step's only network, shape (n, 1). Blends use its features instead."""
    return np.column_stack([each["score"] for each in outputs]).astype(np.float32)
