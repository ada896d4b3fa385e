"""Where a network runs, and in which number format."""

from __future__ import annotations

import logging
import os
from typing import TYPE_CHECKING

import torch
from lightning_fabric import Fabric
from lightning_fabric.strategies.ddp import DDPStrategy

from benchmark.common.numerics import require_pins
from benchmark.common.resources import keep_freed_memory
from benchmark.settings.devices import resolved
from benchmark.training.distributed import world

if TYPE_CHECKING:
    from benchmark.settings.training import Train


def open_fabric(settings: Train, card: int = 0) -> Fabric:
    """Open the device with the number format and the determinism that the parameters ask; on a processor, one thread.

    Where a launcher started several processes, they share what is trained and predicted.

    Args:
        settings: of the training.
        card: which of several graphics cards to use.

    Raises:
        InputError: numbers are to be portable, but this process loaded its libraries unrestricted.
    """
    if settings.numerics == "portable":
        require_pins()
    settings = resolved(settings)
    torch.set_num_threads(1)
    keep_freed_memory()
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True, warn_only=True)
    # Memory that is not written before it is read would be a fault of ours; to fill it costs a tenth of a step.
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    if settings.device == "cpu":
        # Fabric sets it for processes that fork, and torch's optimisers then load the driver's library at every step.
        os.environ.pop("PYTORCH_NVML_BASED_CUDA_CHECK", None)
    if world() == 1:
        devices = [card] if settings.device == "cuda" else 1
        return Fabric(accelerator=settings.device, devices=devices, precision=settings.precision)  # type: ignore[arg-type]
    here = int(os.environ["LOCAL_WORLD_SIZE"])
    # A process judges part of a split, so processes make unequally many passes without gradients: no word may be
    # exchanged in these.
    fabric = Fabric(
        accelerator=settings.device,
        devices=here,
        num_nodes=world() // here,
        strategy=DDPStrategy(forward_sync_buffers=False),
        precision=settings.precision,  # type: ignore[arg-type]
    )
    fabric.launch()
    return fabric


def seed_generators(seed: int, device: torch.device) -> None:
    """Seed the generators of the processor and of a device; ``torch.manual_seed`` looks for all kinds each time."""
    torch.default_generator.manual_seed(seed)
    if device.type == "cuda":
        torch.cuda.manual_seed(seed)
    elif device.type == "mps":
        torch.mps.manual_seed(seed)
