"""Device, precision and determinism of trainings and predictions."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING

import torch
from lightning_fabric import Fabric
from lightning_fabric.plugins.environments.lightning import LightningEnvironment
from lightning_fabric.strategies.ddp import DDPStrategy

from benchmark.common.numerics import require_pins
from benchmark.common.resources import keep_freed_memory
from benchmark.settings.devices import resolved
from benchmark.training.distributed import connect, world_size

if TYPE_CHECKING:
    from benchmark.settings.training import Train


def open_fabric(settings: Train, gpu: int = 0) -> Fabric:
    """Set up the device, precision and determinism of the parameters, with one CPU thread.

    Processes that a launcher started share the training and the prediction.

    Args:
        settings: training parameters.
        gpu: index of the GPU.

    Raises:
        InputError: numerics are portable, but this process has loaded its libraries without the pins.
    """
    if settings.numerics == "portable":
        require_pins()
    settings = resolved(settings)
    torch.set_num_threads(1)
    keep_freed_memory()
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True, warn_only=True)
    # Filling costs a tenth of a step, and only code that reads memory before writing it would need it.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    if settings.device == "cpu":
        # Fabric sets it for forked processes, but then torch's optimisers load the driver's library at every step.
        os.environ.pop("PYTORCH_NVML_BASED_CUDA_CHECK", None)
    if world_size() == 1:
        devices = [gpu] if settings.device == "cuda" else 1
        return Fabric(
            accelerator=settings.device,
            devices=devices,
            precision=settings.precision,  # type: ignore[arg-type]
            # Fabric would take the variables of a batch system, such as SLURM_NTASKS, for a launcher's.
            plugins=LightningEnvironment(),
        )
    connect("nccl" if settings.device == "cuda" else "gloo")
    local_size = int(os.environ["LOCAL_WORLD_SIZE"])
    # Each process validates part of a split, so the numbers of forward passes differ and must not communicate.
    fabric = Fabric(
        accelerator=settings.device,
        devices=local_size,
        num_nodes=world_size() // local_size,
        strategy=DDPStrategy(forward_sync_buffers=False),
        precision=settings.precision,  # type: ignore[arg-type]
    )
    fabric.launch()
    return fabric


def seed_generators(seed: int, device: torch.device) -> None:
    """Seed the generators of the CPU and of a device; ``torch.manual_seed`` is slower, as it probes every backend."""
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        torch.cuda.manual_seed(seed)
    elif device.type == "mps":
        torch.mps.manual_seed(seed)
