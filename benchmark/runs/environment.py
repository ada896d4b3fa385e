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
    gpu, driver = gpus(_output("nvidia-smi", "--query-gpu=name,driver_version", "--format=csv,noheader") or "")
    return {"cpu": cpu(), "gpu": gpu, "driver": driver}


def cpu() -> str:
    """Return the processor's model, or its architecture if the system does not report the model."""
    named: list[str | None]
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


def _output(*command: str) -> str | None:
    """Return the output of a command in the project's folder; None if it does not exist or fails."""
    try:
        done = subprocess.run(command, cwd=PROJECT, capture_output=True, text=True, check=True, timeout=30)
    except (OSError, subprocess.SubprocessError, UnicodeDecodeError):
        return None
    return done.stdout.strip()


def git_state() -> tuple[str, bool | None]:
    """Return the commit of the project, and whether its files differ; ``unknown`` and None if git does not know.

    A project in a folder of another repository has no commit.
    """
    found = (_output("git", "rev-parse", "--show-toplevel", "HEAD") or "").splitlines()
    if len(found) != 2 or not PROJECT.samefile(found[0]):
        return "unknown", None
    # Files that the pipeline itself writes do not change the code.
    changed = _output("git", "status", "--porcelain", "--", ".", ":!dvc.lock", ":!reports", ":!params.yaml")
    return found[1], None if changed is None else bool(changed)


def environment() -> dict[str, Any]:
    """Return host, hardware, package versions and git state as fields of :class:`.Record`."""
    commit, dirty = git_state()
    packages = ("torch", "timm", "lightning-fabric", "numpy", "pyarrow", "fundusbench")
    return {
        "host": platform.node(),
        **hardware(),
        "packages": {"python": platform.python_version(), **{name: version(name) for name in packages}},
        "git_commit": commit,
        "git_dirty": dirty,
    }


def now() -> str:
    """Return the current time, ISO 8601 in UTC."""
    return datetime.now(UTC).isoformat(timespec="seconds")
