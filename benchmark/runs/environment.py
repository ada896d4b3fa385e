"""What this machine is: processor, graphics cards and their driver, without loading any library that would use them."""

from __future__ import annotations

import platform
import subprocess
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmark.common.files import PROJECT

_CPUINFO = Path("/proc/cpuinfo")


def hardware() -> dict[str, str]:
    """Processor, graphics cards and driver, as fields of :class:`.Record`; empty where there is none."""
    gpu, driver = gpus(_output("nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"))
    return {"cpu": cpu(), "gpu": gpu, "driver": driver}


def cpu() -> str:
    """The processor's model, or its architecture where the system does not tell more."""
    if _CPUINFO.exists():
        lines = _CPUINFO.read_text(encoding="utf-8", errors="replace").splitlines()
        named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    else:
        named = [_output("sysctl", "-n", "machdep.cpu.brand_string"), platform.processor()]
    return next(filter(None, named), platform.machine())


def gpus(listed: str) -> tuple[str, str]:
    """Names of the cards, each with how many there are of it, and the driver's version.

    Args:
        listed: a line ``name, driver`` per card, as nvidia-smi prints it.
    """
    cards = [tuple(part.strip() for part in line.rpartition(",")[::2]) for line in listed.splitlines() if "," in line]
    names = [name for name, _ in cards]
    counted = [f"{names.count(name)} x {name}" for name in dict.fromkeys(names)]
    return ", ".join(counted), ", ".join(dict.fromkeys(driver for _, driver in cards))


def _output(*command: str) -> str:
    """What a command prints; nothing where it is absent or fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=30)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()


def environment() -> dict[str, Any]:
    """Host, hardware, package versions and git state, as fields of :class:`Record`."""
    commit = _git("rev-parse", "HEAD")
    # What the pipeline itself writes does not make the code that ran another.
    dirty = _git("status", "--porcelain", "--", ".", ":!dvc.lock", ":!reports", ":!params.yaml")
    packages = ("torch", "timm", "lightning-fabric", "numpy", "pyarrow", "fundusbench")
    return {
        "host": platform.node(),
        **hardware(),
        "packages": {"python": platform.python_version(), **{name: version(name) for name in packages}},
        "git_commit": commit or "unknown",
        "git_dirty": bool(dirty),
    }


def _git(*arguments: str) -> str:
    """Output of a git command in the project, or nothing where there is no repository."""
    try:
        done = subprocess.run(("git", *arguments), cwd=PROJECT, capture_output=True, text=True, check=True, timeout=30)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()


def now() -> str:
    """The time, ISO 8601 in UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")
