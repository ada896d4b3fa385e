"""Small network on the features of both eyes: two maxout layers and a linear layer (Antony and Brueggemann 2015)."""

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
"""Fractions of the epochs after which the learning rate is divided by 10."""
BIAS = 0.01
"""Initial value of every bias."""


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
    """Fit the network to standardised columns by MSE and Adam.

    ``first`` and ``second`` are the outputs of the layers before maxout. The learning rate is divided by 10 after each
    of :data:`DROPS`. ``absolute`` is an L1 penalty on the weights of the first layer, ``squares`` an L2 penalty on all.
    ``balanced`` and ``uniform`` are the fractions of batches that are sampled with equal probability per grade, and
    uniformly; the other batches are consecutive rows.
    """
    mean, scale = standard(x)
    inputs, target = torch.from_numpy((x - mean) / scale), torch.from_numpy(grade.astype(np.float32))
    generator = np.random.default_rng(seed)
    network = build(x.shape[1], (int(first), int(second)), generator)
    weights = [layer.weight for layer in linear_layers(network)]

    def penalty() -> Tensor:
        return absolute * weights[0].abs().sum() + squares * sum(weight.square().sum() for weight in weights)

    optimizer = torch.optim.Adam(network.parameters(), lr=lr)
    schedule = MultiStepLR(optimizer, [round(share * epochs) for share in DROPS], 0.1)
    for _ in range(int(epochs)):
        for rows in _batches(grade, generator, int(batch_size), balanced, uniform):
            update(network, optimizer, inputs[rows], target[rows], penalty)
        schedule.step()
    return state_of(network, mean, scale)


def predict(state: State, x: Columns) -> npt.NDArray[np.float32]:
    """Predict scores (n,)."""
    layers = len([name for name in state if name.startswith("weight_")])
    hidden = (x - state["mean"]) / state["scale"]
    for layer in range(layers):
        hidden = hidden @ state[f"weight_{layer}"].T + state[f"bias_{layer}"]
        if layer < layers - 1:
            hidden = np.maximum(hidden, 0).reshape(len(x), -1, 2).max(2)
    return np.asarray(hidden[:, 0], np.float32)


def standard(x: Columns) -> tuple[Columns, Columns]:
    """Return the mean and standard deviation of each column, shape (d,) each; a constant column has deviation 1."""
    scale = np.where(np.ptp(x, axis=0) > 0, x.std(0, dtype=np.float64), 1)
    return x.mean(0, dtype=np.float64).astype(np.float32), scale.astype(np.float32)


def build(columns: int, widths: Sequence[int], generator: np.random.Generator) -> nn.Sequential:
    """Build a network from (n, columns) to (n, 1): a ReLU and maxout layer per width, then a linear layer.

    Widths are the outputs of each layer before maxout, even numbers; initial weights are orthogonal.
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
    """List the linear layers of a network in order."""
    return [layer for layer in network.modules() if isinstance(layer, nn.Linear)]


def update(
    network: nn.Module, optimizer: torch.optim.Optimizer, x: Tensor, target: Tensor, penalty: Callable[[], Tensor]
) -> None:
    """Take one optimiser step on the MSE of a batch, (n, d) and float32 (n,), plus a penalty on the current weights."""
    optimizer.zero_grad()
    (mse_loss(network(x)[:, 0], target) + penalty()).backward()  # type: ignore[no-untyped-call]
    optimizer.step()


def state_of(network: nn.Module, mean: Columns, scale: Columns) -> State:
    """Return the state that :func:`predict` reads: a network, and the mean and scale of its columns, shape (d,)."""
    state: State = {"mean": mean, "scale": scale}
    for i, layer in enumerate(linear_layers(network)):
        state |= {f"weight_{i}": layer.weight.detach().numpy(), f"bias_{i}": layer.bias.detach().numpy()}
    return state


def _batches(
    grade: Ints, generator: np.random.Generator, batch_size: int, balanced: float, uniform: float
) -> Iterator[Ints]:
    """Yield the rows of each batch of an epoch."""
    even = 1 / np.bincount(grade)[grade]
    for rows in np.array_split(np.arange(len(grade)), -(-len(grade) // batch_size)):
        kind = generator.random()
        if kind < balanced:
            yield generator.choice(len(grade), len(rows), p=even / even.sum())
        elif kind < balanced + uniform:
            yield generator.choice(len(grade), len(rows))
        else:
            yield rows
