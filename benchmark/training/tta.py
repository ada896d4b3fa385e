"""Changed passes of a finished run over any images: the mean and the spread of what it says of each.

What changes in a pass depends on the run's seed, the image and the pass's number alone, and so do the numbers that the
network itself draws: batches, workers and restarts change nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import numpy as np
import numpy.typing as npt
import torch
from lightning_fabric import Fabric
from torch import Tensor, nn

from benchmark.training.affine import DRAWS, augment_affine
from benchmark.training.augment import Normalisation, normalise
from benchmark.training.batches import Reader, SplitData, split_batches
from benchmark.training.predict import EVALUATION_BATCH
from benchmark.training.randomness import derive, draws
from models.network import Network
from models.stochastic import count_noise, set_noise
from models.system_settings import AffineAugment

FEATURES = "features"
"""Name of a layer's output among what is said of an image."""
SPREAD = "_sd"
"""Behind the name of an output: its sample standard deviation over passes."""

Outputs = dict[str, npt.NDArray[np.float32]]
"""By name: ``score`` (n,), ``prob`` (n, 5) and :data:`FEATURES` (n, d), and the spread of each."""


@torch.inference_mode()
def predict_tta(
    model: Network,
    data: SplitData,
    fabric: Fabric,
    seed: int,
    count: int,
    changes: AffineAugment,
    layer: str = "",
    batch: int = EVALUATION_BATCH,
) -> Outputs:
    """Mean and, of two passes or more, spread of a network's answers.

    Args:
        model: a finished network, set up by ``fabric``.
        data: the images, as the network sees them.
        fabric: device and precision.
        seed: of the run.
        count: passes; 0 for the images as they are, in one pass.
        changes: what a pass changes.
        layer: module of the network whose output, flattened, is kept, too; empty for none.
        batch: images at a time.
    """
    found: list[Outputs] = []
    for positions, pixels in Reader(data, fabric.device).batches(split_batches(np.arange(len(data)), batch)):
        with _watched(model.eval(), layer) as seen:
            said = [_pass(model, shown, seen) for shown in _shown(model, data, positions, pixels, seed, count, changes)]
        found.append(_summary(said))
    set_noise(model, None)
    return {name: np.concatenate([part[name] for part in found]) for name in found[0]}


def _shown(
    model: Network,
    data: SplitData,
    positions: npt.NDArray[np.int64],
    pixels: Tensor,
    seed: int,
    count: int,
    changes: AffineAugment,
) -> Iterator[Tensor]:
    """A batch as each pass shows it; the network's own numbers are given to it meanwhile."""
    normalisation, keys = Normalisation(model.mean, model.std), data.keys[positions]
    if not count:
        set_noise(model, None)
        yield normalise(pixels, normalisation)
    for number in range(count):
        uniform, own = (
            torch.from_numpy(draws(derive(seed, role, number), keys, many)).to(pixels.device)
            for role, many in (("pass", DRAWS), ("pass of network", count_noise(model)))
        )
        set_noise(model, own)
        yield augment_affine(pixels, uniform, changes, normalisation, data.background)


def _pass(model: Network, images: Tensor, seen: list[Tensor]) -> dict[str, Tensor]:
    seen.clear()
    said = model.answers({name: raw.float() for name, raw in model(images).items()})
    if seen:
        said[FEATURES] = seen[-1].float()
    return {name: value.cpu() for name, value in said.items()}


@contextmanager
def _watched(model: nn.Module, layer: str) -> Iterator[list[Tensor]]:
    """A list that holds the layer's output, flattened, after each pass; an empty one where no layer is named."""
    seen: list[Tensor] = []
    if not layer:
        yield seen
        return
    hook = model.get_submodule(layer).register_forward_hook(lambda _, __, output: seen.append(output.flatten(1)))
    try:
        yield seen
    finally:
        hook.remove()


def _summary(said: Sequence[Mapping[str, Tensor]]) -> Outputs:
    found: Outputs = {}
    for name in said[0]:
        values = torch.stack([each[name] for each in said]).double()
        found[name] = values.mean(0).float().numpy()
        if len(said) > 1:
            found[name + SPREAD] = values.std(0).float().numpy()
    return found
