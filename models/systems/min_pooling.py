"""Min-pooling (B. Graham, first of the Kaggle contest of 2015), after his report and parameters, not his code.

Photographs are the deviation from the local mean colour; valid convolutions with leaky rectifiers of slope 1/3
between fractional max poolings (nets 1 and 2) or max poolings (net 3), without padding or norms; probabilities averaged
over TTA views with new pooling windows; a random forest over those of both eyes, summed over the nets, and statistics
of the photographs; the expected grade with four thresholds.

Not taken over: weights rescaled by the mean activation before training. Our reading: where dropout acts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt
from torch import nn

from models.fractional import FractionalMaxPool
from models.settings import Model
from models.systems.registry import Body, Outputs, Statistics, Step, SystemInfo

ABOUT = SystemInfo(
    title="Min-pooling",
    loss="ce",
    colour_normalisation="graham",
    centre=128,
    nets=("net_1", "net_2", "net_3"),
    train_only_augment=("stretch", "skew"),
    steps={
        "one_view": Step("one network, one view, one eye", "expected", "first", tta=False, eyes="one"),
        "tta": Step("+ TTA", "expected", "first", eyes="one"),
        "fellow": Step("+ fellow eye and image statistics, by a forest", "forest", "first", statistics=True),
        "ensemble": Step("+ ensemble", "forest", statistics=True),
        "own_eye": Step("own eye alone", "forest", eyes="one", statistics=True, control=True),
        "shuffled": Step("another patient's eye as fellow", "forest", eyes="shuffled", statistics=True, control=True),
        "no_statistics": Step("no image statistics", "forest", control=True),
    },
    missing_fellow="copy",
)

SLOPE = 0.333
STEP = 32
"""Increase of channels per layer at full width."""
DROPOUT: dict[str, tuple[float, ...]] = {
    "net_1": (0.125, 0.11, 0.2, 0.18),
    "net_2": (0.09, 0.08, 0.15, 0.14),
    "net_3": (),
}
"""Dropout rates before the last convolutions."""


@dataclass(frozen=True, slots=True)
class _Layer:
    """A convolution with its rectifier, and an optional pooling."""

    kernel: int
    pool: int = 0
    """Side of the pooling's windows; 0 for none."""
    shrink: float = 1.0
    """Factor by which the pooling shrinks a map."""
    fractional: bool = False

    def input_side(self, side: int) -> int:
        """Return the side of the input for an output of side ``side``."""
        pooled = int(self.shrink * side + 0.5) if self.fractional else 2 * side + 1 if self.pool else side
        return pooled + self.kernel - 1


_END = [_Layer(2), _Layer(1)]


def _fractional(blocks: int, shrink: float, *last: tuple[int, float]) -> list[_Layer]:
    """Return the layers of nets 1 and 2: equal blocks, the last poolings, and two convolutions down to one pixel."""
    stack = [_Layer(5 if i == 0 else 3, 3, shrink, True) for i in range(blocks)]
    return [*stack, *(_Layer(3, pool, shrink, True) for pool, shrink in last), *_END]


def _layers(net: str, blocks: int) -> list[tuple[int, _Layer]]:
    """Return the channels at full width and the layer of each convolution of a net."""
    if net == "net_3":
        stack = [layer for _ in range(blocks) for layer in (_Layer(3), _Layer(3, 3, 2.0))]
        counts = [*(i // 2 + 1 for i in range(2 * blocks)), blocks + 2, blocks + 2, blocks + 3]
        return [(STEP * count, layer) for count, layer in zip(counts, [*stack, _Layer(2), *_END], strict=True)]
    layers = _fractional(blocks, 1.8, (2, 1.5)) if net == "net_1" else _fractional(blocks, 1.5, (3, 1.6), (2, 1.5))
    return [(STEP * count, layer) for count, layer in enumerate(layers, 1)]


def sides(net: str, blocks: int) -> list[int]:
    """Return the sides of the input and of each layer's output, down to a single pixel.

    They are computed backwards from the pixel, as in the source: a pooling's input is its output times its factor.
    """
    map_sides = [1]
    for _, layer in reversed(_layers(net, blocks)):
        map_sides.insert(0, layer.input_side(map_sides[0]))
    return map_sides


def build(net: str, blocks: int, width: float, model: Model | None = None) -> Body:
    """Build a net up to its classifier; the source has 8, 10 and 7 blocks, which are poolings."""
    layers = [(max(1, round(width * count)), layer) for count, layer in _layers(net, blocks)]
    map_sides = sides(net, blocks)
    return Body(nn.Sequential(*_modules(layers, map_sides[1:], DROPOUT[net])), layers[-1][0], map_sides[0])


def _modules(
    layers: Sequence[tuple[int, _Layer]], map_sides: Sequence[int], dropped: Sequence[float]
) -> Iterator[nn.Module]:
    before, rates = 3, [0.0] * (len(layers) - len(dropped)) + list(dropped)
    for (after, layer), side, rate in zip(layers, map_sides, rates[-len(layers) :], strict=True):
        if rate:
            yield nn.Dropout(rate)
        yield _convolution(before, after, layer)
        yield nn.LeakyReLU(SLOPE)
        if layer.fractional:
            yield FractionalMaxPool(layer.pool, side)
        elif layer.pool:
            yield nn.MaxPool2d(layer.pool, stride=2)
        before = after


def _convolution(before: int, after: int, layer: _Layer) -> nn.Conv2d:
    """Build a convolution with the source's uniform initial weights, scaled by its fan-in and fan-out after pooling."""
    convolution = nn.Conv2d(before, after, layer.kernel)
    bound = (6 / (before * layer.kernel**2 + after * (layer.kernel / layer.shrink) ** 2)) ** 0.5
    nn.init.uniform_(convolution.weight, -bound, bound)
    assert convolution.bias is not None
    nn.init.zeros_(convolution.bias)
    return convolution


def columns(outputs: Sequence[Outputs], statistics: Statistics | None) -> npt.NDArray[np.float32]:
    """Return the probabilities summed over the nets, followed by the image statistics if given."""
    summed = np.sum([each["prob"] for each in outputs], axis=0)
    return np.hstack([summed] if statistics is None else [summed, statistics]).astype(np.float32)


def statistics(
    plain: npt.NDArray[np.uint8], shown: npt.NDArray[np.uint8], sizes: npt.NDArray[np.int64]
) -> npt.NDArray[np.float32]:
    """Compute seven statistics of each photograph, shape (n, 7).

    They are the standard deviations of the square with the nets' colour normalisation (``shown``) and of its Laplacian;
    mean red, green and blue of the plain square; width and height of the photograph. All but the first are of the
    central half.
    """
    quarter = plain.shape[1] // 4
    middle = (slice(None), slice(quarter, -quarter), slice(quarter, -quarter))
    edges = np.stack([cv2.Laplacian(image.astype(np.float32), cv2.CV_32F) for image in shown])
    spread = [part.reshape(len(part), -1).astype(np.float64).std(1) for part in (shown, edges[middle])]
    colours = plain[middle].astype(np.float64).mean(axis=(1, 2))
    return np.column_stack([*spread, colours, sizes / 2]).astype(np.float32)
