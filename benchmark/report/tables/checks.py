"""Table of the data checks: a row per check, also if it finds no issues."""

from __future__ import annotations

from dataclasses import asdict

from benchmark.data.checks.registry import CHECKS
from benchmark.data.outcome import SEPARATOR, CheckRow, drop_advice, group_by_check
from benchmark.report.captions import nature
from benchmark.report.inputs import Inputs
from benchmark.report.table import Notes, Number, Row, Table, Text
from benchmark.report.tables.registry import TableInfo

ABOUT = TableInfo(keys=("check", "issue"), order=14)

_SHOWN = 3
"""Number of issues of a check that are quoted below the table; the csv has all."""


def make(inputs: Inputs) -> Table:
    """Make the table for the training data set."""
    return check_table(inputs.check_rows, inputs.results.data, inputs.results.synthetic)


def check_table(rows: list[CheckRow], data: str, synthetic: bool) -> Table:
    """Make the table for a data set by its name; the caption says if the data are synthetic."""
    notes = Notes()
    return Table(
        title="Issues found by the data checks",
        caption=(
            "Issues that the data checks found. Every check ran on the whole data set before training. Policies: stop "
            "(no training while there are issues), warn (issues are only listed here), drop (photographs were left "
            "out; for a leak between splits those of train, or of val if the leak is into test). Near-duplicates are "
            "given with the correlation of their descriptors. The csv lists every issue with its files. "
            f"Data: {data}{nature(synthetic)}."
        ),
        columns=("check", "requirement", "checked", "issues", "policy", "dropped"),
        rows=[_row(check, notes) for check in group_by_check(rows)],
        notes=notes.texts,
        records=[asdict(row) for row in rows],
    )


def _row(rows: list[CheckRow], notes: Notes) -> Row:
    first, count = rows[0], rows[-1].issue
    dropped = {image for row in rows for image in row.dropped.split(SEPARATOR) if image}
    quoted = [f"{first.check}: {row.message}." for row in rows[:_SHOWN] if row.message]
    quoted += [f"{first.check}: and {count - _SHOWN} more in checks.csv."] if count > _SHOWN else []
    quoted += [f"{advice}."] if (advice := drop_advice(rows)) else []
    text, value = (str(count), count) if first.n_checked else ("-", None)
    cells = (
        Text(CHECKS[first.check].requirement),
        Number(f"{first.n_checked} {first.unit}", first.n_checked),
        Number(text, value, notes.number(*quoted)),
        Text(first.policy),
        Number(str(len(dropped)), len(dropped)),
    )
    return Row("", first.check, cells)
