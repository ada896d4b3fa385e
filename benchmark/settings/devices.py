"""Whether this machine has the device that parameters ask for."""

from __future__ import annotations

from benchmark.common.errors import InputError
from benchmark.settings.training import Train


def check_device(train: Train) -> None:
    """Refuse a device that is not here, before any work starts; tables are made without it.

    Raises:
        InputError: ``train.device`` names one that torch cannot use.
    """
    if train.device in ("auto", "cpu"):
        return
    import torch

    there = torch.cuda.is_available() if train.device == "cuda" else torch.backends.mps.is_available()
    if not there:
        kind = {"cuda": "an NVIDIA card whose driver torch can use", "mps": "a Mac with Metal"}[train.device]
        msg = f"train.device must be one that this machine has, but {train.device} takes {kind}: set it to auto or cpu"
        raise InputError(msg)
