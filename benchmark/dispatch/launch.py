"""Start of the processes that train a run together (DDP), and messages when one of them fails.

:func:`launch` starts them on one machine, ``torchrun`` on several; both set the rank of each in its environment.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmark.common.errors import InputError
from benchmark.runs.run import SCRATCH
from benchmark.training.distributed import STORE, world_size

_POLL_S = 0.2
"""Seconds between two looks at the processes."""


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
        if not os.environ.get(STORE) and is_first_to_fail():
            print(
                f"fundusbench: all {world_size()} processes must keep running, but one has ended: run the same command "
                "again, which resumes from the last checkpoint",
                file=sys.stderr,
            )
        raise SystemExit(3) from error


def launch(processes: int, arguments: Sequence[str]) -> None:
    """Run the command ``fundusbench`` in several processes of this machine, and wait for them.

    The processes find each other by a file, and communicate over the loopback interface. Raises InputError if one was
    killed, and SystemExit if one failed and has reported why; the others are then ended.
    """
    SCRATCH.mkdir(exist_ok=True)
    loopback = "lo" if sys.platform != "darwin" else "lo0"
    with TemporaryDirectory(prefix=".store-", dir=SCRATCH) as folder:
        shared = {
            "TORCHELASTIC_RUN_ID": str(os.getpid()),
            "WORLD_SIZE": str(processes),
            "LOCAL_WORLD_SIZE": str(processes),
            STORE: f"{Path(folder).absolute()}/store",
            "GLOO_SOCKET_IFNAME": loopback,
            "NCCL_SOCKET_IFNAME": loopback,
        }
        command = (sys.executable, "-m", "benchmark.cli", *arguments)
        started = [
            subprocess.Popen(command, env=os.environ | shared | {"RANK": str(rank), "LOCAL_RANK": str(rank)})
            for rank in range(processes)
        ]
        try:
            codes = _wait(started)
        finally:
            for one in started:
                one.terminate()
            for one in started:
                one.wait()
    if killed := [(rank, code) for rank, code in enumerate(codes) if code and code < 0]:
        rank, code = killed[0]
        msg = (
            f"all {processes} processes must keep running, but number {rank} was killed by signal "
            f"{signal.Signals(-code).name}: run the same command again, which resumes from the last checkpoint"
        )
        raise InputError(msg)
    if any(codes):
        raise SystemExit(2)


def _wait(started: Sequence[subprocess.Popen[bytes]]) -> list[int | None]:
    """Return the exit code of each process when all have ended or one has failed; None for a running one."""
    while True:
        codes = [one.poll() for one in started]
        if any(codes) or None not in codes:
            return codes
        time.sleep(_POLL_S)


def follow_launcher() -> None:
    """End this process when the command that launched it is killed; under ``torchrun``, do nothing."""
    parent = os.getppid()

    def follow() -> None:
        while os.getppid() == parent:
            time.sleep(_POLL_S)
        os._exit(1)

    if os.environ.get(STORE):
        threading.Thread(target=follow, daemon=True).start()
