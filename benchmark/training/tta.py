"""Test-time augmentation: mean and spread of a finished run's outputs over augmented views of any images.

A view and the noise of stochastic modules depend only on the run's seed, the image and the number of the view. Batch
size, number of workers and restarts change nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import numpy as np
import numpy.typing as npt
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from benchmark.training.affine import N_AFFINE_DRAWS, augment_affine
from benchmark.training.augment import Normalisation, normalise
from benchmark.training.batches import Reader, SplitData, split_batches
from benchmark.training.predict import EVALUATION_BATCH
from benchmark.training.randomness import derive, uniform_draws
from models.network import Network
from models.stochastic import count_noise, set_noise
from models.system_settings import AffineAugment

FEATURES = "features"
"""Name of a layer's output among the outputs of an image."""
SD_SUFFIX = "_sd"
"""Suffix of an output's name for its sample standard deviation over views."""

Outputs = dict[str, npt.NDArray[np.float32]]
"""Outputs by name: ``score`` (n,), ``prob`` (n, 5) and :data:`FEATURES` (n, d), and the spread of each."""


@torch.inference_mode()
def predict_tta(
    model: Network,
    data: SplitData,
    fabric: Fabric,
    seed: int,
    tta_views: int,
    settings: AffineAugment,
    layer: str = "",
    batch_size: int = EVALUATION_BATCH,
) -> Outputs:
    """Return the mean and, with two views or more, the spread of a network's outputs.

    Args:
        model: a finished network, set up by ``fabric``.
        data: the images in the network's view.
        fabric: device and precision.
        seed: seed of the run.
        tta_views: number of views; 0 predicts the original images.
        settings: augmentation of a view.
        layer: module of the network whose output, flattened, is also returned; empty for none.
        batch_size: images per batch.
    """
    batches: list[Outputs] = []
    for positions, pixels in Reader(data, fabric.device).batches(split_batches(np.arange(len(data)), batch_size)):
        with _captured(model.eval(), layer) as captured:
            views = _views(model, data, positions, pixels, seed, tta_views, settings)
            batches.append(_summary([_outputs(model, view, captured) for view in views]))
    set_noise(model, None)
    return {name: np.concatenate([batch[name] for batch in batches]) for name in batches[0]}


def _views(
    model: Network,
    data: SplitData,
    positions: npt.NDArray[np.int64],
    pixels: Tensor,
    seed: int,
    tta_views: int,
    settings: AffineAugment,
) -> Iterator[Tensor]:
    """Yield each view of a batch, with the network's noise set for it."""
    normalisation, keys = Normalisation(model.mean, model.std), data.keys[positions]
    if not tta_views:
        set_noise(model, None)
        yield normalise(pixels, normalisation)
    for number in range(tta_views):
        draws, noise = (
            torch.from_numpy(uniform_draws(derive(seed, role, number), keys, count)).to(pixels.device)
            for role, count in (("pass", N_AFFINE_DRAWS), ("pass of network", count_noise(model)))
        )
        set_noise(model, noise)
        yield augment_affine(pixels, draws, settings, normalisation, data.background)


def _outputs(model: Network, images: Tensor, captured: list[Tensor]) -> dict[str, Tensor]:
    captured.clear()
    outputs = model.predict({name: raw.float() for name, raw in model(images).items()})
    if captured:
        outputs[FEATURES] = captured[-1].float()
    return {name: value.cpu() for name, value in outputs.items()}


@contextmanager
def _captured(model: nn.Module, layer: str) -> Iterator[list[Tensor]]:
    """Yield a list to which each forward pass adds the layer's flattened output; it stays empty without a layer."""
    captured: list[Tensor] = []
    if not layer:
        yield captured
        return
    hook = model.get_submodule(layer).register_forward_hook(lambda _, __, output: captured.append(output.flatten(1)))
    try:
        yield captured
    finally:
        hook.remove()


def _summary(views: Sequence[Mapping[str, Tensor]]) -> Outputs:
    summary: Outputs = {}
    for name in views[0]:
        values = torch.stack([view[name] for view in views]).double()
        summary[name] = values.mean(0).float().numpy()
        if len(views) > 1:
            summary[name + SD_SUFFIX] = values.std(0).float().numpy()
    return summary
