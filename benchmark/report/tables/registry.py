"""The report's tables, one file each.

A table is a module with ``make(inputs) -> Table | None``, a pure function of what earlier steps wrote; None where there
is nothing to show of this data set. Adding a table is adding its file and its name in :data:`TABLES`.
"""

from __future__ import annotations

from importlib import import_module

from benchmark.report.inputs import Inputs
from benchmark.report.run_columns import with_run_columns
from benchmark.report.table import Table

TABLES = (
    "ablation",
    "comparison",
    "rivals",
    "confound",
    "comparisons",
    "decoding",
    "metrics",
    "makers",
    "cost",
    "cost_time",
    "spatial",
    "transfer",
    "verdicts",
    "checks",
)
"""Names of the tables, and of their files, in reading order."""


def make_tables(inputs: Inputs) -> list[Table]:
    """Every table that there is something to show in, each line with the runs that it comes from.

    Raises:
        InputError: a step that a table is made from has not run, or the published numbers break a rule.
    """
    made = (import_module(f"{__package__}.{name}").make(inputs) for name in TABLES)
    return [with_run_columns(table, inputs.results) for table in made if table]
