"""One run trained by several processes, each on its part of every batch: what they must agree on.

An update is that of one process but for the order in which gradients are summed: each process takes its part of the
same batch, in the same order and with the same changes to each image. Torch's launcher, which starts them, gives each
its rank in the environment.
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


def world() -> int:
    """How many processes train each run together; 1 where no launcher started this one."""
    return int(os.environ["WORLD_SIZE"]) if "TORCHELASTIC_RUN_ID" in os.environ else 1


def rank() -> int:
    """Which of them this one is, from 0."""
    return int(os.environ["RANK"]) if world() > 1 else 0


def local_part(positions: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """This process's part of a batch; parts are as equal as can be, and in the batch's order."""
    import numpy as np

    return np.array_split(positions, world())[rank()]


def all_reduce(fabric: Fabric, value: Tensor) -> Tensor:
    """The sum of a number over all processes."""
    return value if world() == 1 else fabric.all_reduce(value.clone(), reduce_op="sum")  # type: ignore[return-value]


def broadcast(fabric: Fabric, value: T) -> T:
    """What the first process says, for all of them: of a clock, each has its own."""
    return value if world() == 1 else fabric.broadcast(value)


def all_gather(parts: list[T]) -> list[T]:
    """Of parts that were dealt to the processes in turn, all of them in their order."""
    if world() == 1:
        return parts
    import torch.distributed as dist

    found: list[list[T]] = [[] for _ in range(world())]
    dist.all_gather_object(found, parts)
    return [found[place % world()][place // world()] for place in range(sum(map(len, found)))]


def sync_buffers(model: torch.nn.Module) -> None:
    """Give all processes the first one's running statistics of batch norms, by which it will be judged."""
    if world() > 1:
        import torch.distributed as dist

        for buffer in model.buffers():
            dist.broadcast(buffer, 0)
