"""Description of this machine: processor, GPUs and their driver, found without loading CUDA libraries."""

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
    """Return processor, GPUs and driver as fields of :class:`.Record`; empty without GPUs."""
    gpu, driver = gpus(_output("nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader"))
    return {"cpu": cpu(), "gpu": gpu, "driver": driver}


def cpu() -> str:
    """Return the processor's model, or its architecture if the system does not report the model."""
    if _CPUINFO.exists():
        lines = _CPUINFO.read_text(encoding="utf-8", errors="replace").splitlines()
        named = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    else:
        named = [_output("sysctl", "-n", "machdep.cpu.brand_string"), platform.processor()]
    return next(filter(None, named), platform.machine())


def gpus(listed: str) -> tuple[str, str]:
    """Return the GPU models with their counts, and the driver's version.

    Args:
        listed: a line ``name, driver`` per GPU, as nvidia-smi prints it.
    """
    cards = [tuple(part.strip() for part in line.rpartition(",")[::2]) for line in listed.splitlines() if "," in line]
    names = [name for name, _ in cards]
    counted = [f"{names.count(name)} x {name}" for name in dict.fromkeys(names)]
    return ", ".join(counted), ", ".join(dict.fromkeys(driver for _, driver in cards))


def _output(*command: str) -> str:
    """Return the output of a command in the project's folder; an empty string if it does not exist or fails."""
    try:
        done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True, timeout=30)
    except (OSError, subprocess.SubprocessError):
        return ""
    return done.stdout.strip()


def environment() -> dict[str, Any]:
    """Return host, hardware, package versions and git state as fields of :class:`.Record`."""
    commit = _output("git", "rev-parse", "HEAD")
    # Files that the pipeline itself writes do not change the code.
    dirty = _output("git", "status", "--porcelain", "--", ".", ":!dvc.lock", ":!reports", ":!params.yaml")
    packages = ("torch", "timm", "lightning-fabric", "numpy", "pyarrow", "fundusbench")
    return {
        "host": platform.node(),
        **hardware(),
        "packages": {"python": platform.python_version(), **{name: version(name) for name in packages}},
        "git_commit": commit or "unknown",
        "git_dirty": bool(dirty),
    }


def now() -> str:
    """Return the current time, ISO 8601 in UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")
