"""Durations of the stages when they last ran, kept in ``scratch/times.json``."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from benchmark.common.files import read_json, write_json
from benchmark.common.units import duration

TIMED_STAGES = ("fetch", "prepare", "train", "evaluate", "transfer", "statistics", "architecture", "saliency", "report")
TIMES_FILE = Path("scratch/times.json")


@dataclass(frozen=True, slots=True)
class StageTime:
    """Duration of a stage, or of all stages: a row of the reference results' ``stages.csv``."""

    stage: str
    """Command line of the stage without ``fundusbench``; ``all stages`` for the sum."""
    seconds: float
    time: str
    """The seconds in readable units."""
    ended: str
    """Local time; empty for the sum."""
    cpu: str
    """Processor model."""
    cores: int


@contextmanager
def timed(words: Sequence[str]) -> Iterator[None]:
    """Record the duration of a command line (without ``fundusbench``) that succeeds, if it is a stage."""
    start = time.perf_counter()
    yield
    if words and words[0] in TIMED_STAGES:
        times = read_times()
        times.pop(" ".join(words), None)
        times[" ".join(words)] = {
            "seconds": time.perf_counter() - start,
            "ended": f"{datetime.now():%Y-%m-%d %H:%M:%S}",
        }
        with suppress(OSError):  # A missing duration must not fail the stage.
            write_json(TIMES_FILE, times)


def read_times() -> dict[str, dict[str, str | float]]:
    """Read seconds and end of each stage by its command line; empty if none was recorded."""
    with suppress(OSError, ValueError):
        return dict(read_json(TIMES_FILE))
    return {}


def stage_times() -> list[StageTime]:
    """Return the duration of each stage in the order of their ends, and the sum."""
    from benchmark.common.resources import core_count
    from benchmark.runs.environment import cpu

    recorded = sorted(read_times().items(), key=lambda item: str(item[1]["ended"]))
    rows = [(stage, float(values["seconds"]), str(values["ended"])) for stage, values in recorded]
    rows.append(("all stages", sum(seconds for _, seconds, _ in rows), ""))
    return [StageTime(stage, seconds, duration(seconds), ended, cpu(), core_count()) for stage, seconds, ended in rows]
