"""The engines by name."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Literal

from benchmark.jobs.queue import Engine

Name = Literal["local", "ray"]
ENGINE_NAMES: tuple[Name, ...] = ("local", "ray")


def default_engine() -> Name:
    """Return ``ray`` if ``RAY_ADDRESS`` names a cluster, else ``local``."""
    return "ray" if os.environ.get("RAY_ADDRESS") else "local"


def choose_engine(name: Name, slots: int, preload: Sequence[str]) -> Engine:
    """Return an engine, which has not been entered.

    ``slots`` is the number of jobs at once on this machine, which imports the modules ``preload`` once for all jobs.
    """
    if name == "ray":
        from benchmark.jobs.ray_engine import RayEngine

        return RayEngine()
    from benchmark.jobs.local_engine import LocalEngine

    return LocalEngine(slots, preload)
