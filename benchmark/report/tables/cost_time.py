"""Training time of each arm on this machine, apart from the other costs because it differs between executions."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from benchmark.common.terms import Arm, Size
from benchmark.common.units import duration, memory, quantity
from benchmark.report.captions import data_sentence, size_title
from benchmark.report.costs import arms_at, chain
from benchmark.report.inputs import Inputs
from benchmark.report.table import Number, Row, Table, Text
from benchmark.report.tables.registry import TableInfo

ABOUT = TableInfo(order=10)

NAME = "cost_time"


@dataclass(frozen=True, slots=True)
class Timing:
    """Means over the seeds of one arm that have a record, and their devices."""

    seconds: float
    images_per_second: float
    wait_share: float
    """Fraction of the training loop's time spent waiting for data."""
    peak_memory_bytes: float
    devices: tuple[str, ...]
    precisions: tuple[str, ...]
    threads: tuple[int, ...]
    seeds: tuple[int, ...]


def timing(inputs: Inputs, arm: Arm) -> Timing | None:
    """Return the timing of an arm; None if no run of it has a record."""
    found = {seed: record for (*path, seed), record in inputs.records.items() if tuple(path) == arm}
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
"""Title and format of each measure."""


def make(inputs: Inputs) -> Table:
    """Make the table: wall time, speed and memory of each arm, mean over seeds."""
    lines = [
        _line(size_title(size, inputs.params, pixels), arm, size, inputs)
        for size, pixels in inputs.paper_pixels.items()
        for arm in arms_at(inputs.params, size)
    ]
    return Table(
        name=NAME,
        title="How long it took",
        caption=(
            "Wall time of one run (training, validation after each epoch, predictions; mean over seeds), alone and "
            "with the arms that it starts from. Also training images per second, the fraction of the training loop "
            "spent waiting for data, and peak memory (of the device, or of the whole process on a CPU). "
            f"{data_sentence(inputs.results)} These are timings of one machine in one execution, shared with other "
            "processes: they differ between rebuilds, and no other table depends on them."
        ),
        columns=("arm", *(title for title, _ in MEASURES.values()), "device"),
        rows=[row for row, _ in lines],
        notes=(),
        records=[record for _, record in lines],
    )


def _line(group: str, arm: Arm, size: Size, inputs: Inputs) -> tuple[Row, dict[str, Any]]:
    """Return the row and the record of an arm."""
    own = timing(inputs, arm)
    links = [timing(inputs, link.arm) for link in chain(inputs.results, arm) or ()]
    measures = {name: getattr(own, name, None) for name in MEASURES}
    measures["seconds_chain"] = sum(link.seconds for link in links if link) if links and all(links) else None
    missing = "not recorded" if links else "not run"
    numbers = [
        Number(missing) if (value := measures[name]) is None else Number(show(value), value)
        for name, (_, show) in MEASURES.items()
    ]
    device = ", ".join((*own.devices, *own.precisions, _threads(own.threads))) if own else missing
    lists = {name: " ".join(map(str, getattr(own, name, ()))) for name in ("devices", "precisions", "threads", "seeds")}
    values = {name: "" if value is None else f"{value:.6g}" for name, value in measures.items()}
    record = {"method": arm[0], "arm": arm[1], "size": size, **values, **lists}
    return Row(group, str(arm), (*numbers, Text(device)), (arm,)), record


def _threads(threads: tuple[int, ...]) -> str:
    return f"{' or '.join(map(str, threads))} thread{'s' * (threads != (1,))}"
