"""The machine's cores and memory: how much there is to use, and how this process uses it."""

from __future__ import annotations

import ctypes
import os
from contextlib import suppress
from pathlib import Path

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
"""Options of glibc's mallopt."""


def core_count() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def free_memory(group: Path = Path("/sys/fs/cgroup")) -> int:
    """Bytes that this process may take without others giving up theirs, within its container's limit.

    Args:
        group: folder of the container's control group, where there is one.
    """
    import psutil

    free = int(psutil.virtual_memory().available)
    with suppress(OSError, ValueError):  # No such group, or no limit ("max").
        limit, used = (int((group / name).read_text()) for name in ("memory.max", "memory.current"))
        kept = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
        # What is cached of files gives way.
        free = min(free, limit - used + int(kept["inactive_file"]) + int(kept["active_file"]))
    return max(free, 0)


def keep_freed_memory() -> None:
    """Let this process keep freed memory: to fault it in again costs as much as decoding, or half a training step."""
    with suppress(AttributeError):  # Only glibc has mallopt, and only glibc needs it.
        mallopt = ctypes.CDLL(None).mallopt
        for option in (_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD):
            mallopt(option, 1 << 30)
