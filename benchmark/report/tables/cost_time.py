"""Training time of each arm on this machine, apart from the other costs because it differs between executions."""

from __future__ import annotations

from collections.abc import Callable
from statistics import fmean

from benchmark.common.terms import Arm
from benchmark.common.units import duration, memory, quantity
from benchmark.report.captions import data_sentence, size_title
from benchmark.report.costs import arms_at, chain
from benchmark.report.inputs import Inputs
from benchmark.report.table import Number, Row, Table, Text
from benchmark.report.tables.registry import TableInfo
from benchmark.runs.run import Record

ABOUT = TableInfo(keys=("method", "arm"), order=10, training=True)

NAME = "cost_time"
MEASURES: dict[str, tuple[str, Callable[[float], str]]] = {
    "seconds": ("time", duration),
    "seconds_chain": ("time, chain", duration),
    "images_per_second": ("images/s", quantity),
    "wait_share": ("waiting", "{:.0%}".format),
    "peak_memory_bytes": ("peak memory", memory),
}
"""Title and format of each measure."""


def make(inputs: Inputs) -> Table:
    """Make the table: wall time, speed and memory of each arm, mean over the seeds that have a record."""
    rows, records = [], []
    for size, pixels in inputs.paper_pixels.items():
        for arm in arms_at(inputs.params, size):
            own, links = _records(inputs, arm), chain(inputs.results, arm)
            measures = {
                name: fmean(getattr(record, name) for record in own.values()) if own else None
                for name in MEASURES
                if name != "seconds_chain"
            }
            chained = [[record.seconds for record in _records(inputs, link.arm).values()] for link in links]
            measures["seconds_chain"] = sum(map(fmean, chained)) if chained and all(chained) else None
            missing = "not recorded" if links else "not run"
            numbers = [
                Number(missing) if (value := measures[name]) is None else Number(show(value), value)
                for name, (_, show) in MEASURES.items()
            ]
            devices, precisions, threads = (
                sorted({getattr(record, name) for record in own.values()})
                for name in ("device", "precision", "threads")
            )
            used = f"{' or '.join(map(str, threads))} thread{'s' * (threads != [1])}"
            device = Text(", ".join((*devices, *precisions, used)) if own else missing)
            rows.append(Row(size_title(size, inputs.params, pixels), str(arm), (*numbers, device), (arm,)))
            lists = {"devices": devices, "precisions": precisions, "threads": threads, "seeds": own}
            records.append(
                {"method": arm[0], "arm": arm[1], "size": size}
                | {name: "" if measures[name] is None else f"{measures[name]:.6g}" for name in MEASURES}
                | {name: " ".join(map(str, values)) for name, values in lists.items()}
            )
    return Table(
        title="How long it took",
        caption=(
            "Wall time of one run (training, validation after each epoch, predictions; mean over seeds), alone and "
            "with the arms that it starts from. Also training images per second, the fraction of the training loop "
            "spent waiting for data, and peak memory (of the device, or of the whole process on a CPU). "
            f"{data_sentence(inputs.results)} These are timings of one machine in one execution, shared with other "
            "processes: they differ between rebuilds, and no other table depends on them."
        ),
        columns=("arm", *(title for title, _ in MEASURES.values()), "device"),
        rows=rows,
        records=records,
    )


def _records(inputs: Inputs, arm: Arm) -> dict[int, Record]:
    """Return the records of an arm's runs by seed."""
    return {seed: record for (*path, seed), record in inputs.records.items() if tuple(path) == arm}
