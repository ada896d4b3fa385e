"""Where jobs are done, by name."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Literal, TypeVar

from benchmark.jobs.queue import Engine

Name = Literal["local", "ray"]
NAMES: tuple[Name, ...] = ("local", "ray")

W = TypeVar("W")
R = TypeVar("R")


def default_engine() -> Name:
    """Ray where ``RAY_ADDRESS`` names a cluster, else this machine."""
    return "ray" if os.environ.get("RAY_ADDRESS") else "local"


def choose_engine(name: Name, slots: int, preload: Sequence[str]) -> Engine:
    """An engine that is still to be opened.

    Args:
        name: of the engine.
        slots: jobs at a time on this machine; a cluster knows its own.
        preload: modules that this machine imports once for all jobs.
    """
    if name == "ray":
        from benchmark.jobs.ray_engine import RayEngine

        return RayEngine()
    from benchmark.jobs.local_engine import LocalEngine

    return LocalEngine(slots, preload)


def each_outcome(name: Name, work: Callable[[W], R], jobs: Iterable[W], workers: int) -> Iterator[tuple[W, R]]:
    """Each small piece of work with what comes of it, as they end; ``workers`` of this machine, or a whole cluster.

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
