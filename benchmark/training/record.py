"""The record of a run: what it took on this machine. No result depends on it."""

from __future__ import annotations

import resource
import sys

import torch
from lightning_fabric import Fabric

from benchmark.common.resources import core_count
from benchmark.runs.environment import environment, now
from benchmark.runs.run import Record
from benchmark.runs.spec import BlendRun, TrainedRun


def resident_peak() -> int:
    """Most memory that this process ever held, in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def record_of(
    spec: TrainedRun | BlendRun,
    fabric: Fabric,
    started: str,
    seconds: float,
    images_per_second: float = 0.0,
    wait_share: float = 0.0,
    resumed: int = 0,
) -> Record:
    """What a run took, as far as this process knows it.

    Args:
        spec: the run.
        fabric: its device.
        started: when this process began it, as :func:`benchmark.runs.environment.now` says it.
        seconds: in all, over every process that worked on it.
        images_per_second: of a training, as in :class:`benchmark.runs.run.Record`; so, too, the rest.
        wait_share: of a training.
        resumed: of a training.
    """
    device = fabric.device
    cuda = device.type == "cuda"
    return Record(
        started=started,
        ended=now(),
        seconds=seconds,
        images_per_second=images_per_second,
        wait_share=wait_share,
        peak_memory_bytes=torch.cuda.max_memory_allocated() if cuda else resident_peak(),
        device=torch.cuda.get_device_name(device) if cuda else f"{device.type} ({core_count()} cores)",
        precision=spec.train.precision,
        threads=torch.get_num_threads(),
        resumed=resumed,
        **environment(),
    )
