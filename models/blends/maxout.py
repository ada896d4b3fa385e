"""A small network on features of both eyes, of two maxout layers and a linear one (Antony and Brueggemann 2015)."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss
from torch.optim.lr_scheduler import MultiStepLR

from benchmark.common.arrays import Ints
from models.blends.registry import BlendInfo, Columns, State
from models.maxout import Maxout
from models.orthogonal import orthogonal

ABOUT = BlendInfo(
    title="maxout network on features",
    head="score",
    rule="tuned",
    pairs=True,
    features=True,
    defaults={
        "first": 32,
        "second": 32,
        "epochs": 100,
        "batch_size": 128,
        "lr": 5e-4,
        "absolute": 2e-5,
        "squares": 5e-3,
        "balanced": 0.2,
        "uniform": 0.3,
    },
)

DROPS = (0.6, 0.8, 0.9)
"""Shares of the epochs after which the rate falls to a tenth."""
BIAS = 0.01
"""Where every bias starts."""


def fit(
    x: Columns,
    grade: Ints,
    seed: int,
    *,
    first: float,
    second: float,
    epochs: float,
    batch_size: float,
    lr: float,
    absolute: float,
    squares: float,
    balanced: float,
    uniform: float,
) -> State:
    """Weights of a network that minimises square error on standardised columns, by Adam.

    Args:
        x: columns, shape (n, d).
        grade: labels, shape (n,).
        seed: of the start and of batches.
        first: numbers of the first layer, of which maxout leaves half.
        second: of the second one.
        epochs: as many batches each as the rows fill.
        batch_size: rows per update.
        lr: learning rate of Adam, a tenth of it after each of :data:`DROPS`.
        absolute: penalty on the first layer's absolute weights.
        squares: penalty on the squares of all weights.
        balanced: share of batches that are drawn so that grades are even.
        uniform: share of batches that are drawn evenly; the rest are rows in their order.
    """
    mean, scale = standard(x)
    shown, target = torch.from_numpy((x - mean) / scale), torch.from_numpy(grade.astype(np.float32))
    generator = np.random.default_rng(seed)
    network = build(x.shape[1], (int(first), int(second)), generator)
    weights = [layer.weight for layer in linear_layers(network)]

    def penalty() -> Tensor:
        return absolute * weights[0].abs().sum() + squares * sum(weight.square().sum() for weight in weights)

    optimizer = torch.optim.Adam(network.parameters(), lr=lr)
    schedule = MultiStepLR(optimizer, [round(share * epochs) for share in DROPS], 0.1)
    for _ in range(int(epochs)):
        for rows in _batches(grade, generator, int(batch_size), balanced, uniform):
            update(network, optimizer, shown[rows], target[rows], penalty)
        schedule.step()
    return kept(network, mean, scale)


def predict(state: State, x: Columns) -> npt.NDArray[np.float32]:
    """Scores (n,)."""
    layers = len([name for name in state if name.startswith("weight_")])
    hidden = (x - state["mean"]) / state["scale"]
    for layer in range(layers):
        hidden = hidden @ state[f"weight_{layer}"].T + state[f"bias_{layer}"]
        if layer < layers - 1:
            hidden = np.maximum(hidden, 0).reshape(len(x), -1, 2).max(2)
    return np.asarray(hidden[:, 0], np.float32)


def standard(x: Columns) -> tuple[Columns, Columns]:
    """Mean and standard deviation of each column, 1 where it does not vary; each shape (d,)."""
    scale = np.where(np.ptp(x, axis=0) > 0, x.std(0, dtype=np.float64), 1)
    return x.mean(0, dtype=np.float64).astype(np.float32), scale.astype(np.float32)


def build(columns: int, widths: Sequence[int], generator: np.random.Generator) -> nn.Sequential:
    """A rectified maxout layer for each width, and a linear one to a number: (n, columns) to (n, 1).

    Args:
        columns: that it reads.
        widths: numbers of each layer before maxout, even.
        generator: of its orthogonal start.
    """
    stack, before = list[nn.Module](), columns
    for width in widths:
        stack += [_linear(before, width, generator), nn.ReLU(), Maxout()]
        before = width // 2
    return nn.Sequential(*stack, _linear(before, 1, generator))


def _linear(before: int, after: int, generator: np.random.Generator) -> nn.Linear:
    layer = nn.Linear(before, after)
    with torch.no_grad():
        layer.weight.copy_(torch.from_numpy(orthogonal(generator.standard_normal((after, before)))))
        layer.bias.fill_(BIAS)
    return layer


def linear_layers(network: nn.Module) -> list[nn.Linear]:
    """Those of a network, in their order."""
    return [layer for layer in network.modules() if isinstance(layer, nn.Linear)]


def update(
    network: nn.Module, optimizer: torch.optim.Optimizer, x: Tensor, target: Tensor, penalty: Callable[[], Tensor]
) -> None:
    """One step down the square error of a batch and a penalty.

    Args:
        network: from (n, d) to (n, 1).
        optimizer: of its weights.
        x: columns, shape (n, d).
        target: grades, float32, shape (n,).
        penalty: of the weights as they are.
    """
    optimizer.zero_grad()
    (mse_loss(network(x)[:, 0], target) + penalty()).backward()  # type: ignore[no-untyped-call]
    optimizer.step()


def kept(network: nn.Module, mean: Columns, scale: Columns) -> State:
    """What :func:`answer` reads.

    Args:
        network: from :func:`build`.
        mean: taken off each column first, shape (d,).
        scale: by which it is then divided, shape (d,).
    """
    state: State = {"mean": mean, "scale": scale}
    for place, layer in enumerate(linear_layers(network)):
        state |= {f"weight_{place}": layer.weight.detach().numpy(), f"bias_{place}": layer.bias.detach().numpy()}
    return state


def _batches(
    grade: Ints, generator: np.random.Generator, batch_size: int, balanced: float, uniform: float
) -> Iterator[Ints]:
    """Rows of each batch of an epoch."""
    even = 1 / np.bincount(grade)[grade]
    for rows in np.array_split(np.arange(len(grade)), -(-len(grade) // batch_size)):
        kind = generator.random()
        if kind < balanced:
            yield generator.choice(len(grade), len(rows), p=even / even.sum())
        elif kind < balanced + uniform:
            yield generator.choice(len(grade), len(rows))
        else:
            yield rows
