"""Cores and memory of this machine."""

from __future__ import annotations

import ctypes
import os
from contextlib import suppress
from pathlib import Path

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
"""Options of glibc's mallopt."""


def core_count() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def free_memory(group: Path = Path("/sys/fs/cgroup")) -> int:
    """Return the bytes available to this process, within the limit of its container's control group, if any."""
    import psutil

    free = int(psutil.virtual_memory().available)
    with suppress(OSError, ValueError):  # No such group, or no limit ("max").
        limit, used = (int((group / name).read_text()) for name in ("memory.max", "memory.current"))
        statistics = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
        # The page cache can be reclaimed.
        free = min(free, limit - used + int(statistics["inactive_file"]) + int(statistics["active_file"]))
    return max(free, 0)


def keep_freed_memory() -> None:
    """Make this process keep freed memory: page faults would cost as much as decoding, or half a training step."""
    with suppress(AttributeError):  # Only glibc has mallopt, and only glibc needs it.
        mallopt = ctypes.CDLL(None).mallopt
        for option in (_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD):
            mallopt(option, 1 << 30)
