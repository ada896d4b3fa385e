"""Features of both eyes to a score: two linear layers, of whose outputs the larger of each two goes on, and a last one.

Layout and training are those of Huang et al. 2023 (``fundus/fusion.py`` of YijinHuang/pytorch-classification), who read
2048 features of either eye; the layers are here as wide in proportion to however many there are. Ours: it is fitted on
features of patients that the network was not fitted on, without random changes of their photographs, and the last
epoch is kept, where the source takes its training photographs, changes them anew in each epoch, and keeps the epoch
with the best kappa on val. The eye's side is not read.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from benchmark.common.arrays import Ints
from models.blends.registry import BlendInfo, Columns, State
from models.maxout import Maxout

ABOUT = BlendInfo(
    title="fusion of features",
    head="score",
    rule="tuned",
    pairs=True,
    features=True,
    defaults={"epochs": 50, "batch_size": 64, "lr": 0.02, "momentum": 0.9, "weight_decay": 0.0005, "clip_grad": 1},
)


def fit(
    x: Columns,
    grade: Ints,
    seed: int,
    *,
    epochs: float,
    batch_size: float,
    lr: float,
    momentum: float,
    weight_decay: float,
    clip_grad: float,
) -> State:
    """Weights of the layers, by square error and stochastic gradient descent with Nesterov's momentum.

    Args:
        x: own features, the fellow's, and the side, shape (n, 2 c + 1).
        grade: labels 0-4, shape (n,).
        seed: of the start and of the order.
        epochs: passes over all rows.
        batch_size: rows of an update, at most.
        lr: learning rate, the same throughout.
        momentum: share of the last step that goes on.
        weight_decay: what is taken off each weight, as a share of it, beside its gradient.
        clip_grad: largest norm of the gradients of an update.
    """
    features, target = _features(x), torch.from_numpy(grade).float()
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network = _network(features.shape[1])
        optimizer = torch.optim.SGD(
            network.parameters(), lr, momentum=momentum, weight_decay=weight_decay, nesterov=True
        )
        for _ in range(int(epochs)):
            for rows in torch.randperm(len(x)).tensor_split(-(-len(x) // int(batch_size))):
                optimizer.zero_grad()
                mse_loss(network(features[rows]), target[rows]).backward()  # type: ignore[no-untyped-call]
                nn.utils.clip_grad_norm_(network.parameters(), clip_grad)
                optimizer.step()
    return {name: value.numpy() for name, value in network.state_dict().items()}


@torch.no_grad()
def predict(state: State, x: Columns) -> npt.NDArray[np.float32]:
    """Scores (n,)."""
    features = _features(x)
    network = _network(features.shape[1])
    network.load_state_dict({name: torch.from_numpy(value) for name, value in state.items()})
    scores: npt.NDArray[np.float32] = network(features).numpy()
    return scores


def _features(x: Columns) -> Tensor:
    """Own features and the fellow's, without the side, which stands last."""
    return torch.tensor(x[:, :-1], dtype=torch.float32)


def _network(columns: int) -> nn.Module:
    first, second = max(1, columns // 4), max(1, columns // 16)
    return nn.Sequential(
        *(nn.Linear(columns, 2 * first), Maxout(), nn.ReLU()),
        *(nn.Linear(first, 2 * second), Maxout(), nn.ReLU()),
        *(nn.Linear(second, 1, bias=False), nn.Flatten(0)),
    )
