"""Choice and validation of the device and number format."""

from __future__ import annotations

import sys
from functools import cache
from pathlib import Path
from typing import Literal

from benchmark.common.errors import InputError
from benchmark.settings.training import Train


def check_device(train: Train) -> None:
    """Check that the requested device exists, before any work starts.

    Raises InputError if torch cannot use ``train.device``.
    """
    if train.device in ("auto", "cpu"):
        return
    import torch

    available = torch.cuda.is_available() if train.device == "cuda" else torch.backends.mps.is_available()
    if not available:
        kind = {"cuda": "an NVIDIA GPU with a driver for torch", "mps": "a Mac with Metal"}[train.device]
        msg = f"train.device must be available here, but {train.device} requires {kind}: set it to auto or cpu"
        raise InputError(msg)


def resolved(train: Train) -> Train:
    """Replace ``auto`` by the device and number format of this machine."""
    device = train.device if train.device != "auto" else _device()
    precision = train.precision if train.precision != "auto" else _precision(train.numerics, device)
    return train.model_copy(update={"device": device, "precision": precision})


@cache
def _device() -> Literal["cpu", "cuda", "mps"]:
    """Return the fastest device; torch is only imported where there may be a GPU."""
    if not Path("/dev/nvidiactl").exists() and sys.platform != "darwin":
        return "cpu"
    import torch

    if torch.cuda.is_available():
        return "cuda"
    return "mps" if torch.backends.mps.is_available() else "cpu"


@cache
def _precision(numbers: Literal["portable", "fast"], device: str) -> Literal["32-true", "bf16-mixed"]:
    """Choose bfloat16 if numerics need not be portable and the device multiplies it natively."""
    if numbers == "portable":
        return "32-true"
    import torch

    native = {
        "cpu": torch.backends.cpu.get_cpu_capability() == "AVX512" and torch.cpu._is_avx512_bf16_supported(),
        "cuda": torch.cuda.is_available() and torch.cuda.is_bf16_supported(including_emulation=False),
    }
    return "bf16-mixed" if native.get(device) else "32-true"
