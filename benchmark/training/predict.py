"""From a network and images to predictions."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, cast

import numpy as np
import numpy.typing as npt
import torch
from lightning_fabric import Fabric
from safetensors.torch import load_file
from torch import Tensor

from benchmark.runs.predictions import Predictions
from benchmark.runs.results import read_trained
from benchmark.runs.run import WEIGHTS
from benchmark.training.augment import Normalisation, normalise
from benchmark.training.batches import Reader, SplitData, split_batches
from benchmark.training.device import open_fabric
from benchmark.training.distributed import all_gather, rank, world
from benchmark.training.networks import network_of
from benchmark.training.system_view import as_seen
from models.network import Network
from models.stochastic import set_noise

if TYPE_CHECKING:
    from benchmark.settings.training import Train


EVALUATION_BATCH = 128


def outputs_of(model: Network, data: SplitData, fabric: Fabric) -> dict[str, Tensor]:
    """Raw outputs for a whole split in pack order, on the CPU, as losses take them; processes share the work."""
    parts = split_batches(np.arange(len(data)), EVALUATION_BATCH)[rank() :: world()]
    outputs = all_gather([raw_outputs(model, pixels) for _, pixels in Reader(data, fabric.device).batches(parts)])
    return {head: torch.cat([output[head] for output in outputs]) for head in outputs[0]}


def predict_images(model: Network, pixels: npt.NDArray[np.uint8]) -> dict[str, npt.NDArray[np.float32]]:
    """Scores (n,) and/or grade probabilities (n, 5) of one batch of images, bytes (n, s, s, 3)."""
    return answers_of(model, raw_outputs(model, torch.from_numpy(pixels).to(model.mean.device)))


@torch.inference_mode()
def raw_outputs(model: Network, pixels: Tensor) -> dict[str, Tensor]:
    """Raw outputs of a batch, bytes (n, s, s, 3) on the model's device, as float32 on the CPU."""
    set_noise(model, None)
    outputs = model.eval()(normalise(pixels, Normalisation(model.mean, model.std)))
    return {head: value.float().cpu() for head, value in outputs.items()}


def answers_of(model: Network, raw: Mapping[str, Tensor]) -> dict[str, npt.NDArray[np.float32]]:
    """Scores (n,) and/or grade probabilities (n, 5) from raw outputs."""
    return {output: value.numpy() for output, value in model.answers(raw).items()}


def load_model(folder: Path) -> Network:
    """The network of a finished run with the weights that were evaluated, in evaluation mode."""
    spec = read_trained(folder)
    network = network_of(spec.model_copy(update={"model": spec.model.bare}))
    network.load_state_dict(load_file(folder / WEIGHTS))
    return network.eval()


def predict_split(folder: Path, data: SplitData, settings: Train, card: int = 0) -> Predictions:
    """Predictions of a finished run on a split, as training makes those on its own.

    Args:
        folder: of the run.
        data: the split, at the run's size.
        settings: where, and in which number format.
        card: which of several graphics cards to use.
    """
    fabric = open_fabric(settings, card)
    data = as_seen(data, read_trained(folder))
    model = cast("Network", fabric.setup_module(load_model(folder).to(memory_format=torch.channels_last)))
    return predictions_of(data, answers_of(model, outputs_of(model, data, fabric)))


def predictions_of(data: SplitData, answers: Mapping[str, npt.NDArray[np.float32]]) -> Predictions:
    """Answers to a whole split, beside what is known of its images."""
    return Predictions(
        image_id=np.array([row.image_id for row in data.rows]),
        patient=np.array([row.patient for row in data.rows]),
        eye=np.array([row.eye for row in data.rows]),
        grade=data.grade,
        score=answers.get("score"),
        prob=answers.get("prob"),
    )
