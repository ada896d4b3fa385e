"""Distributed training of one run: each process computes its part of every batch.

An update equals that of a single process, apart from the order in which gradients are summed: the batches, their order
and the augmentation of each image are the same. A launcher starts the processes and sets the rank of each in its
environment.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    import torch
    from lightning_fabric import Fabric
    from torch import Tensor

T = TypeVar("T")
STORE = "FUNDUSBENCH_STORE"
"""Environment variable with the file by which processes on one machine find each other; ``torchrun`` sets none."""


def world_size() -> int:
    """Return the number of processes that train a run together; 1 without a launcher."""
    return int(os.environ.get("WORLD_SIZE", "1")) if "TORCHELASTIC_RUN_ID" in os.environ else 1


def connect(backend: str) -> None:
    """Connect the processes that :func:`benchmark.dispatch.launch.launch` started, once per process.

    They meet by a file: a store on a port would accept data from every user and every machine of the network.
    """
    import torch.distributed as dist

    if (store := os.environ.get(STORE)) and not dist.is_initialized():
        dist.init_process_group(backend, init_method=f"file://{store}", rank=rank(), world_size=world_size())


def rank() -> int:
    """Return the index of this process, from 0."""
    return int(os.environ["RANK"]) if world_size() > 1 else 0


def local_part(positions: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Return this process's part of a batch; the parts are contiguous and of nearly equal size."""
    import numpy as np

    return np.array_split(positions, world_size())[rank()]


def all_reduce(fabric: Fabric, value: Tensor) -> Tensor:
    """Return the sum of a number over all processes."""
    return value if world_size() == 1 else fabric.all_reduce(value.clone(), reduce_op="sum")  # type: ignore[return-value]


def broadcast(fabric: Fabric, value: T) -> T:
    """Return the first process's value in all processes."""
    return value if world_size() == 1 else fabric.broadcast(value)


def all_gather(parts: list[T]) -> list[T]:
    """Return all parts in order; part i is in the process of rank i modulo the number of processes."""
    if world_size() == 1:
        return parts
    import torch.distributed as dist

    gathered: list[list[T]] = [[] for _ in range(world_size())]
    dist.all_gather_object(gathered, parts)
    return [gathered[i % world_size()][i // world_size()] for i in range(sum(map(len, gathered)))]


def sync_buffers(model: torch.nn.Module) -> None:
    """Copy the first process's running statistics of batch norm, which validation uses, to all processes."""
    if world_size() > 1:
        import torch.distributed as dist

        for buffer in model.buffers():
            dist.broadcast(buffer, 0)
