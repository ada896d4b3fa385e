"""Durations of the stages when they last ran, kept in ``scratch/times.json``."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from benchmark.common.files import read_json, write_json
from benchmark.common.units import duration

TIMED_STAGES = ("fetch", "prepare", "train", "evaluate", "transfer", "statistics", "architecture", "saliency", "report")
TIMES_FILE = Path("scratch/times.json")
_TRAIN = "train"
"""Command line of the training of all methods; a method's name follows in those of its own."""


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


def record_time(stage: str, seconds: float, utilisation: float | None = None) -> None:
    """Record a stage's seconds and utilisation, the share of the cores' time that its trainings used.

    The training of all methods is not recorded if it found every run finished.
    """
    if stage == _TRAIN and utilisation == 0:
        return
    times = read_times()
    if utilisation:
        # All methods train in one queue or one after another; the total must not count both.
        times = {name: one for name, one in times.items() if name.split()[0] != _TRAIN or _TRAIN not in (name, stage)}
    times.pop(stage, None)
    times[stage] = {"seconds": seconds, "ended": f"{datetime.now():%Y-%m-%d %H:%M:%S}"}
    if utilisation:
        times[stage]["utilisation"] = utilisation
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


def training_utilisation() -> tuple[float, float] | None:
    """Return the share of the cores' time that the latest trainings used, and their seconds; None if not recorded."""
    rows = [(float(one["utilisation"]), float(one["seconds"])) for one in read_times().values() if "utilisation" in one]
    seconds = sum(row[1] for row in rows)
    return (sum(share * time for share, time in rows) / seconds, seconds) if rows else None
