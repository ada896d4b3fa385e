"""What the checks found in the data: a line per check, also where it found nothing."""

from __future__ import annotations

from dataclasses import asdict

from benchmark.data.checks.registry import CHECKS
from benchmark.data.outcome import SEPARATOR, CheckRow, by_check
from benchmark.report.captions import PHANTOM
from benchmark.report.inputs import Inputs
from benchmark.report.notes import Notes
from benchmark.report.table import Number, Row, Table, Text
from benchmark.report.tables.registry import TableInfo

ABOUT = TableInfo(order=14)

SHOWN = 3
"""Findings of a check that are quoted below the table; the csv holds all."""


def make(inputs: Inputs) -> Table:
    """The findings in the data that the runs were trained on."""
    return check_table(inputs.findings, inputs.results.data, inputs.results.synthetic)


def check_table(rows: list[CheckRow], data: str, synthetic: bool) -> Table:
    """The table of a data set by its name; ``synthetic`` data are said to be so."""
    notes = Notes()
    lines = tuple(_line(found, notes) for found in by_check(rows))
    nature = f" ({PHANTOM})" if synthetic else ""
    return Table(
        name="checks",
        title="What the checks found in the data",
        caption=(
            "Each check ran over the whole data set before anything was trained. stop: nothing is trained while it "
            "finds something; warn: the finding is listed here alone; drop: photographs were left out, of a leak "
            "between splits those of train (of val, where it leaked into test). Nearly the same: the correlation of "
            f"what tells eyes apart. The csv lists every finding with its files. Data: {data}{nature}."
        ),
        columns=("check", "asks that", "looked at", "findings", "policy", "dropped"),
        rows=lines,
        notes=tuple(notes.texts),
        records=tuple({"table": "checks"} | asdict(row) for row in rows),
    )


def _line(found: list[CheckRow], notes: Notes) -> Row:
    first, count = found[0], found[-1].finding
    dropped = {image for row in found for image in row.dropped.split(SEPARATOR) if image}
    quoted = [f"{first.check}: {row.message}." for row in found[:SHOWN] if row.message]
    quoted += [f"{first.check}: and {count - SHOWN} more in checks.csv."] if count > SHOWN else []
    cells = (
        Text(CHECKS[first.check].asks),
        Number(f"{first.looked_at} {first.unit}", first.looked_at),
        Number(str(count), count, notes.number(*quoted))
        if first.looked_at
        else Number("-", None, notes.number(*quoted)),
        Text(first.policy),
        Number(str(len(dropped)), len(dropped)),
    )
    return Row("", first.check, cells)
