"""Cores and memory of this machine."""

from __future__ import annotations

import ctypes
import math
import os
from collections.abc import Iterator
from contextlib import suppress
from functools import cache
from pathlib import Path, PurePosixPath

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
"""Options of glibc's mallopt."""


_GROUPS, _OWN = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")
"""Mount point of control groups, and the file with the groups of this process."""


def core_count(groups: Path = _GROUPS, own: Path = _OWN) -> int:
    """Return the number of cores that this process may use, within the limits of its control groups.

    Args:
        groups: mount point of control groups.
        own: file with the groups of this process.
    """
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min([count, *_core_limits(groups, own)]))


@cache
def _core_limits(groups: Path, own: Path) -> tuple[int, ...]:
    """Return the limits of a process's control groups in cores, rounded up."""
    limits: list[int] = []
    for group in _control_groups("cpu", groups, own):
        with suppress(OSError, ValueError):  # No such group, or no limit ("max", or -1 in version 1).
            quota, period = map(int, (group / "cpu.max").read_text().split())
            limits.append(math.ceil(quota / period))
        with suppress(OSError, ValueError):
            quota, period = (int((group / f"cpu.cfs_{name}_us").read_text()) for name in ("quota", "period"))
            limits += [math.ceil(quota / period)] if quota > 0 else []
    return tuple(limits)


def free_memory(groups: Path = _GROUPS, own: Path = _OWN) -> int:
    """Return the bytes that are available to this process, within the limits of its control groups.

    Args:
        groups: mount point of control groups.
        own: file with the groups of this process.
    """
    import psutil

    free = int(psutil.virtual_memory().available)
    for group in _control_groups("memory", groups, own):
        for limit, used, total in (
            ("memory.max", "memory.current", ""),
            ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_"),
        ):
            with suppress(OSError, ValueError, KeyError):  # No such group, or no limit ("max").
                room = int((group / limit).read_text()) - int((group / used).read_text())
                statistics = dict(line.split() for line in (group / "memory.stat").read_text().splitlines())
                # The page cache can be reclaimed.
                reclaimable = (int(statistics[f"{total}{kind}_file"]) for kind in ("inactive", "active"))
                free = min(free, room + sum(reclaimable))
    return max(free, 0)


def _control_groups(controller: str, groups: Path, own: Path) -> Iterator[Path]:
    """Yield the folders of the groups that limit this process, of version 1 or 2, from the innermost to the root.

    In a container, the path of a group may be that of the host; then only the mount point itself exists.
    """
    with suppress(OSError, ValueError):  # A system without control groups.
        for line in own.read_text().splitlines():
            _, controllers, name = line.split(":", 2)
            if controllers and controller not in controllers.split(","):
                continue
            top = groups / controller if controllers else groups
            parts = PurePosixPath(name.lstrip("/")).parts
            yield from (top.joinpath(*parts[:depth]) for depth in range(len(parts), -1, -1))


def keep_freed_memory() -> None:
    """Make this process keep freed memory: page faults would cost as much as decoding, or half a training step."""
    with suppress(AttributeError):  # Only glibc has mallopt, and only glibc needs it.
        mallopt = ctypes.CDLL(None).mallopt
        for option in (_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD):
            mallopt(option, 1 << 30)
