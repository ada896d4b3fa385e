"""Start of the processes that train a run together (DDP), and messages when one of them fails.

Torch's launcher starts them and sets the rank of each in its environment: :func:`launch` on one machine, ``torchrun``
on several.
"""

from __future__ import annotations

import logging
import os
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from benchmark.common.errors import InputError
from benchmark.runs.run import SCRATCH
from benchmark.training.distributed import world_size

if TYPE_CHECKING:
    from collections.abc import Sequence

_LAUNCHED = "FUNDUSBENCH_LAUNCHED"
"""Set in processes that :func:`launch` started."""


def clear() -> None:
    """Remove the mark of a failure in an earlier attempt."""
    _mark().unlink(missing_ok=True)


def is_first_to_fail() -> bool:
    """Return whether no other process of this attempt has failed before, so that a common failure is reported once."""
    try:
        _mark().touch(exist_ok=False)
    except FileExistsError:
        return False
    return True


def _mark() -> Path:
    SCRATCH.mkdir(exist_ok=True)
    return SCRATCH / f".failed-{os.environ['TORCHELASTIC_RUN_ID']}"


@contextmanager
def report_lost_peer() -> Iterator[None]:
    """End this process if another one has ended; under ``torchrun``, the first process reports it."""
    try:
        yield
    except RuntimeError as error:
        text = str(error)
        if world_size() == 1 or not any(word in text for word in ("Gloo", "gloo", "NCCL", "Connection")):
            raise
        if not os.environ.get(_LAUNCHED) and is_first_to_fail():
            print(
                f"fundusbench: all {world_size()} processes must keep running, but one has ended: run the same command "
                "again, which resumes from the last checkpoint",
                file=sys.stderr,
            )
        raise SystemExit(3) from error


def launch(processes: int, arguments: Sequence[str]) -> None:
    """Run the command ``fundusbench`` in several processes of this machine, and wait for them.

    Args:
        processes: number of processes.
        arguments: arguments of the command.

    Raises:
        InputError: a process was killed; the launcher then ends the others.
        SystemExit: a process failed, and has reported why.
    """
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    config = LaunchConfig(
        min_nodes=1,
        max_nodes=1,
        nproc_per_node=processes,
        rdzv_backend="c10d",
        rdzv_endpoint="127.0.0.1:0",
        local_addr="127.0.0.1",
        run_id=str(os.getpid()),
        max_restarts=0,
    )
    # Processes on one machine communicate over the loopback interface.
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo" if sys.platform != "darwin" else "lo0")
    os.environ[_LAUNCHED] = "1"
    logging.getLogger("torch.distributed.elastic").setLevel(logging.CRITICAL)
    try:
        elastic_launch(config, sys.executable)("-m", "benchmark.cli", *arguments)
    except ChildFailedError as error:
        killed = {rank: failure.exitcode for rank, failure in error.failures.items() if failure.exitcode < 0}
        if not killed:
            raise SystemExit(2) from error
        # The launcher ends the other processes by SIGTERM.
        rank, code = min(killed.items(), key=lambda item: item[1] == -signal.SIGTERM)
        msg = (
            f"all {processes} processes must keep running, but number {rank} was killed by signal "
            f"{signal.Signals(-code).name}: run the same command again, which resumes from the last checkpoint"
        )
        raise InputError(msg) from error
