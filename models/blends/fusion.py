"""Network from the features of both eyes to a score: two linear layers with maxout, and a linear output layer.

Layout and training follow Huang et al. 2023 (``fundus/fusion.py`` of YijinHuang/pytorch-classification), who use 2048
features per eye. Our layer widths are in the same proportion to the number of features. We differ from the source in
the data and in the epoch. We fit on holdout patients, without augmentation, and select the last epoch. The source fits
on the training photographs, augmented in each epoch, and selects the epoch with the best kappa on val. The eye's side
is ignored.
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
    """Fit the layers by MSE and stochastic gradient descent with Nesterov momentum.

    Columns are the features of the eye, of the fellow eye, and the side, shape (n, 2 c + 1); ``clip_grad`` is the
    maximum norm of the gradients.
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
    """Predict scores (n,)."""
    features = _features(x)
    network = _network(features.shape[1])
    network.load_state_dict({name: torch.from_numpy(value) for name, value in state.items()})
    scores: npt.NDArray[np.float32] = network(features).numpy()
    return scores


def _features(x: Columns) -> Tensor:
    """Return the features of both eyes without the side, the last column."""
    return torch.tensor(x[:, :-1], dtype=torch.float32)


def _network(columns: int) -> nn.Module:
    first, second = max(1, columns // 4), max(1, columns // 16)
    return nn.Sequential(
        *(nn.Linear(columns, 2 * first), Maxout(), nn.ReLU()),
        *(nn.Linear(first, 2 * second), Maxout(), nn.ReLU()),
        *(nn.Linear(second, 1, bias=False), nn.Flatten(0)),
    )
