"""How long each arm took where it was trained: what differs from one execution to the next, kept apart."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from benchmark.common.terms import Arm, Size
from benchmark.common.units import duration, memory, quantity
from benchmark.report.captions import data_sentence, size_title
from benchmark.report.costs import arms_at, chain
from benchmark.report.inputs import Inputs
from benchmark.report.results import Results
from benchmark.report.table import Number, Row, Table, Text
from benchmark.report.tables.registry import TableInfo
from benchmark.runs.results import read_record
from benchmark.runs.run import RECORDS

ABOUT = TableInfo(order=10)

NAME = "cost_time"


@dataclass(frozen=True, slots=True)
class Timing:
    """What the runs of one arm took: means over seeds, and where."""

    seconds: float
    images_per_second: float
    wait_share: float
    """Share of the training loop's time spent waiting for data."""
    peak_memory_bytes: float
    devices: tuple[str, ...]
    precisions: tuple[str, ...]
    threads: tuple[int, ...]
    seeds: tuple[int, ...]
    """Those that have a record."""


def timing(results: Results, arm: Arm, folder: Path = RECORDS) -> Timing | None:
    """Read the records of an arm's runs; None where there is none."""
    seeds = [int(seed) for seed in results.runs_of(*arm)["seed"]]
    paths = {seed: folder / arm[0] / arm[1] / f"{seed}.json" for seed in seeds}
    found = {seed: read_record(path) for seed, path in paths.items() if path.exists()}
    if not found:
        return None
    records = list(found.values())
    return Timing(
        seconds=fmean(record.seconds for record in records),
        images_per_second=fmean(record.images_per_second for record in records),
        wait_share=fmean(record.wait_share for record in records),
        peak_memory_bytes=fmean(record.peak_memory_bytes for record in records),
        devices=tuple(sorted({record.device for record in records})),
        precisions=tuple(sorted({record.precision for record in records})),
        threads=tuple(sorted({record.threads for record in records})),
        seeds=tuple(found),
    )


MEASURES: dict[str, tuple[str, Callable[[float], str]]] = {
    "seconds": ("time", duration),
    "seconds_chain": ("time, chain", duration),
    "images_per_second": ("images/s", quantity),
    "wait_share": ("waiting", "{:.0%}".format),
    "peak_memory_bytes": ("peak memory", memory),
}
"""Title and look of each measure, by its name."""


def make(inputs: Inputs) -> Table:
    """Wall time, speed and memory of each arm, mean over seeds."""
    params, results = inputs.params, inputs.results
    lines = [
        _line(size_title(size, params, pixels), arm, size, results)
        for size, pixels in inputs.paper_pixels.items()
        for arm in arms_at(params, size)
    ]
    return Table(
        name=NAME,
        title="How long it took",
        caption=" ".join(
            (
                "Wall time of one run (training, validation after each epoch, predictions; mean over seeds), alone and "
                "with the arms that it starts from; training images per second; share of the training loop spent "
                "waiting for data; peak memory (of the device, or of the whole process on a CPU).",
                data_sentence(results),
                "These are timings of one machine in one execution, shared with whatever else ran on it: they differ "
                "from rebuild to rebuild, and no other table depends on them.",
            )
        ),
        columns=("arm", *(title for title, _ in MEASURES.values()), "device"),
        rows=tuple(row for row, _ in lines),
        notes=(),
        records=tuple(record for _, record in lines),
    )


def _line(group: str, arm: Arm, size: Size, results: Results) -> tuple[Row, dict[str, Any]]:
    """A row and its record."""
    own = timing(results, arm)
    links = [timing(results, link.arm) for link in chain(results, arm) or ()]
    measures = {name: getattr(own, name, None) for name in MEASURES}
    measures["seconds_chain"] = sum(link.seconds for link in links if link) if links and all(links) else None
    lacking = "not recorded" if links else "not run"
    numbers = [_number(measures[name], show, lacking) for name, (_, show) in MEASURES.items()]
    where = ", ".join((*own.devices, *own.precisions, _threads(own.threads))) if own else lacking
    record = {"table": NAME, "method": arm[0], "arm": arm[1], "size": size}
    record |= {name: "" if value is None else f"{value:.6g}" for name, value in measures.items()}
    record |= {
        name: " ".join(map(str, getattr(own, name, ()))) for name in ("devices", "precisions", "threads", "seeds")
    }
    return Row(group, "/".join(arm), (*numbers, Text(where)), (arm,)), record


def _number(value: float | None, show: Callable[[float], str], lacking: str) -> Number:
    return Number(lacking) if value is None else Number(show(value), value)


def _threads(threads: tuple[int, ...]) -> str:
    return f"{' or '.join(map(str, threads))} thread" + "s" * (threads != (1,))
