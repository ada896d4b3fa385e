"""The processes that train one run together: their start, and what is said when one of them fails.

They are started by torch's own launcher, here by :func:`launch` or, on several machines, by ``torchrun``; it gives each
its rank in the environment.
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
from benchmark.training.together import world

if TYPE_CHECKING:
    from collections.abc import Sequence

_LAUNCHED = "FUNDUSBENCH_LAUNCHED"
"""Set in processes that :func:`launch` started."""


def clear() -> None:
    """Forget that a process failed in an earlier try."""
    _mark().unlink(missing_ok=True)


def is_first_to_fail() -> bool:
    """Whether no other process of this try has failed before: what all fail of is said once."""
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
    """End this process where another has gone, of which a launcher of ours tells, and torch's own in many lines."""
    try:
        yield
    except RuntimeError as error:
        told = str(error)
        if world() == 1 or not ("Gloo" in told or "gloo" in told or "NCCL" in told or "Connection" in told):
            raise
        if not os.environ.get(_LAUNCHED) and is_first_to_fail():
            print(
                f"fundusbench: each of the {world()} processes must live, but one has gone: run the same command "
                "again, it goes on from the last checkpoint",
                file=sys.stderr,
            )
        raise SystemExit(3) from error


def launch(processes: int, arguments: Sequence[str]) -> None:
    """Run the command ``fundusbench`` in some processes of this machine, until all have ended.

    Args:
        processes: how many.
        arguments: of the command.

    Raises:
        InputError: a process ended badly; the launcher then ends the others. What they had to say, they have said.
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
    # Of processes on one machine, only one another need to hear.
    os.environ.setdefault("GLOO_SOCKET_IFNAME", "lo" if sys.platform != "darwin" else "lo0")
    os.environ[_LAUNCHED] = "1"
    logging.getLogger("torch.distributed.elastic").setLevel(logging.CRITICAL)
    try:
        elastic_launch(config, sys.executable)("-m", "benchmark.cli", *arguments)
    except ChildFailedError as error:
        killed = {number: one.exitcode for number, one in error.failures.items() if one.exitcode < 0}
        if not killed:
            raise SystemExit(2) from error  # They have said why.
        # The launcher ends the others by SIGTERM.
        number, code = min(killed.items(), key=lambda one: one[1] == -signal.SIGTERM)
        msg = (
            f"each of the {processes} processes must live, but number {number} was ended by signal "
            f"{signal.Signals(-code).name}: run the same command again, it goes on from the last checkpoint"
        )
        raise InputError(msg) from error
