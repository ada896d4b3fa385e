"""How long each stage took when it last ran: a line per stage in ``scratch/times.json``."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from benchmark.common.files import read_json, write_json
from benchmark.common.units import duration

STAGES = ("fetch", "prepare", "train", "evaluate", "transfer", "statistics", "architecture", "saliency", "report")
TIMES = Path("scratch/times.json")


@dataclass(frozen=True, slots=True)
class StageTime:
    """One line of what a rebuild took."""

    stage: str
    """Words of its command line; ``all stages`` for their sum."""
    seconds: float
    time: str
    """The same for readers."""
    ended: str
    """Local time; empty for the sum."""
    cpu: str
    """Model of the processor."""
    cores: int


@contextmanager
def timed(words: Sequence[str]) -> Iterator[None]:
    """Take the time of a stage that ends well; other commands take none.

    Args:
        words: of the command line.
    """
    began = time.perf_counter()
    yield
    if words and words[0] in STAGES:
        times = read_times()
        times.pop(" ".join(words), None)
        times[" ".join(words)] = {
            "seconds": time.perf_counter() - began,
            "ended": f"{datetime.now():%Y-%m-%d %H:%M:%S}",
        }
        with suppress(OSError):  # A time is not worth a stage.
            write_json(TIMES, times)


def read_times() -> dict[str, dict[str, str | float]]:
    """Seconds and end of each stage, by its command; empty before the first."""
    with suppress(OSError, ValueError):
        return dict(read_json(TIMES))
    return {}


def stage_times() -> list[StageTime]:
    """What each stage took when it last ran, in the order of their ends, and their sum."""
    from benchmark.common.resources import core_count
    from benchmark.runs.environment import cpu

    told = sorted(read_times().items(), key=lambda item: str(item[1]["ended"]))
    took = [(stage, float(at["seconds"]), str(at["ended"])) for stage, at in told]
    took.append(("all stages", sum(seconds for _, seconds, _ in took), ""))
    return [StageTime(stage, seconds, duration(seconds), ended, cpu(), core_count()) for stage, seconds, ended in took]
