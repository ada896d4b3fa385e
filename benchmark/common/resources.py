"""How much of the machine there is to use."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


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
