"""How long each stage took when it last ran: a line per stage in ``scratch/times.json``."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from benchmark.common.files import read_json, write_json

STAGES = ("fetch", "prepare", "train", "evaluate", "transfer", "statistics", "architecture", "report")
TIMES = Path("scratch/times.json")


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
