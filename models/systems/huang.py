"""Huang et al. 2023 (a ResNet-50, then a fusion of both eyes), after their published code; added to the comparison.

One network with one output, trained on MSE; then, with that network frozen, a fusion of the pooled
features of both eyes (``models/blends/fusion.py``); grades are the nearest to the scores.

Ours: the network uses the backbone of the arms, so the effect of the fellow eye is not confounded with the backbone.
Batch norms are frozen after training; in the source they are updated while the fusion is trained.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from torch import Tensor, nn

from models.network import build_backbone, probe_backbone
from models.settings import Model
from models.systems.registry import Body, Outputs, Statistics, Step, SystemInfo

ABOUT = SystemInfo(
    title="Huang et al. 2023",
    loss="mse",
    colour_normalisation="plain",
    centre=127.5,
    nets=("single_eye",),
    train_only_augment=(),
    steps={
        "one_view": Step("one network, one view, one eye", "score", "first", tta=False, eyes="one"),
        "fellow": Step("+ fellow eye, by a fusion of features", "fusion", tta=False),
        "own_eye": Step("own eye alone", "fusion", tta=False, eyes="one", control=True),
        "shuffled": Step("another patient's eye as fellow", "fusion", tta=False, eyes="shuffled", control=True),
    },
    missing_fellow="copy",
    shares_backbone=True,
    # Input of the heads: the pooled map (dropout is inactive in evaluation).
    layer="dropout",
    tuned=False,
    our_version="added here to the paper's rows, on the backbone of all arms instead of its ResNet-50",
    left_out="brightness and contrast augmentation, and a fusion trained on photographs augmented in each epoch",
)


class _Last(nn.Module):
    """Return the last map of a feature extractor."""

    def __init__(self, backbone: nn.Module) -> None:
        super().__init__()
        self.backbone = backbone

    def forward(self, images: Tensor) -> Tensor:
        maps: Tensor = self.backbone(images)[-1]
        return maps


def build(net: str, blocks: int, width: float, model: Model) -> Body:
    """Build the network, ``single_eye``, up to its pooling; blocks and width are those of the backbone."""
    # The number of channels does not depend on the input size.
    shape = probe_backbone(model, 8 * model.stride)
    return Body(_Last(build_backbone(model, shape.index)), shape.channels, 0)


def columns(outputs: Sequence[Outputs], statistics: Statistics | None) -> npt.NDArray[np.float32]:
    """Return the network's score, shape (n, 1)."""
    return np.asarray(outputs[0]["score"][:, None], np.float32)
