"""The engines by name."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Literal, TypeVar

from benchmark.jobs.queue import Engine

Name = Literal["local", "ray"]
ENGINE_NAMES: tuple[Name, ...] = ("local", "ray")

W = TypeVar("W")
R = TypeVar("R")


def default_engine() -> Name:
    """Return ``ray`` if ``RAY_ADDRESS`` names a cluster, else ``local``."""
    return "ray" if os.environ.get("RAY_ADDRESS") else "local"


def choose_engine(name: Name, slots: int, preload: Sequence[str]) -> Engine:
    """Return an engine, which has not been entered.

    Args:
        name: the engine's name.
        slots: number of jobs at once on this machine; a cluster has a number of its own.
        preload: modules that this machine imports once for all jobs.
    """
    if name == "ray":
        from benchmark.jobs.ray_engine import RayEngine

        return RayEngine()
    from benchmark.jobs.local_engine import LocalEngine

    return LocalEngine(slots, preload)


def each_outcome(name: Name, work: Callable[[W], R], jobs: Iterable[W], workers: int) -> Iterator[tuple[W, R]]:
    """Yield each small piece of work with its result, in the order of completion.

    Raises:
        InputError: a worker was killed, or a cluster cannot do it.
    """
    if name == "ray":
        from benchmark.jobs.ray_engine import RayEngine

        with RayEngine() as engine:
            yield from engine.outcomes(work, jobs)
        return
    from benchmark.jobs.processes import outcomes

    yield from outcomes(work, jobs, workers)
