"""Where a network runs, in which number format, and what that takes."""

from __future__ import annotations

import logging
import os
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Literal

import torch
from lightning_fabric import Fabric

from benchmark.common.errors import InputError
from benchmark.common.resources import core_count
from benchmark.runs.spec import RunSpec

if TYPE_CHECKING:
    from benchmark.settings.training import Train


@contextmanager
def memory_named(spec: RunSpec) -> Iterator[None]:
    """Turn running out of memory into a sentence that says what to lower."""
    try:
        yield
    except (MemoryError, RuntimeError) as error:
        if not isinstance(error, MemoryError | torch.OutOfMemoryError) and "allocate memory" not in str(error):
            raise
        msg = (
            f"a batch must fit into memory, but {spec.train.batch} images of {spec.pixels} px in "
            f"{spec.train.accumulate} pass(es) of {spec.title} do not: raise `train.accumulate` to "
            f"{2 * spec.train.accumulate}, or lower `train.batch` or `sizes.{spec.size}`"
        )
        raise InputError(msg) from error


def resident_peak() -> int:
    """Most memory that this process ever held, in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def open_fabric(settings: Train) -> Fabric:
    """Device, precision and determinism as the parameters ask."""
    torch.set_num_threads(settings.threads or core_count())
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.use_deterministic_algorithms(True, warn_only=True)
    logging.getLogger("lightning_fabric").setLevel(logging.WARNING)
    device = Fabric(accelerator=settings.device, devices=1).device
    return Fabric(accelerator=settings.device, devices=1, precision=precision_of(settings, device))


def precision_of(settings: Train, device: torch.device) -> Literal["32-true", "bf16-mixed"]:
    """Number format; ``auto`` takes bfloat16 where the device multiplies it natively."""
    if settings.precision != "auto":
        return settings.precision
    native = {
        "cpu": torch.backends.cpu.get_cpu_capability() == "AVX512" and torch.cpu._is_avx512_bf16_supported(),
        "cuda": torch.cuda.is_available() and torch.cuda.is_bf16_supported(including_emulation=False),
    }
    return "bf16-mixed" if native.get(device.type) else "32-true"
