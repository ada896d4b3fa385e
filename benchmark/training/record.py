"""Record of a run: time, memory and environment on this machine. No result depends on it."""

from __future__ import annotations

import resource
import sys

import torch
from lightning_fabric import Fabric

from benchmark.common.resources import core_count
from benchmark.runs.environment import environment, now
from benchmark.runs.run import Record
from benchmark.runs.spec import BlendRun, TrainedRun


def peak_resident_bytes() -> int:
    """Return this process's peak memory in bytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def make_record(
    spec: TrainedRun | BlendRun,
    fabric: Fabric,
    started: str,
    seconds: float,
    images_per_second: float = 0.0,
    wait_share: float = 0.0,
    resumed: int = 0,
) -> Record:
    """Return the record of a run.

    Args:
        spec: the run.
        fabric: its device.
        started: start time of this process's work, from :func:`benchmark.runs.environment.now`.
        seconds: total time over all processes that worked on it.
        images_per_second: speed of the training; see :class:`benchmark.runs.run.Record`.
        wait_share: share of the training time spent waiting for images.
        resumed: number of times that the training was resumed.
    """
    device = fabric.device
    cuda = device.type == "cuda"
    return Record(
        started=started,
        ended=now(),
        seconds=seconds,
        images_per_second=images_per_second,
        wait_share=wait_share,
        peak_memory_bytes=torch.cuda.max_memory_allocated() if cuda else peak_resident_bytes(),
        device=torch.cuda.get_device_name(device) if cuda else f"{device.type} ({core_count()} cores)",
        precision=spec.train.precision,
        threads=torch.get_num_threads(),
        resumed=resumed,
        **environment(),
    )
