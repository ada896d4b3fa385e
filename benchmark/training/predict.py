"""Predictions of a network for images."""

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
from benchmark.runs.results import read_trained, require_intact
from benchmark.runs.run import WEIGHTS
from benchmark.training.augment import Normalisation, normalise
from benchmark.training.batches import Reader, SplitData, split_batches
from benchmark.training.device import open_fabric
from benchmark.training.distributed import all_gather, rank, world_size
from benchmark.training.networks import build_run_network
from benchmark.training.system_view import with_system_view
from models.network import Network
from models.stochastic import set_noise

if TYPE_CHECKING:
    from benchmark.settings.training import Train


EVALUATION_BATCH = 128
"""Images per batch without gradients."""


def split_raw_outputs(model: Network, data: SplitData, fabric: Fabric) -> dict[str, Tensor]:
    """Return the raw outputs of a split in pack order, on the CPU; the processes of a run share the work."""
    parts = split_batches(np.arange(len(data)), EVALUATION_BATCH)[rank() :: world_size()]
    outputs = all_gather([batch_raw_outputs(model, pixels) for _, pixels in Reader(data, fabric.device).batches(parts)])
    return {head: torch.cat([output[head] for output in outputs]) for head in outputs[0]}


def predict_images(model: Network, pixels: npt.NDArray[np.uint8]) -> dict[str, npt.NDArray[np.float32]]:
    """Return scores (n,) and/or grade probabilities (n, 5) of a batch, bytes (n, s, s, 3)."""
    return outputs_from_raw(model, batch_raw_outputs(model, torch.from_numpy(pixels).to(model.mean.device)))


@torch.inference_mode()
def batch_raw_outputs(model: Network, pixels: Tensor) -> dict[str, Tensor]:
    """Return the raw outputs of a batch, bytes (n, s, s, 3) on the model's device, as float32 on the CPU."""
    set_noise(model, None)
    outputs = model.eval()(normalise(pixels, Normalisation(model.mean, model.std)))
    return {head: value.float().cpu() for head, value in outputs.items()}


def outputs_from_raw(model: Network, raw: Mapping[str, Tensor]) -> dict[str, npt.NDArray[np.float32]]:
    """Return scores (n,) and/or grade probabilities (n, 5) from raw outputs."""
    return {output: value.numpy() for output, value in model.predict(raw).items()}


def load_model(folder: Path) -> Network:
    """Load the network of a finished run with its selected weights, in evaluation mode.

    Raises:
        InputError: the run is not finished, or its weights were changed.
    """
    spec = read_trained(folder)
    require_intact(folder, WEIGHTS)
    network = build_run_network(spec.model_copy(update={"model": spec.model.bare}))
    network.load_state_dict(load_file(folder / WEIGHTS))
    return network.eval()


def predict_split(folder: Path, data: SplitData, settings: Train, gpu: int = 0) -> Predictions:
    """Predict a split with a finished run, exactly as its training predicts val and test.

    Args:
        folder: folder of the run.
        data: the split at the run's size.
        settings: training parameters, for device and precision.
        gpu: index of the GPU.
    """
    fabric = open_fabric(settings, gpu)
    data = with_system_view(data, read_trained(folder))
    model = cast("Network", fabric.setup_module(load_model(folder).to(memory_format=torch.channels_last)))
    return predict_data(model, data, fabric)


def predict_data(model: Network, data: SplitData, fabric: Fabric) -> Predictions:
    """Predict images that are already in the network's view."""
    return as_predictions(data, outputs_from_raw(model, split_raw_outputs(model, data, fabric)))


def as_predictions(data: SplitData, outputs: Mapping[str, npt.NDArray[np.float32]]) -> Predictions:
    """Join a split's outputs with its rows of the manifest."""
    return Predictions(
        image_id=np.array([row.image_id for row in data.rows]),
        patient=np.array([row.patient for row in data.rows]),
        eye=np.array([row.eye for row in data.rows]),
        grade=data.grade,
        score=outputs.get("score"),
        prob=outputs.get("prob"),
    )
